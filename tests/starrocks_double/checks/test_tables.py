"""Checklist: CREATE TABLE and what the analyzer refuses; ALTER and its jobs; TRUNCATE and DROP."""

import time

import pymysql
import pytest

PROPERTIES = 'PROPERTIES("replication_num"="1")'


def refused(double, sql: str) -> tuple:
    with pytest.raises(pymysql.MySQLError) as caught:
        double.sql(sql)
    return caught.value.args


@pytest.mark.parametrize("columns, key, message", [
    ("id BIGINT NOT NULL", "nope", "Key columns[nope] doesn't exist"),
    ("v INT, id BIGINT NOT NULL", "id", "Key columns must be the first few columns"),
    ("a INT NOT NULL, b INT NOT NULL", "b,a", "Key columns must be the first few columns"),
    ("id DECIMAL(10,0) NOT NULL", "id", "Invalid data type of primary key column 'id': 'DECIMAL'"),
    ("id CHAR(5) NOT NULL", "id", "'CHAR'"), ("id DOUBLE NOT NULL", "id", "'DOUBLE'"), ("id FLOAT NOT NULL", "id", "'FLOAT'"),
    ("id JSON NOT NULL", "id", "'JSON'"), ("id VARBINARY NOT NULL", "id", "'VARBINARY'"), ("id ARRAY<INT> NOT NULL", "id", "'ARRAY'"),
    ("id INT NULL", "id", "cannot be nullable"),
    ("id INT NOT NULL, ID INT", "id", "Duplicate column name"),
    ("id INT NOT NULL, __op INT", "id", "Incorrect column name '__op'"), ("id INT NOT NULL, __row INT", "id", "Incorrect column name"),
    ("id INT NOT NULL, `a=b` INT", "id", "Incorrect column name 'a=b'"), ("id INT NOT NULL, `a*` INT", "id", "Incorrect column name"),
    ("id INT NOT NULL, d DECIMAL(99,3)", "id", "DECIMAL's precision should range from 1 to 76"),
    ("id INT NOT NULL, d DECIMAL(5,6)", "id", "must be greater than or equal to the value of S"),
    ("id INT NOT NULL, v VARCHAR(1048577)", "id", "Varchar size must be <= 1048576"), ("id INT NOT NULL, v CHAR(256)", "id", "Char size must be <= 255"),
    ("id INT NOT NULL, v VARBINARY(1048577)", "id", "Varbinary size must be <= 1048576"), ("id INT NOT NULL, v TIME", "id", "Type TIME is not supported"),
    ('id INT NOT NULL, v INT DEFAULT "x"', "id", "Invalid default value for 'v'"), ('id INT NOT NULL, v VARCHAR(1) DEFAULT "xx"', "id", "Invalid default"),
    ("id INT NOT NULL, v INT DEFAULT CURRENT_TIMESTAMP", "id", "Invalid default value for 'v'"),
    ('id INT NOT NULL, v ARRAY<INT> DEFAULT "[]"', "id", "does not support default value"),
])
def test_the_analyzer_refuses(double, columns, key, message):
    assert message in refused(double, f"CREATE TABLE t ({columns}) PRIMARY KEY({key}) DISTRIBUTED BY HASH({key}) {PROPERTIES}")[1]


@pytest.mark.parametrize("rest, message", [
    (f"DISTRIBUTED BY HASH(v) {PROPERTIES}", "must be a key column"), (f"DISTRIBUTED BY HASH(nope) {PROPERTIES}", "doesn't exist"),
    (f"DISTRIBUTED BY RANDOM {PROPERTIES}", "must use hash distribution"), (f"DISTRIBUTED BY HASH(id) BUCKETS 0 {PROPERTIES}", "is zero"),
    ('DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="3")', "Table replication num should be less than"),
    ("DISTRIBUTED BY HASH(id)", "Table replication num should be less than"),
    ('DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="1", "nonsense"="1")', "Unknown properties: {nonsense=1}"),
    (f"DISTRIBUTED BY HASH(id) ORDER BY(j) {PROPERTIES}", "type not supported"), (f"DISTRIBUTED BY HASH(id) ORDER BY(x) {PROPERTIES}", "doesn't exist"),
])
def test_the_analyzer_refuses_table_options(double, rest, message):
    assert message in refused(double, f"CREATE TABLE t (id INT NOT NULL, v INT, j JSON) PRIMARY KEY(id) {rest}")[1]


