#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

schema_ptr narrow_items() {
  return source_table("items", {{"id", "integer"}, {"name", "character varying(5)"}});
}
batch_ptr one_item(int id = 1, const char* name = "a") {
  return batch_builder(narrow_items()).insert({id, name}).build();
}

} // namespace

// The fence (R3)

TEST_F(postgres_sink_test, CommitsNothingAfterAnotherLeatHasWritten) {
  auto first = open(plain(narrow_items()));
  first.write(one_item());
  first.commit_next();
  auto second = open(plain(narrow_items()));
  second.write(one_item(2));
  second.commit_next();
  first.write(one_item(3));
  const auto e = error_of([&] { first.commit_next(); });
  EXPECT_EQ(e.kind(), error_kind::sink);
  EXPECT_FALSE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("another leat has written"));
  EXPECT_EQ(rows_of("SELECT id FROM items ORDER BY 1"), "1 2");
}

TEST_F(postgres_sink_test, CommitsNoEmptyEpochAfterAnotherLeatHasWritten) {
  auto first = open(plain(narrow_items()));
  auto second = open(plain(narrow_items()));
  second.commit_next();
  EXPECT_THAT(error_of([&] { first.commit_next(); }).what(), HasSubstr("another leat has written"));
  EXPECT_EQ(value_of("SELECT epoch FROM leat_progress"), "1");
}

TEST_F(postgres_sink_test, WaitsAtTheStartForACommitThatStillHangs) {
  { open(plain(narrow_items())).commit_next(); }
  auto hanging = server().session(database_);
  hanging.execute("BEGIN; UPDATE leat_progress SET epoch = 2");
  std::thread later([&] {
    std::this_thread::sleep_for(300ms);
    hanging.execute("COMMIT");
  });
  auto sink = open(options());
  later.join();
  EXPECT_EQ(sink.opened_with->epoch, 2U);
}

TEST_F(postgres_sink_test, NamesTheBackendThatHoldsTheProgressRow) {
  { open(plain(narrow_items())).commit_next(); }
  auto hanging = server().session(database_);
  hanging.execute("BEGIN; SELECT * FROM leat_progress FOR UPDATE");
  const auto e = error_of([&] { auto sink = open(options()); });
  EXPECT_TRUE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("(backend " + std::to_string(hanging.backend_pid()) + ")"));
}

TEST_F(postgres_sink_test, ReadsWhatACommitWithoutAnswerHasDone) {
  {
    auto sink = open(plain(narrow_items()));
    sink.write(one_item());
    sink.commit_next();
    sink.write(one_item(2));
    sink.target().prepare();
    server().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'leat' AND pid <> pg_backend_pid()");
    const auto e = error_of([&] { sink.commit_next(); });
    EXPECT_TRUE(e.transient());
  }
  auto sink = open(plain(narrow_items()));
  EXPECT_EQ(sink.opened_with->epoch, 1U);
  EXPECT_EQ(rows_of("SELECT id FROM items"), "1");
}

// Targets that do not fit

TEST_F(postgres_sink_test, RefusesATableWithRowsOfSomebodyElse) {
  execute("CREATE TABLE items (id integer PRIMARY KEY, name varchar(5)); INSERT INTO items VALUES "
          "(9, 'x')");
  const auto e = error_of([&] { open(plain(narrow_items())); });
  EXPECT_THAT(e.what(), HasSubstr("holds rows that this pipeline has not written"));
  EXPECT_THAT(e.remedy(), HasSubstr("TRUNCATE \"public\".\"items\""));
}

TEST_F(postgres_sink_test, RefusesATableOfAnotherPipelineThoughItIsEmpty) {
  {
    auto sink = open(plain(narrow_items()));
    sink.commit_next();
  }
  execute("UPDATE leat_progress SET pipeline = 'another';"
          "UPDATE leat_progress_table SET pipeline = 'another'");
  const auto e = error_of([&] { open(plain(narrow_items())); });
  EXPECT_THAT(e.what(), HasSubstr("table is pipeline `another`'s"));
  EXPECT_THAT(e.remedy(), HasSubstr("`to`"));
}

TEST_F(postgres_sink_test, TakesAnEmptyTableThatFits) {
  execute("CREATE TABLE items (extra int DEFAULT 7, name text NOT NULL, id bigint UNIQUE)");
  auto sink = open(plain(narrow_items()));
  sink.write(one_item());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items"), "7|a|1");
}

