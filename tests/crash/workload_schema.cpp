#include "tests/crash/workload.hpp"

namespace leat::test {

namespace {

// A value that neither compression nor the row itself can hold.
constexpr const char* big =
    "(SELECT string_agg(md5(random()::text || i || g), '') FROM generate_series(1, 300) i)";

const std::string schema = R"(
CREATE TABLE accounts_a (id int PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE accounts_b (id int PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE pairs_left (id bigint PRIMARY KEY, value int NOT NULL);
CREATE TABLE pairs_right (value int NOT NULL, id bigint PRIMARY KEY);
CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE journal (n bigint, what text, worker int, PRIMARY KEY (worker, n));
CREATE TABLE keyed (id int PRIMARY KEY, v text, amount numeric, at timestamptz, flag boolean, raw bytea);
CREATE TABLE toasted (id int PRIMARY KEY, n int NOT NULL, big text, mark text, other text);
ALTER TABLE toasted ALTER big SET STORAGE EXTERNAL;
CREATE TABLE ledger (id bigint PRIMARY KEY, n int NOT NULL, whole boolean NOT NULL, note text);
CREATE TABLE ledger_deleted (id bigint PRIMARY KEY, n int NOT NULL, whole boolean NOT NULL);
CREATE TABLE bulk (id int PRIMARY KEY, v int NOT NULL, padding text NOT NULL);
CREATE TABLE scratch (id bigint PRIMARY KEY, v text);
CREATE TABLE "We""ird Таблица" ("k ""1""" text, v text, k2 int, PRIMARY KEY (k2, "k ""1"""));
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE parted (id int, region int, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 (v text, region int NOT NULL, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2);
CREATE SEQUENCE pair_ids START 1000;
CREATE SEQUENCE ledger_ids START 1000;
CREATE SEQUENCE scratch_ids START 1000;
)";

const std::string first_rows = R"(
INSERT INTO accounts_a SELECT g, 1000, 'a' FROM generate_series(1, 1500) g;
INSERT INTO accounts_b SELECT g, 1000, NULL FROM generate_series(1, 1500) g;
INSERT INTO pairs_left SELECT g, g FROM generate_series(1, 400) g;
INSERT INTO pairs_right SELECT g, g FROM generate_series(1, 400) g;
INSERT INTO counters SELECT g, 150 FROM generate_series(0, 3) g;
INSERT INTO journal SELECT n, 'first', worker FROM generate_series(1, 150) n, generate_series(0, 3) worker;
INSERT INTO keyed SELECT g, 'v' || g, g / 7.0, timestamptz '2026-01-01 00:00+00' + g * interval '1 hour', g % 2 = 0,
  decode(md5(g::text), 'hex') FROM generate_series(1, 800) g;
INSERT INTO ledger SELECT g, 0, false, 'first' FROM generate_series(1, 400) g;
INSERT INTO bulk SELECT g, 0, repeat('x', 100) FROM generate_series(1, 1500) g;
INSERT INTO scratch SELECT g, 's' FROM generate_series(1, 200) g;
INSERT INTO keyless SELECT g % 60, CASE WHEN g % 3 > 0 THEN 'b' END FROM generate_series(1, 240) g;
INSERT INTO parted SELECT g, 1 + g % 2, 'p' FROM generate_series(1, 300) g;
INSERT INTO "We""ird Таблица" SELECT 'ключ ' || g % 50, 'v', g FROM generate_series(1, 300) g;
)";

} // namespace

const std::vector<workload_table>& workload_tables() {
  static const std::vector<workload_table> tables = {
      {"accounts_a", {"id", "balance", "note"}},
      {"accounts_b", {"id", "balance", "note"}},
      {"pairs_left", {"id", "value"}},
      {"pairs_right", {"id", "value"}},
      {"counters", {"id", "n"}},
      {"journal", {"worker", "n", "what"}},
      {"keyed",
       {"id", "v", "amount", "at", "flag::int", "raw"},
       {"id", "v", "amount", "at", "flag", "raw"},
       {"id", "v", "amount", "at", "flag", "hex(raw)"},
       {"id", "v", "amount",
        "to_char(at, 'YYYY-MM-DD HH24:MI:SS') || replace(to_char(at, '.US'), '.000000', '')",
        "flag::int", "upper(encode(raw, 'hex'))"}},
      {"toasted", {"id", "n", "mark", "other", "big"}},
      {"ledger", {"id", "n", "whole::int", "note"}, {"id", "n", "whole", "note"}},
      {"ledger_deleted", {"id", "n", "whole::int"}, {"id", "n", "whole"}},
      {"bulk", {"id", "v", "padding"}},
      {"scratch", {"id", "v"}},
      {.name = "keyless", .columns = {"a", "b"}, .has_key = false},
      {"parted", {"region", "id", "v"}},
      {"late_1", {"id", "v"}},
      {"late_2", {"id", "v"}},
      {"late_3", {"id", "v"}},
      {.name = R"(We"ird Таблица)",
       .columns = {R"("k ""1""")", "k2", "v"},
       .starrocks_columns = {R"(`k "1"`)", "k2", "v"}},
  };
  return tables;
}

void workload::fill() {
  auto session = server_.session(database_);
  session.execute(schema);
  session.execute(first_rows);
  session.execute(std::string("INSERT INTO toasted (id, n, big) SELECT g, 0, ") + big
                  + " FROM generate_series(1, 120) g; UPDATE toasted SET mark = left(big, 32)");
  std::string tables;
  for (const auto& row :
       session.query("SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' "
                     "AND relnamespace = 'public'::regnamespace"))
    tables += (tables.empty() ? "" : ", ") + row[0].value();
  session.execute("VACUUM ANALYZE " + tables);
}

void workload::make_late(pg_session& session) {
  if (late_ == late_tables) return;
  const auto name = "late_" + std::to_string(late_ + 1);
  session.execute("CREATE TABLE IF NOT EXISTS " + name
                  + " (id int PRIMARY KEY, v text);"
                    "INSERT INTO "
                  + name
                  + " SELECT g, 'first' FROM generate_series(1, 200) g"
                    " ON CONFLICT DO NOTHING");
  ++late_;
}

} // namespace leat::test
