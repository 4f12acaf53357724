#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dataflow/error.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/expression.hpp"
#include "dataflow/expressions/functions.hpp"
#include "tests/support/caught_error.hpp"
#include "tests/support/expression_value.hpp"

// What PostgreSQL cannot judge: refusals, their words and places, the cells of a change. The values
// are compared with a server's by tests/integration/expressions_test.cpp.

namespace leat::test {
namespace {

schema_ptr priced_items() {
  return table("public.items")
      .column("id", value_class::int4)
      .column("name", value_class::text)
      .column("price", value_class::numeric)
      .column("Mood", value_class::other)
      .key({"id"})
      .build();
}

std::string computed(const std::string& text, const row& cells) {
  return value_of(text, priced_items(), cells);
}

error refusal(const std::string& text) {
  try {
    sql::expression::compile(text, *priced_items());
  } catch (const error& e) {
    return e;
  }
  return error(error_kind::bug, "nothing was refused: " + text, "", "");
}

const row ada{7, "Ada", "2.50", "glad"};

TEST(Expression, ComputesOverTheCellsOfARow) {
  EXPECT_EQ(computed("id * 2 + 1", ada), "15");
  EXPECT_EQ(computed("upper(name) || '-' || id", ada), "ADA-7");
  EXPECT_EQ(computed("price / 3", ada), "0.83333333333333333333");
  EXPECT_EQ(computed("CASE WHEN price > 2 THEN 'dear' END", ada), "dear");
}

TEST(Expression, KnowsTheTypeOfWhatItGives) {
  const auto type = [](const std::string& text, const std::string& wanted = {}) {
    return sql::name_of(sql::expression::compile(text, *priced_items(), wanted)->type());
  };
  EXPECT_EQ(type("id + 1"), "integer");
  EXPECT_EQ(type("id + 1::bigint"), "bigint");
  EXPECT_EQ(type("name"), "text");
  EXPECT_EQ(type("'constant'"), "text");
  EXPECT_EQ(type("id", "numeric(10,2)"), "numeric(10,2)");
  EXPECT_EQ(type("ARRAY[id, 2]"), "integer[]");
}

TEST(Expression, NamesTheColumnsThatItReads) {
  const auto e = sql::expression::compile("coalesce(name, id::text)", *priced_items());
  EXPECT_EQ(e->reads(), (std::vector<std::uint16_t>{0, 1}));
  EXPECT_FALSE(e->reads_change());
  EXPECT_TRUE(sql::expression::compile("leat.table || '1'", *priced_items())->is_constant());
  EXPECT_TRUE(sql::expression::compile("leat.op", *priced_items())->reads_change());
}

TEST(Expression, KnowsTheTableAndTheChange) {
  EXPECT_EQ(computed("leat.schema || '.' || leat.table", ada), "public.items");
  EXPECT_EQ(computed("leat.op", ada), "i");
  EXPECT_EQ(computed("leat.commit_lsn", ada), "0/1");
  EXPECT_EQ(computed("leat.commit_time", ada), "2000-01-01 00:00:00+00");
  EXPECT_EQ(computed("leat.xid", ada), "700");
  EXPECT_EQ(computed("leat.snapshot", ada), "f");
}

TEST(Expression, TouchesOnlyTheCellsThatItReads) {
  EXPECT_EQ(computed("id", {7, unchanged, "not a number", nullptr}), "7");
  EXPECT_EQ(computed("CASE WHEN id = 7 THEN 'x' ELSE name END", {7, unchanged, nullptr, nullptr}),
            "x");
  EXPECT_THROW(computed("name || 'x'", {7, unchanged, nullptr, nullptr}), sql::value_missing);
}

TEST(Expression, SaysWhereItIsWrong) {
  const auto e = refusal("id = 1 AND nme = 'x'");
  EXPECT_STREQ(e.what(), "there is no column `nme`");
  EXPECT_EQ(e.where(), "at character 12 of \"id = 1 AND nme = 'x'\"");
  EXPECT_NE(e.remedy().find("name"), std::string::npos);
  EXPECT_EQ(refusal("id + ").where(), "at character 6 of \"id + \"");
  EXPECT_EQ(refusal("'ä' || nme").where(), "at character 8 of \"'ä' || nme\"");
}

TEST(Expression, RefusesWhatWouldNotGiveTheSameRowTwice) {
  EXPECT_NE(std::string(refusal("now()").what()).find("stable"), std::string::npos);
  EXPECT_NE(std::string(refusal("random() < 0.5").what()).find("volatile"), std::string::npos);
  EXPECT_NE(std::string(refusal("current_date").what()).find("not the same when a row comes again"),
            std::string::npos);
}

TEST(Expression, RefusesWhatNeedsMoreThanOneRow) {
  EXPECT_NE(std::string(refusal("(SELECT 1)").what()).find("subquery"), std::string::npos);
  EXPECT_NE(std::string(refusal("count(*)").what()).find("aggregate"), std::string::npos);
  EXPECT_NE(std::string(refusal("row_number() OVER ()").what()).find("window"), std::string::npos);
}

TEST(Expression, RefusesWhatIsNotOneExpression) {
  for (const char* text : {"", "id, name", "id FROM items", "id; DROP TABLE items", "id AS x", "*",
                           "1 WHERE true", "id) FROM (x"})
    EXPECT_EQ(refusal(text).kind(), error_kind::usage) << text << ": " << refusal(text).what();
}

TEST(Expression, RefusesASemicolonThatWouldEndTheStatementOfTheSnapshot) {
  const auto e = refusal("id > 1 ;");
  EXPECT_STREQ(e.what(), "an expression does not end in a semicolon");
  EXPECT_EQ(e.where(), "at character 8 of \"id > 1 ;\"");
  EXPECT_EQ(computed("name <> ';' AND id > 1 -- ;", ada), "t");
}

TEST(Expression, RefusesTheOrderOfTextsWithoutACollation) {
  EXPECT_NE(refusal("name < 'b'").remedy().find("COLLATE \"C\""), std::string::npos);
  EXPECT_EQ(computed("name COLLATE \"C\" < 'b'", ada), "t");
  EXPECT_EQ(computed("name = 'Ada'", ada), "t");
}

TEST(Expression, RefusesTypesThatDoNotFit) {
  EXPECT_STREQ(refusal("id = name").what(), "operator does not exist: integer = text");
  EXPECT_STREQ(refusal("id = 'x'").what(), "invalid input syntax for type integer: \"x\"");
  EXPECT_STREQ(refusal("\"Mood\" = 'glad'").what(),
               "operator does not exist: type of Mood = unknown");
  EXPECT_EQ(refusal("\"Mood\" = 'glad'").remedy(),
            "cast to a type that both sides can have, for instance x::text");
  EXPECT_STREQ(refusal("1 / 0").what(), "division by zero");
  EXPECT_STREQ(refusal("nosuch(id)").what(), "leat has no function nosuch");
}

TEST(Expression, TakesATypeItDoesNotKnowAsText) {
  EXPECT_EQ(computed("\"Mood\"::text || '!'", ada), "glad!");
  EXPECT_EQ(computed("\"Mood\" IS NULL", ada), "f");
}

schema_ptr tickets() {
  return table("public.tickets")
      .column("id", value_class::int4)
      .enumeration("state", {"open", "waiting", "closed"})
      .enumeration("colour", {"red", "open"})
      .key({"id"})
      .build();
}

error ticket_refusal(const std::string& text) {
  return error_of([&] { sql::expression::compile(text, *tickets()); });
}

TEST(Expression, ComparesTheLabelsOfAnEnum) {
  const auto of = [](const std::string& text) {
    return value_of(text, tickets(), {1, "waiting", "red"});
  };
  EXPECT_EQ(of("state = 'waiting'"), "t");
  EXPECT_EQ(of("state IN ('open', 'closed')"), "f");
  EXPECT_EQ(of("state = ANY('{open,waiting}')"), "t");
  EXPECT_EQ(of("CASE state WHEN 'waiting' THEN 1 END"), "1");
  EXPECT_EQ(of("coalesce(NULLIF(state, 'waiting'), 'open')"), "open");
  EXPECT_EQ(of("state::text || '!'"), "waiting!");
  EXPECT_EQ(of("state = 'waiting'::public.type_of_state"), "t");
  EXPECT_EQ(of("state = 'waiting'::type_of_state"), "t");
}

TEST(Expression, OrdersTheLabelsOfAnEnumAsItHasThem) {
  const auto of = [](const std::string& text, const char* state) {
    return value_of(text, tickets(), {1, state, nullptr});
  };
  EXPECT_EQ(of("state < 'closed'", "waiting"), "t");
  EXPECT_EQ(of("state BETWEEN 'waiting' AND 'closed'", "open"), "f");
  EXPECT_EQ(of("'open' >= state", "open"), "t");
  EXPECT_THROW(of("state < 'closed'", "label of tomorrow"), sql::evaluation_error);
}

TEST(Expression, RefusesWhatIsNoLabelOfAnEnum) {
  EXPECT_STREQ(ticket_refusal("state = 'opne'").what(),
               "invalid input value for enum public.type_of_state: \"opne\"");
  EXPECT_EQ(ticket_refusal("state = 'opne'").remedy(), "did you mean 'open'?");
  EXPECT_EQ(ticket_refusal("state IN ('open', 'nothing alike')").remedy(),
            "its labels are open, waiting and closed");
  EXPECT_STREQ(ticket_refusal("state = 'open'::text").what(),
               "operator does not exist: public.type_of_state = text");
  EXPECT_STREQ(ticket_refusal("state = colour").what(),
               "operator does not exist: public.type_of_state = public.type_of_colour");
  EXPECT_STREQ(ticket_refusal("state = 1").what(),
               "operator does not exist: public.type_of_state = integer");
  EXPECT_STREQ(ticket_refusal("state::integer").what(),
               "cannot cast type public.type_of_state to integer");
  EXPECT_STREQ(ticket_refusal("id::text::type_of_state").what(),
               "cannot cast type text to public.type_of_state");
  EXPECT_STREQ(ticket_refusal("length(state)").what(),
               "leat has no form length(public.type_of_state)");
  EXPECT_EQ(ticket_refusal("state LIKE 'o%'").remedy(), "cast it to text: x::text");
}

TEST(Expression, AnEnumIsItsTextToATarget) {
  EXPECT_EQ(sql::name_of(sql::expression::compile("coalesce(state, 'open')", *tickets())->type()),
            "text");
  EXPECT_EQ(sql::expression::compile("state", *tickets())->copied_column(), 1);
  EXPECT_FALSE(sql::expression::compile("state::text", *tickets())->copied_column());
}

TEST(Expression, SuggestsQuotesForACapital) {
  EXPECT_NE(refusal("mood IS NULL").remedy().find("\"Mood\""), std::string::npos)
      << refusal("mood IS NULL").remedy();
}

TEST(Expression, TellsOtherDialectsWhatPostgresqlWrites) {
  EXPECT_EQ(refusal("if(id > 1, 'a', 'b')").remedy(),
            "write CASE WHEN condition THEN a ELSE b END");
  EXPECT_EQ(refusal("ifnull(name, 'x')").remedy(), "write COALESCE(a, b)");
  EXPECT_EQ(refusal("CAST(id AS STRING)").remedy(), "PostgreSQL's name for it is text");
  EXPECT_EQ(refusal("id == 1").remedy(), "write =");
  EXPECT_EQ(refusal("price::boolean").remedy(), "compare it: x <> 0");
  EXPECT_EQ(refusal("ARRAY[name] = 'x'").remedy(),
            "an array is written '{a,b}'; to look for an element write 'a' = ANY(x)");
  EXPECT_EQ(refusal("`id` = 1").remedy(),
            "PostgreSQL quotes names with \"double quotes\", not with `");
  EXPECT_EQ(refusal("id > 1 && name = 'a'").remedy(), "write AND");
  EXPECT_EQ(refusal("name RLIKE 'a'").remedy(), "write a ~ 'pattern'");
  EXPECT_EQ(refusal("name SIMILAR TO 'a'").remedy(),
            "write a regular expression: a ~ '^(pattern)$'");
  EXPECT_EQ(refusal("TRY_CAST(name AS int)").remedy(),
            "write a::type, and on_error = \"null\" in the route");
}

TEST(Expression, TellsNamesThatAreNoColumns) {
  EXPECT_EQ(refusal("prize > 1").remedy(),
            "did you mean price? (names with capitals or signs need double quotes)");
  EXPECT_EQ(refusal("name = \"Ada L\"").remedy(),
            "its columns are id, name, price and Mood; a text stands in single quotes: 'Ada L'");
  EXPECT_EQ(computed("items.id + public.items.id", ada), "14");
  EXPECT_STREQ(refusal("other.id = 1").what(), "`other.id` is no column of table public.items");
  EXPECT_STREQ(refusal("id = 1 AND").what(), "`and` at the end is taken for a name");
}

TEST(Expression, NamesATypeThatIsWantedAndUnknown) {
  const auto e = error_of([] { sql::expression::compile("id", *priced_items(), "strng"); });
  EXPECT_EQ(e.where(), "at character 1 of \"strng\"");
}

TEST(Expression, ChecksConstantsThatSayHowAFunctionWorks) {
  const auto what = [](const std::string& text) {
    const auto e =
        error_of([&] { sql::expression::compile(text, *priced_items())->check_constants(); });
    return std::string(e.what());
  };
  EXPECT_NE(what("name ~ 'a(?=b)'").find("regular expression"), std::string::npos)
      << what("name ~ 'a(?=b)'");
  EXPECT_NE(what("date_trunc('yeer', leat.commit_time)").find("yeer"), std::string::npos);
  EXPECT_NE(what("leat.commit_time AT TIME ZONE 'Nowhere'").find("Nowhere"), std::string::npos);
  EXPECT_NE(what("to_char(leat.commit_time, 'TMMonth')").find("TM"), std::string::npos);
  EXPECT_NE(what("encode(name::bytea, 'hax')").find("hax"), std::string::npos);
  sql::expression::compile("name ~ 'a+' AND encode(name::bytea, 'hex') = ''", *priced_items())
      ->check_constants();
}

TEST(Expression, ConditionsAreBoolean) {
  EXPECT_THROW(sql::expression::compile_condition("id", *priced_items()), error);
  EXPECT_EQ(sql::name_of(sql::expression::compile_condition("id = 1", *priced_items())->type()),
            "boolean");
  EXPECT_EQ(sql::name_of(sql::expression::compile_condition("NULL", *priced_items())->type()),
            "boolean");
}

TEST(Expression, ReadsNegativeNumbers) {
  EXPECT_EQ(computed("-5", ada), "-5");
  EXPECT_EQ(computed("id - -3", ada), "10");
  EXPECT_EQ(computed("- 4", ada), "-4");
  EXPECT_EQ(computed("-2147483648", ada), "-2147483648");
}

TEST(Expression, FailsForARowWithPostgresqlsWords) {
  try {
    computed("id / (id - 7)", ada);
    FAIL();
  } catch (const sql::evaluation_error& e) {
    EXPECT_STREQ(e.what(), "division by zero");
    EXPECT_EQ(e.sqlstate, "22012");
  }
}

// LEAT_WRITE_DOCS=1 makes the table anew.
TEST(Expression, FunctionTableIsWhatTheDeclarationsSay) {
  const std::string path = std::string(LEAT_SOURCE_DIRECTORY) + "/docs/expressions.md";
  std::ifstream in(path);
  std::ostringstream read;
  read << in.rdbuf();
  std::string page = read.str();
  const std::string heading = "## Functions and operators\n\n";
  const auto at = page.find(heading);
  ASSERT_NE(at, std::string::npos);
  const auto wanted = page.substr(0, at + heading.size()) + sql::function_reference();
  if (std::getenv("LEAT_WRITE_DOCS") != nullptr) std::ofstream(path) << (page = wanted);
  EXPECT_EQ(page, wanted) << "run this test with LEAT_WRITE_DOCS=1";
}

} // namespace
} // namespace leat::test
