#include <gmock/gmock.h>

#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

schema_ptr typed_items() {
  return source_table("items", {{"id", "integer"}, {"name", "text"}, {"body", "text"}});
}

class postgres_dead_letter_test : public postgres_sink_test {
 protected:
  sink_driver open_items(route_mode mode = route_mode::upsert) {
    auto o = options();
    o.dead_letter = "We\"ird letters";
    auto sink = open(o);
    auto r = route_of(typed_items());
    r.mode = mode;
    sink.attach(share(std::move(r)));
    return sink;
  }
  /// A table that takes names of up to 5 characters other than "bad".
  void make_narrow_table() {
    execute("CREATE TABLE items (id integer PRIMARY KEY, name text CHECK (name <> 'bad') CHECK "
            "(length(name) <= 5), body text NOT NULL)");
  }
  std::string letters() {
    return rows_of("SELECT pipeline, target, key, \"row\", commit_lsn, seq FROM \"We\"\"ird "
                   "letters\" ORDER BY seq, key->>'id'");
  }
  std::string reasons() {
    return rows_of("SELECT DISTINCT left(reason, 200) FROM \"We\"\"ird letters\" ORDER BY 1");
  }
};

} // namespace

TEST_F(postgres_dead_letter_test, KeepsTheRowsThatAreRefusedAndWritesTheOthers) {
  make_narrow_table();
  auto sink = open_items();
  sink.write(batch_builder(typed_items())
                 .begin(0x10)
                 .insert({1, "a", "x"})
                 .insert({2, "bad", "\"q\""})
                 .insert({3, "longer", "x"})
                 .insert({4, "d", nullptr})
                 .insert({5, "e", "x"})
                 .build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT id, name FROM items ORDER BY id"), "1|a 5|e");
  EXPECT_EQ(letters(), R"(shop|items|{"id":"2"}|{"id":"2","name":"bad","body":"\"q\""}|0/10|1 )"
                       R"(shop|items|{"id":"3"}|{"id":"3","name":"longer","body":"x"}|0/10|2 )"
                       R"(shop|items|{"id":"4"}|{"id":"4","name":"d","body":null}|0/10|3)");
  EXPECT_THAT(reasons(), ::testing::HasSubstr("check constraint"));
  EXPECT_THAT(reasons(), ::testing::HasSubstr("not-null constraint"));
}

TEST_F(postgres_dead_letter_test, KeepsTheRowsThatACopyStumblesOver) {
  make_narrow_table();
  auto sink = open_items();
  batch_builder rows(typed_items());
  rows.chunk(0x10, 1);
  for (int id = 0; id < 3000; ++id) rows.read({id, id % 1000 == 7 ? "bad" : "good", "x"});
  sink.write(rows.build());
  sink.commit_next();
  EXPECT_EQ(value_of("SELECT count(*) FROM items"), "2997");
  EXPECT_EQ(rows_of("SELECT key->>'id' FROM \"We\"\"ird letters\" ORDER BY seq"), "7 1007 2007");
}

TEST_F(postgres_dead_letter_test, LeavesARowAsItWasWhenItsUpdateIsRefused) {
  make_narrow_table();
  auto sink = open_items();
  sink.write(batch_builder(typed_items()).insert({1, "a", "x"}).insert({2, "b", "x"}).build());
  sink.commit_next();
  sink.write(batch_builder(typed_items())
                 .update({1, "bad", unchanged})
                 .update({2, "fine", unchanged})
                 .update({3, "new", unchanged})
                 .build());
  EXPECT_THAT(sink.commit_next(), ::testing::ElementsAre(::testing::ElementsAre("3")));
  EXPECT_EQ(rows_of("SELECT id, name FROM items ORDER BY id"), "1|a 2|fine");
  EXPECT_EQ(rows_of("SELECT \"row\" FROM \"We\"\"ird letters\""), R"({"id":"1","name":"bad"})");
}

TEST_F(postgres_dead_letter_test, TheirRowsLendNoCellsToALaterChange) {
  const auto changes = [] { return batch_builder(typed_items()); };
  make_narrow_table();
  {
    auto sink = open_items();
    sink.write(changes().insert({1, "a", "x"}).insert({2, "a", "x"}).insert({3, "a", "x"}));
    sink.commit_next();
    sink.write(changes().update({1, "bad", "y"}).update({2, "bad", "y"}));
    sink.commit_next();
  }
  auto sink = open_items();
  sink.write(changes()
                 .update({1, "b", unchanged})
                 .update({2, absent, absent}, {4, "b", unchanged})
                 .update({3, "b", unchanged}));
  EXPECT_THAT(sink.commit_next(), ::testing::UnorderedElementsAre(::testing::ElementsAre("1"),
                                                                  ::testing::ElementsAre("4")));
  EXPECT_EQ(rows_of("SELECT id, name, body FROM items ORDER BY id"), "1|a|x 3|b|x");
  sink.write(changes().update({3, "bad", "y"}));
  sink.flush();
  sink.write(changes().update({3, "c", unchanged}).update({1, "b", "z"}));
  EXPECT_THAT(sink.commit_next(), ::testing::ElementsAre(::testing::ElementsAre("3")));
  EXPECT_EQ(rows_of("SELECT id, name, body FROM items ORDER BY id"), "1|b|z 3|b|x");
}

TEST_F(postgres_dead_letter_test, CommitsLettersWithTheirEpochOnce) {
  make_narrow_table();
  const auto rows = batch_builder(typed_items()).insert({2, "bad", "x"}).build();
  {
    auto sink = open_items();
    sink.write(rows);
    sink.target().prepare();
  }
  auto sink = open_items();
  EXPECT_EQ(letters(), "");
  sink.write(rows);
  sink.commit_next();
  EXPECT_EQ(value_of("SELECT count(*) FROM \"We\"\"ird letters\""), "1");
}

TEST_F(postgres_dead_letter_test, KeepsChangesThatAnAppendTableRefuses) {
  { auto sink = open_items(route_mode::append); }
  execute("ALTER TABLE items ADD CHECK (name <> 'bad')");
  auto sink = open_items(route_mode::append);
  sink.write(batch_builder(typed_items())
                 .begin(0x10)
                 .insert({1, "a", "x"})
                 .update({1, "bad", unchanged})
                 .remove({1, absent, absent})
                 .build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT _leat_op FROM items ORDER BY _leat_seq"), "i d");
  EXPECT_EQ(letters(), R"(shop|items|{"id":"1"}|{"id":"1","name":"bad"}|0/10|1)");
}

TEST_F(postgres_dead_letter_test, StopsForWhatOtherRowsStandInTheWayOf) {
  make_narrow_table();
  execute("CREATE UNIQUE INDEX ON items (name)");
  auto sink = open_items();
  const auto e = error_of([&] {
    sink.write(batch_builder(typed_items()).insert({1, "a", "x"}).insert({2, "a", "x"}).build());
    sink.commit_next();
  });
  EXPECT_THAT(e.what(), ::testing::HasSubstr("unique"));
}

} // namespace leat::test
