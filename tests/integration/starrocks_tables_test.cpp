#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "dataflow/table_columns.hpp"
#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Tables that leat makes, and what becomes of them.
class StarrocksTables : public starrocks_fixture {
 protected:
  static std::shared_ptr<table_schema> commented() {
    auto schema = std::make_shared<table_schema>(*items());
    schema->comment = "what is \"sold\"";
    schema->columns[0].comment = "the \\ key";
    schema->columns[1].comment = "Таблица's name";
    return schema;
  }
  std::string shown() { return rows_of("SHOW CREATE TABLE " + table("items")); }
  std::string comments() {
    return rows_of(
        "SELECT COLUMN_NAME, COLUMN_COMMENT FROM information_schema.columns WHERE TABLE_SCHEMA = '"
        + database_ + "' AND TABLE_NAME = 'items' ORDER BY ORDINAL_POSITION");
  }
  std::string table_comment() {
    return rows_of("SELECT TABLE_COMMENT FROM information_schema.tables WHERE TABLE_SCHEMA = '"
                   + database_ + "' AND TABLE_NAME = 'items'");
  }
  void evolve(const schema_ptr& after) { change_schema(route_of(after)); }
};

TEST_F(StarrocksTables, HaveTheCommentsOfTheSource) {
  reopen();
  attach(route_of(commented()));
  EXPECT_EQ(comments(), "id|the \\ key name|Таблица's name body|");
  EXPECT_EQ(table_comment(), "what is \"sold\"");
}

TEST_F(StarrocksTables, FollowCommentsWhereTheSourceTellsItsColumns) {
  begin();
  write(changes().insert({1, "a", "x"}));
  flush();
  auto after = commented();
  add_column(*after, {"extra", value_class::text, "text"});
  after->columns.back().comment = "came later";
  evolve(after);
  // A key cannot be altered.
  EXPECT_EQ(comments(), "id| name|Таблица's name body| extra|came later");
  EXPECT_EQ(table_comment(), "what is \"sold\"");
  auto last = std::make_shared<table_schema>(*after);
  last->columns[1].comment.clear();
  evolve(last);
  EXPECT_EQ(comments(), "id| name| body| extra|came later");
  write(changes().insert({2, "b", "y", "z"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
}

TEST_F(StarrocksTables, KeepTheirOldCommentWhereTheServerChangesNone) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double plays other versions";
  cluster().control("/quirk", {{"version", "3.0.9"}});
  mode_ = atomicity::table;
  begin();
  evolve(commented());
  EXPECT_EQ(comments(), "id| name|Таблица's name body|");
  EXPECT_EQ(table_comment(), "");
}

TEST_F(StarrocksTables, GoOnWithoutACommentThatTheServerRefuses) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  begin();
  cluster().control("/fault", {{"node", "*"},
                               {"op", "sql:ALTER TABLE.*COMMENT"},
                               {"phase", "before"},
                               {"action", "error:1064:enough"},
                               {"times", -1}});
  evolve(commented());
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x");
  EXPECT_EQ(comments(), "id| name| body|");
}

TEST_F(StarrocksTables, KeepTheDefaultsOfTheirColumns) {
  reopen(); // makes the database
  execute(
      "CREATE TABLE " + table("items")
      + " (id INT NOT NULL, name VARCHAR(1048576) DEFAULT \"a \\\"b\\\\\", n INT DEFAULT \"7\", "
        "at DATETIME DEFAULT CURRENT_TIMESTAMP) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) "
        "PROPERTIES(\"replication_num\"=\"1\")");
  const auto source = starrocks_source("items", {{"id"},
                                                 {"name", value_class::text, "text"},
                                                 {"n"},
                                                 {"at", value_class::timestamp, "timestamp"}});
  attach(route_of(source));
  auto after = std::make_shared<table_schema>(*source);
  after->columns[2].kind = value_class::int8;
  after->columns[2].type_name = "bigint";
  for (auto& c : after->columns) c.comment = "its " + c.name;
  evolve(after);
  EXPECT_EQ(comments(), "id| name|its name n|its n at|its at");
  EXPECT_THAT(shown(), AllOf(HasSubstr("`name` varchar(1048576) NULL DEFAULT \"a \\\"b\\\\\""),
                             HasSubstr("`n` bigint NULL DEFAULT \"7\""),
                             HasSubstr("`at` datetime NULL DEFAULT CURRENT_TIMESTAMP")));
}

TEST_F(StarrocksTables, AChangeOfColumnsThatACrashCutOffIsEndedAtTheNextStart) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  auto after = *items();
  after.columns[1].name = "title";
  after.columns.pop_back();
  const auto later = share(route_of(std::make_shared<const table_schema>(after)));
  // As it is between the statement for `body` and the one for `name`.
  execute("UPDATE " + table("leat_progress_table") + " SET becoming = "
          + starrocks::mysql_client::quote(columns_record(*later)) + " WHERE target = 'items'");
  execute("ALTER TABLE " + table("items") + " DROP COLUMN body");
  const auto columns = reopen()->columns.at("items");
  EXPECT_EQ(columns, columns_record(*later));
  attach(*later);
  EXPECT_EQ(rows_of("SELECT id, title FROM " + table("items")), "1|a");
  write(changes().insert({2, "b"}));
  commit(2);
  EXPECT_EQ(rows_of("SELECT id, title FROM " + table("items") + " ORDER BY id"), "1|a 2|b");
  EXPECT_EQ(
      rows_of("SELECT becoming FROM " + table("leat_progress_table") + " WHERE target = 'items'"),
      "");
}