def test_what_is_there_already(double):
    double.table()
    assert refused(double, f"CREATE TABLE t (id INT NOT NULL) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) {PROPERTIES}")[0] == 1050
    double.sql(f"CREATE TABLE IF NOT EXISTS t (other INT NOT NULL) PRIMARY KEY(other) DISTRIBUTED BY HASH(other) {PROPERTIES}")
    assert refused(double, f"CREATE DATABASE {double.db}")[0] == 1007
    double.sql(f"CREATE DATABASE IF NOT EXISTS {double.db}")


@pytest.mark.parametrize("codes, database, table, column", [("new", 5501, 5502, 5509), ("old", 1049, 1051, 1064)])
def test_what_is_not_there(double, codes, database, table, column):
    double.quirk(error_codes=codes)
    double.table()
    assert refused(double, "SELECT * FROM nope.t")[0] == database
    assert refused(double, "SELECT * FROM nope")[0] == table
    assert refused(double, "SELECT nope FROM t")[0] == column


def test_names_of_tables_have_case_and_those_of_columns_have_none(double):
    double.table(name="T")
    double.table("Id BIGINT NOT NULL, `We\"\"ird Таблица` INT NULL", name="t", key="Id")
    double.sql("INSERT INTO t (ID, `we\"\"ird таблица`) VALUES (1, 2)")
    assert double.sql('SELECT id, `We""ird Таблица` FROM t') == [(1, 2)]
    assert double.rows(table="T") == []


def test_hostile_table_names(double):
    name = 'We""ird `Таблица` \'; DROP TABLE x; --'
    double.table(name=name.replace("`", "``"))
    assert (name,) in double.sql("SHOW TABLES")


def test_show_create_table_can_be_run_again(double):
    double.sql(f"""CREATE TABLE src (k BIGINT NOT NULL COMMENT "the \\"key\\"", v VARCHAR(20) NULL DEFAULT "d", ts DATETIME DEFAULT CURRENT_TIMESTAMP,
        a ARRAY<INT>, d DECIMAL(10,2)) PRIMARY KEY(k) COMMENT "about" DISTRIBUTED BY HASH(k) BUCKETS 3 ORDER BY(v) {PROPERTIES}""")
    first = double.sql("SHOW CREATE TABLE src")[0][1]
    double.sql("DROP TABLE src FORCE")
    double.sql(first)
    assert double.sql("SHOW CREATE TABLE src")[0][1] == first


def test_create_like(double):
    double.table()
    double.sql("CREATE TABLE u LIKE t")
    assert [row[0] for row in double.sql("DESC u")] == ["id", "v"]


def test_truncate_and_drop(double):
    double.table()
    double.stream_load(b"1\ta\n")
    double.sql("TRUNCATE TABLE t")
    assert double.rows() == []
    double.sql("DROP TABLE t")
    assert refused(double, "DROP TABLE t")[0] == 5502
    double.sql("DROP TABLE IF EXISTS t FORCE")


def test_drop_waits_for_committed_unless_forced(double):
    double.table()
    double.prepared("dropping", [{"id": 1}])
    double.quirk(stuck_publish=True)
    double.commit("dropping", timeout="0")
    assert "COMMITTED state waiting" in refused(double, "DROP TABLE t")[1]
    double.sql("DROP TABLE t FORCE")


# ---- ALTER


