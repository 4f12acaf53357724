#include <gmock/gmock.h>

#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

schema_ptr wide(const std::string& name) {
  return source_table(name, {{"id", "integer"}, {"body", "text"}});
}

/// 3 MB of rows that were read: two of these are more than a writer keeps for itself.
batch_ptr chunk_of(const schema_ptr& schema, int first, const std::string& mark) {
  batch_builder rows(schema);
  rows.chunk(1, 1);
  for (int id = first; id < first + 300; ++id) rows.read({id, mark + std::string(10'000, 'x')});
  return rows.build();
}

} // namespace

TEST_F(postgres_sink_test, SendsNewRowsOfSeveralTablesOnWhileTheEpochIsOpen) {
  auto sink = open(options());
  auto other = share(route_of(wide("other"), 1));
  auto& second = sink.target().attach(other);
  sink.attach(share(route_of(wide("wide"))));
  for (int i = 0; i < 4; ++i) {
    sink.write(chunk_of(wide("wide"), i * 300, "a"));
    const auto rows = chunk_of(wide("other"), i * 300, "b");
    second.write(rows, all_changes(*rows));
  }
  EXPECT_LT(sink.route_writer().buffered() + second.buffered(), 20U << 20) << "of 24 MB";
  EXPECT_EQ(value_of("SELECT count(*) FROM wide"), "0");
  sink.commit_next();
  for (const auto* table : {"wide", "other"})
    EXPECT_EQ(rows_of("SELECT count(*), min(id), max(id), count(DISTINCT left(body, 2)) FROM "
                      + std::string(table)),
              "1200|0|1199|1");
}

TEST_F(postgres_sink_test, ALaterRowOfAKeyThatWasSentOnWins) {
  auto sink = open(options());
  sink.attach(share(route_of(wide("wide"))));
  for (int i = 0; i < 4; ++i) sink.write(chunk_of(wide("wide"), i * 300, "a"));
  for (int i = 0; i < 4; ++i) sink.write(chunk_of(wide("wide"), i * 150, "b"));
  sink.write(batch_builder(wide("wide")).update({5, "last"}).remove({7, absent}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT left(body, 1), count(*) FROM wide GROUP BY 1 ORDER BY 1"),
            "a|450 b|748 l|1");
  EXPECT_EQ(value_of("SELECT count(*) FROM wide WHERE id = 7"), "0");
}

TEST_F(postgres_sink_test, ARowThatTheServerRefusesEndsTheEpochAlsoWhenItWasSentOn) {
  execute("CREATE TABLE wide (id integer PRIMARY KEY, body text CHECK (id <> 200))");
  auto sink = open(options());
  sink.attach(share(route_of(wide("wide"))));
  const auto e = error_of([&] {
    for (int i = 0; i < 4; ++i) sink.write(chunk_of(wide("wide"), i * 300, "a"));
    sink.commit_next();
  });
  EXPECT_THAT(e.what(), ::testing::HasSubstr("check constraint"));
  EXPECT_THAT(e.where(), ::testing::HasSubstr("\"wide\""));
}

} // namespace leat::test
