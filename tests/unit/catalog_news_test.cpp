#include "dataflow/catalog_news.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/plan.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

source_table made(const std::string& name, oid id) { return {test::table(name).id(id).build()}; }

const auto orders = made("public.orders", 1);
const auto people = made("public.people", 2);

catalog_news news_of(const std::vector<source_table>& now) {
  pipeline_file file;
  file.source.tables = {"public.*", "!public.hidden"};
  return compare_catalog({orders.schema, people.schema}, {1, 2}, now, takes_table(file));
}

TEST(CatalogNews, AreNoneWhileTheTablesAreThere) {
  EXPECT_EQ(news_of({people, orders}), catalog_news{});
}

TEST(CatalogNews, TellATableThatIsGoneFromOneThatHasItsName) {
  const auto news = news_of({made("public.people", 7)});
  EXPECT_THAT(news.gone,
              ElementsAre(Pair(1U, table_fate::dropped), Pair(2U, table_fate::made_again)));
  EXPECT_THAT(news.appeared, IsEmpty());
}

TEST(CatalogNews, TakeARenamedTableForTheSame) {
  EXPECT_EQ(news_of({made("public.sales", 1), people}), catalog_news{});
}

TEST(CatalogNews, NameNewTablesThatTheFileTakes) {
  const auto news = news_of(
      {orders, people, made("public.new", 8), made("public.hidden", 9), made("crm.new", 10)});
  EXPECT_THAT(news.appeared, ElementsAre("public.new"));
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
