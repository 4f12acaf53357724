#include "dataflow/schema_diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr oid int2 = 21, int4 = 23, int8 = 20, text = 25, varchar = 1043, numeric = 1700;

table_schema table(std::initializer_list<column> columns) {
  table_schema made;
  made.schema = "public";
  made.name = "t";
  made.columns = columns;
  return made;
}

column col(const char* name, oid type = int4, std::int16_t number = 0) {
  column made;
  made.name = name;
  made.type = type;
  made.type_name = std::to_string(type);
  made.number = number;
  return made;
}

using pair = schema_diff::pair;

bool always(const column&) { return true; }

TEST(SchemaDiff, FindsNothingInEqualVersions) {
  const table_schema t = table({col("a"), col("b")});
  EXPECT_TRUE(diff_schemas(t, t).empty());
}

TEST(SchemaDiff, NumbersTellRenamesExactly) {
  const auto diff = diff_schemas(table({col("a", int4, 1), col("b", int4, 2), col("c", int4, 3)}),
                                 table({col("b", int4, 1), col("a", int4, 2), col("d", int4, 4)}));
  EXPECT_THAT(diff.renamed, ElementsAre(pair{0, 0}, pair{1, 1}));
  EXPECT_THAT(diff.dropped, ElementsAre(2));
  EXPECT_THAT(diff.added, ElementsAre(2));
}

TEST(SchemaDiff, ColumnDroppedAndAddedAgainUnderOneNameIsAnotherOne) {
  const auto diff = diff_schemas(table({col("a", int4, 1), col("b", int4, 2)}),
                                 table({col("a", int4, 1), col("b", int4, 3)}));
  EXPECT_THAT(diff.dropped, ElementsAre(1));
  EXPECT_THAT(diff.added, ElementsAre(1));
  EXPECT_FALSE(diff.place[1]);
}

TEST(SchemaDiff, NewNamesAtTheEndAreAdded) {
  const auto diff = diff_schemas(table({col("a")}), table({col("a"), col("b"), col("c")}));
  EXPECT_THAT(diff.added, ElementsAre(1, 2));
  EXPECT_THAT(diff.renamed, IsEmpty());
}

TEST(SchemaDiff, NewNameBeforeAKnownColumnIsARename) {
  const auto diff =
      diff_schemas(table({col("a"), col("b"), col("c")}), table({col("a"), col("x"), col("c")}));
  EXPECT_THAT(diff.renamed, ElementsAre(pair{1, 1}));
  EXPECT_THAT(diff.added, IsEmpty());
  EXPECT_THAT(diff.dropped, IsEmpty());
}

TEST(SchemaDiff, DropBesideARenameIsToldByType) {
  const auto diff = diff_schemas(table({col("a", int4), col("b", text), col("c")}),
                                 table({col("x", text), col("c")}));
  EXPECT_THAT(diff.renamed, ElementsAre(pair{1, 0}));
  EXPECT_THAT(diff.dropped, ElementsAre(0));
}

TEST(SchemaDiff, DropBesideARenameIsToldByTheCatalog) {
  const auto b_is_kept = [](const column& c) { return c.name != "a"; };
  const auto diff =
      diff_schemas(table({col("a"), col("b"), col("c")}), table({col("x"), col("c")}), b_is_kept);
  EXPECT_THAT(diff.renamed, ElementsAre(pair{1, 0}));
  EXPECT_THAT(diff.dropped, ElementsAre(0));
}

TEST(SchemaDiff, LastColumnUnderANewNameIsARenameOnlyWhenTheCatalogSaysSo) {
  const table_schema before = table({col("a"), col("b")});
  const table_schema after = table({col("a"), col("x")});
  const auto unknown = diff_schemas(before, after);
  EXPECT_THAT(unknown.dropped, ElementsAre(1));
  EXPECT_THAT(unknown.added, ElementsAre(1));
  const auto kept = diff_schemas(before, after, always);
  EXPECT_THAT(kept.renamed, ElementsAre(pair{1, 1}));
  const auto gone = diff_schemas(before, after, [](const column&) { return false; });
  EXPECT_THAT(gone.dropped, ElementsAre(1));
  const auto another_type = diff_schemas(before, table({col("a"), col("x", text)}), always);
  EXPECT_THAT(another_type.renamed, IsEmpty());
}

