#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

/// A pipeline with the sink "lite" alone, which has caught up once.
class EditedFile : public pipeline_fixture {
 protected:
  EditedFile() {
    source("CREATE TABLE item (id int PRIMARY KEY, name text);"
           "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 120) i;"
           "CREATE TABLE shelf (id int PRIMARY KEY, place text);"
           "INSERT INTO shelf SELECT i, 'here' FROM generate_series(1, 30) i");
    pg_sink_ = text.sinks["pg"];
    text.sinks.erase("pg");
    text.routes = {"from = \"public.item\"", "from = \"public.shelf\""};
    text.tables = R"(["public.item", "public.shelf"])";
    catch_up();
  }

  std::string generation(const std::string& table) const {
    const auto now = status();
    const auto at = now.find("\"table\":\"" + table + "\"");
    const auto object = now.rfind('{', at);
    const auto end = now.find('}', at);
    const auto text_of = now.substr(object, end - object);
    const std::string name = "\"generation\":";
    const auto begin = text_of.find(name) + name.size();
    return text_of.substr(begin, text_of.find_first_of(",}", begin) - begin);
  }
  void add_pg() {
    text.sinks["pg"] = pg_sink_;
    text.routes = {"from = \"public.*\"\nsink = \"lite\"", "from = \"public.*\"\nsink = \"pg\""};
  }

 private:
  std::string pg_sink_;
};

TEST_F(EditedFile, NewRouteOfAKnownTableIsFilledAlone) {
  text.routes.push_back("from = \"public.item\"\nto = \"item_log\"\nmode = \"append\"");
  catch_up();
  text.routes.push_back("from = \"public.item\"\nto = \"copy\"");
  source("UPDATE item SET name = 'changed' WHERE id = 7");
  catch_up();
  expect_same_at_lite("item", "item");
  expect_same_at_lite("item", "copy");
  expect_same_at_lite("shelf", "shelf");
  EXPECT_EQ(lite("SELECT count(*) FROM item_log WHERE _leat_op = 'r'")[0][0], "120")
      << "the second new route is no reason to read the table for the first one";
  EXPECT_EQ(generation("public.item"), "3");
  EXPECT_EQ(generation("public.shelf"), "1");
}

TEST_F(EditedFile, NewSinkIsFilledAloneAndTheOtherStaysConsistent) {
  add_pg();
  text.snapshot = "chunk_rows = 5";
  start({{"LEAT_CRASH_POINT", "chunk_emitted:4"}});
  wait_until_ended();
  EXPECT_EQ(lite("SELECT consistent FROM leat_progress")[0][0], "1");
  EXPECT_NE(pg("SELECT consistent FROM leat_progress")[0][0], "t");
  source("DELETE FROM item WHERE id = 8; INSERT INTO shelf VALUES (100, 'new')");
  catch_up();
  expect_same("item");
  expect_same("shelf");
}

TEST_F(EditedFile, NewTableIsPublishedAndFilled) {
  source("CREATE TABLE box (id int PRIMARY KEY, size int);"
         "INSERT INTO box SELECT i, i FROM generate_series(1, 60) i");
  text.tables = R"(["public.*"])";
  text.routes.push_back("from = \"public.box\"");
  start();
  wait_until_caught_up();
  source("UPDATE box SET size = 0 WHERE id = 3; INSERT INTO box VALUES (100, 1)");
  wait_until_caught_up();
  expect_same_at_lite("box", "box");
  stop();
}

TEST_F(EditedFile, TableMadeAtTheSourceIsTakenAtTheNextRun) {
  text.tables = R"(["public.*"])";
  text.routes = {"from = \"public.*\""};
  start();
  source("CREATE TABLE box (id int PRIMARY KEY); INSERT INTO box VALUES (1), (2)");
  wait_until_caught_up();
  stop();
  catch_up();
  expect_same_at_lite("box", "box");
  expect_same_at_lite("item", "item");
}

