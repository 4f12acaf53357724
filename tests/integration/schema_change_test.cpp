#include <gmock/gmock.h>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using testing::HasSubstr;

/// A table that both targets hold and are consistent with, and a pipeline that runs.
class SchemaChange : public pipeline_fixture {
 protected:
  SchemaChange() {
    source("CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(8,2));"
           "INSERT INTO item SELECT i, 'item ' || i, i / 4.0 FROM generate_series(1, 200) i");
  }

  void begin() {
    start();
    wait_until_caught_up();
  }

  /// Statements at the source; the targets have to follow.
  void change(const std::string& sql) {
    source(sql);
    wait_until_caught_up();
    expect_same("item");
  }

  void end() {
    stop();
    catch_up();
    expect_same("item");
  }

  void drop_targets(const std::string& tables = "item") {
    server().execute("DROP TABLE " + tables, target_database);
    for (std::size_t at = 0; at < tables.size();) {
      const auto end = std::min(tables.find(", ", at), tables.size());
      const auto done = run({"sqlite3", lite_path(), "DROP TABLE " + tables.substr(at, end - at)});
      EXPECT_EQ(done.status.code, 0) << done.err;
      at = end + 2;
    }
  }

  bool was_read_anew() const { return status().find(R"("generation":1,)") == std::string::npos; }
};

