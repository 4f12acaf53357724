#include "dataflow/table_pattern.hpp"

#include <gtest/gtest.h>

#include "dataflow/error.hpp"

namespace leat {
namespace {

bool fits(const char* pattern, const char* schema, const char* table) {
  return table_pattern(pattern).fits(schema, table);
}

TEST(TablePattern, StarStandsForAnyTextWithinOneName) {
  EXPECT_TRUE(fits("public.*", "public", "orders"));
  EXPECT_TRUE(fits("public.*", "public", "a.b"));
  EXPECT_TRUE(fits("*.*", "s", "t"));
  EXPECT_TRUE(fits("p*c.o*d*s", "public", "orders"));
  EXPECT_TRUE(fits("public.orders*", "public", "orders"));
  EXPECT_FALSE(fits("public.*", "public2", "orders"));
  EXPECT_FALSE(fits("public.o*x", "public", "orders"));
}

TEST(TablePattern, QuestionMarkStandsForOneCharacterNotOneByte) {
  EXPECT_TRUE(fits("public.t?", "public", "t1"));
  EXPECT_TRUE(fits("public.t?", "public", "tЖ"));
  EXPECT_TRUE(fits("public.t?x", "public", "t\U0001F600x"));
  EXPECT_FALSE(fits("public.t?", "public", "t"));
  EXPECT_FALSE(fits("public.t?", "public", "t12"));
}

TEST(TablePattern, ComparesUpperAndLowerCaseExactly) {
  EXPECT_TRUE(fits("public.Orders", "public", "Orders"));
  EXPECT_FALSE(fits("public.orders", "public", "Orders"));
}

TEST(TablePattern, QuotedTextIsLiteral) {
  EXPECT_TRUE(fits(R"("a.b".*)", "a.b", "t"));
  EXPECT_TRUE(fits(R"(public."we""ird Таблица")", "public", "we\"ird Таблица"));
  EXPECT_TRUE(fits(R"(public."50*")", "public", "50*"));
  EXPECT_FALSE(fits(R"(public."50*")", "public", "500"));
  EXPECT_TRUE(fits(R"(public."a.b"*)", "public", "a.bc"));
}

TEST(TablePattern, QuoteInTheMidstOfABareNameIsPartOfIt) {
  EXPECT_TRUE(fits(R"(public.we"ird)", "public", "we\"ird"));
  EXPECT_TRUE(fits(R"(public.we"*)", "public", "we\"ird"));
}

TEST(TablePattern, LastMatchWins) {
  const auto patterns =
      parse_table_patterns({"public.*", "!public.audit_*", "public.audit_keep", "crm.accounts"});
  EXPECT_TRUE(selects(patterns, "public", "orders"));
  EXPECT_FALSE(selects(patterns, "public", "audit_log"));
  EXPECT_TRUE(selects(patterns, "public", "audit_keep"));
  EXPECT_TRUE(selects(patterns, "crm", "accounts"));
  EXPECT_FALSE(selects(patterns, "crm", "other"));
}

TEST(TablePattern, TellsWhetherItNamesOneTable) {
  EXPECT_TRUE(table_pattern("public.orders").names_one());
  EXPECT_EQ(table_pattern(R"("a.b"."c""d")").name(), "a.b.c\"d");
  EXPECT_FALSE(table_pattern("public.*").names_one());
  EXPECT_TRUE(table_pattern(R"(public."*")").names_one());
}

TEST(TablePattern, ATextNamesATableAsAPatternOrAsItIs) {
  EXPECT_EQ(named_table("public.orders"), "public.orders");
  EXPECT_EQ(named_table(R"(public."c.d")"), "public.c.d");
  EXPECT_EQ(named_table("public.c.d"), "public.c.d");
  EXPECT_EQ(named_table("public.*"), "public.*");
}

TEST(TablePattern, IsWrittenAsATomlString) {
  EXPECT_EQ(toml_pattern("public", "orders", true), R"("!public.orders")");
  EXPECT_EQ(toml_pattern("a.b", "We\"ird Таблица"), R"('"a.b"."We""ird Таблица"')");
  for (const auto* name : {"a.b", "x*", "q\"", "!t", "plain"}) {
    const auto text = toml_pattern(name, name);
    EXPECT_EQ(table_pattern(text.substr(1, text.size() - 2)).name(),
              std::string(name) + "." + name);
  }
}

TEST(TablePattern, RefusesWhatIsNoPattern) {
  for (const char* text :
       {"", "!", "orders", "a.b.c", ".b", "a.", "!a", "\"a.b", "a.\"b", "\"\".a"})
    EXPECT_THROW(table_pattern{text}, error) << text;
}

TEST(TablePattern, TakesNoExponentialTimeForHostilePatterns) {
  std::string pattern = "s.";
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(table_pattern(pattern + "b").fits("s", std::string(5000, 'a')));
}

} // namespace
} // namespace leat
