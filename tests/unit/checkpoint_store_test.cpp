#include "state/checkpoint_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <random>
#include <set>

#include "dataflow/error.hpp"
#include "state/checkpoint_codec.hpp"
#include "state/database.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

schema_ptr schema(oid id, std::string name) {
  table_schema s;
  s.id = id;
  s.schema = "We\"\"ird";
  s.name = std::move(name);
  s.identity = replica_identity::full;
  s.columns = {{.name = "id",
                .type = 23,
                .type_name = "integer",
                .kind = value_class::int4,
                .identity = true,
                .nullable = false,
                .number = 1},
               {.name = "Таблица",
                .type = 70000,
                .modifier = 20,
                .type_name = "shop.mood",
                .number = -3,
                .built_in = false}};
  s.key = {0};
  return std::make_shared<const table_schema>(std::move(s));
}

std::vector<chunk_bounds> chunks(std::uint64_t from, std::uint64_t to) {
  std::vector<chunk_bounds> list;
  for (auto n = from; n <= to; ++n)
    list.push_back({.number = n, .lower = {std::to_string(n)}, .upper = {std::to_string(n + 1)}});
  return list;
}

// Halves the first chunk; the ones after it are counted anew.
void split_first(std::vector<chunk_bounds>& pending) {
  auto first = pending.front();
  first.upper = pending.front().lower = {pending.front().lower.at(0) + ".5"};
  for (auto& c : pending) ++c.number;
  pending.insert(pending.begin(), std::move(first));
}

touched_keys touched(std::initializer_list<key_hash> keys) {
  touched_keys t;
  for (const auto& key : keys) t.keys.insert(key);
  return t;
}

checkpoint state_at(epoch_id epoch) {
  checkpoint c;
  c.epoch = epoch;
  c.position = commit_lsn{0xfedcba9876543210U + epoch};
  c.resume = wal_lsn{0xfedcba9876543211U + epoch};
  c.schemas = {{16384, schema(16384, "a")}, {4000000000U, schema(4000000000U, "b")}};
  c.sink_epochs = {{"dwh", epoch}, {"lake", 3}};
  c.routes = {{"dwh/a", "print 1"}, {"lake/b", std::string("\0\xff", 2)}};
  auto& s = c.snapshots[16384];
  s.generation = 7;
  s.phase = snapshot_phase::reading;
  s.fence_xid = (std::uint64_t{5} << 32) + 1;
  s.storage = 0xffffffffffffffffU;
  s.chunks = chunks(1, 5);
  s.chunks_emitted = 4;
  s.rows_emitted = 40'000;
  s.rows_estimated = 1'000'000'000'000;
  s.high = wal_lsn{77};
  s.touched = {{4294967295U, touched({{1, 0xffffffffffffffffU}, {3, 4}})},
               {3, {.all = true, .keys = {}}},
               {4, {.overflowed = true, .and_older = true, .keys = {}}}};
  s.sinks = {"dwh"};
  c.missing["dwh"][16384] = {{"1"}, {std::string("a\0b", 3)}};
  return c;
}

void expect_equal(const checkpoint& a, const checkpoint& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.resume, b.resume);
  ASSERT_EQ(a.schemas.size(), b.schemas.size());
  for (const auto& [id, s] : a.schemas) EXPECT_EQ(*s, *b.schemas.at(id));
  EXPECT_EQ(a.snapshots, b.snapshots);
  EXPECT_EQ(a.sink_epochs, b.sink_epochs);
  EXPECT_EQ(a.routes, b.routes);
  EXPECT_EQ(a.missing, b.missing);
}