TEST_F(EditedFile, RouteWhoseRowsWouldChangeIsRefusedUntilResnapshot) {
  text.routes[0] += "\ndelete = \"ignore\"\nexclude = [\"name\"]";
  auto refused = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_NE(refused.err.find("the route to lite/item would now give other rows: delete, columns"),
            std::string::npos)
      << refused.err;
  text.routes[0] = "from = \"public.item\"";
  catch_up();

  source("ALTER TABLE item ADD COLUMN price int; UPDATE item SET price = id");
  text.routes[0] += "\nexclude = [\"price\"]";
  catch_up();
  text.routes[0] = "from = \"public.item\"\nexclude = [\"name\"]";
  EXPECT_EQ(leat("run", {"--until", "caught-up"}).status.code, 2);
  EXPECT_EQ(leat("resnapshot", {"public.nothing"}).status.code, 2);
  const auto asked = leat("resnapshot", {"public.item"});
  EXPECT_EQ(asked.status.code, 0) << asked.err;
  const auto unfit = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(unfit.status.code, 4);
  EXPECT_NE(unfit.err.find("it has no column \"price\""), std::string::npos) << unfit.err;
}

TEST_F(EditedFile, ResnapshotOfAChangedRouteGivesItsRows) {
  source("INSERT INTO item VALUES (500, NULL)");
  catch_up();
  source("DELETE FROM item WHERE id = 500");
  text.routes[0] += "\nexclude = [\"name\"]";
  EXPECT_EQ(leat("resnapshot", {"public.item"}).status.code, 0);
  catch_up();
  EXPECT_EQ(lite("SELECT id FROM item"), source_rows("SELECT id FROM item"
                                                     " ORDER BY id::text COLLATE \"C\""));
  catch_up();
}

TEST_F(EditedFile, RemovedRouteIsLetGoAndComesBackWithANewSnapshot) {
  const auto shelf = text.routes[1];
  text.routes.pop_back();
  const auto said = catch_up();
  EXPECT_NE(
      said.err.find("the route to lite/shelf is gone from the file, or its table from the source"),
      std::string::npos)
      << said.err;
  EXPECT_EQ(lite("SELECT count(*) FROM shelf")[0][0], "30") << "its table stays";
  source("DELETE FROM shelf WHERE id < 5; UPDATE shelf SET place = 'there' WHERE id = 9;"
         "INSERT INTO shelf VALUES (200, 'new'); INSERT INTO item VALUES (200, 'new')");
  catch_up();
  text.routes.push_back(shelf);
  catch_up();
  expect_same_at_lite("shelf", "shelf");
  expect_same_at_lite("item", "item");
}

TEST_F(EditedFile, RemovedSinkIsLetGoAndComesBackWithANewSnapshot) {
  add_pg();
  catch_up();
  const auto pg_lines = text.sinks["pg"];
  const auto pg_route = text.routes[1];
  text.sinks.erase("pg");
  text.routes.pop_back();
  const auto said = catch_up();
  EXPECT_NE(said.err.find("sink pg is not in the file any more"), std::string::npos) << said.err;
  source("DELETE FROM shelf WHERE id < 5; UPDATE item SET name = 'there' WHERE id = 9");
  catch_up();
  text.sinks["pg"] = pg_lines;
  text.routes.push_back(pg_route);
  catch_up();
  expect_same("shelf");
  expect_same("item");
  EXPECT_EQ(pg("SELECT consistent FROM leat_progress")[0][0], "t");
}

TEST_F(EditedFile, TableDroppedAndMadeAgainIsAnotherTable) {
  text.tables = R"(["public.*"])";
  catch_up();
  source("DROP TABLE shelf; CREATE TABLE shelf (id int PRIMARY KEY, place text);"
         "INSERT INTO shelf VALUES (3, 'again'), (70, 'new')");
  catch_up();
  expect_same_at_lite("shelf", "shelf");
  source("UPDATE shelf SET place = 'later' WHERE id = 3");
  catch_up();
  expect_same_at_lite("shelf", "shelf");
}

} // namespace

} // namespace leat::test
