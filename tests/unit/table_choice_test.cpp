#include "dataflow/table_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batch_builder.hpp"
#include "tests/support/plan_builder.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

schema_ptr made(const std::string& name, oid id) {
  return test::table(name).id(id).column("id", value_class::int4, 1).key({"id"}).build();
}

std::vector<std::string> names_of(const std::vector<source_table>& tables) {
  std::vector<std::string> out;
  for (const auto& t : tables) out.push_back(t.schema->qualified_name());
  return out;
}

/// A pipeline that has public.item (1) and public.gone (2), and public.new (3) joins.
class TableChoice : public testing::Test {
 protected:
  table_choice choice{
      std::map<oid, schema_ptr>{{1, made("public.item", 1)}, {2, made("public.gone", 2)}},
      {{3, made("public.new", 3)}}};
};

TEST_F(TableChoice, KeepsWhatThePipelineHasAndLeavesOthersOut) {
  const std::vector<source_table> catalog{{made("public.item", 1)},
                                          {made("public.gone", 2)},
                                          {made("public.new", 3)},
                                          {made("public.other", 4)}};
  const auto joining = joining_tables(catalog, choice);
  EXPECT_THAT(names_of(joining), ElementsAre("public.new"));
  EXPECT_THAT(names_of(kept_tables(catalog, choice, joining)),
              ElementsAre("public.item", "public.gone"));
}

TEST_F(TableChoice, KeepsATableThatIsGoneUntilAnotherTakesItsName) {
  const std::vector<source_table> catalog{{made("public.item", 1)}, {made("public.gone", 7)}};
  EXPECT_THAT(names_of(kept_tables(catalog, choice, {})),
              ElementsAre("public.item", "public.gone"));
  EXPECT_THAT(names_of(kept_tables(catalog, choice, {catalog[1]})), ElementsAre("public.item"));
  EXPECT_THAT(joining_tables(catalog, choice), IsEmpty()) << "it has gone before it joined";
}

TEST_F(TableChoice, PlansARenamedTableByItsOldNameAndGoesOnUnderTheNewOne) {
  std::vector<source_table> tables{{made("store.goods", 1)}};
  plan_by_old_names(tables, choice);
  ASSERT_THAT(names_of(tables), ElementsAre("public.item"));
  auto p = make_plan(test::file_with({}), tables);
  follow_renames(p, {{1, made("store.goods", 1)}});
  ASSERT_EQ(p.routes.size(), 1U);
  EXPECT_EQ(p.routes[0]->target, "item");
  EXPECT_EQ(p.routes[0]->source()->qualified_name(), "store.goods");
  EXPECT_EQ(p.tables[0]->qualified_name(), "store.goods");
}

TEST_F(TableChoice, OfANewProcessChangesNoName) {
  std::vector<source_table> tables{{made("store.goods", 1)}};
  plan_by_old_names(tables, {});
  EXPECT_THAT(names_of(tables), ElementsAre("store.goods"));
}

} // namespace
} // namespace leat
