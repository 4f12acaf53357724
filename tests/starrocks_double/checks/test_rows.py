"""Checklist: Primary Key rows: __op, order, partial update, merge_condition, versions."""

import json

import pytest

JSON = {"format": "json", "strip_outer_array": "true"}


@pytest.fixture
def t(double):
    double.table("id BIGINT NOT NULL, v VARCHAR(20) NULL, n INT NULL")
    double.stream_load(b"1\ta\t10\n2\tb\t20\n3\tc\t30\n")
    return double


def load(t, rows, **headers):
    reply = t.stream_load(json.dumps(rows).encode(), **JSON, strict_mode="true", **headers)
    assert reply["Status"] == "Success", reply.json


def test_op_0_and_1_in_json(t):
    load(t, [{"id": 1, "v": "A", "n": 11, "__op": 0}, {"id": 2, "__op": 1}, {"id": 4, "v": "d", "__op": "upsert"}, {"id": 3, "__op": "delete"}])
    assert t.rows("id, v, n") == [(1, "A", 11), (4, "d", None)]


def test_op_in_csv(t):
    t.stream_load(b"1\tx\t0\n2\t\\N\t1\n", columns="id,v,__op")
    assert t.rows() == [(1, "x"), (3, "c")]
    t.stream_load(b"3\tx\tdelete\n", columns="id,v,tmp,__op=tmp")
    assert t.rows() == [(1, "x")]


def test_without_op_in_columns_a_member_op_does_nothing(t):
    load(t, [{"id": 1, "v": "A", "__op": 1}], columns="id,v")
    assert t.rows()[0] == (1, "A")


def test_a_strange_op_is_filtered(t):
    assert t.stream_load(json.dumps([{"id": 1, "__op": 7}]).encode(), **JSON)["Status"] == "Fail"


def test_deleting_what_is_not_there(t):
    load(t, [{"id": 9, "__op": 1}])
    assert len(t.rows()) == 3


def test_the_last_row_of_a_key_wins(t):
    load(t, [{"id": 1, "v": "x"}, {"id": 1, "v": "y"}, {"id": 1, "__op": 1}, {"id": 1, "v": "z"}, {"id": 2, "v": "q"}, {"id": 2, "__op": 1}])
    assert t.rows() == [(1, "z"), (3, "c")]


def test_the_last_load_of_a_transaction_wins(t):
    t.begin("order")
    t.load("order", [{"id": 1, "v": "first"}])
    t.load("order", [{"id": 1, "v": "second"}])
    t.commit("order")
    assert t.rows()[0] == (1, "second")


def test_shared_data_applies_deletes_after_upserts(t):
    t.quirk(shared_data=True, deletes_after_upserts=True)
    load(t, [{"id": 1, "__op": 1}, {"id": 1, "v": "reborn"}])
    assert [row[0] for row in t.rows()] == [2, 3]


def test_commits_of_two_transactions_apply_in_commit_order(t):
    t.prepared("late", [{"id": 1, "v": "late"}])
    t.prepared("early", [{"id": 1, "v": "early"}])
    t.commit("early")
    t.commit("late")
    assert t.rows()[0] == (1, "late")


def test_a_full_upsert_resets_columns_that_did_not_come(t):
    load(t, [{"id": 1, "v": "A"}])
    assert t.rows("id, v, n")[0] == (1, "A", None)


def test_partial_update_keeps_the_others(t):
    load(t, [{"id": 1, "v": "A"}, {"id": 2, "v": "B"}], columns="id,v", partial_update="true")
    assert t.rows("id, v, n") == [(1, "A", 10), (2, "B", 20), (3, "c", 30)]


def test_partial_update_inserts_missing_keys_with_defaults(double):
    double.table('id INT NOT NULL, v VARCHAR(9) NULL, n INT NULL DEFAULT "7"')
    load(double, [{"id": 1, "v": "a"}], columns="id,v", partial_update="true")
    assert double.rows("id, v, n") == [(1, "a", 7)]


def test_partial_update_with_deletes(t):
    load(t, [{"id": 1, "__op": 1}, {"id": 2, "v": "B", "__op": 0}], columns="id,v,__op", partial_update="true")
    assert t.rows("id, v, n") == [(2, "B", 20), (3, "c", 30)]


def test_partial_update_is_exactly_true(t):
    load(t, [{"id": 1, "v": "A"}], columns="id,v", partial_update="TRUE")
    assert t.rows("id, n")[0] == (1, None)


def test_partial_update_wants_a_primary_key(double):
    double.sql('CREATE TABLE t (id INT, v INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="1")')
    assert "Only primary key table support partial update" in double.stream_load(b"1\n", columns="id", partial_update="true")["Message"]


def test_merge_condition_takes_what_is_not_older(t):
    load(t, [{"id": 1, "v": "older", "n": 9}, {"id": 2, "v": "same", "n": 20}, {"id": 3, "v": "newer", "n": 31}, {"id": 4, "v": "new", "n": 1}],
         merge_condition="n")
    assert t.rows() == [(1, "a"), (2, "same"), (3, "newer"), (4, "new")]


@pytest.mark.parametrize("column", ["id", "nope"])
def test_merge_condition_is_a_value_column(t, column):
    assert t.stream_load(b"1\ta\t1\n", merge_condition=column)["Status"] == "Fail"


def test_every_publish_leaves_a_version_and_too_many_fail(t):
    t.quirk(compaction=False, max_versions=4)
    for number in range(20):
        reply = t.stream_load(b"1\ta\t1\n").json
        if reply["Status"] != "Success":
            break
    assert "Too many versions" in reply["Message"] and "limit: 4" in reply["Message"]
    assert number <= 4
    t.control("POST", "/compact")
    assert t.stream_load(b"1\ta\t1\n")["Status"] == "Success"


def test_with_compaction_versions_do_no_harm(t):
    t.quirk(max_versions=4)
    for _ in range(8):
        assert t.stream_load(b"1\ta\t1\n")["Status"] == "Success"


def test_a_full_disk_and_a_read_only_table(t):
    t.quirk(disk_full=True)
    assert "No space left on device" in t.stream_load(b"1\ta\t1\n")["Message"]
    t.quirk(disk_full=False, read_only=True)
    assert "read only" in t.stream_load(b"1\ta\t1\n")["Message"]


def test_duplicate_key_tables_append(double):
    double.sql('CREATE TABLE t (id INT, v VARCHAR(9)) DUPLICATE KEY(id) DISTRIBUTED BY RANDOM PROPERTIES("replication_num"="1")')
    double.stream_load(b"1\ta\n1\ta\n")
    double.stream_load(b"1\tb\n")
    assert double.rows("id, v", order="v") == [(1, "a"), (1, "a"), (1, "b")]


def test_large_loads(double):
    """More than one row group, the same keys twice."""
    double.table()
    for value in ("first", "second"):
        body = json.dumps([{"id": number, "v": value} for number in range(130000)]).encode()
        assert double.stream_load(body, **JSON, strict_mode="true")["NumberLoadedRows"] == 130000
    assert double.sql("SELECT count(*) AS n, min(v) AS low, sum(id) AS s FROM t") == [(130000, "second", sum(range(130000)))]
