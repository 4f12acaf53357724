#include <random>
#include <regex>

#include "tests/support/pipeline_fixture.hpp"

// Routes with `where` and computed columns, into SQLite: the target is the route's SELECT over the
// source.

namespace leat::test {
namespace {

class Routes : public pipeline_fixture {
 protected:
  Routes() {
    text.sinks.erase("pg");
    source("CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, note text);"
           "ALTER TABLE item ALTER note SET STORAGE EXTERNAL;"
           "INSERT INTO item SELECT i, 'item ' || i, i * 1.5, CASE WHEN i % 5 = 0 THEN repeat('n', "
           "3000) END"
           " FROM generate_series(1, 120) i");
  }
};

TEST_F(Routes, RowsThatStopMatchingGoAndRowsThatBeginToComeWhole) {
  text.routes = {
      "from = \"public.item\"\nto = \"dear\"\nwhere = \"price > 60\"",
      "from = \"public.item\"\nto = \"priced\"\nwhere = \"name IS NOT NULL\"\n"
      "columns = [\"id\", { name = \"label\", expr = \"upper(name) || ': ' || price\" }, "
      "{ name = \"cents\", expr = \"price * 100\", type = \"bigint\" }, \"note\"]"};
  start();
  wait_until_caught_up();
  std::mt19937 dice(7);
  for (int n = 0; n < 60; ++n) {
    const auto id = std::to_string(1 + dice() % 130);
    switch (dice() % 5) {
    case 0:
      source("UPDATE item SET price = 200 - price WHERE id = " + id);
      break;
    case 1:
      source("UPDATE item SET name = CASE WHEN name IS NULL THEN 'back' END WHERE id = " + id);
      break;
    case 2:
      source("DELETE FROM item WHERE id = " + id);
      break;
    case 3:
      source("INSERT INTO item VALUES (" + id
             + ", 'new', 70, repeat('x', 4000)) ON CONFLICT DO NOTHING");
      break;
    default:
      source("UPDATE item SET id = id + 200 WHERE id = " + id
             + " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.id = item.id + 200)");
    }
  }
  wait_until_caught_up();
  stop();
  expect_select("SELECT id, name, price, note FROM item WHERE price > 60", "dear",
                "id, name, price, note");
  expect_select("SELECT id, upper(name) || ': ' || price, (price * 100)::bigint, note FROM item "
                "WHERE name IS NOT NULL",
                "priced", "id, label, cents, note");
}

/// A snapshot that the server filters by its own = would differ from the stream.
TEST_F(Routes, TextsAreComparedByTheirBytesWhateverTheirCollation) {
  source("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
         "CREATE TABLE person (id int PRIMARY KEY, email text COLLATE ci);"
         "INSERT INTO person VALUES (1, 'a@x'), (2, 'A@x'), (3, 'b@x')");
  text.tables = R"(["public.person"])";
  text.routes = {"from = 'public.person'\nto = 'others'\nwhere = \"email <> 'a@x'\""};
  start();
  wait_until_caught_up();
  source("INSERT INTO person VALUES (4, 'a@x'), (5, 'A@x'), (6, 'b@x')");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT id FROM others"), (text_rows{{"2"}, {"3"}, {"5"}, {"6"}}));
}

/// The server calls their old rows whole, as the root's identity is, and logs what the leaves' are.
TEST_F(Routes, OldRowsOfPartitionsWithAnotherIdentityThanTheirRootAreKeys) {
  const auto make = [](const std::string& name, const std::string& range) {
    return "CREATE TABLE " + name + " PARTITION OF sale FOR VALUES FROM (" + range + ");";
  };
  source("CREATE TABLE sale (id int PRIMARY KEY, state text, body text) PARTITION BY RANGE (id);"
         "ALTER TABLE sale ALTER body SET STORAGE EXTERNAL;"
         + make("low", "0) TO (100") + make("high", "100) TO (200")
         + "ALTER TABLE sale REPLICA IDENTITY FULL; ALTER TABLE high REPLICA IDENTITY FULL;"
           "INSERT INTO sale SELECT i, 'open', repeat(i || ' ', 3000) FROM generate_series(1, 4) i;"
           "INSERT INTO sale SELECT i, 'open', repeat(i || ' ', 3000) FROM generate_series(101, "
           "104) i");
  text.tables = R"(["public.sale"])";
  text.routes = {"from = 'public.sale'\nto = 'open'\nwhere = \"state = 'open'\"",
                 "from = 'public.sale'\nto = 'log'\nmode = 'append'"};
  start();
  wait_until_caught_up();
  source(make("late", "200) TO (300")
         + "INSERT INTO sale VALUES (201, 'open', repeat('l', 9000)),"
           " (202, 'open', '')");
  source("DELETE FROM sale WHERE id IN (1, 101, 202); UPDATE sale SET id = id + 10 WHERE id IN (2, "
         "102, 201); UPDATE sale SET state = 'done' WHERE id IN (3, 103)");
  wait_until_caught_up();
  stop();
  expect_select("SELECT id, state, length(body) FROM sale WHERE state = 'open'", "open",
                "id, state, length(body)");
  const text_rows keys = {{"1", std::nullopt, R"(["state","body"])"},
                          {"101", std::nullopt, R"(["state","body"])"},
                          {"202", std::nullopt, R"(["state","body"])"}};
  EXPECT_EQ(lite("SELECT id, state, _leat_missing FROM log WHERE _leat_op = 'd'"), keys);
}

TEST_F(Routes, ARowGoesToTheFirstRouteThatTakesIt) {
  text.routes = {"from = \"public.item\"\nto = \"even\"\nwhere = \"id % 2 = 0\"",
                 "from = \"public.item\"\nto = \"rest\""};
  const auto ended = leat("run", {"--until", "caught-up", "--set", "pipeline.first_match=true"});
  ASSERT_EQ(ended.status.code, 0) << ended.err;
  expect_select("SELECT id, name FROM item WHERE id % 2 = 0", "even", "id, name");
  expect_select("SELECT id, name FROM item WHERE id % 2 <> 0", "rest", "id, name");
}

TEST_F(Routes, RowsMoveToTheFirstRouteThatTakesThemWhateverTheirNames) {
  const std::string name = R"("it's ""1"""."We""ird Таблица")";
  source("CREATE SCHEMA \"it's \"\"1\"\"\"; CREATE TABLE " + name
         + " (\"Id\" int PRIMARY KEY, \"a.b\" int, \"но\"\"ль\" text); ALTER TABLE " + name
         + " ALTER \"но\"\"ль\" SET STORAGE EXTERNAL; INSERT INTO " + name
         + " SELECT i, i % 20, CASE WHEN i % 3 > 0 THEN repeat('ü', 1000 * (i % 4)) END FROM "
           "generate_series(1, 60) i");
  text.tables = R"(["*.We\"ird Таблица"])";
  const std::string from = "from = '*.We\"ird Таблица'\n";
  text.routes = {
      from + "to = 'low of {1}'\nwhere = '\"a.b\" < 7'",
      from
          + "to = 'named'\nwhere = '\"но\"\"ль\" IS NOT NULL'\n"
            "columns = [{ name = \"o'f\", expr = \"'{1}'\" }, '*']\nkey = [\"o'f\", 'Id']",
      from + "to = 'rest'\ndelete = 'soft'"};
  const auto carry = [&] {
    const auto ended = leat("run", {"--until", "caught-up", "--set", "pipeline.first_match=true"});
    ASSERT_EQ(ended.status.code, 0) << ended.err;
  };
  carry();
  std::mt19937 dice(11);
  const auto change = [&] {
    static const char* const sets[] = {
        "\"a.b\" = (\"a.b\" + 9) % 20", "\"Id\" = \"Id\" + 1000",
        "\"но\"\"ль\" = CASE WHEN \"но\"\"ль\" IS NULL THEN repeat('x', 3000) END"};
    const auto what = dice() % 7;
    return (what == 0 ? "DELETE FROM " + name : "UPDATE " + name + " SET " + sets[what % 3])
           + " WHERE \"Id\" = " + std::to_string(1 + dice() % 60) + ";";
  };
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < 60; ++n) source(change());
    carry();
  }
  const auto select = [&](const std::string& columns, const std::string& where) {
    return "SELECT " + columns + " FROM " + name + " WHERE " + where;
  };
  const std::string all = "\"Id\", \"a.b\", \"но\"\"ль\"";
  expect_select(select(all, "\"a.b\" < 7"), "\"low of it's \"\"1\"\"\"", all);
  expect_select(select("'it''s \"1\"', " + all, "\"a.b\" >= 7 AND \"но\"\"ль\" IS NOT NULL"),
                "named", "\"o'f\", " + all);
  expect_select(select(all, "\"a.b\" >= 7 AND \"но\"\"ль\" IS NULL"),
                "rest WHERE NOT _leat_deleted", all);
}

