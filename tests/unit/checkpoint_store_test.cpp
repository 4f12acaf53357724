#include "state/checkpoint_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "dataflow/error.hpp"
#include "state/checkpoint_codec.hpp"
#include "state/database.hpp"
#include "tests/support/checkpoint_store_fixture.hpp"

namespace leat {
namespace {

namespace fs = std::filesystem;
using test::chunks;
using test::expect_equal;
using test::schema;
using test::split_first;
using test::state_at;
using test::touched;
using testing::ElementsAre;
using testing::HasSubstr;
using CheckpointStore = test::checkpoint_store_fixture;

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

TEST_F(CheckpointStore, GivesMissingRowsUntilTheirEpochIsPruned) {
  auto store = open();
  auto state = state_at(1);
  state.missing.clear();
  store->save(state);
  store->add_missing(1, {{"dwh", {{5, {.keys = {{"x"}}}}}}});
  store->add_missing(1, {{"dwh", {{5, {.keys = {{"y"}}}}}}});
  store->add_missing(2, {{"lake", {{5, {.whole = true, .keys = {}}}}}});
  state.epoch = 2;
  state.missing["dwh"][5] = {.keys = {{"own"}}};
  store->save(state);
  store = nullptr;
  store = open();
  EXPECT_EQ(store->load(1)->missing, (missing_keys{{"dwh", {{5, {.keys = {{"x"}, {"y"}}}}}},
                                                   {"lake", {{5, {.whole = true, .keys = {}}}}}}));
  EXPECT_EQ(store->load(2)->missing.at("dwh").at(5).keys.size(), 3U);
  store->prune(2);
  EXPECT_EQ(store->load(2)->missing, (missing_keys{{"dwh", {{5, {.keys = {{"own"}}}}}},
                                                   {"lake", {{5, {.whole = true, .keys = {}}}}}}));
}

TEST_F(CheckpointStore, KeepsRequestsToReadTablesUntilTheyAreForgotten) {
  std::uint64_t first = 0;
  {
    const auto store = open();
    first = store->ask_resnapshot(16400);
    EXPECT_EQ(store->ask_resnapshot(4294967295U), first + 1);
  }
  const auto store = open();
  EXPECT_THAT(store->resnapshots(), ElementsAre(resnapshot_request{first, 16400},
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

} // namespace
} // namespace leat
