#include "plugins/postgres/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/postgres/type_catalog.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using leat::test::pg_server;
using leat::test::pg_session;
using testing::ElementsAre;
using testing::IsEmpty;

const pg_server& server() {
  static const pg_server instance;
  return instance;
}

/// A database of its own, dropped by the next test of the same name.
class Catalog : public testing::Test {
 protected:
  Catalog() { server().create_database("catalog"); }
  void run(const std::string& sql) { server().execute(sql, "catalog"); }
  connection connect(const std::string& user = "postgres") const {
    auto parameters = server().parameters("catalog");
    parameters["user"] = user;
    return connection(parameters, connection_use::query);
  }
  std::vector<catalog_table> tables(const publication_view& view = {},
                                    const std::string& user = "postgres") const {
    auto db = connect(user);
    return list_tables(db, type_catalog::load(db), view);
  }
  catalog_table only_table(const publication_view& view = {},
                           const std::string& user = "postgres") const {
    auto all = tables(view, user);
    if (all.size() != 1) throw std::runtime_error(std::to_string(all.size()) + " tables");
    return all.front();
  }
};

std::vector<std::string> names(const std::vector<catalog_table>& tables) {
  std::vector<std::string> result;
  for (const auto& t : tables) result.push_back(t.schema->qualified_name());
  return result;
}

std::vector<std::string> columns(const catalog_table& table) {
  std::vector<std::string> result;
  for (const auto& c : table.schema->columns) result.push_back(c.name);
  return result;
}

std::vector<std::string> key(const catalog_table& table) {
  std::vector<std::string> result;
  for (const auto at : table.schema->key) result.push_back(table.schema->columns[at].name);
  return result;
}

TEST_F(Catalog, FormatsTypesAsTheServerDoes) {
  run("CREATE SCHEMA \"My Types\"; CREATE TYPE \"My Types\".\"Mo\"\"od\" AS ENUM ('a');"
      "CREATE DOMAIN public.price AS numeric(12,2); CREATE DOMAIN public.cost AS public.price;"
      "CREATE TYPE public.pair AS (a int, b text)");
  auto db = connect();
  const auto types = type_catalog::load(db);
  const auto rows = db.query(
      "SELECT t, m, format_type(t, m) FROM (SELECT oid AS t, -1 AS m FROM pg_type UNION ALL VALUES"
      " (1700, 786438), (1700, 655364), (1231, 786438), (1043, 14), (1015, 14),"
      " (1042, 5), (1560, 3), (1562, 7), (1083, 0), (1266, 3), (1114, 6), (1184, 2), (1185, 2),"
      " (1186, 2147418115), (1186, 327679), (1186, 402653186), (1186, 469827583)) x(t, m)");
  ASSERT_GT(rows.rows(), 400);
  for (int i = 0; i < rows.rows(); ++i)
    EXPECT_EQ(types.format(static_cast<oid>(rows.number(i, 0)), std::stoi(rows.string(i, 1))),
              rows.text(i, 2))
        << rows.text(i, 0) << " " << rows.text(i, 1);
}

TEST_F(Catalog, FormatsANegativeScaleAsTheServerDoes) {
  if (server().version() < 150000) GTEST_SKIP() << "negative scales came with 15";
  run("CREATE TABLE public.t (v numeric(2,-3))");
  auto db = connect();
  const auto c = only_table().schema->columns.at(0);
  EXPECT_EQ(type_catalog::load(db).format(c.type, c.modifier), "numeric(2,-3)");
  EXPECT_EQ(c.type_name, "numeric(2,-3)");
}

TEST_F(Catalog, ClassifiesDomainsAsTheirBaseAndVectorsNotAsArrays) {
  run("CREATE DOMAIN public.price AS numeric(12,2); CREATE DOMAIN public.cost AS public.price;"
      "CREATE DOMAIN public.tags AS text[]; CREATE TYPE public.mood AS ENUM ('a')");
  auto db = connect();
  const auto types = type_catalog::load(db);
  const auto class_of = [&](const std::string& name) {
    return types.classify(static_cast<oid>(
        db.query("SELECT " + quote_literal(name) + "::regtype::oid").number(0, 0)));
  };
  EXPECT_EQ(class_of("public.cost"), value_class::numeric);
  EXPECT_EQ(class_of("public.tags"), value_class::array);
  EXPECT_EQ(class_of("public.price[]"), value_class::array);
  EXPECT_EQ(class_of("public.mood"), value_class::other);
  EXPECT_EQ(class_of("int2vector"), value_class::other);
  EXPECT_EQ(class_of("timestamptz"), value_class::timestamptz);
  EXPECT_EQ(class_of("jsonb"), value_class::jsonb);
  EXPECT_EQ(class_of("box[]"), value_class::array);
}

