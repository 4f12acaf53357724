#include "dataflow/route_shape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "dataflow/route_builder.hpp"
#include "dataflow/row_maker.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/items.hpp"

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
                .enumeration("state", {"open", "closed"})
                .key({"id"})
                .build();
  const char* types[] = {"integer", "numeric(12,0)",        "numeric(40,0)", "numeric",
                         "text",    "character varying(5)", "character(6)",  "inet"};
  for (std::size_t i = 0; i < std::size(types); ++i) t.columns[i].type_name = types[i];
  t.columns[1].modifier = numeric_modifier(12);
  t.columns[2].modifier = numeric_modifier(40);
  t.columns[5].type = 1043;
  t.columns[5].modifier = 4 + 5;
  t.columns[6].type = 1042;
  t.columns[6].modifier = 4 + 6;
  t.columns[7].type = 869;
  shape_options o;
  o.where = "price > id AND wide > 0 AND \"any\" > 0 AND note <> '' AND code <> long_code AND "
            "address IS NULL AND state = 'open'";
  const auto left_out = [&] {
    return columns_left_out(*make_shape(o, std::make_shared<const table_schema>(t)));
  };
  EXPECT_THAT(left_out(), ElementsAre("wide", "any", "note", "long_code"));
  t.identity = replica_identity::full;
  EXPECT_THAT(left_out(), IsEmpty());
}

TEST(RouteShape, AColumnThatLeatDoesNotLookIntoKeepsItsType) {
  auto t = *table("public.t")
                .column("id", value_class::int4)
                .column("address", value_class::other)
                .enumeration("state", {"open", "closed"})
                .key({"id"})
                .build();
  t.columns[1].type = 869;
  t.columns[1].type_name = "inet";
  shape_options o;
  o.computed = {{"home", "address", ""},
                {"mood", "state", ""},
                {"as_text", "state::text", ""},
                {"either", "coalesce(state, 'open')", ""}};
  const auto made = shaped_schema(*make_shape(o, std::make_shared<const table_schema>(t)))->columns;
  EXPECT_EQ(made.at(3).type_name, "inet");
  EXPECT_EQ(made.at(3).type, 869u);
  EXPECT_EQ(made.at(4).type_name, "public.type_of_state");
  EXPECT_EQ(made.at(4).labels, t.columns[2].labels);
  EXPECT_EQ(made.at(5).type_name, "text");
  EXPECT_EQ(made.at(6).type_name, "text");
}

route_ptr items_route(const std::function<void(route_options&)>& change) {
  route_options options;
  options.from = {"public.items"};
  change(options);
  sink_options sink;
  sink.name = "dwh";
  sink.connector = "sqlite";
  return std::make_shared<const route>(build_route(options, sink, items(), "file"));
}

TEST(RouteShape, IsNotThereForARouteThatNeitherFiltersNorComputes) {
  for (const auto& r : {items_route([](auto&) {}), items_route([](auto& o) { o.to = "other"; }),
                        items_route([](auto& o) {
                          o.columns = {"id", "body"};
                        }),
                        items_route([](auto& o) { o.exclude = {"name"}; })}) {
    EXPECT_EQ(r->shape, nullptr) << "its rows would be looked at";
    EXPECT_EQ(r->chain, nullptr);
  }
}

TEST(RouteShape, RowsOfARouteThatNeitherFiltersNorComputesReachTheWriterAsTheyCame) {
  row_maker maker(items_route([](auto&) {}), {});
  const auto came = batch_builder(items()).insert({1, "a", "b"}).insert({2, "c", "d"}).build();
  const auto changes = all_changes(*came);
  int calls = 0;
  maker.take(
      came, changes,
      [&](const batch_ptr& rows, std::span<const std::uint32_t> taken) {
        ++calls;
        EXPECT_EQ(rows, came);
        EXPECT_EQ(taken.data(), changes.data());
        EXPECT_EQ(taken.size(), changes.size());
      },
      [](const auto&) { ADD_FAILURE(); });
  EXPECT_EQ(calls, 1);
}

TEST(RouteShape, AFilterPassesOnTheBatchThatCame) {
  shaping s(items_route([](auto& o) { o.where = "id > 1"; }));
  const auto came = batch_builder(items())
                        .insert({1, "a", "b"})
                        .insert({2, "c", "d"})
                        .remove({1, "a", "b"})
                        .build();
  const auto made = s.apply(came, all_changes(*came));
  EXPECT_EQ(made.rows, came) << "cells are copied";
  EXPECT_THAT(made.changes, ElementsAre(1, 2));
}

} // namespace

} // namespace leat::test
