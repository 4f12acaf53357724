#include "tests/integration/starrocks_fixture.hpp"

#include <nlohmann/json.hpp>

namespace leat::test {

namespace {

column column_of(const starrocks_column& like, std::size_t number) {
  column c;
  c.name = like.name;
  c.kind = like.kind;
  c.type_name = like.type_name;
  c.number = static_cast<std::int16_t>(number);
  return c;
}

} // namespace

schema_ptr starrocks_source(const std::string& name, const std::vector<starrocks_column>& columns,
                            std::size_t key) {
  table_schema schema;
  schema.id = 16384;
  schema.schema = "public";
  schema.name = name;
  for (const auto& each : columns) {
    auto c = column_of(each, schema.columns.size() + 1);
    c.identity = schema.columns.size() < key;
    if (c.identity) schema.key.push_back(static_cast<std::uint16_t>(schema.columns.size()));
    schema.columns.push_back(std::move(c));
  }
  return std::make_shared<const table_schema>(std::move(schema));
}

void add_column(table_schema& to, const starrocks_column& added) {
  constexpr std::size_t free_number = 9; // no table of these tests has so many columns
  to.columns.push_back(column_of(added, free_number));
}

starrocks_fixture::starrocks_fixture() {
  if (cluster().is_double()) cluster().control("/quirk", {{"one_op_per_key", true}});
}

starrocks_fixture::~starrocks_fixture() {
  close();
  if (!cluster().is_double()) return;
  EXPECT_EQ(cluster().control("/repeated").at("repeated").dump(), "[]");
  cluster().remove("/repeated");
  cluster().remove("/fault");
  cluster().remove("/quirk");
}

sink_options starrocks_fixture::options() const {
  sink_options o;
  o.name = "dwh";
  o.connector = "starrocks";
  o.connection = {{"user", cluster().user}, {"password", cluster().password}};
  o.starrocks.http = cluster().http;
  o.starrocks.mysql = cluster().mysql;
  o.starrocks.database = database_;
  o.starrocks.table.properties = {{"replication_num", "1"}};
  o.starrocks.atomicity_given = true;
  o.atomicity = mode_;
  return o;
}

schema_ptr starrocks_fixture::items() {
  return starrocks_source("items", {{"id", value_class::int4, "integer"},
                                    {"name", value_class::text, "text"},
                                    {"body", value_class::text, "text"}});
}

std::optional<target_progress> starrocks_fixture::open(const sink_options& o) {
  close();
  return open(starrocks::make_sink("shop", o), &resources_);
}

void starrocks_fixture::restart() {
  reopen();
  attach(attached());
}

void starrocks_fixture::begin() {
  reopen();
  attach_items();
}

std::string starrocks_fixture::items_rows() {
  return rows_of("SELECT id, name, body FROM " + table("items") + " ORDER BY id");
}

} // namespace leat::test
