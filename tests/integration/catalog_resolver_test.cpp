#include "plugins/postgres/catalog_resolver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/pgoutput.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using leat::test::pg_server;
using testing::ElementsAre;
using testing::IsEmpty;

pg_server& server() {
  static pg_server instance;
  return instance;
}

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 2; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// Everything of one database is published; slot "s" has seen it from the start.
class CatalogResolver : public testing::Test {
 protected:
  CatalogResolver() {
    server().create_database("resolver");
    run("CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = true)");
    run("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
  }
  void run(const std::string& sql) { server().execute(sql, "resolver"); }
  connection_parameters parameters() const { return server().parameters("resolver"); }

  struct told {
    table_schema table;
    std::uint32_t xid = 0;
  };
  /// What the stream said of tables since the last call, as pgoutput sent it.
  std::vector<table_schema> relations() const {
    std::vector<table_schema> result;
    for (auto& r : relations_with_xid()) result.push_back(std::move(r.table));
    return result;
  }
  std::vector<told> relations_with_xid() const {
    std::vector<told> result;
    std::uint32_t xid = 0;
    const auto rows =
        server().query("SELECT data FROM pg_logical_slot_get_binary_changes("
                       "'s', NULL, NULL, 'proto_version', '1', 'publication_names', 'p')",
                       "resolver");
    for (const auto& row : rows) {
      const auto bytes = bytes_of(row[0].value());
      const auto message = parse_pgoutput(bytes, false);
      if (const auto* begin = std::get_if<begin_message>(&message)) xid = begin->xid;
      if (const auto* relation = std::get_if<relation_message>(&message))
        result.push_back({relation->to_schema(), xid});
    }
    return result;
  }
  schema_ptr resolve(const table_schema& table) { return resolver_.complete(table, 0); }
  table_schema listed() const {
    connection db(parameters(), connection_use::query);
    return *list_tables(db, type_catalog::load(db)).at(0).schema;
  }

  catalog_resolver resolver_{parameters(), "leat_test"};
};

std::vector<std::string> key(const table_schema& table) {
  std::vector<std::string> names;
  for (const auto at : table.key) names.push_back(table.columns[at].name);
  return names;
}

TEST_F(CatalogResolver, StreamAndCatalogDescribeATableAlike) {
  const std::vector<std::pair<std::string, std::string>> tables{
      {"CREATE TABLE public.t (x int, b numeric(12,2)[], gone int, a varchar(9), PRIMARY KEY (a, "
       "b));"
       "ALTER TABLE public.t DROP COLUMN gone",
       "1, '{2}', 'a'"},
      {"CREATE TABLE public.t (a int, b int, v text, PRIMARY KEY (b) INCLUDE (v))", "1, 2, 'v'"},
      {"CREATE TABLE public.t (a int PRIMARY KEY, b int NOT NULL, c int NOT NULL);"
       "CREATE UNIQUE INDEX i ON public.t (c, b);"
       "ALTER TABLE public.t REPLICA IDENTITY USING INDEX i",
       "1, 2, 3"},
      {"CREATE TABLE public.t (v text, a int PRIMARY KEY); ALTER TABLE public.t REPLICA IDENTITY "
       "FULL",
       "'v', 1"},
      {"CREATE TABLE public.t (a int PRIMARY KEY DEFERRABLE, v \"char\")", "1, 'v'"},
      {"CREATE TABLE public.t (a int PRIMARY KEY); ALTER TABLE public.t REPLICA IDENTITY NOTHING",
       "1"},
      {"CREATE TABLE public.t (a int, v bit(3), twice int GENERATED ALWAYS AS (a * 2) STORED)",
       "1, '101'"},
      {"CREATE TABLE public.t (v text, a int PRIMARY KEY) PARTITION BY RANGE (a);"
       "CREATE TABLE public.t_1 (a int NOT NULL, v text);"
       "ALTER TABLE public.t ATTACH PARTITION public.t_1 FOR VALUES FROM (0) TO (10)",
       "'v', 1"},
      {"CREATE TYPE public.\"Mo\"\"od\" AS ENUM ('x'); CREATE DOMAIN public.price AS numeric(9,1);"
       "CREATE TABLE public.t (a int PRIMARY KEY, \"Ключ\"\"\" public.\"Mo\"\"od\", p "
       "public.price[])",
       "1, 'x', '{2}'"},
  };
  for (const auto& [ddl, row] : tables) {
    SCOPED_TRACE(ddl);
    run("DROP TABLE IF EXISTS public.t");
    run(ddl);
    run("INSERT INTO public.t VALUES (" + row + ")");
    const auto streamed = relations();
    ASSERT_FALSE(streamed.empty());
    EXPECT_EQ(*catalog_resolver(parameters(), "leat_test").complete(streamed.front(), 0), listed());
  }
}

TEST_F(CatalogResolver, TheStreamsNamesAndTypesWinOverALaterCatalog) {
  run("CREATE TABLE public.t (id int PRIMARY KEY, old_name text, gone int, v int NOT NULL);"
      "INSERT INTO public.t VALUES (1, 'x', 2, 3);"
      "ALTER TABLE public.t RENAME COLUMN old_name TO new_name; ALTER TABLE public.t DROP COLUMN "
      "gone;"
      "ALTER TABLE public.t ALTER COLUMN v TYPE bigint; ALTER TABLE public.t RENAME TO later");
  const auto table = resolve(relations().at(0));
  EXPECT_EQ(table->name, "t");
  ASSERT_EQ(table->columns.size(), 4U);
  EXPECT_EQ(table->columns[1].name, "old_name");
  EXPECT_EQ(table->columns[1].number, 0);
  EXPECT_EQ(table->columns[2].type_name, "integer");
  EXPECT_EQ(table->columns[3].kind, value_class::int4);
  EXPECT_EQ(table->columns[3].number, 0) << "a column of another type need not be the same";
  EXPECT_TRUE(table->columns[3].nullable);
  EXPECT_THAT(key(*table), ElementsAre("id"));
}

TEST_F(CatalogResolver, ACommitThatOthersDoNotSeeYetIsWaitedFor) {
  run("CREATE TABLE public.t (id int PRIMARY KEY, v int)");
  server().set("synchronous_standby_names", "ghost");
  auto commit = std::async(std::launch::async, [this] {
    run("CREATE TYPE public.mood AS ENUM ('good'); ALTER TABLE public.t DROP v, ADD v public.mood;"
        "INSERT INTO public.t VALUES (1, 'good')");
  });
  std::vector<told> streamed;
  while (streamed.empty()) streamed = relations_with_xid();
  auto resolved = std::async(std::launch::async, [&] {
    return resolver_.complete(streamed.at(0).table, streamed.at(0).xid);
  });
  EXPECT_EQ(resolved.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
  server().set("synchronous_standby_names", "");
  const auto table = resolved.get();
  commit.get();
  EXPECT_EQ(table->columns[1].number, 3);
  EXPECT_EQ(table->columns[1].type_name, "public.mood");
  EXPECT_THAT(table->columns[1].labels, ElementsAre("good"));
}

TEST_F(CatalogResolver, ACommitThatHangsIsNotWaitedForLong) {
  run("CREATE TABLE public.t (id int PRIMARY KEY)");
  server().set("synchronous_standby_names", "ghost");
  auto commit = std::async(std::launch::async, [this] {
    run("ALTER TABLE public.t ADD v int; INSERT INTO public.t VALUES (1, 2)");
  });
  std::vector<told> streamed;
  while (streamed.empty()) streamed = relations_with_xid();
  const auto table = resolver_.complete(streamed.at(0).table, streamed.at(0).xid);
  EXPECT_EQ(table->columns[1].name, "v");
  EXPECT_TRUE(table->columns[1].filled) << "nobody knows what it showed";
  server().set("synchronous_standby_names", "");
  commit.get();
}

TEST_F(CatalogResolver, AKeyThatTheCatalogHasChangedSinceIsTheStreams) {
  run("CREATE TABLE public.t (a int, b int, PRIMARY KEY (b, a)); INSERT INTO public.t VALUES (1, "
      "2);"
      "ALTER TABLE public.t DROP CONSTRAINT t_pkey; ALTER TABLE public.t ADD PRIMARY KEY (a)");
  EXPECT_THAT(key(*resolve(relations().at(0))), ElementsAre("a", "b"));
}

TEST_F(CatalogResolver, ATableThatIsGoneIsStillDescribed) {
  run("CREATE TYPE public.mood AS ENUM ('x'); CREATE TABLE public.t (a int, b int, m public.mood,"
      " PRIMARY KEY (b, a)); INSERT INTO public.t VALUES (1, 2, 'x'); DROP TABLE public.t;"
      "DROP TYPE public.mood");
  const auto table = resolve(relations().at(0));
  EXPECT_THAT(key(*table), ElementsAre("a", "b"));
  EXPECT_EQ(table->columns[2].type_name, "type " + std::to_string(table->columns[2].type));
  EXPECT_EQ(table->columns[2].kind, value_class::other);
  EXPECT_FALSE(table->columns[2].built_in);
}

TEST_F(CatalogResolver, NothingChangesForAVersionThatIsKnownAlthoughTheCatalogHasLostIt) {
  run("CREATE TYPE public.mood AS ENUM ('x'); CREATE TABLE public.t (a int, b int, m public.mood"
      " NOT NULL, PRIMARY KEY (b, a))");
  const auto known = std::make_shared<const table_schema>(listed());
  resolver_.remember(known);
  run("INSERT INTO public.t VALUES (1, 2, 'x'); DROP TABLE public.t; DROP TYPE public.mood");
  EXPECT_EQ(*resolve(relations().at(0)), *known);
}

TEST_F(CatalogResolver, FullIdentityKeepsTheKeyOfTheVersionBefore) {
  run("CREATE TABLE public.t (v text, id int PRIMARY KEY); ALTER TABLE public.t REPLICA IDENTITY "
      "FULL;"
      "INSERT INTO public.t VALUES ('x', 1)");
  const auto known = std::make_shared<const table_schema>(listed());
  run("ALTER TABLE public.t DROP CONSTRAINT t_pkey");
  const auto streamed = relations().at(0);
  EXPECT_THAT(key(*resolve(streamed)), IsEmpty());
  catalog_resolver other(parameters(), "leat_test");
  other.remember(known);
  EXPECT_THAT(key(*other.complete(streamed, 0)), ElementsAre("id"));
}

TEST_F(CatalogResolver, FullIdentityHasNoKeyOnceAColumnOfItIsGone) {
  run("CREATE TABLE public.t (v text, id int PRIMARY KEY); ALTER TABLE public.t REPLICA IDENTITY "
      "FULL");
  resolver_.remember(std::make_shared<const table_schema>(listed()));
  run("ALTER TABLE public.t RENAME COLUMN id TO number; INSERT INTO public.t VALUES ('x', 1)");
  EXPECT_THAT(key(*resolve(relations().at(0))), IsEmpty());
}

TEST_F(CatalogResolver, LearnsTypesThatAreNewerThanItself) {
  run("CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)");
  resolve(relations().at(0));
  run("CREATE TYPE public.mood AS ENUM ('x'); ALTER TABLE public.t ADD COLUMN m public.mood;"
      "INSERT INTO public.t VALUES (2, 'x')");
  const auto table = resolve(relations().at(0));
  EXPECT_EQ(table->columns[1].type_name, "public.mood");
}

TEST_F(CatalogResolver, GivesOneObjectForOneDescription) {
  run("CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)");
  const auto streamed = relations().at(0);
  EXPECT_EQ(resolve(streamed), resolve(streamed));
}

TEST_F(CatalogResolver, ConnectsAgainAfterALostConnection) {
  run("CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)");
  auto streamed = relations().at(0);
  resolve(streamed);
  run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leat'");
  streamed.columns[0].name = "other";
  try {
    resolve(streamed);
    FAIL() << "the connection is gone";
  } catch (const server_error& lost) {
    EXPECT_TRUE(lost.transient());
  }
  EXPECT_EQ(resolve(streamed)->columns[0].name, "other");
}

} // namespace
} // namespace leat::postgres
