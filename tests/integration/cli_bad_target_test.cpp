#include <sys/mount.h>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::test {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CliBadTarget : public cli_fixture {
 protected:
  void remove_lite() const {
    for (const auto* suffix : {"", "-wal", "-shm"}) fs::remove(lite_path().string() + suffix);
  }
};

TEST_F(CliBadTarget, SqliteFileThatWasDeleted) {
  catch_up();
  remove_lite();
  expect_check_finds("the target has no progress record, and had one", "leat drop");
  EXPECT_FALSE(fs::exists(lite_path())) << "check has made it";
  expect_refused(sink_failed, "the target has no progress record, and had one", "leat drop");
}

TEST_F(CliBadTarget, SqliteFileRestoredFromAnOlderBackup) {
  catch_up();
  fs::copy_file(lite_path(), directory() / "backup.db");
  for (int i = 0; i < 3; ++i) {
    source("UPDATE item SET name = name || '!'");
    catch_up();
  }
  remove_lite();
  fs::copy_file(directory() / "backup.db", lite_path());
  expect_refused(sink_failed, "the target is behind every checkpoint", "leat drop");
}

/// A file system of its own, that is mounted read-only. Needs root.
class CliReadOnlyTarget : public CliBadTarget {
 protected:
  CliReadOnlyTarget() {
    fs::create_directory(disk());
    mounted_ = ::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=8m") == 0;
    text.sinks["lite"] = "connector = \"sqlite\"\npath = \"" + (disk() / "lite.db").string() + "\"";
  }
  ~CliReadOnlyTarget() override {
    if (mounted_) ::umount2(disk().c_str(), MNT_DETACH);
  }
  fs::path disk() const { return directory() / "disk"; }
  void make_read_only() const {
    ASSERT_EQ(::mount("tmpfs", disk().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=8m"), 0);
  }

  bool mounted_ = false;
};

TEST_F(CliReadOnlyTarget, SqliteFileThatCannotBeWritten) {
  if (!mounted_) GTEST_SKIP() << "no tmpfs can be mounted here";
  catch_up();
  make_read_only();
  expect_check_finds("may not be written", "the right to write the file and its directory");
  expect_run_fails(sink_failed, "read-only", "the right to write the file and its directory");
}

TEST_F(CliReadOnlyTarget, SqliteFileThatCannotBeMade) {
  if (!mounted_) GTEST_SKIP() << "no tmpfs can be mounted here";
  make_read_only();
  expect_check_finds("may not be written", "the right to write the file and its directory");
  expect_run_fails(sink_failed, "unable to open database file", "its directory may be written");
}

TEST_F(CliBadTarget, SqliteTableWithRowsOfOthers) {
  sqlite_session(lite_path())
      .execute("CREATE TABLE item (id INTEGER PRIMARY KEY NOT NULL, name TEXT);"
               "INSERT INTO item VALUES (1, 'mine')");
  expect_run_fails(sink_failed, "holds rows that this pipeline has not written", "to");
  expect_check_finds("holds rows that this pipeline has not written");
}

TEST_F(CliBadTarget, SqliteFileThatIsNone) {
  write(lite_path(), std::string(4096, 'x'));
  expect_run_fails(sink_failed, "not a database", "name another");
  expect_check_finds("not a database");
}

TEST_F(CliBadTarget, TwoSinksThatWriteToOneFileUnderTwoNames) {
  fs::create_symlink(lite_path(), directory() / "other.db");
  text.sinks["link"] =
      "connector = \"sqlite\"\npath = \"" + (directory() / "other.db").string() + "\"";
  text.routes = {"from = \"public.item\"\nsink = \"lite\"",
                 "from = \"public.item\"\nsink = \"link\"\nto = \"item2\""};
  sqlite_session(lite_path()).execute("CREATE TABLE t (a)");
  expect_refused(usage, "sinks `link` and `lite` write to one place", "a file");
}

TEST_F(CliBadTarget, SqlitePathWithoutDirectory) {
  text.sinks["lite"] = "connector = \"sqlite\"\npath = \"/nowhere/at/all/lite.db\"";
  expect_run_fails(sink_failed, "does not exist", "make the directory");
  expect_check_finds("/nowhere/at/all does not exist");
}

TEST_F(CliBadTarget, SqlitePathThatIsADirectory) {
  fs::create_directory(lite_path());
  expect_run_fails(sink_failed, "", "path");
  expect_check_finds("error: ");
}

/// A PostgreSQL target, and a role that lacks something there.
class CliBadPostgresTarget : public CliBadTarget {
 protected:
  CliBadPostgresTarget() {
    text.sinks.clear();
    connect_as("postgres");
    if (server().value("SELECT 1 FROM pg_roles WHERE rolname = 'writer'") == "")
      server().execute("CREATE ROLE writer LOGIN");
    target("GRANT USAGE, CREATE ON SCHEMA public TO writer");
  }
  ~CliBadPostgresTarget() override {
    server().create_database(target_database);
    server().execute("DROP ROLE writer");
  }
  void target(const std::string& sql) const { server().execute(sql, target_database); }
  void connect_as(const std::string& user, const std::string& database = target_database) {
    text.sinks["pg"] = "connector = \"postgres\"\nurl = \"postgresql://" + user + "@/" + database
                       + "?host=" + server().socket_directory().string()
                       + "&port=" + std::to_string(server().port()) + "\"";
  }
};

TEST_F(CliBadPostgresTarget, RoleWithEveryRightRuns) {
  connect_as("writer");
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, done) << checked.out;
  catch_up();
}

TEST_F(CliBadPostgresTarget, TwoSinksThatWriteToOneSchemaUnderTwoNames) {
  text.sinks["too"] =
      "connector = \"postgres\"\nurl = \"host=" + server().socket_directory().string()
      + " port=" + std::to_string(server().port())
      + " user=postgres dbname=" + std::string(target_database) + "\"";
  text.routes = {"from = \"public.item\"\nsink = \"pg\"",
                 "from = \"public.item\"\nsink = \"too\"\nto = \"item2\""};
  expect_refused(usage, "sinks `pg` and `too` write to one place", "`schema`");
}

TEST_F(CliBadPostgresTarget, RoleThatDoesNotExist) {
  connect_as("nobody_here");
  expect_run_fails(sink_failed, "role \"nobody_here\" does not exist", "");
  expect_check_finds("role \"nobody_here\" does not exist");
}

TEST_F(CliBadPostgresTarget, DatabaseThatDoesNotExist) {
  connect_as("postgres", "nowhere");
  expect_run_fails(sink_failed, "database \"nowhere\" does not exist", "database name");
}

TEST_F(CliBadPostgresTarget, RoleThatMayNotMakeTables) {
  target("REVOKE CREATE ON SCHEMA public FROM writer, PUBLIC"); // who may until 15
  connect_as("writer");
  expect_run_fails(sink_failed, "permission denied for schema public", "GRANT");
  expect_check_finds("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"writer\";");
}

TEST_F(CliBadPostgresTarget, RoleThatMayNotWriteTheTable) {
  target("CREATE TABLE item (id int PRIMARY KEY, name text)");
  connect_as("writer");
  expect_run_fails(sink_failed, "permission denied for table item", "GRANT");
  expect_check_finds("ON \"public\".\"item\" TO \"writer\";");
}

TEST_F(CliBadPostgresTarget, ReadOnlySessions) {
  server().execute("ALTER ROLE writer SET default_transaction_read_only = on");
  connect_as("writer");
  expect_run_fails(sink_failed, "read-only", "default_transaction_read_only");
  expect_check_finds("read-only");
}

TEST_F(CliBadPostgresTarget, TableWithRowsOfOthers) {
  target("CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'mine')");
  expect_run_fails(sink_failed, "holds rows that this pipeline has not written", "TRUNCATE");
  expect_check_finds("holds rows that this pipeline has not written");
}

TEST_F(CliBadPostgresTarget, TableThatDoesNotFit) {
  target("CREATE TABLE item (id int PRIMARY KEY)");
  expect_run_fails(sink_failed, "name", "");
  expect_check_finds("error: ");
}

TEST_F(CliBadPostgresTarget, DatabaseThatWasMadeAnew) {
  catch_up();
  server().create_database(target_database);
  expect_refused(sink_failed, "the target has no progress record, and had one", "leat drop");
}

TEST_F(CliBadPostgresTarget, DatabaseThatWasRestoredFromAnOlderBackup) {
  catch_up();
  server().execute("CREATE DATABASE backup TEMPLATE " + std::string(target_database));
  for (int i = 0; i < 3; ++i) {
    source("UPDATE item SET name = name || '!'");
    catch_up();
  }
  server().execute("DROP DATABASE " + std::string(target_database) + " WITH (FORCE)");
  server().execute("ALTER DATABASE backup RENAME TO " + std::string(target_database));
  expect_refused(sink_failed, "the target is behind every checkpoint", "leat drop");
}

} // namespace

} // namespace leat::test