TEST_F(Catalog, KnowsWhichTypesEveryTargetHas) {
  run("CREATE TYPE public.mood AS ENUM ('a')");
  auto db = connect();
  const auto types = type_catalog::load(db);
  const auto id = static_cast<oid>(db.query("SELECT 'public.mood'::regtype::oid").number(0, 0));
  EXPECT_TRUE(types.built_in(1700));
  EXPECT_FALSE(types.built_in(id));
  EXPECT_FALSE(types.built_in(4000000000U));
  EXPECT_FALSE(types.knows(4000000000U));
  EXPECT_EQ(types.format(4000000000U, -1), "type 4000000000");
}

TEST_F(Catalog, ListsWhatAPublicationCanHoldAndNothingElse) {
  run("CREATE TABLE public.plain (id int); CREATE UNLOGGED TABLE public.fleeting (id int);"
      "CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);"
      "CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (0) TO (10);"
      "CREATE VIEW public.v AS SELECT 1; CREATE MATERIALIZED VIEW public.m AS SELECT 1;"
      "CREATE SEQUENCE public.s; CREATE SCHEMA pgsql_like; CREATE TABLE pgsql_like.t (id int)");
  EXPECT_THAT(names(tables()), ElementsAre("pgsql_like.t", "public.parts", "public.plain"));
  EXPECT_THAT(names(tables({.via_partition_root = false, .publication = ""})),
              ElementsAre("pgsql_like.t", "public.part_1", "public.plain"));
}

TEST_F(Catalog, TakesNamesAsTheyAre) {
  run("CREATE SCHEMA \"Мой.\"\"схема\"; CREATE TABLE \"Мой.\"\"схема\".\"We\"\"ird Таблица\""
      " (\"a\"\"b\" int PRIMARY KEY, \" \" text, \"select\" \"char\")");
  const auto table = only_table();
  EXPECT_EQ(table.schema->schema, "Мой.\"схема");
  EXPECT_EQ(table.schema->name, "We\"ird Таблица");
  EXPECT_THAT(columns(table), ElementsAre("a\"b", " ", "select"));
}

TEST_F(Catalog, ReadsColumnsAsTheStreamSendsThem) {
  run("CREATE TABLE public.t (gone int, a numeric(12,2) NOT NULL, b varchar(7)[],"
      " twice int GENERATED ALWAYS AS (1 + 1) STORED);"
      "ALTER TABLE public.t DROP COLUMN gone");
  const auto table = only_table();
  ASSERT_THAT(columns(table), ElementsAre("a", "b"));
  const auto& a = table.schema->columns[0];
  EXPECT_EQ(a.number, 2);
  EXPECT_EQ(a.type_name, "numeric(12,2)");
  EXPECT_EQ(a.modifier, 786438);
  EXPECT_EQ(a.kind, value_class::numeric);
  EXPECT_FALSE(a.nullable);
  EXPECT_EQ(table.schema->columns[1].type_name, "character varying(7)[]");
  EXPECT_TRUE(table.schema->columns[1].nullable);
}

TEST_F(Catalog, ATableWithoutColumnsIsATable) {
  run("CREATE TABLE public.empty ()");
  const auto table = only_table();
  EXPECT_THAT(columns(table), IsEmpty());
  EXPECT_EQ(table.schema->name, "empty");
}

TEST_F(Catalog, KeyIsThePrimaryKeyInItsOwnOrder) {
  run("CREATE TABLE public.t (x int, b int, gone int, a text, PRIMARY KEY (a, b));"
      "ALTER TABLE public.t DROP COLUMN gone");
  const auto table = only_table();
  EXPECT_THAT(key(table), ElementsAre("a", "b"));
  EXPECT_FALSE(table.schema->columns[0].identity);
  EXPECT_TRUE(table.schema->columns[1].identity);
  EXPECT_EQ(table.problem, identity_problem::none);
}

