#include "dataflow/route_shape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batch_builder.hpp"

namespace leat::test {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int32_t numeric_modifier(std::int32_t precision) { return (precision << 16) + 4; }

TEST(RouteShape, NamesColumnsWhoseValuesAnUpdateMayLeaveOut) {
  auto t = *table("public.t")
                .column("id", value_class::int4)
                .column("price", value_class::numeric)
                .column("wide", value_class::numeric)
                .column("any", value_class::numeric)
                .column("note", value_class::text)
                .key({"id"})
                .build();
  const char* types[] = {"integer", "numeric(12,0)", "numeric(40,0)", "numeric", "text"};
  for (std::size_t i = 0; i < t.columns.size(); ++i) t.columns[i].type_name = types[i];
  t.columns[1].modifier = numeric_modifier(12);
  t.columns[2].modifier = numeric_modifier(40);
  shape_options o;
  o.where = "price > id AND wide > 0 AND \"any\" > 0 AND note <> ''";
  const auto left_out = [&] {
    return columns_left_out(*make_shape(o, std::make_shared<const table_schema>(t)));
  };
  EXPECT_THAT(left_out(), ElementsAre("wide", "any", "note"));
  t.identity = replica_identity::full;
  EXPECT_THAT(left_out(), IsEmpty());
}

} // namespace

} // namespace leat::test
