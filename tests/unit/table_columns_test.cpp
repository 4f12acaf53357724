#include "dataflow/table_columns.hpp"

#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"

// R7: what a progress record says of the columns that a target's table has.

namespace leat::test {
namespace {

constexpr const char* hostile = "We\"ird\n 7: Таблица";

route items() {
  auto r = route_of(table("public.items")
                        .id(7)
                        .column("id", value_class::int4)
                        .column("unused", value_class::text)
                        .column(hostile, value_class::text)
                        .key({"id"})
                        .build());
  std::erase_if(r.columns, [](const auto& c) { return c.name == "unused"; });
  return r;
}

TEST(TableColumns, ARouteWithTheColumnsOfItsRecordIsItself) {
  const auto r = share(items());
  EXPECT_EQ(as_recorded(r, columns_record(*r)), r);
}

TEST(TableColumns, ATableWithoutARecordStandsAtItsRoute) {
  const auto r = share(items());
  EXPECT_EQ(as_recorded(r, ""), r);
}

TEST(TableColumns, ARecordTellsEachWrittenColumnAndTheKey) {
  const auto before = share(items());
  auto later = items();
  later.columns.pop_back();
  const auto found = as_recorded(share(later), columns_record(*before));
  EXPECT_EQ(columns_record(*found), columns_record(*before));
  ASSERT_EQ(found->columns.size(), 2U);
  EXPECT_EQ(found->columns[1].name, hostile);
  EXPECT_EQ(found->source_column(0).kind, value_class::int4);
  EXPECT_EQ(found->source_column(1).name, hostile);
  EXPECT_EQ(found->key, (std::vector<std::uint16_t>{0}));
  EXPECT_EQ(found->source_key, found->key);
}

TEST(TableColumns, ARecordOfAnotherSourceTableLeadsNowhere) {
  const auto other =
      share(route_of(table("public.others").id(8).column("id", value_class::int4).build()));
  const auto r = share(items());
  EXPECT_EQ(as_recorded(r, columns_record(*other)), r);
}

TEST(TableColumns, ARecordThatIsCutOffOrNoRecordIsRefused) {
  auto later = items();
  later.columns.pop_back();
  const auto r = share(later);
  const auto whole = columns_record(items());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto cut = whole.substr(0, size);
    // At a line's end it is a record of fewer columns.
    if (cut.ends_with("\n") && cut != whole.substr(0, whole.find("We\"ird\n") + 7)) continue;
    EXPECT_THROW(as_recorded(r, cut), error) << cut;
  }
  EXPECT_THROW(as_recorded(r, "columns"), error);
  EXPECT_THROW(as_recorded(r, "7\n1 23 -1 99 1 0 4:int4 2:id 2:id\n"), error);
}

} // namespace
} // namespace leat::test
