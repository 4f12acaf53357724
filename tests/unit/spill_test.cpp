#include "dataflow/spill.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "tests/support/caught_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat {
namespace {

using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t mib = 1U << 20;

class spill : public ::testing::Test {
 protected:
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), {}));
  }

  test::temp_directory temporary;
  std::filesystem::path directory = temporary.path();
};

std::string record(std::size_t i, std::size_t size = 100) {
  auto text = std::to_string(i) + ":";
  text.resize(std::max(size, text.size()), static_cast<char>('a' + i % 26));
  return text;
}

TEST_F(spill, GivesRecordsBackInOrder) {
  spill_area area(directory, 64 * mib);
  auto file = area.create();
  for (std::size_t i = 0; i < 20000; ++i) file.append(record(i, i % 300));
  for (std::size_t i = 0; i < 20000; ++i) ASSERT_EQ(file.next(), record(i, i % 300));
  EXPECT_EQ(file.next(), std::nullopt);
}

TEST_F(spill, ReadsAnyPlaceWhetherItIsOnTheDiskOrNot) {
  spill_area area(directory, 64 * mib);
  auto file = area.create();
  std::string all;
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto r = record(i, i % 200);
    const auto size = static_cast<std::uint32_t>(r.size());
    all.append(reinterpret_cast<const char*>(&size), sizeof size);
    all += r;
    file.append(r);
  }
  ASSERT_EQ(file.bytes(), all.size());
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto from = random() % all.size();
    std::string part(random() % (all.size() - from + 1), ' ');
    file.read_at(from, part.data(), part.size());
    ASSERT_EQ(part, all.substr(from, part.size()));
  }
  char one = 0;
  EXPECT_THAT(error_of([&] { file.read_at(all.size(), &one, 1); }).what(),
              HasSubstr("beyond its end"));
}

TEST_F(spill, KeepsEmptyHugeAndBinaryRecords) {
  spill_area area(directory, 64 * mib);
  auto file = area.create();
  const std::string binary("\0\n\xff", 3);
  const std::string huge(5 * mib + 1, 'h');
  for (const auto& r : {std::string(), binary, huge, std::string(), binary}) file.append(r);
  for (const auto& r : {std::string(), binary, huge, std::string(), binary})
    EXPECT_EQ(file.next(), r);
  EXPECT_EQ(file.next(), std::nullopt);
}

TEST_F(spill, ReadingAndWritingMayAlternate) {
  std::mt19937 random(1);
  spill_area area(directory, 64 * mib);
  auto file = area.create();
  std::size_t written = 0;
  std::size_t read = 0;
  for (int round = 0; round < 300; ++round) {
    for (auto n = random() % 300; n > 0; --n, ++written)
      file.append(record(written, written % 1000 == 0 ? 200000 : written % 700));
    for (auto n = random() % 300; n > 0 && read < written; --n, ++read)
      ASSERT_EQ(file.next(), record(read, read % 1000 == 0 ? 200000 : read % 700));
  }
  for (; read < written; ++read)
    ASSERT_EQ(file.next(), record(read, read % 1000 == 0 ? 200000 : read % 700));
  EXPECT_EQ(file.unread(), 0U);
}

TEST_F(spill, SmallFilesTakeNoDisk) {
  spill_area area(directory, mib);
  auto file = area.create();
  file.append("little");
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(file.next(), "little");
}

TEST_F(spill, AFileGoesWithItsObject) {
  spill_area area(directory, 4 * mib);
  {
    auto file = area.create();
    file.append(record(1, mib));
    EXPECT_EQ(files(), 1U);
    EXPECT_EQ(area.bytes(), mib + 4);
    auto moved = std::move(file);
    EXPECT_EQ(moved.next(), record(1, mib));
  }
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(area.bytes(), 0U);
}

TEST_F(spill, LeftoversAreRemovedAndNothingElse) {
  std::ofstream(directory / "17.spill") << "old";
  std::ofstream(directory / "CURRENT") << "not ours";
  const spill_area area(directory, mib);
  EXPECT_FALSE(std::filesystem::exists(directory / "17.spill"));
  EXPECT_TRUE(std::filesystem::exists(directory / "CURRENT"));
}

TEST_F(spill, TheLimitCountsAllFilesAndIsNamedWhenReached) {
  spill_area area(directory, mib);
  auto one = area.create();
  auto two = area.create();
  one.append(record(1, mib / 2));
  EXPECT_EQ(area.room(), mib / 2 - 4);
  const auto e = error_of([&] { two.append(record(2, mib / 2)); });
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("1048576 bytes"));
  EXPECT_EQ(e.where(), directory.string());
  EXPECT_THAT(e.remedy(), HasSubstr("limits.spill"));

  EXPECT_EQ(two.next(), std::nullopt);
  one.clear();
  two.append(record(2, mib / 2));
  EXPECT_EQ(two.next(), record(2, mib / 2));
}