TEST_F(StarrocksTables, TakeARecordOfFormat1AndNoteTheColumns) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  close();
  execute("ALTER TABLE " + table("leat_progress_table") + " DROP COLUMN columns");
  execute("ALTER TABLE " + table("leat_progress_table") + " DROP COLUMN becoming");
  EXPECT_TRUE(reopen()->columns.empty());
  attach_items();
  commit(2);
  EXPECT_EQ(reopen()->columns.at("items"), columns_record(route_of(items())));
}

TEST_F(StarrocksTables, ALongCommentIsCutBetweenCharacters) {
  auto schema = std::make_shared<table_schema>(*items());
  for (int i = 0; i < 600; ++i) schema->columns[1].comment += "ю";
  reopen();
  attach(route_of(schema));
  EXPECT_EQ(rows_of("SELECT char_length(COLUMN_COMMENT) AS l FROM information_schema.columns WHERE "
                    "TABLE_SCHEMA = '"
                    + database_ + "' AND TABLE_NAME = 'items' AND COLUMN_NAME = 'name'"),
            "512");
}

TEST_F(StarrocksTables, AreMadeAsTheirRouteSays) {
  reopen();
  auto r = route_of(items());
  starrocks_route_table given;
  given.buckets = 3;
  given.properties = {{"enable_persistent_index", "true"}};
  given.order_by = std::vector<std::string>{"name"};
  r.made_with =
      std::make_shared<const starrocks_table_options>(given.over(options().starrocks.table));
  attach(r);
  EXPECT_THAT(shown(), AllOf(HasSubstr("BUCKETS 3"), HasSubstr("ORDER BY(`name`)"),
                             HasSubstr("\"replication_num\" = \"1\""),
                             HasSubstr("\"enable_persistent_index\" = \"true\"")));
}

