#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "plugins/starrocks/compress.hpp"
#include "plugins/starrocks/encode.hpp"
#include "plugins/starrocks/epoch_pace.hpp"
#include "plugins/starrocks/load_piece.hpp"
#include "plugins/starrocks/row_errors.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::starrocks {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

load_piece three_rows(load_format format) {
  row_encoder rows(
      {{"id", {"INT", value_form::integer}, false}, {"t", {"VARCHAR(9)", value_form::text}}},
      format, {}, true);
  rows.keep_ends();
  load_piece piece;
  for (const char* text : {"one", "},\n{", "three"}) {
    rows.begin(row_op::upsert);
    rows.value(0, "7");
    rows.value(1, text);
    rows.end();
    piece.letters.emplace_back(text);
  }
  piece.headers = rows.headers();
  piece.ends = rows.take_ends();
  piece.body = rows.take();
  return piece;
}

TEST(StarrocksLoadPiece, GivesItsRows) {
  const auto json = three_rows(load_format::json);
  EXPECT_EQ(json.row(1), "{\"id\":7,\"t\":\"},\\u000a{\",\"__op\":0}");
  EXPECT_EQ(json.part(0, 3), json.body);
  EXPECT_EQ(json.part(2, 3), "[{\"id\":7,\"t\":\"three\",\"__op\":0}]\n");
  const auto csv = three_rows(load_format::csv);
  EXPECT_EQ(csv.row(0), "7\x01one\x01"
                        "0\x02");
  EXPECT_EQ(csv.part(0, 3), csv.body);
}

TEST(StarrocksLoadPiece, LeavesRowsOut) {
  for (const auto format : {load_format::json, load_format::csv}) {
    const auto all = three_rows(format);
    const auto left = all.without({0, 2});
    EXPECT_EQ(left.body, all.part(1, 2));
    EXPECT_THAT(left.letters, ElementsAre("},\n{"));
    EXPECT_EQ(left.row(0), all.row(1));
    EXPECT_TRUE(all.without({0, 1, 2}).body.empty());
  }
}

TEST(StarrocksLoadPiece, ComesBackFromItsRecord) {
  auto piece = three_rows(load_format::json);
  piece.key = {"id", "We\"ird"};
  load_piece back;
  EXPECT_EQ(unpack(pack("items", piece), back), "items");
  EXPECT_EQ(back.body, piece.body);
  EXPECT_EQ(back.headers, piece.headers);
  EXPECT_EQ(back.key, piece.key);
  EXPECT_EQ(back.ends, piece.ends);
  EXPECT_EQ(back.letters, piece.letters);
}

TEST(StarrocksCompression, IsAFormatOfCsvAndAHeaderOfJson) {
  using lines = load_api::header_lines;
  const lines csv{{"format", "csv"}, {"columns", "a"}};
  const lines json{{"format", "json"}};
  EXPECT_EQ(compressed_headers(csv, load_compression::none), csv);
  EXPECT_EQ(compressed_headers(csv, load_compression::lz4),
            (lines{{"format", "lz4"}, {"columns", "a"}}));
  EXPECT_EQ(compressed_headers(json, load_compression::lz4),
            (lines{{"format", "json"}, {"compression", "LZ4_FRAME"}}));
  EXPECT_EQ(compressed_headers(json, load_compression::gzip),
            (lines{{"format", "json"}, {"compression", "GZIP"}}));
}

class StarrocksEpochPace : public testing::Test {
 protected:
  /// Epochs of that length, one after another.
  void epochs(int count, milliseconds length, milliseconds publish = milliseconds{10}) {
    for (int i = 0; i < count; ++i) pace_.committed(now_ += length, publish);
  }
  std::int64_t refused() {
    now_ += std::max(milliseconds{1000}, pace_.least());
    pace_.refused(now_);
    return pace_.least().count();
  }
  epoch_pace pace_;
  epoch_pace::time_point now_{std::chrono::hours(1)};
};

TEST_F(StarrocksEpochPace, SetsNoBoundWhileAllIsWell) {
  epochs(100, milliseconds{200});
  EXPECT_EQ(pace_.least().count(), 0);
}

TEST_F(StarrocksEpochPace, DoublesTheEpochsThatAreRefused) {
  epochs(10, milliseconds{3000});
  EXPECT_EQ(refused(), 6000);
  EXPECT_EQ(refused(), 12000);
  for (int i = 0; i < 20; ++i) refused();
  EXPECT_EQ(pace_.least().count(), 300'000);
}

TEST_F(StarrocksEpochPace, CountsTheTablesOfOneEpochOnce) {
  pace_.refused(now_);
  pace_.refused(now_ + milliseconds{5});
  EXPECT_EQ(pace_.least().count(), 2000);
}

TEST_F(StarrocksEpochPace, CountsBeginningsThatAreRefusedNoSoonerThanEpochsWouldBe) {
  refused();
  refused();
  EXPECT_EQ(pace_.least().count(), 4000);
  for (int i = 0; i < 3; ++i) pace_.refused(now_ += milliseconds{1000});
  EXPECT_EQ(pace_.least().count(), 4000);
  pace_.refused(now_ += milliseconds{1000});
  EXPECT_EQ(pace_.least().count(), 8000);
}

TEST_F(StarrocksEpochPace, IsTwiceTheTimeThatPublishingTakes) {
  epochs(3, milliseconds{1000}, milliseconds{2500});
  EXPECT_EQ(pace_.least().count(), 5000);
}

TEST_F(StarrocksEpochPace, IsNotChangedByOneCommitThatIsSlow) {
  epochs(3, milliseconds{1000});
  epochs(1, milliseconds{1000}, milliseconds{2500});
  epochs(3, milliseconds{1000});
  epochs(1, milliseconds{1000}, milliseconds{2500});
  EXPECT_EQ(pace_.least().count(), 0);
  epochs(1, milliseconds{1000}, milliseconds{4000});
  EXPECT_EQ(pace_.least().count(), 5000);
}

TEST_F(StarrocksEpochPace, ShortensAgainWhenTheTargetKeepsUp) {
  refused();
  refused();
  epochs(20, milliseconds{4000});
  EXPECT_EQ(pace_.least().count(), 3000);
  epochs(100, milliseconds{1000});
  EXPECT_EQ(pace_.least().count(), 0);
}

TEST(StarrocksRowErrors, NameTableKeyAndColumn) {
  const row_error e(
      {error_kind::sink, "refused", "shop", "see", error_retry::permanent},
      "Error: String 'xx' is too long. The max length of 'v' is 1. Row: [\"1\",\"a,b\",\"xx\"]\n"
      "Error: wrong. Row: [2, 'c', NULL]\nfree text\nand one more");
  const auto shown =
      explained(e, {"label", ""}, {{"items", {"id", "k"}}, {"leat_progress", {}}}, "shop");
  EXPECT_EQ(shown.where(), "shop.items");
  EXPECT_FALSE(shown.transient());
  EXPECT_THAT(shown.what(),
              HasSubstr("The max length of 'v' is 1. In the row with id = 1, k = a,b"));
  EXPECT_THAT(shown.what(), HasSubstr("wrong. In the row with id = 2, k = 'c'"));
  EXPECT_THAT(shown.what(), HasSubstr("free text"));
  EXPECT_THAT(shown.what(), Not(HasSubstr("one more")));
  EXPECT_EQ(e.reason(), "String 'xx' is too long. The max length of 'v' is 1");
}

} // namespace
} // namespace leat::starrocks