std::uintmax_t size_of(const fs::path& directory) {
  std::uintmax_t bytes = 0;
  for (const auto& f : fs::directory_iterator(directory))
    if (f.path().extension() == ".log" || f.path().extension() == ".sst") bytes += f.file_size();
  return bytes;
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

error error_of(const fs::path& directory, bool read_only = false) {
  try {
    open_state(directory, read_only);
  } catch (const error& e) {
    return e;
  }
  return {error_kind::bug, "it opened", "", ""};
}

class CheckpointStore : public testing::Test {
 protected:
  std::unique_ptr<state_store> open(bool read_only = false) { return open_state(path, read_only); }

  test::temp_directory directory;
  fs::path path = directory / "not/yet/there";
};

TEST_F(CheckpointStore, IsEmptyWhenNew) {
  const auto store = open();
  EXPECT_FALSE(store->identity().has_value());
  EXPECT_TRUE(store->epochs().empty());
  EXPECT_FALSE(store->load(1).has_value());
}

TEST_F(CheckpointStore, GivesBackWhatWasSaved) {
  open()->save(state_at(8));
  const auto loaded = open()->load(8);
  ASSERT_TRUE(loaded.has_value());
  expect_equal(*loaded, state_at(8));
}

TEST_F(CheckpointStore, KeepsTheIdentity) {
  pipeline_identity id{.id = "r4nd0m",
                       .name = "shop",
                       .system_id = 0xfedcba9876543210U,
                       .timeline = 3,
                       .database = "d\"b",
                       .slot = "s",
                       .publication = "p",
                       .made_slot = true};
  open()->set_identity(id);
  const auto loaded = open()->identity();
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->id, id.id);
  EXPECT_EQ(loaded->system_id, id.system_id);
  EXPECT_EQ(loaded->timeline, id.timeline);
  EXPECT_EQ(loaded->database, id.database);
  EXPECT_TRUE(loaded->made_slot);
  EXPECT_FALSE(loaded->made_publication);
}

TEST_F(CheckpointStore, ListsEpochsInOrder) {
  auto store = open();
  for (const epoch_id e : {9, 10, 255, 256, 70000}) store->save(state_at(e));
  store = nullptr;
  EXPECT_THAT(open()->epochs(), ElementsAre(9, 10, 255, 256, 70000));
}

TEST_F(CheckpointStore, FollowsChunksThatAreEmittedAndSplit) {
  auto store = open();
  auto state = state_at(1);
  state.snapshots[16384].chunks = chunks(1, 100);
  store->save(state);
  auto& pending = state.snapshots[16384].chunks;
  pending.erase(pending.begin() + 2, pending.begin() + 50);
  split_first(pending);
  state.epoch = 2;
  store->save(state);
  store = open_state(path, true);
  expect_equal(*store->load(2), state);
  EXPECT_EQ(store->load(1)->snapshots.at(16384).chunks, chunks(1, 100));
}