TEST_F(Routes, AWrongExpressionIsToldByItsPlace) {
  text.routes = {"from = \"public.item\"\n\n  where = \"prize > 1\""};
  const auto refused = leat("plan");
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_TRUE(std::regex_search(
      refused.err, std::regex(":[0-9]+:11, route\\.where, at character 1 of \"prize > 1\"")))
      << refused.err;
}

TEST_F(Routes, AFailingExpressionStopsThePipelineAndNamesTheRow) {
  text.routes = {
      "from = \"public.item\"\ncolumns = [\"id\", { name = \"x\", expr = \"100 / (id - 7)\" }]"};
  const auto ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 3) << ended.err;
  EXPECT_NE(ended.err.find("division by zero"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("id = 7"), std::string::npos) << ended.err;
}

TEST_F(Routes, OnErrorNullGivesNull) {
  text.routes = {"from = \"public.item\"\non_error = \"null\"\ncolumns = [\"id\", { name = \"x\", "
                 "expr = \"100 / (id - 7)\" }]"};
  catch_up();
  EXPECT_EQ(lite("SELECT count(*) FROM item WHERE x IS NULL")[0][0], "1");
}

TEST_F(Routes, ARowThatAnExpressionFailsForBecomesADeadLetterOnce) {
  text.sinks["lite"] += "\ndead_letter = \"bad\"";
  text.routes = {
      "from = \"public.item\"\non_error = \"dead_letter\"\nwhere = \"100 / (id - 9) < 60\"\n"
      "columns = [\"id\", { name = \"x\", expr = \"100 / (id - 7)\" }]"};
  start();
  wait_until_caught_up();
  expect_select(
      "SELECT id, 100 / (id - 7) FROM item WHERE id NOT IN (7, 9) AND 100 / (id - 9) < 60", "item",
      "id, x");
  EXPECT_EQ(lite("SELECT \"key\", reason FROM bad"),
            (text_rows{{"{\"id\":\"7\"}", "column x: division by zero"},
                       {"{\"id\":\"9\"}", "where: division by zero"}}));
  kill();
  source("UPDATE item SET id = 7 WHERE id = 100 AND false; DELETE FROM item WHERE id = 7;"
         "UPDATE item SET id = 7 WHERE id = 100");
  start();
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT count(*) FROM bad")[0][0], "3")
      << "those of before, and the row that moved";
  EXPECT_EQ(lite("SELECT count(*) FROM item WHERE id IN (7, 100)")[0][0], "0")
      << "the key that it left is gone";
}

