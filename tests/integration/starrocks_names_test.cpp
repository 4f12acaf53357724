#include <gmock/gmock.h>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

/// Names of columns and tables that StarRocks takes for another, or that are long.
class StarrocksNames : public starrocks_both {
 protected:
  sink_options options() const override {
    auto o = starrocks_both::options();
    o.starrocks.format = format_;
    return o;
  }
  static schema_ptr items_with_name(const std::string& name) {
    auto schema = *items();
    schema.columns[1].name = name;
    return std::make_shared<const table_schema>(schema);
  }

  load_format format_ = load_format::json;
};

TEST_P(StarrocksNames, AColumnThatIsRenamedByCaseAloneIsWritten) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  change_schema(route_of(items_with_name("Name")));
  write(changes().insert({2, "b", "y"}).update({1, "c", unchanged}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|c|x 2|b|y");
  restart();
  write(changes().insert({3, "d", "z"}));
  commit(3);
  EXPECT_EQ(items_rows(), "1|c|x 2|b|y 3|d|z");
}

TEST_P(StarrocksNames, AColumnThatTheTableHasInAnotherCaseIsWritten) {
  for (const auto format : {load_format::json, load_format::csv}) {
    format_ = format;
    reopen(); // makes the database
    target().forget();
    execute("DROP TABLE IF EXISTS " + table("items"));
    execute("CREATE TABLE " + table("items")
            + " (ID INT NOT NULL, Name VARCHAR(1048576), body VARCHAR(1048576)) PRIMARY KEY(ID) "
              "DISTRIBUTED "
              "BY HASH(ID) PROPERTIES(\"replication_num\"=\"1\")");
    begin();
    write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
    commit(1);
    write(changes().update({1, "c", unchanged}).remove({2, absent, absent}));
    commit(2);
    EXPECT_EQ(items_rows(), "1|c|x");
  }
}

TEST_P(StarrocksNames, OfALongTableIsRecordedWhereverItsCharactersEnd) {
  for (int narrow = 0; narrow < 3; ++narrow) {
    auto schema = *items();
    schema.name = std::string(static_cast<std::size_t>(narrow), 'x');
    for (int i = 0; i < 20; ++i) schema.name += "Ћ€";
    reopen();
    const auto first = held.epoch;
    auto r = route_of(std::make_shared<const table_schema>(schema));
    r.target = "t" + std::to_string(narrow);
    r.record = r.target + " of " + schema.name;
    attach(r);
    write(changes().insert({1, "a", "x"}));
    held.last_chunk[r.record] = (std::uint64_t{1} << 32) + 1;
    commit(first + 1);
    // As one is left that was cut amid a character.
    for (const std::string key : {"a", "\u20ac"})
      execute("INSERT INTO " + table("leat_progress_table")
              + " (pipeline, target, table_name, last_chunk) VALUES ('shop', '" + key
              + std::to_string(narrow) + "', '" + r.record + "', 1)");
    restart();
    EXPECT_EQ(held.last_chunk.at(r.record), (std::uint64_t{1} << 32) + 1);
    EXPECT_EQ(rows_of("SELECT id FROM " + table(r.target)), "1");
  }
}

TEST_P(StarrocksNames, ACellThatCsvCannotCarryStopsThoughTheTargetHasIt) {
  begin();
  write(changes().insert({1, "a", "x\x01y"}));
  commit(1);
  format_ = load_format::csv;
  restart();
  write(changes().update({1, "b", unchanged}));
  const auto e = error_of([&] { commit(2); });
  EXPECT_THAT(e.what(), testing::HasSubstr("format = \"json\""));
  restart();
  EXPECT_EQ(items_rows(), "1|a|x\x01y");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksNames, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);

} // namespace
} // namespace leat::test
