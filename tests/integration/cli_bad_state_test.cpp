#include <sys/mount.h>
#include <unistd.h>

#include "state/database.hpp"
#include "tests/integration/cli_fixture.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::test {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class CliBadState : public cli_fixture {
 protected:
  fs::path copy_of_state() const { return directory() / "copy"; }
  void copy(const fs::path& from, const fs::path& to) const {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
  }
  /// A transform with a state of ten rows.
  void keep_rows() {
    text.routes = {"from = \"public.item\"\ntransform = \"last\""};
    text.rest = "[transform.last]\ntype = \"remember\"\n";
  }
  void change() { source("UPDATE item SET name = name || '!'"); }
  void damage_state(const std::string& of = "") const {
    for (const auto& file : fs::directory_iterator(state_path() / of))
      if (file.path().filename().string().starts_with("MANIFEST")) write(file.path(), "garbage");
  }
};

TEST_F(CliBadState, SecondRunOfOneDirectoryEndsAtOnce) {
  start();
  expect_run_fails(state_failed, "another leat is running on this state directory", "stop it");
  stop();
}

TEST_F(CliBadState, DamagedStateIsRefusedByEveryReader) {
  catch_up();
  damage_state();
  expect_run_fails(state_failed, "the state is damaged", "leat drop");
  expect_error(leat("status"), state_failed, "the state is damaged", "leat drop");
  expect_check_finds("the state is damaged", "leat drop");
  EXPECT_THAT(leat("check").out, Not(HasSubstr("pipeline_id"))) << "nothing is known of it";
}

TEST_F(CliBadState, CheckOfARunningPipelineComparesNothingAndSaysSo) {
  start();
  wait_until_caught_up();
  source("BEGIN; SELECT pg_logical_emit_message(true, 'x', 'y'); COMMIT");
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, done) << checked.out;
  EXPECT_THAT(checked.out, HasSubstr("note: a leat is running on this state directory"));
  stop();
  EXPECT_THAT(leat("check").out, Not(HasSubstr("is running")));
}

TEST_F(CliBadState, CheckOfAStoppedPipelineFindsNothingAndChangesNothing) {
  catch_up();
  const auto before = source_value("SELECT confirmed_flush_lsn FROM pg_replication_slots");
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, done) << checked.out;
  EXPECT_EQ(source_value("SELECT confirmed_flush_lsn FROM pg_replication_slots"), before);
  catch_up();
}

TEST_F(CliBadState, DamagedStateOfTransformsIsRefusedByEveryReaderAndCanBeDropped) {
  keep_rows();
  catch_up();
  damage_state("operators");
  expect_run_fails(state_failed, "the state of transforms is damaged", "leat drop");
  expect_error(leat("status"), state_failed, "the state of transforms is damaged", "leat drop");
  const auto dropped = leat("drop", {"--yes"});
  EXPECT_EQ(dropped.status.code, done) << dropped.err;
  EXPECT_FALSE(fs::exists(state_path()));
  fs::remove(lite_path());
  catch_up();
}

TEST_F(CliBadState, SizeOfTheStateOfTransformsIsInTheStatusOfAStoppedPipeline) {
  keep_rows();
  catch_up();
  EXPECT_THAT(status(), HasSubstr("\"keys\":10,\"target\":\"item\",\"transform\":\"last\""));
  EXPECT_THAT(leat("status").out, HasSubstr("10 keys"));
}

TEST_F(CliBadState, DamagedStateCanBeDropped) {
  catch_up();
  damage_state();
  const auto dropped = leat("drop", {"--yes"});
  EXPECT_EQ(dropped.status.code, done) << dropped.err;
  EXPECT_FALSE(fs::exists(state_path()));
  EXPECT_EQ(source_value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'leat_shop'"),
            "0");
}

TEST_F(CliBadState, StateOfANewerVersion) {
  catch_up();
  database(state_path(), false).write({.puts = {{"format", "99"}}, .removals = {}}, true);
  expect_run_fails(state_failed, "the state was written by a newer leat", "run the newer version");
  expect_error(leat("status"), state_failed, "the state was written by a newer leat",
               "run the newer version");
  expect_check_finds("the state was written by a newer leat", "run the newer version");
}

TEST_F(CliBadState, StateThatIsAFile) {
  write(state_path(), "not a directory");
  expect_run_fails(state_failed, "the state directory is a file", "[pipeline] state");
}

TEST_F(CliBadState, DeletedStateWithProgressAtTheTarget) {
  catch_up();
  fs::remove_all(state_path());
  expect_check_finds("the progress of another pipeline", "leat drop");
  EXPECT_FALSE(fs::exists(state_path())) << "check has made it";
  expect_run_fails(sink_failed, "the progress of another pipeline", "leat drop");
}