TEST_F(SchemaChange, FollowsAddedColumns) {
  begin();
  change("ALTER TABLE item ADD COLUMN colour text; INSERT INTO item VALUES (1000, 'n', 1, 'red')");
  change("BEGIN; INSERT INTO item VALUES (1001, 'n', 1, 'red'); ALTER TABLE item ADD COLUMN a int;"
         "INSERT INTO item VALUES (1002, 'n', 1, 'red', 5); ALTER TABLE item ADD COLUMN b int;"
         "INSERT INTO item VALUES (1003, 'n', 1, 'red', 5, 6); COMMIT");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

TEST_F(SchemaChange, FollowsDroppedColumns) {
  begin();
  change("ALTER TABLE item DROP COLUMN name; UPDATE item SET price = 7 WHERE id < 10");
  change("ALTER TABLE item DROP COLUMN price, ADD COLUMN price text;"
         "UPDATE item SET price = 'much' WHERE id = 4");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

/// The stream describes the table as before; what its rows hold is another column.
TEST_F(SchemaChange, FollowsAColumnThatIsMadeAnewUnderItsNameAndType) {
  begin();
  change("ALTER TABLE item DROP COLUMN price, ADD COLUMN price numeric(8,2);"
         "UPDATE item SET price = 5 WHERE id = 4");
  change("UPDATE item SET price = 6 WHERE id = 5");
  change("BEGIN; UPDATE item SET name = 'n' WHERE id = 6; ALTER TABLE item DROP COLUMN price;"
         "ALTER TABLE item ADD COLUMN price numeric(8,2); COMMIT; ANALYZE item;"
         "DELETE FROM item WHERE id = 7");
  stop();
  source("UPDATE item SET price = 8 WHERE id < 9;"
         "ALTER TABLE item DROP COLUMN price, ADD COLUMN price numeric(8,2)");
  start();
  change("UPDATE item SET price = 9 WHERE id = 9");
  end();
}

TEST_F(SchemaChange, ATableThatIsDescribedAgainIsNotReadAnew) {
  begin();
  change("ANALYZE item; UPDATE item SET price = 5 WHERE id = 4");
  change("CREATE INDEX ON item (name); DELETE FROM item WHERE id = 5");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

TEST_F(SchemaChange, FollowsRenamedColumns) {
  begin();
  change("ALTER TABLE item RENAME COLUMN name TO label; DELETE FROM item WHERE id = 5");
  change("ALTER TABLE item RENAME COLUMN label TO x; ALTER TABLE item RENAME COLUMN price TO label;"
         "ALTER TABLE item RENAME COLUMN x TO price; DELETE FROM item WHERE id = 6");
  change("ALTER TABLE item RENAME COLUMN id TO \"We\"\"ird Ключ\"; DELETE FROM item WHERE price = "
         "'item 7'");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

TEST_F(SchemaChange, FollowsWidenedTypesWithoutReadingAnewWhereTheServerRewritesNothing) {
  source("ALTER TABLE item ADD COLUMN short varchar(10) NULL");
  begin();
  change("ALTER TABLE item ALTER price TYPE numeric(12,2), ALTER short TYPE text;"
         "INSERT INTO item VALUES (1000, 'far', 1234567890.12, 'longer than ten')");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

TEST_F(SchemaChange, FollowsWidenedTypesOfATableThatTheServerRewrites) {
  source("ALTER TABLE item ADD COLUMN small int2 NULL");
  begin();
  change("ALTER TABLE item ALTER id TYPE bigint, ALTER small TYPE int;"
         "INSERT INTO item VALUES (3000000000, 'far', 1, 100000)");
  end();
}

TEST_F(SchemaChange, FollowsNewValuesUnderTheSameOrAWiderType) {
  source("ALTER TABLE item ADD COLUMN small int2 NULL; UPDATE item SET small = 1");
  begin();
  change("ALTER TABLE item ALTER price TYPE numeric(8,2) USING price * 2;"
         "DELETE FROM item WHERE id = 3");
  change("ALTER TABLE item ALTER small TYPE int USING small * 10; DELETE FROM item WHERE id = 4");
  stop();
  source("ALTER TABLE item ALTER name TYPE text USING upper(name)");
  start();
  wait_until_caught_up();
  expect_same("item");
  end();
}

TEST_F(SchemaChange, ATableThatIsPackedAnewIsNotReadAnew) {
  begin();
  change("ALTER TABLE item ALTER price SET STATISTICS 10; DELETE FROM item WHERE id = 3");
  change("VACUUM FULL item"); // alone: it runs outside of a transaction
  change("DELETE FROM item WHERE id = 4");
  EXPECT_FALSE(was_read_anew()) << log();
  end();
}

TEST_F(SchemaChange, DefaultOfANewColumnReachesOldRows) {
  begin();
  change(
      "ALTER TABLE item ADD COLUMN state text NOT NULL DEFAULT 'good'; DELETE FROM item WHERE id "
      "= 3");
  EXPECT_TRUE(was_read_anew());
  end();
}

TEST_F(SchemaChange, VolatileDefaultsAndIdentitiesReachOldRows) {
  begin();
  change("ALTER TABLE item ADD COLUMN stamp int DEFAULT (random() * 1000000)::int,"
         "ADD COLUMN serial bigserial, ADD COLUMN own int GENERATED ALWAYS AS IDENTITY;"
         "UPDATE item SET name = 'other' WHERE id = 8");
  EXPECT_TRUE(was_read_anew());
  end();
}

TEST_F(SchemaChange, DefaultThatWasTakenBackAtOnceReachesOldRows) {
  begin();
  change("ALTER TABLE item ADD COLUMN a int DEFAULT 5; ALTER TABLE item ALTER a DROP DEFAULT;"
         "DELETE FROM item WHERE id = 3");
  end();
}

TEST_F(SchemaChange, ValuesOfAnotherTypeReachOldRows) {
  begin();
  change("ALTER TABLE item ALTER COLUMN name TYPE int USING length(name);"
         "DELETE FROM item WHERE id = 3");
  change("ALTER TABLE item ALTER COLUMN price TYPE text USING 'about ' || price;"
         "INSERT INTO item VALUES (501, 1, 'x')");
  EXPECT_TRUE(was_read_anew());
  end();
}

TEST_F(SchemaChange, OldRowsAreReadAnewAfterAKillToo) {
  text.snapshot = "chunk_rows = 5";
  start();
  wait_until_caught_up();
  kill();
  source("ALTER TABLE item ADD COLUMN state text NOT NULL DEFAULT 'good';"
         "DELETE FROM item WHERE id = 3");
  start({{"LEAT_CRASH_POINT", "chunk_emitted:9"}});
  wait_until_ended();
  catch_up();
  expect_same("item");
}

TEST_F(SchemaChange, ExcludedColumnsDoNotCount) {
  for (auto& r : text.routes) r += "\nexclude = [\"secret\"]";
  source("ALTER TABLE item ADD COLUMN secret int");
  begin();
  source("ALTER TABLE item DROP COLUMN secret; ALTER TABLE item ADD COLUMN secret text DEFAULT 'x';"
         "INSERT INTO item VALUES (300, 'n', 1, 'y')");
  wait_until_caught_up();
  EXPECT_FALSE(was_read_anew()) << log();
  EXPECT_EQ(lite_columns("item"), (std::vector<std::string>{"id", "name", "price"}));
  EXPECT_EQ(pg_columns("item"), (std::vector<std::string>{"id", "name", "price"}));
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "201");
  stop();
}

TEST_F(SchemaChange, PolicyStopNamesTheDifference) {
  text.sinks["lite"] += "\nschema_changes = \"stop\"";
  begin();
  source("ALTER TABLE item ADD COLUMN colour text, DROP COLUMN price;"
         "INSERT INTO item VALUES (1000, 'n', 'red')");
  auto ended = wait_until_ended();
  EXPECT_EQ(ended.status.code, 3);
  EXPECT_NE(ended.err.find("added colour; dropped price"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("public.item"), std::string::npos) << ended.err;

  // It stops there again, and goes on from there when it may.
  ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 3);
  text.sinks["lite"].replace(text.sinks["lite"].find("\"stop\""), 6, "\"evolve\"");
  catch_up();
  expect_same("item");
}

TEST_F(SchemaChange, PolicyStopEndsThePipelineWhenATableIsDroppedWithTheRowsThatItHad) {
  text.sinks["lite"] += "\nschema_changes = \"stop\"";
  source("CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)");
  begin();
  source("INSERT INTO gone VALUES (2); DROP TABLE gone");
  const auto ended = wait_until_ended();
  EXPECT_EQ(ended.status.code, 3);
  EXPECT_NE(ended.err.find("the table was dropped, and schema_changes = \"stop\" (public.gone)"),
            std::string::npos)
      << ended.err;
  EXPECT_EQ(lite("SELECT count(*) FROM gone")[0][0], "2");

  source("INSERT INTO item VALUES (1000, 'n')");
  catch_up();
  expect_same("item");
  EXPECT_EQ(lite("SELECT count(*) FROM gone")[0][0], "2");
}

TEST_F(SchemaChange, AnotherKeyIsRefusedAndTheTableCanBeMadeAnew) {
  source("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
  begin();
  source("ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (name);"
         "UPDATE item SET price = 1 WHERE id = 4; INSERT INTO other VALUES (2)");
  const auto ended = wait_until_ended();
  EXPECT_EQ(ended.status.code, 3);
  EXPECT_NE(ended.err.find("the key of the table changed from (id) to (name)"), std::string::npos)
      << ended.err;

  text.tables = R"(["public.*", "!public.item"])";
  catch_up();
  expect_same("other");
  text.tables = R"(["public.*"])";
  for (auto& r : text.routes) r += "\nto = \"{table}_2\"";
  for (auto& r : text.routes) r.replace(r.find("*.*"), 3, "public.item");
  text.routes.push_back("from = \"public.other\"\nsink = \"lite\"");
  text.routes.push_back("from = \"public.other\"\nsink = \"pg\"");
  catch_up();
  expect_same("item", "item_2");
  expect_same("other");
}

TEST_F(SchemaChange, AnotherKeyTakesEffectWhenTheTargetTableIsDropped) {
  source("CREATE TABLE other (id int PRIMARY KEY)");
  begin();
  source("ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (name);"
         "ALTER TABLE item DROP COLUMN price, ALTER id TYPE text, ALTER id DROP NOT NULL, ADD "
         "COLUMN colour int;"
         "UPDATE item SET colour = 1 WHERE name = 'item 4'");
  EXPECT_EQ(wait_until_ended().status.code, 3);
  text.tables = R"(["public.*", "!public.item"])";
  catch_up();
  drop_targets();
  text.tables = R"(["public.*"])";
  catch_up();
  expect_same("item");
  begin();
  change("UPDATE item SET colour = 2, id = NULL WHERE name = 'item 5';"
         "UPDATE item SET name = 'last' WHERE name = 'item 6'; DELETE FROM item WHERE id = '7'");
  end();
}

TEST_F(SchemaChange, ATargetTableThatWasDroppedIsMadeWithTheColumnsOfTheSourceByNow) {
  source("CREATE TABLE bag (a int, b text); ALTER TABLE bag REPLICA IDENTITY FULL;"
         "INSERT INTO bag SELECT i % 10, 'x' FROM generate_series(1, 100) i");
  for (const auto* sink : {"lite", "pg"})
    text.routes.push_back("from = \"public.item\"\nmode = \"append\"\nto = \"item_log\"\nsink = \""
                          + std::string(sink) + "\"");
  catch_up();
  drop_targets("item, bag, item_log");
  source("ALTER TABLE item RENAME COLUMN id TO number; ALTER TABLE item DROP COLUMN price;"
         "ALTER TABLE item ADD COLUMN colour text; INSERT INTO item VALUES (900, 'n', 'red');"
         "ALTER TABLE bag RENAME COLUMN b TO c; ALTER TABLE bag ADD COLUMN d int;"
         "INSERT INTO bag VALUES (1, 'y', 2)");
  for (int runs = 0; runs < 2; ++runs) {
    const auto refused = leat("run", {"--until", "caught-up"});
    EXPECT_EQ(refused.status.code, 4) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("the target table was dropped"));
  }
  EXPECT_EQ(leat("resnapshot", {"public.item", "public.bag"}).status.code, 0);
  catch_up();
  expect_same("item");
  expect_same("bag");
  const auto logged =
      "SELECT count(DISTINCT number), count(colour) FROM item_log WHERE _leat_op = 'r'";
  EXPECT_EQ(lite(logged), (text_rows{{"201", "1"}}));
  EXPECT_EQ(pg(logged), (text_rows{{"201", "1"}}));
  begin();
  change("UPDATE item SET colour = 'blue' WHERE number < 9; DELETE FROM item WHERE number = 9;"
         "DELETE FROM bag WHERE a = 3");
  expect_same("bag");
  end();
}

// The chunk readers see DDL before the stream has it (R5.6).
TEST_F(SchemaChange, DuringTheSnapshotWithoutAnyFurtherChange) {
  text.snapshot = "chunk_rows = 5";
  start({{"LEAT_CRASH_POINT", "chunk_emitted:4"}});
  wait_until_ended();
  source("ALTER TABLE item ADD COLUMN state text NOT NULL DEFAULT 'good', DROP COLUMN price;"
         "ALTER TABLE item RENAME COLUMN name TO label");
  catch_up();
  expect_same("item");
  start();
  change("DELETE FROM item WHERE id = 3");
  EXPECT_NE(status().find(R"("generation":2,)"), std::string::npos)
      << "the Relation message that follows is no second change";
  end();
}

TEST_F(SchemaChange, DuringTheSnapshotWithChangesOnAllSides) {
  text.snapshot = "chunk_rows = 5\nreaders = 2";
  start();
  for (int round = 0; round < 5; ++round) {
    const auto name = "c" + std::to_string(round);
    source("UPDATE item SET name = name || 'u' WHERE id % 7 = " + std::to_string(round));
    source("ALTER TABLE item ADD COLUMN " + name + " int DEFAULT " + std::to_string(round));
    source("UPDATE item SET " + name + " = id WHERE id % 5 = " + std::to_string(round));
    source("ALTER TABLE item RENAME COLUMN " + name + " TO r" + std::to_string(round));
    source("DELETE FROM item WHERE id % 40 = " + std::to_string(round));
  }
  wait_until_caught_up();
  expect_same("item");
  end();
}

TEST_F(SchemaChange, OfATableWithoutAKey) {
  source("CREATE TABLE log (a int, b text); ALTER TABLE log REPLICA IDENTITY FULL;"
         "INSERT INTO log SELECT i % 10, 'x' FROM generate_series(1, 100) i");
  start();
  source("INSERT INTO log VALUES (1, 'early'); ALTER TABLE log ADD COLUMN c int;"
         "INSERT INTO log VALUES (2, 'later', 3)");
  wait_until_caught_up();
  expect_same("log");
  source("ALTER TABLE log ADD COLUMN d int DEFAULT 4; DELETE FROM log WHERE a = 3");
  wait_until_caught_up();
  expect_same("log");
  source("ALTER TABLE log DROP COLUMN b; INSERT INTO log VALUES (3, 3, 3)");
  wait_until_caught_up();
  expect_same("log");
  stop();
}

TEST_F(SchemaChange, RenamedAndMovedTableGoesOnAtItsTarget) {
  begin();
  source("ALTER TABLE item RENAME TO goods; UPDATE goods SET name = 'x' WHERE id = 2;"
         "CREATE SCHEMA store; ALTER TABLE goods SET SCHEMA store;"
         "UPDATE store.goods SET name = 'y' WHERE id = 3; ALTER TABLE store.goods RENAME TO \"We"
         "\"\"ird Таблица\"; UPDATE store.\"We\"\"ird Таблица\" SET name = 'z' WHERE id = 4");
  wait_until_caught_up();
  EXPECT_EQ(lite("SELECT name FROM item WHERE id IN (2, 3, 4)"), (text_rows{{"x"}, {"y"}, {"z"}}));
  EXPECT_EQ(pg("SELECT name FROM item WHERE id IN (2, 3, 4)"), (text_rows{{"x"}, {"y"}, {"z"}}));
  EXPECT_NE(log().find("renamed public.item to public.goods"), std::string::npos) << log();
  EXPECT_FALSE(was_read_anew()) << log();
  stop();
  // By its new name it is no table of the file, so its target is let go.
  source("CREATE TABLE item (id int PRIMARY KEY)");
  text.tables = R"(["store.*"])";
  for (auto& r : text.routes) r += "\nto = \"goods\"";
  const auto said = catch_up();
  EXPECT_NE(
      said.err.find("the route to lite/item is gone from the file, or its table from the source"),
      std::string::npos)
      << said.err;
  EXPECT_EQ(lite("SELECT count(*) FROM goods")[0][0], "200");
  EXPECT_EQ(pg("SELECT count(*) FROM goods")[0][0], "200");
}

TEST_F(SchemaChange, ARenamedTableThatIsReadAnewKeepsItsRowFilterAndItsCondition) {
  if (server().version() < 150000) GTEST_SKIP() << "publications have whole tables only";
  source("CREATE TABLE part (id int PRIMARY KEY, v int);"
         "INSERT INTO part SELECT i, i FROM generate_series(1, 100) i;"
         "CREATE PUBLICATION leat_shop FOR TABLE part WHERE (id > 50)");
  text.tables = R"(["public.part"])";
  text.snapshot += "\n[source.snapshot.where]\n\"public.part\" = \"v < 80\"";
  start();
  wait_until_caught_up();
  source("ALTER TABLE part RENAME TO renamed; UPDATE renamed SET v = v WHERE id = 60;"
         "ALTER TABLE renamed ADD w int DEFAULT 7; UPDATE renamed SET v = v WHERE id = 60");
  wait_until_caught_up();
  EXPECT_TRUE(was_read_anew()) << log();
  stop();
  const text_rows expected = {{"51", "79", "29"}};
  EXPECT_EQ(lite("SELECT min(id), max(id), count(*) FROM part"), expected);
  EXPECT_EQ(pg("SELECT min(id), max(id), count(*) FROM part"), expected);
}

TEST_F(SchemaChange, DroppedTableStaysAtTheTargets) {
  source("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
  begin();
  source("DROP TABLE item; INSERT INTO other VALUES (2)");
  wait_until_caught_up();
  expect_same("other");
  stop();
  const auto said = catch_up();
  EXPECT_NE(
      said.err.find("the route to pg/item is gone from the file, or its table from the source"),
      std::string::npos)
      << said.err;
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "200");
  EXPECT_EQ(pg("SELECT count(*) FROM item")[0][0], "200");
}

TEST_F(SchemaChange, StatusTellsOfTablesThatWereDropped) {
  source("CREATE TABLE other (id int PRIMARY KEY)");
  text.interval = "20ms";
  begin();
  source("DROP TABLE other");
  wait_until("status does not tell",
             [&] { return leat("status").out.find("dropped") != std::string::npos; });
  EXPECT_THAT(leat("status").out,
              HasSubstr("public.other: 0 rows read; dropped at the source: its rows stay at "
                        "the targets\n"));
  EXPECT_THAT(status(), HasSubstr(R"("at_source":"dropped")"));
  EXPECT_THAT(log(), HasSubstr("public.other: dropped at the source"));
  stop();
}

TEST_F(SchemaChange, TableDroppedDuringItsSnapshotDoesNotHoldTheOthersUp) {
  source("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
  text.snapshot = "chunk_rows = 5\nreaders = 1";
  start();
  source("DROP TABLE item; INSERT INTO other VALUES (2)");
  wait_until_caught_up();
  expect_same("other");
  stop();
}

TEST_F(SchemaChange, TruncateAndRewritesDuringTheSnapshotAndAfter) {
  text.snapshot = "chunk_rows = 5\nreaders = 2";
  start();
  source("VACUUM FULL item");
  source("UPDATE item SET name = 'a' WHERE id < 50");
  wait_until("no chunk came", [&] { return !lite("SELECT 1 FROM item").empty(); });
  source("VACUUM FULL item");
  source("TRUNCATE item; INSERT INTO item SELECT i, 'again' FROM generate_series(50, 90) i");
  wait_until_caught_up();
  expect_same("item");
  change("TRUNCATE item; INSERT INTO item SELECT i, 'third' FROM generate_series(1, 20) i");
  source("VACUUM FULL item");
  source("CLUSTER item USING item_pkey");
  change("DELETE FROM item WHERE id = 5");
  end();
}

} // namespace

} // namespace leat::test