def job(double, table="t"):
    rows = double.sql(f'SHOW ALTER TABLE COLUMN FROM {double.db} WHERE TableName="{table}" ORDER BY JobId DESC LIMIT 1')
    names = ["JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "IndexId", "OriginIndexId", "SchemaVersion", "TransactionId", "State", "Msg"]
    return dict(zip(names, rows[0])) if rows else None


def alter(double, clauses):
    """Waits for the job: what was loaded just before may still be published."""
    double.sql(f"ALTER TABLE t {clauses}")
    for _ in range(500):
        if job(double) is None or job(double)["State"] == "FINISHED":
            return
        time.sleep(0.02)
    raise AssertionError(f"the job does not end: {job(double)}")


def columns(double):
    return [row[0] for row in double.sql("DESC t")]


def test_add_drop_and_modify(double):
    double.table()
    double.stream_load(b"1\t12\n")
    alter(double, 'ADD COLUMN c INT NULL DEFAULT "5" AFTER id, ADD COLUMN d JSON NULL')
    assert columns(double) == ["id", "c", "v", "d"]
    assert double.sql("SELECT * FROM t") == [(1, 5, "12", None)]
    alter(double, "MODIFY COLUMN v INT NULL")
    assert double.sql("SELECT v FROM t") == [(12,)]
    alter(double, "DROP COLUMN c, DROP COLUMN d")
    assert columns(double) == ["id", "v"]
    assert job(double)["State"] == "FINISHED"


@pytest.mark.parametrize("clause, message", [
    ("ADD COLUMN v INT NULL", "already exists"), ("ADD COLUMN c INT NULL FIRST", "before key"), ("ADD COLUMN c INT NULL AFTER nope", "nope"),
    ("ADD COLUMN c INT NOT NULL", "no default value"), ("DROP COLUMN id", "key column"), ("DROP COLUMN nope", "nope"), ("DROP COLUMN s", "sort column"),
    ("MODIFY COLUMN id INT NOT NULL", "key column"), ("MODIFY COLUMN n INT NOT NULL", "nullable to non-nullable"), ("MODIFY COLUMN s BIGINT NULL", "sort column"),
    ("MODIFY COLUMN w INT NULL", "Can not change default value"), ('MODIFY COLUMN w INT NULL DEFAULT "8"', "Can not change default value"),
    ('MODIFY COLUMN n INT NULL DEFAULT "7"', "Can not change default value"), ("MODIFY COLUMN at DATETIME NULL", "Can not change default value"),
    ("MODIFY COLUMN d DECIMAL(12,2) NULL", "Can not change"), ("MODIFY COLUMN n SMALLINT NULL", "Can not change"), ("MODIFY COLUMN j INT NULL", "Can not change"),
    ("RENAME COLUMN nope TO x", "nope"), ("RENAME COLUMN n TO v", "already used"), ("ADD COLUMN c INT NULL, RENAME u", "conflicts"),
    ('SET ("fast_schema_evolution"="true")', "Unknown table property"),
])
def test_alter_refuses(double, clause, message):
    double.table('id BIGINT NOT NULL, v VARCHAR(9) NULL, n INT NULL, s INT NULL, d DECIMAL(10,2) NULL, j JSON NULL, w INT NULL DEFAULT "7", '
                 "at DATETIME NULL DEFAULT CURRENT_TIMESTAMP", options="ORDER BY(s)")
    assert message in refused(double, f"ALTER TABLE t {clause}")[1]


def test_a_column_is_modified_with_the_default_that_it_has(double):
    double.table('id INT NOT NULL, v INT NULL DEFAULT "7", at DATETIME NULL DEFAULT CURRENT_TIMESTAMP')
    alter(double, 'MODIFY COLUMN v BIGINT NULL DEFAULT "7"')
    alter(double, 'MODIFY COLUMN at DATETIME NULL DEFAULT CURRENT_TIMESTAMP COMMENT "when"')
    assert [row[4] for row in double.sql("DESC t")] == [None, "7", "CURRENT_TIMESTAMP"]


@pytest.mark.parametrize("old, value, new, shown", [("INT", "7", "BIGINT", 7), ("INT", "7", "DOUBLE", 7.0), ("INT", "7", "VARCHAR(9)", "7"),
                                                    ("VARCHAR(9)", "7", "INT", 7), ("VARCHAR(2)", "ab", "VARCHAR(9)", "ab"), ("FLOAT", "0.5", "DOUBLE", 0.5),
                                                    ("DATETIME", "2024-01-02 03:04:05", "DATE", "2024-01-02"), ("DATE", "2024-01-02", "DATETIME", "2024-01-02 00:00:00")])
def test_conversions_that_the_page_lists(double, old, value, new, shown):
    double.table(f"id INT NOT NULL, v {old} NULL")
    double.stream_load(f"1\t{value}\n".encode())
    alter(double, f"MODIFY COLUMN v {new} NULL")
    found = double.sql("SELECT v FROM t")[0][0]
    assert found == shown or str(found) == shown


def test_a_job_waits_for_transactions_that_began_before_it(double):
    double.table()
    double.prepared("before", [{"id": 1, "v": "a"}])
    double.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    assert job(double)["State"] == "WAITING_TXN"
    assert columns(double) == ["id", "v"]
    double.prepared("after", [{"id": 2, "v": "b"}])
    double.advance(3600)
    assert job(double)["State"] == "WAITING_TXN"
    double.commit("before")
    double.advance(1)
    assert job(double)["State"] == "FINISHED"
    assert columns(double) == ["id", "v", "c"]
    double.commit("after")
    assert double.sql("SELECT id, v, c FROM t ORDER BY id") == [(1, "a", None), (2, "b", None)]


def test_one_job_at_a_time_for_a_table(double):
    double.table()
    double.begin("open")
    double.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    assert "is not NORMAL" in refused(double, "ALTER TABLE t ADD COLUMN d INT NULL")[1]


def test_a_job_can_be_cancelled(double):
    double.table()
    double.begin("open2")
    double.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    double.sql(f"CANCEL ALTER TABLE COLUMN FROM {double.db}.t")
    assert (job(double)["State"], job(double)["Msg"]) == ("CANCELLED", "user cancelled")
    assert columns(double) == ["id", "v"]
    assert "not under SCHEMA_CHANGE" in refused(double, "CANCEL ALTER TABLE COLUMN FROM t")[1]


def test_a_job_takes_its_time_and_can_run_out_of_it(double):
    double.quirk(alter_job_seconds=100)
    double.table()
    double.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    assert job(double)["State"] == "RUNNING"
    double.advance(101)
    assert job(double)["State"] == "FINISHED"
    double.sql('ALTER TABLE t ADD COLUMN d INT NULL PROPERTIES("timeout"="50")')
    double.advance(51)
    assert job(double)["State"] == "CANCELLED"


def test_fast_schema_evolution_does_not_wait(double):
    double.table(properties=',"fast_schema_evolution"="true"')
    double.prepared("fast", [{"id": 1, "v": "a"}])
    double.sql('ALTER TABLE t ADD COLUMN c INT NULL DEFAULT "3"')
    assert job(double)["State"] == "FINISHED"
    double.commit("fast")
    assert double.sql("SELECT id, v, c FROM t") == [(1, "a", 3)]


def test_fast_schema_evolution_of_shared_data_is_the_fes(double):
    double.quirk(shared_data=True)
    double.table()
    double.begin("lake")
    double.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    assert job(double)["State"] == "FINISHED"


def test_a_type_change_is_a_job_also_with_fast_schema_evolution(double):
    double.table(properties=',"fast_schema_evolution"="true"')
    double.begin("rewrite")
    double.sql("ALTER TABLE t MODIFY COLUMN v JSON NULL")
    assert job(double)["State"] == "WAITING_TXN"


def test_rename_is_at_once_and_open_loads_follow(double):
    double.table()
    double.prepared("renamed", [{"id": 1, "v": "a"}])
    double.sql("ALTER TABLE t RENAME COLUMN v TO w")
    double.commit("renamed")
    assert double.sql("SELECT id, w FROM t") == [(1, "a")]
    double.sql("ALTER TABLE t RENAME t2")
    assert double.sql("SHOW TABLES") == [("t2",)]


def test_rename_column_came_with_3_3_2(double):
    double.table()
    double.quirk(version="3.3.1")
    assert refused(double, "ALTER TABLE t RENAME COLUMN v TO w")[0] == 1064


def test_comment_came_with_3_1(double):
    double.table()
    double.quirk(version="3.0.9")
    assert "syntax error" in refused(double, 'ALTER TABLE t COMMENT = "about t"')[1]


def test_comment_swap_and_set(double):
    double.table(name="t")
    double.table("id BIGINT NOT NULL, other INT NULL", name="u")
    double.sql('ALTER TABLE t COMMENT = "about t"')
    double.sql('ALTER TABLE t SET ("enable_persistent_index"="true")')
    double.sql("ALTER TABLE t SWAP WITH u")
    assert columns(double) == ["id", "other"]
    assert "about t" in double.sql("SHOW CREATE TABLE u")[0][1]