TEST_F(CliBadState, StateOfAnotherPipelineOfThisName) {
  catch_up();
  copy(state_path(), copy_of_state());
  fs::remove_all(state_path());
  leat("drop", {"--yes"});
  fs::remove(lite_path());
  catch_up(); // the same name with another random id
  copy(copy_of_state(), state_path());
  expect_refused(sink_failed, "the progress of another pipeline", "leat drop");
}

TEST_F(CliBadState, StateOfAPipelineOfAnotherName) {
  catch_up();
  expect_refused(
      state_failed, "belongs to pipeline shop", "state directory of its own",
      {"--set", "pipeline.name=other", "--set", "pipeline.state=" + state_path().string()});
}

TEST_F(CliBadState, StateRestoredFromAnOlderBackup) {
  catch_up();
  copy(state_path(), copy_of_state());
  change();
  catch_up();
  copy(copy_of_state(), state_path());
  expect_refused(state_failed, "the state is older than the target", "leat drop");
}

TEST_F(CliBadState, DroppedPipelineBeginsAnew) {
  catch_up();
  fs::remove_all(state_path());
  const auto dropped = leat("drop", {"--yes"});
  EXPECT_EQ(dropped.status.code, done) << dropped.err;
  fs::remove(lite_path());
  catch_up();
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "10");
}

TEST_F(CliBadState, ListeningAddressThatIsTaken) {
  pg_server_options options;
  options.tcp = true;
  pg_server taken(options);
  text.rest = "[http]\nlisten = \"127.0.0.1:" + std::to_string(taken.port()) + "\"";
  expect_run_fails(usage, "cannot listen on", "another address");
}

/// A file system of its own, which can be full. Needs root.
class CliFullDisk : public CliBadState {
 protected:
  CliFullDisk() {
    fs::create_directory(disk());
    mounted_ = ::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=2m") == 0;
  }
  ~CliFullDisk() override {
    if (mounted_) ::umount2(disk().c_str(), MNT_DETACH);
  }
  fs::path disk() const { return directory() / "disk"; }
  void fill() const { write(disk() / "ballast", std::string(3U << 20, 'x')); }
  void make_room() const { fs::remove(disk() / "ballast"); }

  bool mounted_ = false;
};

TEST_F(CliFullDisk, OfATargetIsWaitedForAndGoneOnFrom) {
  if (!mounted_) GTEST_SKIP() << "no tmpfs can be mounted here";
  text.sinks["lite"] = "connector = \"sqlite\"\npath = \"" + (disk() / "lite.db").string() + "\"";
  start();
  wait_until_caught_up();
  fill();
  source("INSERT INTO item SELECT i, repeat('x', 1000) FROM generate_series(1000, 1500) i");
  wait_until("nothing is said of the full disk", [&] {
    return log().find("the disk is full") != std::string::npos
           || log().find("disk is full") != std::string::npos;
  });
  make_room();
  wait_until_caught_up();
  stop();
  sqlite_reader reader(disk() / "lite.db");
  EXPECT_EQ(reader.value("SELECT count(*) FROM item"), "511");
}

TEST_F(CliFullDisk, OfTheStateIsWaitedForAndGoneOnFrom) {
  if (!mounted_) GTEST_SKIP() << "no tmpfs can be mounted here";
  fs::create_directory(disk() / "state");
  fs::create_directory_symlink(disk() / "state", state_path());
  start();
  wait_until_caught_up();
  fill();
  source("INSERT INTO item SELECT i, 'x' FROM generate_series(1000, 1500) i");
  // What a page of the disk still has room for is written.
  wait_until("nothing is said of the full disk", [&] {
    source("UPDATE item SET name = 'y' WHERE id = 1000");
    return log().find("the disk of the state directory is full") != std::string::npos;
  });
  make_room();
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "511");
}

TEST_F(CliFullDisk, OfTheStateOfTransformsIsWaitedForAndGoneOnFrom) {
  if (!mounted_) GTEST_SKIP() << "no tmpfs can be mounted here";
  keep_rows();
  fs::create_directories(state_path());
  fs::create_directory(disk() / "operators");
  fs::create_directory_symlink(disk() / "operators", state_path() / "operators");
  start();
  wait_until_caught_up();
  fill();
  source("INSERT INTO item SELECT i, 'x' FROM generate_series(1000, 1500) i");
  wait_until("nothing is said of the full disk", [&] {
    // A checkpoint or two find room in the last page of a file.
    source("UPDATE item SET name = name || 'y' WHERE id = 1000");
    return log().find("the disk of the state directory is full") != std::string::npos;
  });
  make_room();
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "511");
}

} // namespace

} // namespace leat::test
