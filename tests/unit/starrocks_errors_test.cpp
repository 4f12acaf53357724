#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {
namespace {

using testing::HasSubstr;

leat::error said(const std::string& message) { return server_error("refused", message, "shop.t"); }

TEST(StarrocksErrors, ADocumentThatTheServerDoesNotParseIsARowsFault) {
  const std::string message = "Failed to parse json as array. error: TAPE_ERROR: The JSON document "
                              "has an improper structure";
  EXPECT_FALSE(said(message).transient());
  EXPECT_THAT(said(message).remedy(), HasSubstr("dead_letter"));
  EXPECT_TRUE(is_about_rows(message));
}

TEST(StarrocksErrors, AColumnThatTheTableIsSortedByIsNotChanged) {
  for (const char* message : {"Can not modify sort column: disk",
                              "Can not drop sort column[n] in primary data model table"}) {
    EXPECT_FALSE(said(message).transient());
    EXPECT_THAT(said(message).remedy(), HasSubstr("leat resnapshot"));
  }
}

} // namespace
} // namespace leat::starrocks