TEST_F(postgres_sink_test, SaysTheAlterThatMendsATableThatDoesNotFit) {
  struct wrong {
    std::string ddl, what, remedy;
  };
  const std::vector<wrong> cases{
      {"CREATE TABLE items (id int PRIMARY KEY)", "has no column \"name\"",
       "ADD COLUMN \"name\" character varying(5)"},
      {"CREATE TABLE items (id int PRIMARY KEY, name varchar(3))", "is character varying(3)",
       "ALTER COLUMN \"name\" TYPE character varying(5)"},
      {"CREATE TABLE items (id int, name varchar(5))", "no primary key or unique index on (\"id\")",
       "ADD PRIMARY KEY (\"id\")"},
      {"CREATE TABLE items (id int, name varchar(5)); CREATE UNIQUE INDEX ON items (id) WHERE id > "
       "0",
       "no primary key", "ADD PRIMARY KEY"},
      {"CREATE TABLE items (id int PRIMARY KEY, name varchar(5), extra int NOT NULL)",
       "\"extra\" that is NOT NULL", "DROP NOT NULL"},
      {"CREATE TABLE items (id int PRIMARY KEY, name varchar(5) GENERATED ALWAYS AS ('x') STORED)",
       "generated", "DROP EXPRESSION"},
      {"CREATE UNLOGGED TABLE items (id int PRIMARY KEY, name varchar(5))", "UNLOGGED",
       "SET LOGGED"},
      {"CREATE VIEW items AS SELECT 1 AS id, 'x'::varchar(5) AS name WHERE false", "is a view",
       "another target"},
  };
  for (const auto& c : cases) {
    SetUp();
    execute(c.ddl);
    const auto e = error_of([&] { open(plain(narrow_items())); });
    EXPECT_EQ(e.kind(), error_kind::sink) << c.ddl;
    EXPECT_EQ(e.where(), "\"public\".\"items\"") << c.ddl;
    EXPECT_THAT(e.what(), HasSubstr(c.what)) << c.ddl;
    EXPECT_THAT(e.remedy(), HasSubstr(c.remedy)) << c.ddl;
  }
}

TEST_F(postgres_sink_test, RefusesAServerThatTakesNoWrites) {
  auto o = options();
  o.connection["options"] = "-c default_transaction_read_only=on";
  EXPECT_THAT(error_of([&] { auto sink = open(o); }).what(), HasSubstr("read-only"));
}

TEST_F(postgres_sink_test, NamesTheGrantThatIsMissing) {
  execute("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
  auto o = options();
  o.connection["user"] = "poor";
  const auto e = error_of([&] { auto sink = open(o); });
  EXPECT_THAT(e.what(), HasSubstr("permission denied for schema public"));
  EXPECT_THAT(e.remedy(), HasSubstr("GRANT"));
  EXPECT_FALSE(e.transient());
}

// Rows that the target refuses

TEST_F(postgres_sink_test, CutsNoValueThatIsTooLong) {
  for (const int rows : {1, 100}) {
    SetUp();
    auto sink = open(plain(narrow_items()));
    batch_builder batch(narrow_items());
    for (int i = 0; i < rows; ++i) batch.insert({i, "longer than five"});
    sink.write(batch.build());
    const auto e = error_of([&] { sink.commit_next(); });
    EXPECT_THAT(e.what(), HasSubstr("value too long"));
    EXPECT_THAT(e.where(), HasSubstr("\"public\".\"items\""));
    EXPECT_THAT(e.remedy(), HasSubstr("widen"));
    EXPECT_FALSE(e.transient());
  }
}

TEST_F(postgres_sink_test, NamesTheOtherUniqueIndexThatRefusesARow) {
  auto sink = open(plain(narrow_items()));
  sink.commit_next();
  execute("CREATE UNIQUE INDEX one_name ON items (name)");
  batch_builder batch(narrow_items());
  for (int i = 0; i < 100; ++i) batch.insert({i, "same"});
  sink.write(batch.build());
  const auto e = error_of([&] { sink.commit_next(); });
  EXPECT_THAT(e.what(), HasSubstr("one_name"));
  EXPECT_THAT(e.remedy(), HasSubstr("another unique index or constraint of \"public\".\"items\""));
}

TEST_F(postgres_sink_test, SaysThatATargetColumnIsNotNull) {
  auto sink = open(plain(narrow_items()));
  sink.commit_next();
  execute("ALTER TABLE items ALTER name SET NOT NULL");
  sink.write(batch_builder(narrow_items()).insert({1, nullptr}).build());
  EXPECT_THAT(error_of([&] { sink.commit_next(); }).remedy(), HasSubstr("DROP NOT NULL"));
}

TEST_F(postgres_sink_test, TakesADeadServerAsPassing) {
  pg_server own;
  auto o = options();
  o.connection = own.parameters();
  auto sink = open(o);
  sink.attach(plain(narrow_items()));
  sink.write(one_item());
  own.crash();
  EXPECT_TRUE(error_of([&] { sink.commit_next(); }).transient());
  EXPECT_TRUE(error_of([&] { auto again = open(o); }).transient());
}

TEST_F(postgres_sink_test, EndsABlockedCallWhenCancelled) {
  auto sink = open(plain(narrow_items()));
  sink.commit_next();
  auto holder = server().session(database_);
  holder.execute("BEGIN; LOCK TABLE items");
  sink.write(one_item());
  std::thread later([&] {
    std::this_thread::sleep_for(200ms);
    sink.target().cancel();
  });
  EXPECT_TRUE(error_of([&] { sink.commit_next(); }).transient());
  later.join();
}

TEST_F(postgres_sink_test, ForgetsItsProgressAndLeavesTheData) {
  auto sink = open(plain(narrow_items()));
  sink.write(one_item());
  sink.commit_next();
  postgres::make_target_sink("shop", options())->forget();
  EXPECT_EQ(rows_of("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                    "relkind = 'r'"),
            "items");
  EXPECT_THAT(error_of([&] { open(plain(narrow_items())); }).what(), HasSubstr("has not written"));
}

} // namespace leat::test