TEST_F(spill, ADiskThatCannotBeWrittenIsAnErrorWithThePlace) {
  spill_area area(directory / "area", mib);
  std::filesystem::remove_all(directory / "area");
  auto file = area.create();
  const auto e = error_of([&] { file.append(record(1, mib / 2)); });
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.where(), HasSubstr((directory / "area").string()));
  EXPECT_THAT(e.remedy(), HasSubstr((directory / "area").string()));
}

TEST_F(spill, AFullDiskNamesTheSetting) {
  std::filesystem::create_symlink("/dev/full", directory / "0.full");
  spill_area area(directory, mib);
  std::filesystem::rename(directory / "0.full", directory / "0.spill");
  auto file = area.create();
  const auto e = error_of([&] { file.append(record(1, mib / 2)); });
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("No space left"));
  EXPECT_THAT(e.remedy(), AllOf(HasSubstr("limits.spill"), HasSubstr(directory.string())));
}

TEST_F(spill, ADirectoryThatCannotBeMadeIsAnErrorWithThePlace) {
  std::ofstream(directory / "file") << "x";
  const auto e = error_of([&] { spill_area area(directory / "file" / "area", mib); });
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_EQ(e.where(), (directory / "file" / "area").string());
}

TEST_F(spill, AFileThatWasCutIsAnErrorAndNoRecord) {
  spill_area area(directory, 4 * mib);
  auto file = area.create();
  for (std::size_t i = 0; i < 4; ++i) file.append(record(i, mib / 2));
  std::filesystem::resize_file(directory / "0.spill", mib);
  EXPECT_EQ(file.next(), record(0, mib / 2));
  EXPECT_EQ(error_of([&] { file.next(); }).kind(), error_kind::state);
}

TEST_F(spill, AQueueIsFirstInFirstOut) {
  std::mt19937 random(2);
  spill_area area(directory, 256 * mib);
  spill_queue queue(area);
  std::size_t in = 0;
  std::size_t out = 0;
  for (int round = 0; round < 200; ++round) {
    for (auto n = random() % 2000; n > 0; --n) queue.push(record(in++, 200));
    for (auto n = random() % 2500; n > 0 && !queue.empty(); --n)
      ASSERT_EQ(queue.pop(), record(out++, 200));
  }
  while (!queue.empty()) ASSERT_EQ(queue.pop(), record(out++, 200));
  EXPECT_EQ(in, out);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST_F(spill, AQueueGivesSpaceBackWhenItRunsEmpty) {
  spill_area area(directory, 4 * mib);
  spill_queue queue(area);
  for (std::size_t i = 0; i < 20; ++i) {
    queue.push(record(i, mib));
    queue.push(record(i, mib));
    EXPECT_EQ(queue.bytes(), 2 * (mib + 4));
    EXPECT_EQ(queue.pop(), record(i, mib));
    const auto last = queue.pop();
    EXPECT_EQ(area.bytes(), 0U);
    EXPECT_EQ(last, record(i, mib));
  }
}

TEST_F(spill, AQueueThatNeverRunsEmptyGivesSpaceBackInPieces) {
  spill_area area(directory, 80 * mib);
  spill_queue queue(area);
  queue.push(record(0, mib));
  for (std::size_t i = 1; i < 200; ++i) {
    queue.push(record(i, mib));
    ASSERT_EQ(queue.pop(), record(i - 1, mib));
  }
  EXPECT_FALSE(queue.empty());
  EXPECT_LE(area.bytes(), 40 * mib);
}

TEST_F(spill, AQueueCanBeForgotten) {
  spill_area area(directory, 4 * mib);
  spill_queue queue(area);
  queue.push(record(1, mib));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(area.bytes(), 0U);
  queue.push("again");
  EXPECT_EQ(queue.pop(), "again");
}

TEST_F(spill, AQueueThatHasNoRoomLeftCanBeMovedToAnotherFileOfTheArea) {
  for (const std::size_t size : {100UL, 20'000UL, 300'000UL}) {
    spill_area area(directory, 4 * mib);
    spill_queue queue(area);
    std::size_t records = 0;
    for (; queue.has_room(size); ++records) queue.push(record(records, size));
    EXPECT_GT(queue.bytes(), mib) << "much of the area can be used";
    EXPECT_GT(area.room(), mib) << "what cannot wait finds room";
    auto file = area.create();
    for (std::size_t i = 0; i < records; ++i) file.append(queue.pop());
    for (std::size_t i = 0; i < records; ++i) ASSERT_EQ(*file.next(), record(i, size));
  }
}

} // namespace
} // namespace leat
