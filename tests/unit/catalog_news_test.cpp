#include "dataflow/catalog_news.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/pipeline_file.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

source_table made(const std::string& name, oid id) { return {test::table(name).id(id).build()}; }

const auto orders = made("public.orders", 1);
const auto people = made("public.people", 2);

const std::map<oid, schema_ptr> captured{{1, orders.schema}, {2, people.schema}};

std::vector<std::string> new_of(const std::vector<source_table>& now) {
  pipeline_file file;
  file.source.tables = {"public.*", "!public.hidden"};
  std::vector<std::string> names;
  for (const auto& t : new_tables(captured, now, takes_table(file)))
    names.push_back(t.schema->qualified_name());
  return names;
}

TEST(CatalogNews, AreNoneWhileTheTablesAreThere) {
  EXPECT_THAT(gone_tables(captured, {people, orders}), IsEmpty());
  EXPECT_THAT(new_of({people, orders}), IsEmpty());
}

TEST(CatalogNews, TellATableThatIsGoneFromOneThatHasItsName) {
  EXPECT_THAT(gone_tables(captured, {made("public.people", 7)}),
              ElementsAre(Pair(1U, table_fate::dropped), Pair(2U, table_fate::made_again)));
}

TEST(CatalogNews, TakeARenamedTableForTheSame) {
  const std::vector<source_table> now{made("public.sales", 1), people};
  EXPECT_THAT(gone_tables(captured, now), IsEmpty());
  EXPECT_THAT(new_of(now), IsEmpty());
}

TEST(CatalogNews, NameNewTablesThatTheFileTakesThoseMadeAgainFirst) {
  EXPECT_THAT(new_of({orders, made("public.new", 8), made("public.hidden", 9), made("crm.new", 10),
                      made("public.people", 7)}),
              ElementsAre("public.people", "public.new"));
}

TEST(CatalogNews, LeaveOutNewTablesThatNoRouteTakes) {
  pipeline_file file;
  file.source.tables = {"*.*"};
  file.routes.emplace_back().from = {"public.o*"};
  const auto takes = takes_table(file);
  EXPECT_TRUE(takes(*made("public.other", 3).schema));
  EXPECT_FALSE(takes(*made("public.people", 3).schema));
}

} // namespace
} // namespace leat