TEST_F(CheckpointStore, WritesChunkBoundsOnce) {
  auto store = open();
  auto state = state_at(1);
  state.snapshots[16384].chunks = chunks(1, 10'000);
  store->save(state);
  const auto first = size_of(path);
  for (int i = 0; i < 20; ++i) {
    state.epoch++;
    auto& pending = state.snapshots[16384].chunks;
    pending.erase(pending.begin());
    split_first(pending);
    store->save(state);
  }
  EXPECT_LT(size_of(path), first + 20 * 2000);
}

TEST_F(CheckpointStore, FollowsAnyNumberOfSplits) {
  const auto store = open();
  auto state = state_at(1);
  for (; state.epoch < 80; ++state.epoch) {
    split_first(state.snapshots[16384].chunks);
    store->save(state);
    store->prune(state.epoch);
    expect_equal(*store->load(state.epoch), state);
  }
}

TEST_F(CheckpointStore, StartsANewPlanForANewGeneration) {
  auto store = open();
  auto state = state_at(1);
  store->save(state);
  state.epoch = 2;
  state.snapshots[16384].generation = 8;
  state.snapshots[16384].chunks = chunks(1, 3);
  store->save(state);
  store->prune(2);
  expect_equal(*store->load(2), state);
}

TEST_F(CheckpointStore, StoresASchemaAgainAfterItWasForgotten) {
  auto store = open();
  auto state = state_at(1);
  const auto old_schemas = state.schemas;
  store->save(state);
  state.epoch = 2;
  state.schemas = {{16384, schema(16384, "renamed")}};
  store->save(state);
  store->prune(2);
  state.epoch = 3;
  state.schemas = old_schemas;
  store->save(state);
  store = nullptr;
  expect_equal(*open()->load(3), state);
}

TEST_F(CheckpointStore, PrunesWhatIsOlder) {
  auto store = open();
  for (epoch_id e = 1; e <= 4; ++e) store->save(state_at(e));
  store->prune(3);
  EXPECT_THAT(store->epochs(), ElementsAre(3, 4));
  EXPECT_FALSE(store->load(2).has_value());
  expect_equal(*store->load(3), state_at(3));
}

TEST_F(CheckpointStore, KeepsTheCheckpointBeforeOneThatIsNotThere) {
  auto store = open();
  for (const epoch_id e : {1, 4, 9}) store->save(state_at(e));
  store->prune(7);
  EXPECT_THAT(store->epochs(), ElementsAre(4, 9));
  store->prune(2);
  EXPECT_THAT(store->epochs(), ElementsAre(4, 9));
}

TEST_F(CheckpointStore, TruncatesWhatIsNewer) {
  auto store = open();
  for (epoch_id e = 1; e <= 4; ++e) store->save(state_at(e));
  store->truncate(2);
  store = nullptr;
  store = open();
  EXPECT_THAT(store->epochs(), ElementsAre(1, 2));
  store->save(state_at(5));
  expect_equal(*store->load(5), state_at(5));
}

TEST_F(CheckpointStore, GivesMissingRowsUntilTheirEpochIsPruned) {
  auto store = open();
  auto state = state_at(1);
  state.missing.clear();
  store->save(state);
  store->add_missing(1, {{"dwh", {{5, {{"x"}}}}}});
  store->add_missing(1, {{"dwh", {{5, {{"y"}}}}}});
  store->add_missing(2, {{"lake", {{5, {{"z"}}}}}});
  state.epoch = 2;
  state.missing["dwh"][5] = {{"own"}};
  store->save(state);
  store = nullptr;
  store = open();
  EXPECT_EQ(store->load(1)->missing,
            (missing_keys{{"dwh", {{5, {{"x"}, {"y"}}}}}, {"lake", {{5, {{"z"}}}}}}));
  EXPECT_EQ(store->load(2)->missing.at("dwh").at(5).size(), 3U);
  store->prune(2);
  EXPECT_EQ(store->load(2)->missing,
            (missing_keys{{"dwh", {{5, {{"own"}}}}}, {"lake", {{5, {{"z"}}}}}}));
}

TEST_F(CheckpointStore, KeepsRequestsToReadTablesUntilTheyAreForgotten) {
  std::uint64_t first = 0;
  {
    const auto store = open();
    first = store->ask_resnapshot(16400);
    EXPECT_EQ(store->ask_resnapshot(4294967295U), first + 1);
  }
  const auto store = open();
  EXPECT_THAT(store->resnapshots(),
              ElementsAre(resnapshot_request{first, 16400},
                          resnapshot_request{first + 1, 4294967295U}));
  store->forget_resnapshots({first, first + 1});
  EXPECT_THAT(store->resnapshots(), ElementsAre());
  EXPECT_EQ(store->ask_resnapshot(16400), first + 2) << "a number is given once";
}

TEST_F(CheckpointStore, RefusesToGoBackInTime) {
  const auto store = open();
  store->save(state_at(5));
  EXPECT_THROW(store->save(state_at(4)), error);
}

TEST_F(CheckpointStore, StaysSmallOverManyEpochs) {
  const auto store = open();
  for (epoch_id e = 1; e <= 300; ++e) {
    auto state = state_at(e);
    state.snapshots[16384].touched[9] = touched({});
    for (std::uint64_t k = 0; k < 8000; ++k) state.snapshots[16384].touched[9].keys.insert({k, e});
    store->save(state);
    store->prune(e);
  }
  EXPECT_LT(size_of(path), 24U << 20);
}

// --- what a person sees

TEST_F(CheckpointStore, NamesASecondRunner) {
  const auto store = open();
  const auto e = error_of(path);
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_STREQ(e.what(), "another leat is running on this state directory");
  EXPECT_FALSE(e.remedy().empty());
}

TEST_F(CheckpointStore, CanBeReadWhileItIsRun) {
  const auto store = open();
  store->save(state_at(1));
  const auto reader = open(true);
  store->save(state_at(2));
  EXPECT_THAT(reader->epochs(), ElementsAre(1));
  EXPECT_THAT(open(true)->epochs(), ElementsAre(1, 2));
  EXPECT_THROW(reader->save(state_at(3)), error);
}

TEST_F(CheckpointStore, SaysThatThereIsNothingToRead) {
  EXPECT_STREQ(error_of(path, true).what(), "there is no state yet");
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(CheckpointStore, RefusesAFile) {
  write_file(directory / "file", "x");
  EXPECT_STREQ(error_of(directory / "file").what(), "the state directory is a file");
  EXPECT_THAT(error_of(directory / "file/below").what(), HasSubstr("cannot be used"));
}

TEST_F(CheckpointStore, RefusesADirectoryThatCannotBeMade) {
  const auto e = error_of("/proc/leat-state");
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("cannot be used"));
}

TEST_F(CheckpointStore, RefusesANewerFormat) {
  open();
  database(path, false).write({.puts = {{"format", "2"}}, .removals = {}}, true);
  const auto e = error_of(path);
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("newer leat (format 2"));
}

