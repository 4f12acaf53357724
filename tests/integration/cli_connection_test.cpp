#include "tests/integration/cli_fixture.hpp"

namespace leat::test {

namespace {

using testing::HasSubstr;
using testing::Not;

/// How the file describes its servers.
class CliConnection : public cli_fixture {
 protected:
  /// `url` as that of the source, refused at once by every command, with nothing of it printed.
  void expect_url_refused(const std::string& url, const std::vector<std::string>& secrets,
                          const std::string& what) const {
    for (const auto* command : {"check", "plan", "run"}) {
      const auto ended = leat(command, {"--set", "source.url=" + url});
      expect_error(ended, usage, what, "");
      EXPECT_THAT(ended.err, HasSubstr("source.url"));
      for (const auto& secret : secrets)
        EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(secret))) << command << " " << url;
    }
  }
  /// Those settings of the source, refused by the first attempt to connect.
  void expect_setting_refused(const std::string& setting, const std::string& what) const {
    expect_run_fails(source_failed, what, "", {"--set", "source." + setting});
  }
};

TEST_F(CliConnection, PasswordThatBreaksTheUrlIsNotPrinted) {
  expect_url_refused("postgresql://u:p%ss@127.0.0.1:1/db", {"p%ss"}, "hexadecimal");
  expect_url_refused("postgresql://u:SEKRET@[::1:1/db", {"SEKRET"}, "[");
  expect_url_refused("mysql://u:SEKRET@h/db", {"SEKRET"}, "postgresql://");
  expect_url_refused("mysql://u:SEK=RET@h/db", {"SEK", "RET"}, "postgresql://");
  expect_url_refused("password=SEK RET", {"SEK", "RET"}, "without =");
  expect_url_refused("password='SEKRET", {"SEKRET"}, "quote");
  expect_url_refused("password=SEK RET=5", {"SEK", "RET"}, "keyword");
}

TEST_F(CliConnection, PasswordThatWouldBecomeAServersNameIsNotPrinted) {
  expect_url_refused("postgresql://u:SEK@RET@127.0.0.1:1/db", {"SEK", "RET"}, "@");
  expect_url_refused("postgresql://u:SEK/RET@127.0.0.1:1/db", {"SEK", "RET"}, "@");
  expect_url_refused("postgresql://u:SEKRET", {"SEKRET"}, "port");
}

TEST_F(CliConnection, UrlWithAnUnknownParameterEndsTheCommand) {
  expect_url_refused("postgresql://u@h/db?bogus=1", {}, "libpq does not know");
}

TEST_F(CliConnection, UrlOfASinkIsLookedAtTheSameWay) {
  text.sinks = {{"pg", "connector = \"postgres\"\nurl = \"postgresql://u:SEK%RET@h/db\""}};
  const auto ended = leat("run");
  expect_error(ended, usage, "hexadecimal", "percent-encode");
  EXPECT_THAT(ended.err, HasSubstr("sink.pg.url"));
  EXPECT_THAT(ended.err, Not(HasSubstr("RET")));
}

TEST_F(CliConnection, SettingsThatCanNeverWorkAreNotTriedAgain) {
  expect_setting_refused("service=nosuch", "service");
  expect_setting_refused("hostaddr=bogus", "could not parse network address");
  expect_setting_refused("hostaddr=127.0.0.1,127.0.0.2", "could not match");
  expect_setting_refused("options=-c foo.bar", "");
  expect_setting_refused("options=-c nosuch=1", "nosuch");
  expect_setting_refused("options=--work_mem=99999999999999", "work_mem");
  expect_setting_refused("channel_binding=require", "channel binding");
  expect_setting_refused("gssencmode=require", "GSSAPI");
  expect_setting_refused("requirepeer=nobody_here", "requirepeer");
}

/// [source.snapshot.where]
class CliPredicate : public cli_fixture {
 protected:
  static constexpr const char* place = "source.snapshot.where.\"public.item\"";
  void read_where(const std::string& predicate) {
    text.snapshot = "where = { \"public.item\" = \"" + predicate + "\" }";
  }
};

