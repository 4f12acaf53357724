#include <memory>

#include "tests/integration/cases_fixture.hpp"

namespace leat::test {

namespace {

const std::vector<source_case>& cases() {
  static const std::vector<source_case> all = {
      {"case01_hostile_names",
       R"(CREATE TABLE "Мой @.""x" ("CaMeL ключ" int PRIMARY KEY, "a""b" text, "select" int, "%s ? $1" text);
          INSERT INTO "Мой @.""x" SELECT i, 'один ' || i, i, '"' FROM generate_series(1, 20) i)",
       {R"(UPDATE "Мой @.""x" SET "a""b" = 'два', "%s ? $1" = E'\\\n\t''' WHERE "CaMeL ключ" < 5)",
        R"(DELETE FROM "Мой @.""x" WHERE "CaMeL ключ" = 7;
           UPDATE "Мой @.""x" SET "CaMeL ключ" = 100 WHERE "CaMeL ключ" = 8)"},
       {"Мой @.\"x"}},
      {"case02_key_not_in_column_order",
       "CREATE TABLE @ (v int, b text COLLATE \"C\", a int, PRIMARY KEY (a, b));"
       "INSERT INTO @ SELECT i, 'b' || i % 5, i / 5 FROM generate_series(0, 49) i",
       {"UPDATE @ SET v = -v WHERE a < 4; DELETE FROM @ WHERE (a, b) = (5, 'b2')",
        "UPDATE @ SET b = 'x' || b WHERE a = 6; INSERT INTO @ VALUES (0, '', -1)"}},
      {"case03_key_update",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 40) i",
       {"UPDATE @ SET id = id + 1000 WHERE id % 3 = 0", "UPDATE @ SET id = 3 WHERE id = 1003",
        "UPDATE @ SET id = -id, v = 'moved' WHERE id < 10"}},
      {"case04_key_swap",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 30) i",
       {"BEGIN; UPDATE @ SET id = -1 WHERE id = 1; UPDATE @ SET id = 1 WHERE id = 29;"
        "UPDATE @ SET id = 29 WHERE id = -1; COMMIT",
        "BEGIN; UPDATE @ SET id = -1 WHERE id = 5; UPDATE @ SET id = 5 WHERE id = 6;"
        "UPDATE @ SET id = 6 WHERE id = 7; UPDATE @ SET id = 7 WHERE id = -1; COMMIT"}},
      {"case06_one_key_many_times",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 20) i",
       {"BEGIN; DELETE FROM @ WHERE id = 3; INSERT INTO @ VALUES (3, 'again'); COMMIT",
        "BEGIN; INSERT INTO @ VALUES (50, 'a'); UPDATE @ SET v = 'b' WHERE id = 50;"
        "DELETE FROM @ WHERE id = 50; COMMIT",
        "BEGIN; DELETE FROM @ WHERE id = 9; INSERT INTO @ VALUES (9, 'x'); DELETE FROM @ WHERE id ="
        " 9; COMMIT"}},
      {"case07_statements_that_write_otherwise",
       "CREATE TABLE @ (id int PRIMARY KEY, v text, n int DEFAULT 0);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 20) i;"
       "CREATE FUNCTION @_f() RETURNS trigger LANGUAGE plpgsql AS"
       " 'BEGIN NEW.n := NEW.n + 1000; RETURN NEW; END';"
       "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON @ FOR EACH ROW EXECUTE FUNCTION @_f()",
       {"INSERT INTO @ VALUES (5, 'c'), (21, 'c') ON CONFLICT (id) DO UPDATE SET v = 'conflict'",
        "INSERT INTO @ VALUES (6, 'nothing') ON CONFLICT DO NOTHING",
        "WITH d AS (DELETE FROM @ WHERE id = 7 RETURNING *)"
        " INSERT INTO @ SELECT id + 100, v, n FROM d",
        "DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN EXECUTE"
        " 'MERGE INTO @ t USING (VALUES (8, ''m''), (30, ''m'')) s (id, v) ON t.id = s.id"
        "   WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v, "
        "1)';"
        " END IF; END $$"}},
      {"case08_no_op_update",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, nullif('v' || i, 'v7') FROM generate_series(1, 40) i",
       {"UPDATE @ SET v = v", "UPDATE @ SET id = id"}},
      {"case09_unchanged_toast",
       "CREATE TABLE @ (id int PRIMARY KEY, n int, big text, other text);"
       "ALTER TABLE @ ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;"
       "INSERT INTO @ SELECT i, i, repeat(i || ' ', 3000), repeat('o' || i, 2000)"
       " FROM generate_series(1, 40) i",
       {"UPDATE @ SET n = -n", "UPDATE @ SET other = repeat('p' || id, 2500) WHERE id % 2 = 0",
        "UPDATE @ SET big = big, n = 7 WHERE id < 20", "UPDATE @ SET big = NULL WHERE id = 4",
        "BEGIN; INSERT INTO @ VALUES (99, 1, repeat('z', 9000), '');"
        "UPDATE @ SET n = 2 WHERE id = 99; COMMIT"}},
      {"case10_unchanged_toast_with_identity_full",
       "CREATE TABLE @ (id int PRIMARY KEY, n int, big text);"
       "ALTER TABLE @ ALTER big SET STORAGE EXTERNAL; ALTER TABLE @ REPLICA IDENTITY FULL;"
       "INSERT INTO @ SELECT i, i, repeat(i || ' ', 3000) FROM generate_series(1, 30) i",
       {"UPDATE @ SET n = -n WHERE id % 2 = 0; DELETE FROM @ WHERE id = 5",
        "UPDATE @ SET id = id + 100 WHERE id < 4"}},
      {"case11_key_update_with_unchanged_toast",
       "CREATE TABLE @ (id int PRIMARY KEY, n int, big text);"
       "ALTER TABLE @ ALTER big SET STORAGE EXTERNAL;"
       "INSERT INTO @ SELECT i, i, repeat(i || ' ', 3000) FROM generate_series(1, 60) i",
       {"UPDATE @ SET id = id + 1000 WHERE id % 4 = 0", "UPDATE @ SET id = 4 WHERE id = 1004",
        "BEGIN; UPDATE @ SET id = -1 WHERE id = 1; UPDATE @ SET id = 1 WHERE id = 59;"
        "UPDATE @ SET id = 59, n = 0 WHERE id = -1; COMMIT",
        "BEGIN; DELETE FROM @ WHERE id = 2; UPDATE @ SET id = 2 WHERE id = 58; COMMIT"}},
      {"case12_toasted_key",
       "CREATE TABLE @ (k text COLLATE \"C\" PRIMARY KEY, filler text, n int);"
       "ALTER TABLE @ ALTER k SET STORAGE EXTERNAL, ALTER filler SET STORAGE PLAIN;"
       "INSERT INTO @ SELECT repeat(chr(64 + i), 1900), repeat('f', 900), i"
       " FROM generate_series(1, 20) i",
       {"UPDATE @ SET n = -n WHERE n < 9; DELETE FROM @ WHERE n = 12",
        "UPDATE @ SET k = repeat('new', 600) WHERE n = 15"}},
      {"case13_1600_columns",
       "DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE @ (id int PRIMARY KEY, '"
       " || string_agg('c' || i || ' int2', ', ') || ')' FROM generate_series(1, 1599) i);"
       " FOR r IN 1..3 LOOP EXECUTE (SELECT 'INSERT INTO @ VALUES (' || r || ', '"
       " || string_agg(i::text, ', ') || ')' FROM generate_series(1, 1599) i); END LOOP; END $$",
       {"UPDATE @ SET c1 = NULL, c1599 = -1 WHERE id = 2; DELETE FROM @ WHERE id = 3",
        "INSERT INTO @ (id, c800) VALUES (4, 800)"}},
      {"case16_empty_is_not_null",
       "CREATE TABLE @ (id int PRIMARY KEY, v text, c char(3), n numeric);"
       "INSERT INTO @ SELECT i, CASE WHEN i % 2 = 0 THEN '' END, '', NULL"
       " FROM generate_series(1, 20) i",
       {"UPDATE @ SET v = CASE WHEN v IS NULL THEN '' END WHERE id < 10",
        "INSERT INTO @ VALUES (30, '', NULL, 0), (31, NULL, '', 'NaN'), (32, 'NULL', '\\N', "
        "1.50)"}},
      {"case17_savepoints",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 20) i",
       {"BEGIN; SAVEPOINT a; UPDATE @ SET v = 'lost' WHERE id < 9; ROLLBACK TO a;"
        "SAVEPOINT b; INSERT INTO @ VALUES (50, 'kept'); RELEASE b;"
        "SAVEPOINT c; DELETE FROM @; ROLLBACK TO c; UPDATE @ SET v = 'kept' WHERE id = 2; COMMIT",
        "DO $$ BEGIN FOR i IN 1..120 LOOP BEGIN INSERT INTO @ VALUES (100 + i, 'n');"
        " IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN raise_exception THEN NULL;"
        " END; END LOOP; END $$",
        "BEGIN; DELETE FROM @; ROLLBACK"}},
      {"case18_large_transaction",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 50) i",
       {"INSERT INTO @ SELECT i, 'large ' || i FROM generate_series(100, 8000) i",
        "BEGIN; UPDATE @ SET v = 'u' || id WHERE id % 2 = 0; DELETE FROM @ WHERE id % 7 = 0;"
        "UPDATE @ SET id = id + 100000 WHERE id % 11 = 0; COMMIT"}},
      {"case19_large_transaction_with_rollbacks",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 50) i",
       {"BEGIN; INSERT INTO @ SELECT i, 'a' FROM generate_series(100, 2500) i; SAVEPOINT s;"
        "INSERT INTO @ SELECT i, 'lost' FROM generate_series(3000, 6000) i; SAVEPOINT t;"
        "UPDATE @ SET v = 'lost'; ROLLBACK TO s; INSERT INTO @ SELECT i, 'b'"
        " FROM generate_series(5000, 6000) i; COMMIT",
        "BEGIN; DELETE FROM @; INSERT INTO @ SELECT i, 'lost' FROM generate_series(1, 4000) i;"
        "ROLLBACK"}},
      {"case20_prepared_transactions",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 20) i",
       {"BEGIN; UPDATE @ SET v = 'p' WHERE id < 9; PREPARE TRANSACTION '@ kept'",
        "BEGIN; INSERT INTO @ VALUES (77, 'lost'); PREPARE TRANSACTION '@ lost'",
        "UPDATE @ SET v = 'meanwhile' WHERE id = 15", "COMMIT PREPARED '@ kept'",
        "ROLLBACK PREPARED '@ lost'"}},
      {"case24_truncate",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "CREATE TABLE @_child (id int PRIMARY KEY, parent int REFERENCES @);"
       "CREATE TABLE @_other (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 50) i;"
       "INSERT INTO @_child SELECT i, 1 + i % 50 FROM generate_series(1, 80) i;"
       "INSERT INTO @_other SELECT i, 'o' FROM generate_series(1, 30) i",
       {"BEGIN; UPDATE @ SET v = 'gone'; TRUNCATE @ CASCADE; INSERT INTO @ VALUES (1, 'new');"
        "INSERT INTO @_child VALUES (5, 1); COMMIT",
        "BEGIN; TRUNCATE @_other; ROLLBACK", "TRUNCATE @_child RESTART IDENTITY",
        "INSERT INTO @_child VALUES (6, 1)"},
       {"@", "@_child", "@_other"}},
      {"case25_maintenance",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 60) i",
       {"UPDATE @ SET v = v || '!' WHERE id % 2 = 0", "VACUUM FULL @", "ANALYZE @",
        "CREATE INDEX @_i ON @ (v)", "CLUSTER @ USING @_i", "DELETE FROM @ WHERE id = 11",
        "INSERT INTO @ VALUES (200, 'after')"}},
      {"case31_moves_between_partitions",
       "CREATE TABLE @ (id int, day int, v text, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);"
       "CREATE TABLE @_low PARTITION OF @ FOR VALUES FROM (0) TO (10);"
       "CREATE TABLE @_high (v text, gone int, day int NOT NULL, id int NOT NULL);"
       "ALTER TABLE @_high DROP gone;"
       "ALTER TABLE @ ATTACH PARTITION @_high FOR VALUES FROM (10) TO (100);"
       "INSERT INTO @ SELECT i, i % 20, 'v' || i FROM generate_series(1, 60) i",
       {"UPDATE @ SET day = day + 10 WHERE day < 5", "UPDATE @ SET v = 'same leaf' WHERE id = 30",
        "BEGIN; UPDATE @ SET day = 50 WHERE id = 9; UPDATE @ SET day = 1 WHERE id = 9; COMMIT",
        "DELETE FROM @ WHERE id = 12", "CREATE TABLE @_more PARTITION OF @ DEFAULT",
        "INSERT INTO @ VALUES (500, 5000, 'default')", "TRUNCATE @",
        "INSERT INTO @ VALUES (1, 1, 'x')"}},
      {"case34_duplicates_without_a_key",
       "CREATE TABLE @ (v text, n int); ALTER TABLE @ REPLICA IDENTITY FULL;"
       "INSERT INTO @ SELECT 'v' || i % 4, nullif(i % 3, 0) FROM generate_series(1, 48) i",
       {"DELETE FROM @ WHERE ctid = (SELECT min(ctid) FROM @ WHERE v = 'v1' AND n IS NULL)",
        "UPDATE @ SET n = 9 WHERE ctid = (SELECT min(ctid) FROM @ WHERE v = 'v2')",
        "INSERT INTO @ SELECT v, n FROM @ LIMIT 5",
        "DELETE FROM @ WHERE ctid IN (SELECT ctid FROM @ WHERE v = 'v3' LIMIT 3)"}},
      {"case39_asynchronous_commit",
       "CREATE TABLE @ (id int PRIMARY KEY, v text);"
       "INSERT INTO @ SELECT i, 'v' || i FROM generate_series(1, 40) i",
       {"SET synchronous_commit = off; UPDATE @ SET v = 'async ' || id WHERE id % 2 = 0;"
        "INSERT INTO @ VALUES (100, 'async')"}},
      {"case41_copy_messages_and_sequences",
       "CREATE TABLE @ (id serial PRIMARY KEY, v text);"
       "INSERT INTO @ (v) SELECT 'v' || i FROM generate_series(1, 30) i",
       {"COPY @ FROM PROGRAM 'printf \"100\\tcopied\\n101\\t\\\\\\\\N\\n\"'",
        "SELECT pg_logical_emit_message(false, 'leat', 'not transactional')",
        "BEGIN; SELECT pg_logical_emit_message(true, 'leat', 'a message');"
        "UPDATE @ SET v = 'with a message' WHERE id = 3; COMMIT",
        "BEGIN; UPDATE @ SET v = 'lost'; SELECT pg_logical_emit_message(false, 'l', 'x'); ROLLBACK",
        "SELECT setval('@_id_seq', 500)", "INSERT INTO @ (v) VALUES ('after setval')",
        "CREATE TABLE @_made AS SELECT * FROM @"}},
      {"case43_types_of_their_own",
       "CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext;"
       "CREATE TYPE @_mood AS ENUM ('sad', 'it''s \"ok\"');"
       "CREATE TYPE @_pair AS (a int, b text); CREATE DOMAIN @_small AS int CHECK (VALUE < 1000);"
       "CREATE TABLE @ (id @_small PRIMARY KEY, m @_mood, p @_pair, ps @_pair[], h hstore, c "
       "citext,"
       " ms @_mood[]);"
       "INSERT INTO @ SELECT i, 'sad', (i, 'x,\"y')::@_pair, ARRAY[(1, NULL)::@_pair], 'a=>1, "
       "n=>NULL',"
       " 'CiText', '{sad}' FROM generate_series(1, 20) i",
       {"UPDATE @ SET m = 'it''s \"ok\"', p = (NULL, ''), c = 'Ж' WHERE id < 9",
        "ALTER TYPE @_mood ADD VALUE 'new'", "UPDATE @ SET m = 'new' WHERE id = 12",
        "UPDATE @ SET id = 500, ms = '{new,sad}' WHERE id = 13"}},
  };
  return all;
}

class SourceCase : public ::testing::TestWithParam<source_case> {
 protected:
  static void SetUpTestSuite() {
    pipeline = std::make_unique<case_pipeline>();
    pipeline->run(cases());
  }
  static void TearDownTestSuite() { pipeline.reset(); }

  static std::unique_ptr<case_pipeline> pipeline;
};

std::unique_ptr<case_pipeline> SourceCase::pipeline;

TEST_P(SourceCase, EndsEqualAtBothTargetsDuringAndAfterTheSnapshot) {
  pipeline->expect_same(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Facts, SourceCase, testing::ValuesIn(cases()),
                         [](const auto& chosen) { return chosen.param.name; });

} // namespace

} // namespace leat::test