TEST(SchemaDiff, RenameAndAddAtTheEndAreToldApartByOrder) {
  const auto diff =
      diff_schemas(table({col("a"), col("b")}), table({col("a"), col("x"), col("y")}), always);
  EXPECT_THAT(diff.renamed, ElementsAre(pair{1, 1}));
  EXPECT_THAT(diff.added, ElementsAre(2));
}

TEST(SchemaDiff, ColumnListThatOpensAddsInTheMidst) {
  const auto diff =
      diff_schemas(table({col("a"), col("c")}), table({col("a"), col("b"), col("c")}));
  EXPECT_THAT(diff.added, ElementsAre(1));
  EXPECT_THAT(diff.place, ElementsAre(Optional(0), Optional(2)));
}

TEST(SchemaDiff, ReorderedColumnsKeepTheirNames) {
  const auto diff = diff_schemas(table({col("a"), col("b")}), table({col("b"), col("a")}), always);
  EXPECT_TRUE(diff.empty());
  EXPECT_THAT(diff.place, ElementsAre(Optional(1), Optional(0)));
}

TEST(SchemaDiff, TellsARenamedTable) {
  table_schema after = table({col("a")});
  after.name = "u";
  EXPECT_TRUE(diff_schemas(table({col("a")}), after).table_renamed);
}

TEST(SchemaDiff, DescribesItselfInOneLine) {
  const table_schema before = table({col("a", int4, 1), col("b", int4, 2), col("c", int4, 3)});
  const table_schema after = table({col("x", int4, 1), col("b", int8, 2), col("d", int4, 4)});
  EXPECT_EQ(describe(diff_schemas(before, after), before, after),
            "added d; dropped c; renamed a to x; b is 20 now, was 23");
}

struct retyping {
  oid before;
  std::int32_t before_modifier;
  oid after;
  std::int32_t after_modifier;
  type_change expected;
};

constexpr std::int32_t numeric_modifier(int precision, int scale) {
  return ((precision << 16) | scale) + 4;
}

TEST(SchemaDiff, TellsWhatAnotherTypeDoesToStoredValues) {
  using enum type_change;
  const retyping all[] = {
      {int2, -1, int4, -1, widened},
      {int4, -1, int8, -1, widened},
      {int8, -1, int4, -1, other},
      {int4, -1, numeric, -1, widened},
      {int4, -1, numeric, numeric_modifier(12, 2), other},
      {int4, -1, text, -1, other},
      {700, -1, 701, -1, reprinted},
      {701, -1, 700, -1, other},
      {varchar, 12, varchar, 24, widened},
      {varchar, 24, varchar, 12, other},
      {varchar, 12, varchar, -1, widened},
      {varchar, -1, varchar, 12, other},
      {varchar, 12, text, -1, widened},
      {text, -1, varchar, -1, widened},
      {text, -1, varchar, 12, other},
      {1042, 8, 1042, 12, other}, // char(n): stored values get more blanks
      {numeric, numeric_modifier(10, 2), numeric, numeric_modifier(12, 2), widened},
      {numeric, numeric_modifier(10, 2), numeric, numeric_modifier(12, 4), other},
      {numeric, numeric_modifier(10, 2), numeric, -1, widened},
      {numeric, -1, numeric, numeric_modifier(10, 2), other},
      {1114, 3, 1114, -1, widened},
      {1114, -1, 1114, 3, other},
      {1114, -1, 1184, -1, other},
      {text, -1, text, -1, none},
  };
  for (const retyping& one : all) {
    column before = col("a", one.before);
    before.modifier = one.before_modifier;
    column after = col("a", one.after);
    after.modifier = one.after_modifier;
    EXPECT_EQ(compare_types(before, after), one.expected)
        << one.before << "(" << one.before_modifier << ") to " << one.after << "("
        << one.after_modifier << ")";
  }
}

} // namespace
} // namespace leat
