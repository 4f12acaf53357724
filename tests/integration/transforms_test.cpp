#include <filesystem>
#include <random>

#include "tests/support/pipeline_fixture.hpp"

// Named transforms in pipelines from a real server into SQLite.

namespace leat::test {
namespace {

class Transforms : public pipeline_fixture {
 protected:
  Transforms() : pg_sink_(text.sinks.at("pg")) { text.sinks.erase("pg"); }

  const std::string pg_sink_; ///< lines of [sink.pg], for tests that want it
};

TEST_F(Transforms, MaskedHoldsPseudonymsThatJoin) {
  const std::map<std::string, std::string> salt{{"PSEUDONYM_SALT", "a salt that a test may know"}};
  source(
      "CREATE TABLE customers (id bigint PRIMARY KEY, email text, password_hash bytea, bio text);"
      "ALTER TABLE customers ALTER bio SET STORAGE EXTERNAL;"
      "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric(12,2));"
      "INSERT INTO customers VALUES (1, 'ada@example.com', 'x', repeat('b', 4000)),"
      " (2, 'grace@example.com', 'y', NULL), (3, 'alan@example.com', 'z', 'c');"
      "INSERT INTO orders VALUES (10, 1, 5), (11, 2, 6), (12, 3, 7)");
  run_shipped("masked.toml", "dwh", salt);
  source("UPDATE customers SET email = 'ada@lovelace.org' WHERE id = 1;"
         "UPDATE customers SET id = 4 WHERE id = 2;"
         "UPDATE orders SET customer_id = 4 WHERE id = 11;"
         "DELETE FROM customers WHERE id = 3");
  run_shipped("masked.toml", "dwh", salt);
  EXPECT_EQ(
      lite("SELECT o.id, c.email, length(c.bio) FROM orders o JOIN customers c"
           " ON c.id = o.customer_id"),
      (text_rows{{"10", "a**@lovelace.org", "4000"}, {"11", "g****@example.com", std::nullopt}}));
  EXPECT_EQ(lite("SELECT count(*), max(length(id)) FROM customers"), (text_rows{{"2", "32"}}));
  EXPECT_EQ(lite("SELECT count(*) FROM customers WHERE id IN ('1', '2', '3', '4')"),
            (text_rows{{"0"}}));
}

TEST_F(Transforms, HistoryShowsTheValuesBefore) {
  constexpr auto null = std::nullopt;
  source("CREATE TABLE orders (id int PRIMARY KEY, state text, note text);"
         "ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;"
         "INSERT INTO orders VALUES (1, 'new', repeat('n', 3000)), (2, 'new', NULL)");
  run_shipped("history.toml", "history");
  source(
      "UPDATE orders SET state = 'paid' WHERE id = 1; DELETE FROM orders WHERE id = 2;"
      "UPDATE orders SET state = 'sent' WHERE id = 1; INSERT INTO orders VALUES (3, 'new', 'x')");
  run_shipped("history.toml", "history");
  EXPECT_EQ(lite("SELECT _leat_seq, _leat_op, id, state, length(note), old_state, length(old_note),"
                 " _leat_missing FROM orders_changes WHERE _leat_op <> 'r'"),
            (text_rows{{"0", "u", "1", "paid", "3000", "new", "3000", null},
                       {"1", "d", "2", "new", null, "new", null, null},
                       {"2", "u", "1", "sent", "3000", "paid", "3000", null},
                       {"3", "i", "3", "new", "1", null, null, null}}));
  EXPECT_EQ(lite("SELECT id, state, _leat_deleted FROM orders"),
            (text_rows{{"1", "sent", "0"}, {"2", "new", "1"}, {"3", "new", "0"}}));
}

TEST_F(Transforms, ChainsFollowRandomChangesOverRestarts) {
  source(
      "CREATE TABLE item (id int PRIMARY KEY, name text, tags jsonb, doc jsonb, note text);"
      "ALTER TABLE item ALTER note SET STORAGE EXTERNAL; ALTER TABLE item ALTER tags SET STORAGE "
      "EXTERNAL;"
      "INSERT INTO item SELECT i, 'name ' || i, jsonb_build_array('a' || i, repeat('t', 3000)),"
      " jsonb_build_object('city', 'c' || i % 7, 'n', i), repeat('n', 3000)"
      " FROM generate_series(1, 120) i");
  text.routes = {
      "from = \"public.item\"\nto = \"deduped\"\ncolumns = [\"id\", \"name\", \"note\"]\n"
      "transform = [\"last\", \"dd\"]",
      "from = \"public.item\"\nto = \"tags\"\ncolumns = [\"id\", \"name\", \"tags\"]\ntransform = "
      "[\"ex\"]",
      "from = \"public.item\"\nto = \"soft_tags\"\ncolumns = [\"id\", \"tags\"]\n"
      "delete = \"soft\"\ntransform = [\"ex\"]",
      "from = \"public.item\"\nto = \"flat\"\ncolumns = [\"id\", \"doc\"]\ntransform = [\"fl\", "
      "\"up\"]",
      "from = \"public.item\"\nto = \"hashed\"\ncolumns = [\"id\", \"note\"]\ntransform = "
      "[\"ha\"]"};
  text.rest =
      "[transform.last]\ntype = \"remember\"\n[transform.dd]\ntype = \"dedup\"\n"
      "[transform.ex]\ntype = \"explode\"\ncolumn = \"tags\"\n"
      "[transform.fl]\ntype = \"flatten\"\ncolumn = \"doc\"\nfields = [\"city\", \"num=n::int\"]\n"
      "[transform.up]\ntype = \"rename\"\npattern = \"^doc_\"\nreplacement = \"the_\"\n"
      "[transform.ha]\ntype = \"hash\"\ncolumns = [\"id\"]\nsalt = \"longer than 8\"\n";
  start();
  wait_until_caught_up();
  std::mt19937 dice(11);
  for (int n = 0; n < 80; ++n) {
    const auto id = std::to_string(1 + dice() % 130);
    switch (dice() % 7) {
    case 0:
      source("UPDATE item SET name = name WHERE id = " + id);
      break;
    case 1:
      source("UPDATE item SET name = name || '.' WHERE id = " + id);
      break;
    case 2:
      source("DELETE FROM item WHERE id = " + id);
      break;
    case 3:
      source("INSERT INTO item VALUES (" + id
             + ", 'new', '[]', '{\"n\": 7}', repeat('x', 4000)) ON "
               "CONFLICT DO NOTHING");
      break;
    case 4:
      source(
          "UPDATE item SET tags = (SELECT jsonb_agg(repeat('y', 2000 + g)) FROM generate_series(1, "
          + std::to_string(dice() % 4) + ") g) WHERE id = " + id);
      break;
    case 5:
      source("UPDATE item SET doc = doc || '{\"city\": \"" + id + "\"}' WHERE id = " + id);
      break;
    default:
      source("UPDATE item SET id = id + 200 WHERE id = " + id
             + " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.id = item.id + 200)");
    }
    if (n % 30 == 29) {
      kill();
      start();
    }
  }
  wait_until_caught_up();
  EXPECT_NE(status().find("\"transform\":\"dd\""), std::string::npos) << status();
  stop();
  expect_select("SELECT id, name, note FROM item", "deduped", "id, name, note");
  expect_select("SELECT id, name, e.value, e.n FROM item, jsonb_array_elements_text(nullif(tags, "
                "'null')) WITH ORDINALITY e(value, n)",
                "tags", "id, name, tags, tags_index");
  expect_select(
      "SELECT id, e.value, e.n FROM item, jsonb_array_elements_text(nullif(tags, 'null')) "
      "WITH ORDINALITY e(value, n)",
      "soft_tags WHERE NOT _leat_deleted", "id, tags, tags_index");
  expect_select("SELECT id, doc->>'city', (doc->>'n')::int FROM item", "flat", "id, the_city, num");
  expect_select("SELECT count(*), count(note), sum(length(note)) FROM item", "hashed",
                "count(*), count(note), sum(length(note))");
}

TEST_F(Transforms, RowsThatTheyCannotTakeGoToTheDeadLettersOfEachSink) {
  text.sinks["pg"] = pg_sink_ + "\ndead_letter = \"bad\"";
  text.sinks["lite"] += "\ndead_letter = \"bad\"";
  source("CREATE TABLE item (id int PRIMARY KEY, tags jsonb, doc text);"
         "INSERT INTO item VALUES (1, '[\"a\"]', '{\"n\": 1}'), (2, '{}', '{\"n\": \"x\"}'),"
         " (3, '[\"b\", \"c\"]', 'no json')");
  for (const std::string sink : {"lite", "pg"}) {
    const std::string common =
        "from = \"public.item\"\nsink = \"" + sink + "\"\non_error = \"dead_letter\"\n";
    text.routes.push_back(common
                          + "to = \"tags\"\ncolumns = [\"id\", \"tags\"]\n"
                            "transform = \"ex\"");
    text.routes.push_back(common
                          + "to = \"flat\"\ncolumns = [\"id\", \"doc\"]\n"
                            "transform = \"fl\"");
  }
  text.rest = "[transform.ex]\ntype = \"explode\"\ncolumn = \"tags\"\n"
              "[transform.fl]\ntype = \"flatten\"\ncolumn = \"doc\"\nfields = [\"n::int\"]\n";
  start();
  wait_until_caught_up();
  source("UPDATE item SET tags = '[\"z\"]', doc = '{\"n\": 4}' WHERE id = 2;"
         "UPDATE item SET tags = '7' WHERE id = 3; UPDATE item SET id = 5, doc = '[' WHERE id = 1");
  wait_until_caught_up();
  kill();
  start();
  wait_until_caught_up();
  stop();
  const auto expect = [&](const auto& at) {
    EXPECT_EQ(at("SELECT id, tags, tags_index FROM tags"),
              (text_rows{{"2", "z", "1"}, {"3", "b", "1"}, {"3", "c", "2"}, {"5", "a", "1"}}));
    EXPECT_EQ(at("SELECT id, doc_n FROM flat"), (text_rows{{"2", "4"}}));
    const std::string array = "transform ex: the value of column `tags` is not an array";
    const std::string number = "transform fl: invalid input syntax for type integer: \"x\"";
    const std::string json = "transform fl: invalid input syntax for type json";
    EXPECT_EQ(at("SELECT target, CAST(\"key\" AS text), reason FROM bad"),
              (text_rows{{"flat", R"({"id":"2"})", number},
                         {"flat", R"({"id":"3"})", json},
                         {"flat", R"({"id":"3"})", json},
                         {"flat", R"({"id":"5"})", json},
                         {"tags", R"({"id":"2"})", array},
                         {"tags", R"({"id":"3"})", array}}));
  };
  expect([&](const std::string& sql) { return lite(sql); });
  expect([&](const std::string& sql) { return pg(sql); });
}

TEST_F(Transforms, StandInThePlanAndAreRefusedWhenTheyChange) {
  source(
      "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'abcdefgh')");
  text.routes = {"from = \"public.item\"\ntransform = [\"short\"]"};
  text.rest = "[transform.short]\ntype = \"mask\"\nmethod = \"keep_last\"\ncolumns = [\"name\"]\n";
  const auto planned = leat("plan");
  EXPECT_NE(planned.out.find("transform mask name: all but the last 4 by \"*\" (short)"),
            std::string::npos)
      << planned.out << planned.err;
  catch_up();
  EXPECT_EQ(lite("SELECT name FROM item"), (text_rows{{"****efgh"}}));
  text.rest += "keep = 2\n";
  const auto refused = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_NE(refused.err.find("would now give other rows: transform"), std::string::npos)
      << refused.err;
}

TEST_F(Transforms, StateOfADroppedTableIsRemoved) {
  source("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1);"
         "CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)");
  text.routes = {"from = \"public.*\"\nsink = \"lite\"\ntransform = [\"last\"]"};
  text.rest = "[transform.last]\ntype = \"remember\"\n";
  catch_up();
  EXPECT_NE(status().find("\"gone\""), std::string::npos) << status();
  source("DROP TABLE gone");
  catch_up();
  EXPECT_EQ(status().find("gone"), std::string::npos) << status();
  EXPECT_NE(status().find("\"item\""), std::string::npos) << status();
}

TEST_F(Transforms, StateThatIsMissingEndsTheRun) {
  source("CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'a')");
  text.routes = {"from = \"public.item\"\ntransform = [\"dd\"]"};
  text.rest = "[transform.dd]\ntype = \"dedup\"\n";
  catch_up();
  std::filesystem::remove_all(state_path() / "operators");
  const auto ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 5) << ended.err;
  EXPECT_NE(ended.err.find("the state of transform dd for item is missing"), std::string::npos)
      << ended.err;
  EXPECT_NE(ended.err.find("leat resnapshot"), std::string::npos) << ended.err;
}

} // namespace
} // namespace leat::test