TEST_F(StarrocksTables, EndThePipelineWhereAColumnThatTheyAreSortedByChanges) {
  auto o = options();
  o.starrocks.table.order_by = {"name"};
  open(o);
  attach_items();
  auto after = std::make_shared<table_schema>(*items());
  after->columns.erase(after->columns.begin() + 1);
  const auto e = error_of([&] { evolve(after); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("leat resnapshot"));
}

TEST_F(StarrocksTables, HaveBucketsWhereTheServerChoosesNone) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double plays other versions";
  cluster().control("/quirk", {{"version", "2.5.6"}});
  mode_ = atomicity::table;
  auto o = options();
  o.dead_letter = "leat_dead_letter";
  open(o);
  attach_items();
  EXPECT_THAT(shown(), HasSubstr("BUCKETS 10"));
  write(changes().insert({1, "a", "x"}));
  commit(1);
  route_writer().begin_snapshot(2);
  EXPECT_EQ(items_rows(), "1|a|x");
}

TEST_F(StarrocksTables, NamesAndValuesCannotBreakOut) {
  const std::string hostile = "we\"ird 'x`y; -- /* \\ %41";
  const std::string column = "a\"b`c',d:e\\f\ng Таблица";
  auto source = starrocks_source("items", {{"id", value_class::text, "text"},
                                           {column, value_class::text, "text"},
                                           {"j", value_class::jsonb, "jsonb"}});
  auto r = route_of(source);
  r.target = hostile;
  auto o = options();
  o.dead_letter = "dead \"letters`";
  open(o);
  attach(r);
  const std::string nasty = "'); DROP TABLE x; --\\\"`\t\r\n\x01\x02,\"__op\":1}]";
  write(changes().insert({nasty, nasty, "{\"k\": \"\\\"}]\"}"}).insert({"2", "x", nullptr}));
  commit(1);
  const auto at = "`" + database_ + "`.`we\"ird 'x``y; -- /* \\ %41`";
  EXPECT_EQ(rows_of("SELECT id, `a\"b``c',d:e\\f\ng Таблица` AS c FROM " + at + " ORDER BY id"),
            nasty + "|" + nasty + " 2|x");
  write(changes().update({nasty, "y", unchanged}).remove({"2", absent, absent}));
  commit(2);
  EXPECT_EQ(rows_of("SELECT id, `a\"b``c',d:e\\f\ng Таблица` AS c FROM " + at + " ORDER BY id"),
            nasty + "|y");
}

TEST_F(StarrocksTables, NamesThatWouldBreakOutOfAHeaderAreRefusedWhereTheyStandInOne) {
  const std::string hostile = "a\r\nlabel: other";
  auto o = options();
  for (const auto& columns :
       {std::vector<starrocks_column>{{"id"}, {hostile, value_class::text, "text"}},
        std::vector<starrocks_column>{
            {"id"}, {hostile, value_class::text, "text"}, {"b", value_class::bytea, "bytea"}}}) {
    o.starrocks.format = columns.size() == 2 ? load_format::csv : load_format::json;
    open(o);
    const auto route = share(route_of(starrocks_source("items", columns)));
    ASSERT_EQ(target().check({route}).size(), 1U);
    EXPECT_THAT(error_of([&] { target().attach(route); }).what(), HasSubstr("HTTP header"));
    EXPECT_EQ(rows_of("SHOW TABLES FROM `" + database_ + "` LIKE 'items'"), "");
  }
}

TEST_F(StarrocksTables, ValuesCannotBreakOutOfCsv) {
  auto o = options();
  o.starrocks.format = load_format::csv;
  const std::string column = "a\"b`c',d:e\\f g,__op";
  auto source = starrocks_source(
      "items", {{"id", value_class::text, "text"}, {column, value_class::text, "text"}});
  open(o);
  attach(route_of(source));
  const std::string nasty = "'); DROP TABLE x; --\\\"`\t\r\n,1";
  write(changes().insert({nasty, nasty}).insert({"2", "\\"}));
  commit(1);
  EXPECT_EQ(
      rows_of("SELECT id, `a\"b``c',d:e\\f g,__op` AS c FROM " + table("items") + " ORDER BY id"),
      nasty + "|" + nasty + " 2|\\");
}

} // namespace
} // namespace leat::test