TEST_F(CheckpointStore, RefusesADatabaseOfSomebodyElse) {
  database(path, false).write({.puts = {{"key", "value"}}, .removals = {}}, true);
  EXPECT_THAT(error_of(path).what(), HasSubstr("not leat's"));
  EXPECT_EQ(database(path, true).get("format"), std::nullopt);
}

TEST_F(CheckpointStore, SaysThatARecordIsDamagedOrMissing) {
  open()->save(state_at(1));
  const auto key = database(path, true).keys("checkpoint/").at(0);
  const auto value = database(path, true).get(key).value();
  for (std::size_t size = 0; size < value.size(); ++size)
    EXPECT_THROW(decode_checkpoint(std::string_view(value).substr(0, size)), error) << size;
  database(path, false).write({.puts = {{key, value.substr(1)}}, .removals = {}}, true);
  EXPECT_THAT(error_of(path).what(), HasSubstr("damaged"));
  database(path, false)
      .write({.puts = {{key, value}}, .removals = database(path, true).keys("schema/")}, true);
  EXPECT_THROW(open()->load(1), error);
}

TEST_F(CheckpointStore, SaysThatFilesAreDamaged) {
  {
    const auto store = open();
    for (epoch_id e = 1; e <= 3; ++e) store->save(state_at(e));
  }
  for (const auto& f : fs::directory_iterator(path))
    if (f.path().filename().string().starts_with("MANIFEST")) fs::resize_file(f.path(), 20);
  const auto e = error_of(path);
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("damaged"));
  EXPECT_THAT(e.remedy(), HasSubstr("leat drop"));
}

TEST_F(CheckpointStore, DoesNotTakeAStateWithoutCurrentForANewOne) {
  open()->save(state_at(1));
  fs::remove(path / "CURRENT");
  EXPECT_THAT(error_of(path).what(), HasSubstr("not CURRENT"));
}

TEST_F(CheckpointStore, RecoversFromACrashWhileItWasMade) {
  fs::create_directories(path);
  write_file(path / "MANIFEST-000001", "");
  write_file(path / "LOCK", "");
  open()->save(state_at(1));
  EXPECT_THAT(open()->epochs(), ElementsAre(1));
}

// --- a crash at any moment

// A child that saves epochs 1, 2, 3 ... and prunes, and tells the pipe of each save that returned.
class saver {
 public:
  explicit saver(const fs::path& path) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      save_forever(path, ends[1]);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~saver() {
    kill();
    ::close(pipe_);
  }

  // Waits for `saves` more, and gives the last epoch that was reported.
  epoch_id wait(int saves) {
    for (; saves > 0; --saves)
      if (::read(pipe_, &last_, sizeof last_) != sizeof last_) break;
    return last_;
  }
  epoch_id kill() {
    if (child_ <= 0) return last_;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
    while (::read(pipe_, &last_, sizeof last_) == sizeof last_) {
    }
    return last_;
  }

 private:
  [[noreturn]] static void save_forever(const fs::path& path, int out) {
    const auto store = open_state(path, false);
    const auto before = store->epochs();
    for (auto e = before.empty() ? 1 : before.back() + 1;; ++e) {
      store->save(state_at(e));
      if (::write(out, &e, sizeof e) != sizeof e) ::_exit(1);
      if (e > 3) store->prune(e - 3);
    }
  }

  pid_t child_ = 0;
  int pipe_ = -1;
  epoch_id last_ = 0;
};

void expect_whole(const state_store& store, epoch_id at_least) {
  const auto epochs = store.epochs();
  ASSERT_FALSE(epochs.empty() && at_least > 0);
  if (epochs.empty()) return;
  EXPECT_GE(epochs.back(), at_least);
  for (const auto e : epochs) expect_equal(*store.load(e), state_at(e));
}