TEST_F(Routes, DeadLettersOfExpressionsNeedATable) {
  text.routes = {"from = \"public.item\"\non_error = \"dead_letter\"\nwhere = \"1 / id > 0\""};
  const auto refused = leat("plan");
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_NE(refused.err.find("add dead_letter = "), std::string::npos) << refused.err;
}

TEST_F(Routes, AConditionThatTheServerFailsForStopsAndNamesTheRow) {
  text.routes = {"from = \"public.item\"\nwhere = \"100 / (id - 7) > 0\""};
  const auto ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 3) << ended.err;
  EXPECT_NE(ended.err.find("division by zero"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("id = 7"), std::string::npos) << ended.err;
}

TEST_F(Routes, AnExpressionThatTheTableNoLongerFitsStopsAndNamesTheColumn) {
  text.routes = {"from = \"public.item\"\nwhere = \"price > 60\""};
  start();
  wait_until_caught_up();
  source("ALTER TABLE item DROP price; INSERT INTO item VALUES (900, 'after')");
  const auto ended = wait_until_ended();
  EXPECT_EQ(ended.status.code, 3) << ended.err;
  EXPECT_NE(ended.err.find("an expression of the route no longer fits it"), std::string::npos)
      << ended.err;
  EXPECT_NE(ended.err.find("price"), std::string::npos) << ended.err;
}

TEST_F(Routes, ATypeThatAnExpressionDoesNotFitStopsAndNamesTheColumn) {
  text.routes = {"from = \"public.item\"\nwhere = \"price > 60\""};
  catch_up();
  source("ALTER TABLE item ALTER price TYPE text; INSERT INTO item VALUES (900, 'after')");
  for (int times = 0; times < 2; ++times) {
    const auto ended = leat("run", {"--until", "caught-up"});
    EXPECT_EQ(ended.status.code, 3) << ended.err;
    EXPECT_NE(ended.err.find("operator does not exist: text > integer"), std::string::npos)
        << ended.err;
    EXPECT_NE(ended.err.find("\"price > 60\""), std::string::npos) << ended.err;
  }
}

TEST_F(Routes, AChangeThatNoCorrectionTakesBackPassesWithAnotherPolicy) {
  text.routes = {"from = \"public.item\"\nwhere = \"100 / (id - 500) < 60\""};
  catch_up();
  source("INSERT INTO item VALUES (500, 'x'); DELETE FROM item WHERE id = 500");
  const auto ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 3) << ended.err;
  EXPECT_NE(ended.err.find("the change stays in the stream"), std::string::npos) << ended.err;
  text.routes[0] += "\non_error = \"null\"";
  catch_up();
  expect_select("SELECT id FROM item WHERE 100 / (id - 500) < 60", "item", "id");
}

TEST_F(Routes, PlanShowsExpressionsAndTheirTypes) {
  text.routes = {"from = \"public.item\"\nwhere = \"note IS NOT NULL\"\ncolumns = [\"id\", { name "
                 "= \"x\", expr = \"price * 2\" }]"};
  const auto planned = leat("plan").out;
  EXPECT_NE(planned.find("where note IS NOT NULL"), std::string::npos) << planned;
  EXPECT_NE(planned.find("x = price * 2 (numeric)"), std::string::npos) << planned;
  EXPECT_NE(planned.find("REPLICA IDENTITY FULL"), std::string::npos)
      << "note may be left out by an update\n"
      << planned;
}

TEST_F(Routes, AChangedConditionIsRefusedUntilResnapshot) {
  text.routes = {"from = \"public.item\"\nwhere = \"id < 50\""};
  catch_up();
  text.routes = {"from = \"public.item\"\nwhere = \"id < 60\""};
  const auto refused = leat("run", {"--until", "caught-up"});
  EXPECT_NE(refused.status.code, 0);
  EXPECT_NE(refused.err.find("where"), std::string::npos) << refused.err;
}

} // namespace
} // namespace leat::test
