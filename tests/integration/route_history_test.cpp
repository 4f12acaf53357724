#include <algorithm>
#include <random>

#include "tests/support/pipeline_fixture.hpp"

// Random histories and random routes, with crashes and schema changes in between: each target is
// what the server gives for the route's SELECT at the same cut.

namespace leat::test {
namespace {

class RouteHistories : public pipeline_fixture, public testing::WithParamInterface<int> {
 protected:
  RouteHistories() : dice_(static_cast<unsigned>(GetParam())) {
    text.sinks.erase("pg");
    text.tables = R"(["shard_*.t", "public.log"])";
    for (const auto& shard : shards_)
      source("CREATE SCHEMA " + shard + "; CREATE TABLE " + shard
             + ".t (id int PRIMARY KEY, n int, name text, body text, at date);"
               "ALTER TABLE "
             + shard
             + ".t ALTER body SET STORAGE EXTERNAL;"
               "INSERT INTO "
             + shard
             + ".t SELECT i, i % 17, CASE WHEN i % 4 > 0 THEN 'name ' || i END, "
               "CASE WHEN i % 3 = 0 THEN repeat(chr(97 + i % 26), 3000) END, "
               "date '2024-01-01' + i FROM generate_series(1, 150) i");
    source("CREATE TABLE log (a int, b text); ALTER TABLE log REPLICA IDENTITY FULL;"
           "INSERT INTO log SELECT i % 40, 'b' || i % 7 FROM generate_series(1, 120) i;"
           "CREATE TABLE audit (op text, id int, n int)");
  }

  std::string number(unsigned below) { return std::to_string(dice_() % below); }

  std::string condition() {
    switch (dice_() % 9) {
    case 0:
      return "id % 3 = " + number(3);
    case 1:
      return "n > " + number(17);
    case 2:
      return "name IS " + std::string(dice_() % 2 ? "NOT " : "") + "NULL";
    case 3:
      return "n BETWEEN 3 AND " + number(20) + " OR name LIKE '%" + number(10) + "%'";
    case 4:
      return "length(body) > " + number(4000) + " OR body IS NULL";
    case 5:
      return "coalesce(left(body, 1), '') <> 'd' AND id > " + number(60);
    case 6:
      return "at >= date '2024-03-01' - " + number(40);
    case 7:
      return "upper(name) = name OR n IN (1, 2, " + number(17) + ")";
    default:
      return "CASE WHEN n = 0 THEN id > 50 ELSE 100 / n > " + number(40) + " END";
    }
  }

  /// A target with what the server is asked for it.
  struct target {
    std::string select;  ///< at the source
    std::string columns; ///< at the target; "*": all of the source that `star_of` has
    std::string name;
    std::string star_of = {};
    std::string alive = {};
  };

  static std::string toml(const std::string& condition) {
    return "where = '''" + condition + "'''\n";
  }

