"""Checklist: MySQL protocol: login, metadata, SELECT and changes by SQL."""

import datetime
import decimal

import pymysql
import pytest


def refused(double, sql: str) -> tuple:
    with pytest.raises(pymysql.MySQLError) as caught:
        double.sql(sql)
    return caught.value.args


def named(double, sql: str) -> list[dict]:
    connection = double.connect()
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(sql)
        rows = list(cursor.fetchall())
    connection.close()
    return rows


def test_a_wrong_password_is_1045_and_the_connection_ends(double):
    double.control("POST", "/user", {"name": "leat", "password": "secret"})
    with pytest.raises(pymysql.OperationalError) as caught:
        double.connect(user="leat", password="wrong")
    assert caught.value.args[0] == 1045
    double.connect(user="leat", password="secret").close()


def test_an_unknown_user(double):
    with pytest.raises(pymysql.OperationalError, match="Access denied for user 'nobody'"):
        double.connect(user="nobody")


def test_an_unknown_database_at_login(double):
    with pytest.raises(pymysql.MySQLError, match="Unknown database 'nope'"):
        double.connect(db="nope")


def test_no_database(double):
    connection = pymysql.connect(host="127.0.0.1", port=double.ports["mysql"], user="root", password="", ssl_disabled=True)
    with pytest.raises(pymysql.MySQLError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM t")
    assert caught.value.args[0] == 1046


def test_the_follower_answers_as_well(double):
    double.table()
    double.sql("INSERT INTO t VALUES (1, 'a')", node="mysql2")
    assert double.sql("SELECT id FROM t", node="mysql2") == [(1,)]


def test_prepared_statements_are_refused_as_unsupported(double):
    connection = double.connect()
    connection._execute_command(0x16, b"SELECT 1")
    with pytest.raises(pymysql.MySQLError) as caught:
        connection._read_packet()
    assert caught.value.args[0] == 1295


def test_several_statements_give_several_results(double):
    connection = pymysql.connect(host="127.0.0.1", port=double.ports["mysql"], user="root", password="", ssl_disabled=True,
                                 client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a; SELECT 2 AS b")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)


def test_types_come_with_their_metadata(double):
    double.table("id BIGINT NOT NULL, d DECIMAL(12,3) NULL, ts DATETIME NULL, b VARBINARY NULL, da DATE NULL, f DOUBLE NULL, s VARCHAR(9) NULL, bo BOOLEAN NULL")
    double.sql("INSERT INTO t VALUES (1, '1.500', '2024-01-02 03:04:05.5', x'00ff', '2024-01-02', 0.5, 'я', true)")
    assert double.sql("SELECT * FROM t") == [(1, decimal.Decimal("1.500"), datetime.datetime(2024, 1, 2, 3, 4, 5, 500000), b"\x00\xff",
                                              datetime.date(2024, 1, 2), 0.5, "я", 1)]


@pytest.mark.parametrize("sql, expected", [
    ("SELECT current_version()", "4.0.5 0123456"), ("SELECT version()", "8.0.33"), ("SELECT 1", 1),
    ("SELECT @@version_comment", "StarRocks version 4.0.5"), ("SELECT user()", "'root'@'127.0.0.1'"), ("SELECT hex('a') AS h", "61"),
])
def test_small_questions(double, sql, expected):
    assert double.sql(sql)[0][0] == expected


def test_database_is_the_sessions(double):
    assert double.sql("SELECT DATABASE() AS d, schema() AS s") == [(double.db, double.db)]


def test_keyset_paging_without_row_comparison(double):
    double.table("a INT NOT NULL, b INT NOT NULL, v INT NULL", key="a,b")
    double.sql("INSERT INTO t VALUES (1, 1, 0), (1, 2, 0), (2, 1, 0)")
    assert refused(double, "SELECT a FROM t WHERE (a, b) > (1, 1)")[0] == 1064
    assert double.sql("SELECT a, b FROM t WHERE a > 1 OR (a = 1 AND b > 1) ORDER BY a, b LIMIT 5") == [(1, 2), (2, 1)]


def test_joins_groups_and_subqueries(double):
    double.table(name="t")
    double.table(name="u")
    double.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    double.sql("INSERT INTO u VALUES (2, 'c')")
    assert double.sql("SELECT t.id, u.v FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.id") == [(1, None), (2, "c")]
    assert double.sql(f"SELECT count(*) AS n FROM {double.db}.t WHERE id IN (SELECT id FROM u)") == [(1,)]
    assert double.sql("WITH x AS (SELECT max(id) AS m FROM t) SELECT m FROM x") == [(2,)]


# ---- changes


def test_insert_is_an_upsert(double):
    double.table()
    double.sql("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'it''s')")
    double.sql("INSERT INTO t (v, id) VALUES ('b', 1)")
    assert double.rows() == [(1, "b"), (2, "it's")]
    double.sql("INSERT INTO t SELECT id + 10, v FROM t")
    assert [row[0] for row in double.rows()] == [1, 2, 11, 12]


@pytest.mark.parametrize("sql, message", [
    ("INSERT INTO t VALUES (1)", "doesn't match"), ("INSERT INTO t (id, nope) VALUES (1, 2)", "nope"), ("INSERT INTO t (v) VALUES ('a')", "must be explicitly"),
    ("INSERT INTO t VALUES (1, 'xxxxxxxxxxxxxxxxxxxxx')", "strict mode"), ("INSERT INTO t VALUES ('x', 'a')", "strict mode"),
    ("INSERT INTO t VALUES (NULL, 'a')", "NULL value in non-nullable column"), ("DELETE FROM t", "must specify where clause"),
    ("UPDATE t SET v = 'a'", "must specify where clause"), ("UPDATE t SET id = 2 WHERE id = 1", "primary key column cannot be updated"),
    ("UPDATE t SET nope = 2 WHERE id = 1", "nope"), ("SELECT nofunction(id) FROM t", "nofunction"), ("SELECT * FROM t FOR UPDATE", "syntax error"),
    ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE v = 1", "syntax error"), ("SELECT id FROM t WHERE", "syntax error"), ("FROBNICATE", "syntax error"),
])
def test_changes_and_questions_that_are_refused(double, sql, message):
    double.table()
    assert message in refused(double, sql)[1]
    assert double.rows() == []


def test_update_and_delete(double):
    double.table()
    double.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    double.sql("UPDATE t SET v = concat(v, '!') WHERE id >= 2")
    double.sql("DELETE FROM t WHERE id IN (1, 3)")
    assert double.rows() == [(2, "b!")]


def test_delete_using(double):
    double.table(name="t")
    double.table(name="u")
    double.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    double.sql("INSERT INTO u VALUES (2, 'x')")
    double.sql("DELETE FROM t USING u WHERE t.id = u.id")
    assert double.rows() == [(1, "a")]


def test_a_read_only_user(double):
    double.table()
    double.control("POST", "/user", {"name": "ro", "password": "", "read_only": ["*"], "may_create": False})
    connection = double.connect(user="ro")
    for sql in ("INSERT INTO t VALUES (1, 'a')", "CREATE DATABASE mine"):
        with pytest.raises(pymysql.MySQLError) as caught, connection.cursor() as cursor:
            cursor.execute(sql)
        assert caught.value.args[0] == 5203


def test_explicit_transactions_from_3_5(double):
    double.table(name="t")
    double.table(name="u")
    connection = double.connect()
    with connection.cursor() as cursor:
        for sql in ("BEGIN WORK", "INSERT INTO t VALUES (1, 'a')", "INSERT INTO u VALUES (1, 'a')"):
            cursor.execute(sql)
        assert double.rows() == []
        cursor.execute("COMMIT WORK")
        assert double.rows() == double.rows(table="u") == [(1, "a")]
        for sql in ("BEGIN", "INSERT INTO t VALUES (2, 'b')", "ROLLBACK"):
            cursor.execute(sql)
    assert double.rows() == [(1, "a")]


# ---- metadata


def test_desc_and_show_columns(double):
    double.table('id BIGINT NOT NULL COMMENT "key", v VARCHAR(20) NULL DEFAULT "x", b BOOLEAN NULL')
    assert double.sql("DESC t") == [("id", "bigint", "NO", "true", None, ""), ("v", "varchar(20)", "YES", "false", "x", ""),
                                    ("b", "boolean", "YES", "false", None, "")]
    assert [row[8] for row in double.sql("SHOW FULL COLUMNS FROM t")] == ["key", "", ""]
    assert [row[0] for row in double.sql("SHOW COLUMNS FROM t LIKE 'v%'")] == ["v"]


def test_information_schema_columns(double):
    double.table('id BIGINT NOT NULL, v VARCHAR(20) NULL COMMENT "text", d DECIMAL(10,2) NULL, b BOOLEAN NULL')
    rows = double.sql(f"SELECT COLUMN_NAME, DATA_TYPE, ORDINAL_POSITION, COLUMN_SIZE, DECIMAL_DIGITS, IS_NULLABLE, COLUMN_KEY, COLUMN_COMMENT "
                      f"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='{double.db}' AND TABLE_NAME='t' ORDER BY ORDINAL_POSITION")
    assert rows == [("id", "bigint", 1, 19, 0, "NO", "PRI", ""), ("v", "varchar", 2, 20, None, "YES", "", "text"),
                    ("d", "decimal", 3, 10, 2, "YES", "", ""), ("b", "tinyint", 4, None, None, "YES", "", "")]


def test_information_schema_tables_config(double):
    double.table("a INT NOT NULL, b INT NOT NULL, v INT NULL", key="a, b", options="BUCKETS 3 ORDER BY(v)")
    row = named(double, f"SELECT * FROM information_schema.tables_config WHERE TABLE_SCHEMA = '{double.db}' AND TABLE_NAME = 't'")[0]
    assert (row["TABLE_MODEL"], row["PRIMARY_KEY"], row["DISTRIBUTE_KEY"], row["DISTRIBUTE_BUCKET"], row["SORT_KEY"]) == \
        ("PRI_KEYS", "`a`, `b`", "`a`, `b`", 3, "`v`")
    assert '"replication_num":"1"' in row["PROPERTIES"]


@pytest.mark.parametrize("name", ["tables", "TABLES", "schemata", "loads", "be_tablets", "views", "materialized_views"])
def test_other_tables_of_information_schema(double, name):
    double.sql(f"SELECT * FROM information_schema.{name}")


def test_loads_came_with_3_1(double):
    double.quirk(version="2.5.13")
    assert "loads" in refused(double, "SELECT * FROM information_schema.loads")[1]


def test_show_databases_tables_and_nodes(double):
    double.table()
    assert (double.db,) in double.sql("SHOW DATABASES")
    assert double.sql("SHOW FULL TABLES") == [("t", "BASE TABLE")]
    assert double.sql(f"SHOW TABLES FROM {double.db} LIKE 'x%'") == []
    assert [row["Role"] for row in named(double, "SHOW FRONTENDS")] == ["LEADER", "FOLLOWER"]
    assert [int(row["HttpPort"]) for row in named(double, "SHOW BACKENDS")] == [double.ports["be0"], double.ports["be1"]]
    assert double.sql("SHOW COMPUTE NODES") == []
    double.quirk(shared_data=True)
    assert double.sql("SHOW BACKENDS") == [] and len(double.sql("SHOW COMPUTE NODES")) == 2


def test_show_transaction_by_id_only(double):
    double.table()
    number = double.begin("shown")["TxnId"]
    row = named(double, f"SHOW TRANSACTION FROM {double.db} WHERE id = {number}")[0]
    assert (row["Label"], row["TransactionStatus"], row["LoadJobSourceType"], row["Coordinator"]) == ("shown", "PREPARE", "BACKEND_STREAMING", "BE: 127.0.0.1")
    assert refused(double, "SHOW TRANSACTION WHERE label = 'shown'")[0] == 1064
    assert refused(double, "SHOW TRANSACTION WHERE id = 1")[0] == 5302


def test_show_proc_transactions(double):
    double.table()
    double.begin("running1")
    double.prepared("finished1", [{"id": 1}])
    double.commit("finished1")
    assert [row[1] for row in double.sql(f"SHOW PROC '/transactions/{double.db}/running'")] == ["running1"]
    assert [row[1] for row in double.sql(f"SHOW PROC '/transactions/{double.db}/finished'")] == ["finished1"]


@pytest.mark.parametrize("sql", ["SET NAMES utf8mb4", "SET SESSION query_timeout = 300", "SET autocommit = 1, time_zone = 'UTC'", "KILL 5",
                                 "SHOW VARIABLES LIKE 'lower_case_table_names'", "ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'", "SHOW WARNINGS"])
def test_what_drivers_send(double, sql):
    double.sql(sql)