TEST_F(Catalog, KeyIsTheIdentityIndexWhenThatIsChosen) {
  run("CREATE TABLE public.t (id int PRIMARY KEY, code text NOT NULL, area text NOT NULL);"
      "CREATE UNIQUE INDEX by_code ON public.t (code, area) INCLUDE (id);"
      "ALTER TABLE public.t REPLICA IDENTITY USING INDEX by_code");
  const auto table = only_table();
  EXPECT_THAT(key(table), ElementsAre("code", "area"));
}

TEST_F(Catalog, FullIdentityKeepsThePrimaryKeyAndMarksEveryColumn) {
  run("CREATE TABLE public.t (id int PRIMARY KEY, v text);"
      "ALTER TABLE public.t REPLICA IDENTITY FULL");
  const auto table = only_table();
  EXPECT_THAT(key(table), ElementsAre("id"));
  EXPECT_TRUE(table.schema->columns[1].identity);
}

TEST_F(Catalog, ADeferrableKeyIdentifiesNothing) {
  run("CREATE TABLE public.t (id int PRIMARY KEY DEFERRABLE, v text)");
  EXPECT_EQ(only_table().problem, identity_problem::deferrable_key);
  EXPECT_THAT(key(only_table()), IsEmpty());
  run("ALTER TABLE public.t REPLICA IDENTITY FULL");
  EXPECT_EQ(only_table().problem, identity_problem::none);
  EXPECT_THAT(key(only_table()), IsEmpty());
}

/// The catalog's opinion of each way to lose the identity, against the server's own refusal.
TEST_F(Catalog, NamesExactlyTheTablesWhoseUpdateTheServerRefuses) {
  const std::vector<std::pair<std::string, identity_problem>> cases{
      {"CREATE TABLE public.t (id int)", identity_problem::no_key},
      {"CREATE TABLE public.t (id int PRIMARY KEY)", identity_problem::none},
      {"CREATE TABLE public.t (id int PRIMARY KEY INITIALLY DEFERRED)",
       identity_problem::deferrable_key},
      {"CREATE TABLE public.t (id int PRIMARY KEY); ALTER TABLE public.t REPLICA IDENTITY NOTHING",
       identity_problem::nothing},
      {"CREATE TABLE public.t (id int); ALTER TABLE public.t REPLICA IDENTITY FULL",
       identity_problem::none},
      {"CREATE TABLE public.t (id int NOT NULL); CREATE UNIQUE INDEX i ON public.t (id);"
       "ALTER TABLE public.t REPLICA IDENTITY USING INDEX i",
       identity_problem::none},
      {"CREATE TABLE public.t (id int NOT NULL); CREATE UNIQUE INDEX i ON public.t (id);"
       "ALTER TABLE public.t REPLICA IDENTITY USING INDEX i; DROP INDEX public.i",
       identity_problem::no_index},
      {"CREATE TABLE public.t (id int) PARTITION BY RANGE (id);"
       "ALTER TABLE public.t REPLICA IDENTITY FULL;"
       "CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (0) TO (10)",
       identity_problem::no_key},
      {"CREATE TABLE public.t (id int) PARTITION BY RANGE (id);"
       "CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (0) TO (10);"
       "ALTER TABLE public.t_1 REPLICA IDENTITY FULL",
       identity_problem::none},
  };
  for (const auto& [ddl, expected] : cases) {
    SCOPED_TRACE(ddl);
    run("DROP TABLE IF EXISTS public.t; DROP PUBLICATION IF EXISTS p");
    run(ddl + "; INSERT INTO public.t VALUES (1); CREATE PUBLICATION p FOR TABLE public.t");
    bool refused = false;
    try {
      run("UPDATE public.t SET id = 2");
    } catch (const leat::test::pg_failure& failure) {
      refused = failure.sqlstate == "55000";
    }
    EXPECT_EQ(only_table().problem, expected);
    EXPECT_EQ(refused, expected != identity_problem::none);
  }
}

TEST_F(Catalog, NamesThePartitionThatLacksAnIdentity) {
  run("CREATE SCHEMA \"S\"; CREATE TABLE public.t (id int) PARTITION BY RANGE (id);"
      "CREATE TABLE \"S\".\"Leaf\" PARTITION OF public.t FOR VALUES FROM (0) TO (10)");
  const auto table = only_table();
  EXPECT_EQ(table.kind, 'p');
  EXPECT_EQ(table.problem_table, "\"S\".\"Leaf\"");
}