  void make_routes() {
    text.routes.clear();
    const auto add = [&](std::string lines) { text.routes.push_back(std::move(lines)); };
    auto where = condition();
    add("from = \"shard_1.t\"\nto = \"filtered\"\n" + toml(where));
    targets_.push_back({" FROM shard_1.t WHERE " + where, "*", "filtered", "shard_1.t"});

    where = condition();
    add("from = \"shard_2.t\"\nto = \"made\"\n" + toml(where)
        + "columns = [\"id\", { name = \"label\", expr = \"concat(name, '/', n)\" }, \"body\", "
          "{ name = \"twice\", expr = \"n * 2\", type = \"bigint\" }]");
    targets_.push_back(
        {"SELECT id, concat(name, '/', n), body, n * 2 FROM shard_2.t WHERE " + where,
         "id, label, body, twice", "made"});

    where = condition();
    add("from = \"shard_*.t\"\nto = \"merged\"\ndelete = \"soft\"\n" + toml(where)
        + "columns = [{ name = \"shard\", expr = \"'{1}'\" }, \"id\", \"n\", \"body\"]\n"
          "key = [\"shard\", \"id\"]");
    const auto of_shard = [&](const std::string& shard) {
      return "SELECT '" + shard + "', id, n, body FROM shard_" + shard + ".t WHERE " + where;
    };
    targets_.push_back({of_shard("1") + " UNION ALL " + of_shard("2"), "shard, id, n, body",
                        "merged", "", " WHERE NOT _leat_deleted"});

    where = condition();
    add("from = \"shard_*.t\"\nto = \"all\"\n" + toml(where)
        + "columns = [\"*\", { name = \"of\", expr = \"leat.schema\" }]\nkey = [\"id\", \"of\"]");
    targets_.push_back({where, "*", "all"});

    add("from = \"shard_*.t\"\nto = \"part_{1}\"\nwhere = \"id % 2 = '{1}'::int - 1\"\n"
        "columns = [\"id\", \"name\"]");
    targets_.push_back({"SELECT id, name FROM shard_1.t WHERE id % 2 = 0", "id, name", "part_1"});
    targets_.push_back({"SELECT id, name FROM shard_2.t WHERE id % 2 = 1", "id, name", "part_2"});

    add("from = \"shard_2.t\"\nto = \"moved\"\nkey = [\"k\"]\n"
        "columns = [{ name = \"k\", expr = \"id * 10 - 3\" }, \"n\", \"body\"]\n"
        "where = \"id % 5 <> 2\"");
    targets_.push_back(
        {"SELECT id * 10 - 3, n, body FROM shard_2.t WHERE id % 5 <> 2", "k, n, body", "moved"});

    where = "coalesce(length(body), n) % 3 <> 1";
    add("from = \"shard_1.t\"\nto = \"kept\"\n" + toml(where)
        + "columns = [\"id\", \"n\", { name = \"size\", expr = \"length(body) + n\" }]\n"
          "transform = [\"last\"]");
    text.rest = "[transform.last]\ntype = \"remember\"\n";
    targets_.push_back(
        {"SELECT id, n, length(body) + n FROM shard_1.t WHERE " + where, "id, n, size", "kept"});

    const auto line = number(40);
    add("from = \"public.log\"\nwhere = \"a < " + line + " AND b IS NOT NULL\"");
    targets_.push_back(
        {"SELECT a, b FROM log WHERE a < " + line + " AND b IS NOT NULL", "a, b", "log"});

    add("from = \"shard_1.t\"\nto = \"history\"\nmode = \"append\"\nwhere = \"id % 2 = 0\"\n"
        "columns = [\"id\", \"n\"]");
  }

  std::string star(const std::string& table) const {
    return source_value("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM "
                        "pg_attribute WHERE attrelid = '"
                        + table + "'::regclass AND attnum > 0 AND NOT attisdropped");
  }

  void change() {
    const auto shard = shards_[dice_() % 2];
    const auto id = std::to_string(1 + dice_() % 180);
    const auto where = " WHERE id = " + id;
    switch (dice_() % 12) {
    case 0:
      return source("INSERT INTO " + shard + ".t (id, n, name, body) VALUES (" + id + ", "
                    + number(17) + ", 'new', repeat('x', " + number(6000)
                    + ")) ON CONFLICT DO NOTHING");
    case 1:
      return source("DELETE FROM " + shard + ".t" + where);
    case 2:
      return source("UPDATE " + shard + ".t SET id = id + 200" + where
                    + " AND NOT EXISTS (SELECT FROM " + shard + ".t x WHERE x.id = " + id
                    + " + 200)");
    case 3:
      return source("UPDATE " + shard + ".t SET id = id - 200 WHERE id = (SELECT min(id) FROM "
                    + shard + ".t WHERE id > 200) AND NOT EXISTS (SELECT FROM " + shard
                    + ".t x WHERE x.id = (SELECT min(id) FROM " + shard
                    + ".t WHERE id > 200) - 200)");
    case 4:
      return source("UPDATE " + shard + ".t SET name = CASE WHEN name IS NULL THEN 'BACK' END"
                    + where);
    case 5:
      return source("UPDATE " + shard
                    + ".t SET body = CASE WHEN body IS NULL THEN repeat('d', 4000) "
                      "ELSE NULL END"
                    + where);
    case 6:
      return source("BEGIN; UPDATE " + shard + ".t SET n = 16 - n WHERE id % 9 = " + number(9)
                    + "; SAVEPOINT s; DELETE FROM " + shard + ".t; ROLLBACK TO s; COMMIT");
    case 7:
      return source("INSERT INTO log VALUES (" + number(40) + ", 'b" + number(9) + "')");
    case 8:
      return source("UPDATE log SET a = (a + 11) % 40 WHERE ctid = (SELECT ctid FROM log WHERE a = "
                    + number(40) + " LIMIT 1)");
    case 9:
      return source("DELETE FROM log WHERE ctid = (SELECT ctid FROM log WHERE a = " + number(40)
                    + " LIMIT 1)");
    case 10:
      if (dice_() % 8 == 0) return source("TRUNCATE " + shard + ".t");
      return source("INSERT INTO " + shard + ".t (id, n) SELECT i, i % 17 FROM generate_series("
                    + number(100) + ", 180) i ON CONFLICT DO NOTHING");
    default:
      return source("UPDATE " + shard + ".t SET n = (n + " + number(5) + ") % 17" + where);
    }
  }