TEST_F(CheckpointStore, HoldsEverySaveThatReturnedWhenItIsKilled) {
  std::minstd_rand random(4711);
  for (int round = 0; round < 12; ++round) {
    saver child(path);
    child.wait(1 + static_cast<int>(random() % 30));
    ::usleep(static_cast<useconds_t>(random() % 3000));
    expect_whole(*(child.kill(), open()), child.kill());
  }
}

// What a power cut leaves: the synced part, then any part of the rest, then maybe garbage.
TEST_F(CheckpointStore, HoldsAWholeOlderCheckpointWhenItsTailIsTornOff) {
  std::minstd_rand random(4711);
  {
    const auto store = open();
    for (epoch_id e = 1; e <= 20; ++e) store->save(state_at(e));
  }
  std::set<epoch_id> seen;
  for (int round = 0; round < 30; ++round) {
    const auto copy = directory / "copy";
    fs::remove_all(copy);
    fs::copy(path, copy, fs::copy_options::recursive);
    for (const auto& f : fs::directory_iterator(copy)) {
      if (f.path().extension() != ".log" || f.file_size() == 0) continue;
      const auto size = f.file_size();
      fs::resize_file(f.path(), random() % (size + 1));
      if (round % 3 == 1) fs::resize_file(f.path(), size);
      if (round % 3 == 2)
        std::ofstream(f.path(), std::ios::app) << std::string(random() % 5000, '\x5a');
    }
    const auto store = open_state(copy, false);
    expect_whole(*store, 0);
    seen.insert(store->epochs().empty() ? 0 : store->epochs().back());
    store->save(state_at(100));
    expect_equal(*store->load(100), state_at(100));
  }
  EXPECT_GT(seen.size(), 5U) << "it was torn at different places";
}

TEST_F(CheckpointStore, CanBeReadWhileAnotherProcessWrites) {
  std::minstd_rand random(4711);
  saver child(path);
  for (int round = 0; round < 10; ++round) {
    child.wait(1 + static_cast<int>(random() % 40));
    expect_whole(*open_state(path, true), 1);
  }
}

// Saves until that fails for want of room, calls `make_room`, and goes on with epoch 9000. Gives an
// exit code: it runs in a child of its own, whose limits are its own.
int fill_up(const fs::path& path, const std::function<void()>& take_room,
            const std::function<void()>& make_room) {
  const auto store = open_state(path, false);
  store->save(state_at(1));
  take_room();
  try {
    for (epoch_id e = 2; e < 9000; ++e) store->save(state_at(e));
    return 1;
  } catch (const error& caught) {
    if (!caught.transient() || std::string_view(caught.what()).find("full") == std::string::npos)
      return 2;
  }
  try {
    make_room();
    store->save(state_at(9000));
    expect_equal(*store->load(9000), state_at(9000));
    return testing::Test::HasFailure() ? 3 : 0;
  } catch (const error& caught) {
    std::fprintf(stderr, "%s\n", caught.what());
    return 4;
  }
}

void expect_clean_end(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(CheckpointStore, GoesOnAfterAFileCouldNotGrow) {
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit room{};
    ::getrlimit(RLIMIT_FSIZE, &room);
    auto little = room;
    little.rlim_cur = 8192;
    ::_exit(fill_up(
        path, [&] { ::setrlimit(RLIMIT_FSIZE, &little); },
        [&] { ::setrlimit(RLIMIT_FSIZE, &room); }));
  }
  expect_clean_end(child);
  EXPECT_EQ(open()->epochs().back(), 9000U);
  expect_whole(*open(), 9000);
}

// A small file system, as long as it lives.
class small_disk {
 public:
  explicit small_disk(fs::path where) : path_(std::move(where)) {
    fs::create_directory(path_);
    mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=4m") == 0;
  }
  ~small_disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  fs::path path_;
  bool mounted_;
};

TEST_F(CheckpointStore, GoesOnAfterTheDiskWasFull) {
  const auto where = directory / "disk";
  const small_disk disk(where);
  if (!disk.mounted()) GTEST_SKIP() << "file systems cannot be mounted here";
  const auto child = ::fork();
  if (child == 0) {
    write_file(where / "ballast", std::string(3'000'000, 'x'));
    ::_exit(fill_up(
        where / "state", [] {}, [&] { fs::remove(where / "ballast"); }));
  }
  expect_clean_end(child);
  expect_whole(*open_state(where / "state", false), 9000);
}

} // namespace
} // namespace leat