TEST_F(CliPredicate, ThatTheServerDoesNotTakeIsFoundBeforeAnythingIsMade) {
  for (const auto* wrong : {"id >", "nocol > 1", "id", "true) AND (1/0 > 1"}) {
    read_where(wrong);
    expect_refused(usage, "the source does not take the predicate: ", "condition in SQL");
    EXPECT_THAT(leat("run").err, HasSubstr(place));
  }
  EXPECT_EQ(
      source_value("SELECT (SELECT count(*) FROM pg_publication)"
                   " + (SELECT count(*) FROM pg_replication_slots WHERE database = 'source')"),
      "0");
  EXPECT_EQ(lite("SELECT name FROM sqlite_schema WHERE name = 'item'"), (text_rows{}));
}

TEST_F(CliPredicate, ThatFailsForARowIsNamed) {
  read_where("1/(id-id) > 1");
  expect_run_fails(source_failed, "division by zero", place);
}

TEST_F(CliPredicate, OfASnapshotThatIsReadMayNameAColumnThatHasGone) {
  read_where("name <> ''");
  catch_up();
  source("ALTER TABLE item DROP COLUMN name; INSERT INTO item VALUES (100)");
  EXPECT_THAT(leat("check").out, HasSubstr("warning: the source does not take the predicate"));
  catch_up();
}

/// What nobody can foresee before a run has its remedy, too.
class CliRemedy : public cli_fixture {
 protected:
  void write_to_postgres() {
    text.sinks = {
        {"pg", "connector = \"postgres\"\nurl = \"" + server().url(target_database) + "\""}};
  }
  void run_while(const std::string& change_of_target) {
    start();
    wait_until_caught_up();
    server().execute(change_of_target, target_database);
    source("INSERT INTO item VALUES (100, 'later')");
  }
};

TEST_F(CliRemedy, OfAServerWithoutAFreeSlot) {
  pg_server_options options;
  options.settings = {{"max_replication_slots", "1"}};
  const pg_server small(options);
  small.execute("CREATE TABLE item (id int PRIMARY KEY);"
                "SELECT pg_create_physical_replication_slot('taken')");
  expect_run_fails(source_failed, "all replication slots are in use", "max_replication_slots",
                   {"--set", "source.url=" + small.url()});
}

TEST_F(CliRemedy, OfATargetsColumnThatWasDroppedMeanwhile) {
  write_to_postgres();
  run_while("ALTER TABLE item DROP COLUMN name");
  expect_error(wait_until_ended(), sink_failed, "name", "leat check");
  const std::string again = "ADD COLUMN \"name\" text; then `leat resnapshot`";
  expect_refused(sink_failed, "has no column \"name\"", again);
}

TEST_F(CliRemedy, OfAProgressTableThatWasDroppedMeanwhile) {
  write_to_postgres();
  run_while("DROP TABLE leat_progress");
  expect_error(wait_until_ended(), sink_failed, "leat_progress", "backup");
}

TEST_F(CliRemedy, OfATriggerThatRefusesARow) {
  catch_up();
  sqlite_session(lite_path())
      .execute("CREATE TRIGGER t BEFORE INSERT ON item BEGIN SELECT RAISE(ABORT, 'no'); END");
  source("INSERT INTO item VALUES (100, 'later')");
  expect_run_fails(sink_failed, "SQLite: no", "trigger");
}

TEST_F(CliRemedy, OfBytesThatAreNoUtf8) {
  server().execute("DROP DATABASE IF EXISTS raw");
  server().execute("CREATE DATABASE raw ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
                   "TEMPLATE template0");
  server().execute("CREATE TABLE item (id int PRIMARY KEY, name text);"
                   "INSERT INTO item VALUES (1, E'caf\\xe9')",
                   "raw");
  const std::vector<std::string> there{"--set", "source.url=" + server().url("raw")};
  EXPECT_THAT(leat("check", there).out, HasSubstr("warning: the database's encoding is SQL_ASCII"));
  expect_run_fails(source_failed, "invalid byte sequence for encoding", "UTF-8", there);
  server().create_database("raw"); // and with it the slot
}

} // namespace

} // namespace leat::test