TEST_F(Catalog, SumsRowsOverPartitions) {
  run("CREATE TABLE public.t (id int) PARTITION BY RANGE (id);"
      "CREATE TABLE public.mid PARTITION OF public.t FOR VALUES FROM (0) TO (1000)"
      " PARTITION BY RANGE (id);"
      "CREATE TABLE public.a PARTITION OF public.mid FOR VALUES FROM (0) TO (500);"
      "CREATE TABLE public.b PARTITION OF public.mid FOR VALUES FROM (500) TO (1000);"
      "INSERT INTO public.t SELECT generate_series(0, 999); ANALYZE");
  EXPECT_EQ(only_table().rows_estimated, 1000);
}

TEST_F(Catalog, SaysWhatTheRoleMayNotRead) {
  run("DROP ROLE IF EXISTS catalog_reader; CREATE ROLE catalog_reader LOGIN;"
      "CREATE TABLE public.t (id int, owner text); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY");
  auto table = only_table({}, "catalog_reader");
  EXPECT_FALSE(table.can_select);
  EXPECT_FALSE(table.owned);
  EXPECT_TRUE(table.can_use_schema);
  EXPECT_TRUE(table.row_security);
  run("GRANT SELECT ON public.t TO catalog_reader; REVOKE USAGE ON SCHEMA public FROM PUBLIC;"
      "ALTER TABLE public.t DISABLE ROW LEVEL SECURITY");
  table = only_table({}, "catalog_reader");
  EXPECT_TRUE(table.can_select);
  EXPECT_FALSE(table.can_use_schema);
  EXPECT_FALSE(table.row_security);
}

TEST_F(Catalog, FollowsColumnListAndRowFilterOfThePublication) {
  if (server().version() < 150000) GTEST_SKIP() << "column lists came with 15";
  run("CREATE TABLE public.t (id int PRIMARY KEY, secret text, v text);"
      "CREATE PUBLICATION \"P\" FOR TABLE public.t (id, v) WHERE (id > 5)");
  const auto table = only_table({.via_partition_root = true, .publication = "P"});
  EXPECT_THAT(columns(table), ElementsAre("id", "v"));
  EXPECT_EQ(table.row_filter, "(id > 5)");
  EXPECT_EQ(columns(only_table()).size(), 3U);
  EXPECT_EQ(columns(only_table({.via_partition_root = true, .publication = "none"})).size(), 3U);
}

TEST_F(Catalog, FollowsGeneratedColumnsThatThePublicationSends) {
  if (server().version() < 180000) GTEST_SKIP() << "came with 18";
  run("CREATE TABLE public.t (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id * 2) STORED,"
      " v int GENERATED ALWAYS AS (id * 3) VIRTUAL);"
      "CREATE PUBLICATION p FOR TABLE public.t WITH (publish_generated_columns = stored)");
  EXPECT_THAT(columns(only_table({.via_partition_root = true, .publication = "p"})),
              ElementsAre("id", "s"));
  EXPECT_THAT(columns(only_table()), ElementsAre("id"));
}

TEST_F(Catalog, FindsOneTableByItsOid) {
  run("CREATE TABLE public.t (id int PRIMARY KEY)");
  auto db = connect();
  const auto types = type_catalog::load(db);
  const auto table = only_table();
  EXPECT_EQ(*find_table(db, types, table.schema->id)->schema, *table.schema);
  EXPECT_FALSE(find_table(db, types, 4000000000U));
}

TEST_F(Catalog, IsReadWhileTablesAreLocked) {
  run("CREATE TABLE public.p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (9);"
      "CREATE TABLE public.t (id int PRIMARY KEY, a int)");
  const bool has_lists = server().version() >= 150000;
  run(has_lists ? "CREATE PUBLICATION p FOR TABLE public.t (id), public.p"
                : "CREATE PUBLICATION p FOR TABLE public.t, public.p");
  pg_session application(server().conninfo("catalog"));
  application.execute("BEGIN; LOCK TABLE public.p, public.t IN ACCESS EXCLUSIVE MODE");
  auto db = connect();
  const auto types = type_catalog::load(db);
  db.query("SET lock_timeout = 1");
  const auto all = list_tables(db, types, {true, "p"});
  EXPECT_THAT(names(all), ElementsAre("public.p", "public.t"));
  const auto one = find_table(db, types, all.at(1).schema->id, {true, "p"});
  ASSERT_TRUE(one);
  EXPECT_EQ(columns(*one).size(), has_lists ? 1u : 2u);
}

} // namespace
} // namespace leat::postgres