  /// The tables of a merge differ while it happens.
  void change_columns() {
    const bool adds = source_value("SELECT count(*) FROM pg_attribute WHERE attrelid = "
                                   "'shard_1.t'::regclass AND attname = 'more'")
                      == "0";
    const std::string fallback = dice_() % 2 ? " DEFAULT 5" : "";
    for (const auto& shard : shards_) {
      source("ALTER TABLE " + shard + ".t " + (adds ? "ADD more int" + fallback : "DROP more"));
      for (int i = 0; i < 3; ++i) change();
    }
  }

  void expect_targets() {
    for (const auto& t : targets_) {
      auto columns = t.columns;
      auto select = t.select;
      if (t.name == "all") {
        columns = star("shard_1.t") + ", of";
        select = "SELECT " + star("shard_1.t") + ", 'shard_1' FROM shard_1.t WHERE " + t.select
                 + " UNION ALL SELECT " + star("shard_1.t") + ", 'shard_2' FROM shard_2.t WHERE "
                 + t.select;
      } else if (columns == "*") {
        columns = star(t.star_of);
        select = "SELECT " + columns + t.select;
      }
      auto wanted = source_rows(select);
      std::sort(wanted.begin(), wanted.end());
      const auto found = lite("SELECT " + columns + " FROM \"" + t.name + "\"" + t.alive);
      EXPECT_TRUE(found == wanted) << t.name << " has " << found.size() << " rows, not "
                                   << wanted.size() << ": " << select << log();
    }
    auto wanted =
        source_rows("SELECT op, id, CASE op WHEN 'd' THEN NULL ELSE n END FROM audit WHERE "
                    "op = 't' OR id % 2 = 0");
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(lite("SELECT _leat_op, id, n FROM history WHERE _leat_op <> 'r'"), wanted);
  }

  void audit() {
    source("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
           "IF tg_op = 'TRUNCATE' THEN INSERT INTO audit VALUES ('t'); "
           "ELSIF tg_op = 'DELETE' THEN INSERT INTO audit VALUES ('d', old.id); "
           "ELSE INSERT INTO audit VALUES (lower(left(tg_op, 1)), new.id, new.n); END IF; "
           "RETURN NULL; END $$;"
           "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON shard_1.t FOR EACH ROW EXECUTE "
           "FUNCTION note(); CREATE TRIGGER note_all AFTER TRUNCATE ON shard_1.t EXECUTE FUNCTION "
           "note()");
  }

  std::mt19937 dice_;
  const std::vector<std::string> shards_{"shard_1", "shard_2"};
  std::vector<target> targets_;
};

TEST_P(RouteHistories, EachTargetIsTheRoutesSelectOverTheSource) {
  make_routes();
  start();
  wait_until_caught_up();
  audit();
  expect_targets();
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    for (int i = 0; i < 40; ++i) change();
    if (round != 1) change_columns();
    if (round > 0) {
      kill();
      for (int i = 0; i < 10; ++i) change();
      start();
    }
    wait_until_caught_up();
    expect_targets();
  }
  if (!HasFailure()) stop();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RouteHistories, testing::Range(1, 4));

} // namespace
} // namespace leat::test
