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
                .column("code", value_class::text)
                .column("long_code", value_class::text)
                .column("address", value_class::other)
                .key({"id"})
                .build();
  const char* types[] = {"integer", "numeric(12,0)",        "numeric(40,0)", "numeric",
                         "text",    "character varying(5)", "character(6)",  "inet"};
  for (std::size_t i = 0; i < t.columns.size(); ++i) t.columns[i].type_name = types[i];
  t.columns[1].modifier = numeric_modifier(12);
  t.columns[2].modifier = numeric_modifier(40);
  t.columns[5].type = 1043;
  t.columns[5].modifier = 4 + 5;
  t.columns[6].type = 1042;
  t.columns[6].modifier = 4 + 6;
  t.columns[7].type = 869;
  shape_options o;
  o.where = "price > id AND wide > 0 AND \"any\" > 0 AND note <> '' AND code <> long_code AND "
            "address IS NULL";
  const auto left_out = [&] {
    return columns_left_out(*make_shape(o, std::make_shared<const table_schema>(t)));
  };
  EXPECT_THAT(left_out(), ElementsAre("wide", "any", "note", "long_code"));
  t.identity = replica_identity::full;
  EXPECT_THAT(left_out(), IsEmpty());
}

} // namespace

} // namespace leat::test
