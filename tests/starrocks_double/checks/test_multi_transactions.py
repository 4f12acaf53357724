"""Checklist: /api/transaction/* with transaction_type: multi, state queries and cancelling."""

import json
import threading
import time

import pytest

from client import Wire, basic


@pytest.fixture
def two(double):
    double.table(name="t")
    double.table(name="u")
    return double


def test_begin_is_answered_by_the_fe_with_two_keys(two):
    reply = two.request("fe", "POST", "/api/transaction/begin", {"label": "m1", "db": two.db, "transaction_type": "multi"}, follow=False)
    assert reply.json == {"Status": "OK", "Message": ""}


def test_all_tables_become_visible_at_once(two):
    two.multi("begin", "m2", timeout=60)
    assert two.multi("load", "m2", [{"id": 1, "v": "a"}], "t")["Status"] == "OK"
    assert two.multi("load", "m2", [{"id": 2, "v": "b"}], "u")["Status"] == "OK"
    assert (two.rows(), two.rows(table="u")) == ([], [])
    assert two.multi("commit", "m2")["Status"] == "OK"
    assert (two.rows(), two.rows(table="u")) == ([(1, "a")], [(2, "b")])


def test_no_statement_sees_one_table_without_the_other(two):
    """Readers in one statement while commits go on."""
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.update(two.sql("SELECT (SELECT coalesce(max(id), 0) FROM t) AS a, (SELECT coalesce(max(id), 0) FROM u) AS b"))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 8):
        label = f"atomic{number}"
        two.multi("begin", label, timeout=60)
        two.multi("load", label, [{"id": number}], "t")
        two.multi("load", label, [{"id": number}], "u")
        assert two.multi("commit", label)["Status"] == "OK"
    done.set()
    reader.join()
    assert all(a == b for a, b in seen)


def test_first_loads_of_two_tables_may_come_at_once(two):
    for number in range(10):
        two.multi("begin", f"p{number}", timeout=60)
        replies = []
        loads = [threading.Thread(target=lambda table=table: replies.append(two.multi("load", f"p{number}", [{"id": number}], table)))
                 for table in ("t", "u")]
        for load in loads:
            load.start()
        for load in loads:
            load.join()
        assert [reply["Status"] for reply in replies] == ["OK", "OK"], replies
        assert two.multi("commit", f"p{number}")["Status"] == "OK"


def test_the_timeout_is_20_seconds_when_none_is_sent(two):
    two.multi("begin", "short")
    two.multi("load", "short", [{"id": 1}])
    two.advance(25)
    assert "CANCELLED" in two.multi("commit", "short")["Message"]
    two.multi("begin", "long", timeout=60)
    two.multi("load", "long", [{"id": 1}])
    two.advance(25)
    assert two.multi("commit", "long")["Status"] == "OK"


def test_load_goes_to_one_backend_for_each_table(two):
    two.multi("begin", "route", timeout=60)
    for table in ("t", "u"):
        targets = {two.request("fe", "PUT", "/api/transaction/load", {"label": "route", "db": two.db, "table": table, "transaction_type": "multi"},
                               follow=False).headers["location"] for _ in range(3)}
        assert len(targets) == 1


def test_one_table_is_serial_and_two_are_not(two):
    two.multi("begin", "par", timeout=60)
    location = two.request("fe", "PUT", "/api/transaction/load", {"label": "par", "db": two.db, "table": "t", "transaction_type": "multi"},
                           follow=False).headers["location"]
    first = Wire(int(location.split(":")[2].split("/")[0]))
    first.send_head("PUT", "/api/transaction/load", {**basic("root"), "Expect": "100-continue", "Content-Length": "4", "label": "par", "db": two.db,
                                                     "table": "t", "transaction_type": "multi"})
    assert first.head()[0] == 100
    assert two.multi("load", "par", [{"id": 5}], "t")["Status"] == "TXN_IN_PROCESSING"
    assert two.multi("load", "par", [{"id": 5}], "u")["Status"] == "OK"
    first.send(b"1\ta\n")
    assert first.head()[0] == 200
    assert two.multi("commit", "par")["Status"] == "OK"
    assert two.rows() == [(1, "a")]


def test_each_table_has_its_own_format_and_csv_may_be_quoted(two):
    two.multi("begin", "formats", timeout=60)
    two.multi("load", "formats", [{"id": 1, "v": "a"}], "t")
    reply = two.transaction("load", "formats", table="u", body=b'2,"b,""c"\n', transaction_type="multi", column_separator=",", enclose='"')
    assert reply["Status"] == "OK"
    assert two.multi("commit", "formats")["Status"] == "OK"
    assert two.rows(table="u") == [(2, 'b,"c')]


def test_a_failed_load_aborts_everything(two):
    two.multi("begin", "failing", timeout=60)
    two.multi("load", "failing", [{"id": 1}], "t")
    assert two.multi("load", "failing", [{"id": 1}], "u", columns="id,id")["Status"] != "OK"
    reply = two.multi("commit", "failing")
    assert reply["Status"] == "FAILED" and "Can not commit CANCELLED" in reply["Message"]
    assert two.state("failing") == "ABORTED"
    assert two.rows() == []


def test_an_unknown_table_aborts_everything(two):
    two.multi("begin", "unknown", timeout=60)
    two.multi("load", "unknown", [{"id": 1}], "t")
    assert "unknown table" in two.multi("load", "unknown", [{"id": 1}], "nope")["Message"]
    assert "CANCELLED" in two.multi("commit", "unknown")["Message"]


def test_bad_rows_tell_at_commit_and_nothing_is_visible(two):
    two.multi("begin", "bad", timeout=60)
    two.multi("load", "bad", [{"id": 1}], "t")
    assert two.multi("load", "bad", [{"id": 1, "v": "x" * 30}], "u")["Status"] == "OK"
    reply = two.multi("commit", "bad")
    assert reply["Status"] == "FAILED" and "too many filtered rows" in reply["Message"]
    url = reply["Message"].split("tracking url: ")[1]
    assert "The max length of 'v' is 20" in two.error_log(url)
    assert (two.state("bad"), two.rows()) == ("ABORTED", [])


def test_prepare_is_not_supported(two):
    two.multi("begin", "prep", timeout=60)
    reply = two.multi("prepare", "prep")
    assert reply["Status"] == "FAILED" and "Unsupported operation" in reply["Message"]


@pytest.mark.parametrize("op", ["begin", "prepare", "commit", "rollback"])
def test_a_backend_refuses_what_only_an_fe_does(two, op):
    reply = two.request("be0", "POST", f"/api/transaction/{op}", {"label": "x", "db": two.db, "transaction_type": "multi"})
    assert reply["Status"] == "INVALID_ARGUMENT" and "can only be sent to FE nodes" in reply["Message"]


def test_commit_twice_is_ok(two):
    two.multi("begin", "twice", timeout=60)
    two.multi("load", "twice", [{"id": 1}])
    two.multi("commit", "twice")
    again = two.multi("commit", "twice")
    assert again["Status"] == "OK" and "has already committed" in again["Message"]


def test_commit_during_commit_says_so(two):
    two.multi("begin", "during", timeout=600)
    two.multi("load", "during", [{"id": 1}])
    two.quirk(publish_delay=10)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(two.multi("commit", "during").json))
    waiting.start()
    for _ in range(200):
        if two.state("during") == "COMMITTED":
            break
    reply = two.multi("commit", "during")
    assert reply["Status"] == "FAILED" and "is already committing" in reply["Message"]
    two.advance(11)
    waiting.join(10)
    assert answers[0]["Status"] == "OK"


def test_rollback_and_what_follows(two):
    two.multi("begin", "rb", timeout=60)
    two.multi("load", "rb", [{"id": 1}])
    reply = two.multi("rollback", "rb")
    assert reply["Status"] == "OK" and "stream load rb abort" in reply["Message"]
    assert two.state("rb") == "ABORTED"
    assert "Can not commit CANCELLED" in two.multi("commit", "rb")["Message"]
    assert two.multi("begin", "rb", timeout=60)["Status"] == "OK"


def test_rollback_of_visible_fails(two):
    two.multi("begin", "rbv", timeout=60)
    two.multi("load", "rbv", [{"id": 1}])
    two.multi("commit", "rbv")
    reply = two.multi("rollback", "rbv")
    assert reply["Status"] == "FAILED" and "Can not abort VISIBLE" in reply["Message"]


def test_a_used_label_names_the_raw_state(two):
    two.multi("begin", "used", timeout=60)
    reply = two.multi("begin", "used", timeout=60).json
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", "BEGIN")
    two.multi("load", "used", [{"id": 1}])
    two.multi("commit", "used")
    assert two.multi("begin", "used", timeout=60)["ExistingJobStatus"] == "VISIBLE"


def test_a_restart_of_the_fe_aborts(two):
    two.multi("begin", "restart", timeout=60)
    two.multi("load", "restart", [{"id": 1}])
    two.node(fe="restart")
    reply = two.multi("commit", "restart")
    assert reply["Status"] == "FAILED" and "stream load task restart does not exist" in reply["Message"]
    assert two.state("restart") == "ABORTED"
    assert two.request("fe", "GET", f"/api/{two.db}/get_load_state?label=restart")["reason"] == "recover after FE restart"


def test_a_restart_of_the_fe_in_the_midst_of_a_commit_leaves_all_of_it_or_nothing(two):
    visible = set()
    for number in range(30):
        label = f"midst{number}"
        two.multi("begin", label, timeout=60)
        two.multi("load", label, [{"id": number}], "t")
        two.multi("load", label, [{"id": number}], "u")
        commit = threading.Thread(target=lambda label=label: cut_off(two, label))
        commit.start()
        time.sleep(number / 4000)
        two.node(fe="restart")
        commit.join()
        assert two.state(label) in ("VISIBLE", "ABORTED")
        if two.state(label) == "VISIBLE":
            visible.add(number)
    two.kept.clear()  # the connection is cut as well
    assert {id for id, _ in two.rows()} == {id for id, _ in two.rows(table="u")} == visible


def cut_off(two, label: str) -> None:
    try:
        two.multi("commit", label)
    except Exception:  # however the client finds out
        pass


def test_a_change_of_leader_aborts_and_the_new_leader_answers(two):
    two.multi("begin", "switch", timeout=60)
    two.multi("load", "switch", [{"id": 1}])
    two.prepared("single", [{"id": 2, "v": "kept"}])
    two.node(fe="switch_leader")
    assert "does not exist" in two.multi("commit", "switch")["Message"]
    assert two.commit("single")["Status"] == "OK"
    assert two.rows() == [(2, "kept")]


def test_a_lost_backend_fails_the_commit(two):
    two.multi("begin", "lostbe", timeout=60)
    two.multi("load", "lostbe", [{"id": 1}], "t")
    two.node(be0="restart", be1="restart")
    assert two.multi("commit", "lostbe")["Status"] == "FAILED"
    assert two.state("lostbe") == "ABORTED"


def test_nothing_loaded_fails(two):
    two.multi("begin", "empty", timeout=60)
    assert "hasn't send any data yet" in two.multi("commit", "empty")["Message"]


def test_tables_are_of_one_database(two):
    two.multi("begin", "cross", timeout=60)
    reply = two.request("fe", "PUT", "/api/transaction/load", {"label": "cross", "db": "information_schema", "table": "t", "transaction_type": "multi"})
    assert reply["Status"] == "FAILED"


def test_the_state_is_unknown_until_the_first_load(two):
    two.multi("begin", "reg", timeout=60)
    assert two.state("reg") == "UNKNOWN"
    two.multi("load", "reg", [{"id": 1}])
    assert two.state("reg") == "PREPARE"


def test_early_4_0_registers_at_commit_only(two):
    two.quirk(multi_4_0_early=True)
    two.multi("begin", "early", timeout=60)
    two.multi("load", "early", [{"id": 1}])
    assert two.state("early") == "UNKNOWN"
    assert two.multi("commit", "early")["Status"] == "OK"
    assert two.state("early") == "VISIBLE"


def test_early_4_0_says_ok_to_what_it_does_not_do(two):
    two.quirk(multi_4_0_early=True)
    two.multi("begin", "noop", timeout=60)
    two.multi("load", "noop", [{"id": 1}])
    assert two.multi("rollback", "noop")["Status"] == "OK"
    assert two.multi("begin", "noop", timeout=60)["Status"] == "LABEL_ALREADY_EXISTS"
    two.multi("begin", "lie", timeout=60)
    two.multi("load", "lie", [{"id": 1, "v": "x" * 30}])
    assert two.multi("commit", "lie")["Status"] == "OK"
    assert two.state("lie") != "VISIBLE"
    assert two.rows() == []


def test_before_4_0_there_is_no_multi(two):
    two.quirk(version="3.5.4")
    assert two.multi("begin", "old")["Status"] == "FAILED"


# ---- get_load_state, _cancel


def test_the_states_keys(two):
    reply = two.request("fe", "GET", f"/api/{two.db}/get_load_state?label=nothing").json
    assert reply == {"state": "UNKNOWN", "reason": "", "status": "OK", "code": "0", "msg": "Success", "message": "OK"}


def test_the_state_of_an_unknown_database(two):
    reply = two.request("fe", "GET", "/api/nope/get_load_state?label=x").json
    assert reply["status"] == "FAILED" and reply["msg"] == "unknown database, database=nope"


def test_of_several_transactions_with_a_label_the_newest_answers(two):
    two.begin("newest")
    two.rollback("newest")
    assert two.state("newest") == "ABORTED"
    two.begin("newest")
    assert two.state("newest") == "PREPARE"


def test_labels_are_forgotten_beyond_a_number(two):
    two.prepared("first", [{"id": 1}])
    two.commit("first")
    two.quirk(label_keep_num=2)
    for number in range(3):
        two.prepared(f"later{number}", [{"id": number}])
        two.commit(f"later{number}")
    assert two.state("first") == "VISIBLE"
    two.advance(31)
    assert two.state("first") == "UNKNOWN"
    assert two.state("later2") == "VISIBLE"
    assert two.begin("first")["Status"] == "OK"


def test_labels_are_forgotten_after_three_days(two):
    two.prepared("aged", [{"id": 1}])
    two.commit("aged")
    two.advance(259200 + 31)
    assert two.state("aged") == "UNKNOWN"
    assert two.rows() == [(1, None)]


def test_commit_of_a_forgotten_label_finds_no_transaction(two):
    two.prepared("evicted", [{"id": 1}])
    two.commit("evicted")
    two.control("POST", "/forget", {"labels": True, "coordinators": True})
    assert two.commit("evicted")["Status"] != "OK"


@pytest.mark.parametrize("label, target", [("new", "/api/{db}/t/_cancel?label=new"), ("old", "/api/{db}/old/_cancel")])
def test_both_forms_of_cancel(two, label, target):
    two.begin(label)
    two.load(label, [{"id": 1}])
    reply = two.request("fe2", "POST", target.format(db=two.db)).json
    assert (reply["status"], reply["msg"]) == ("OK", "Success")
    assert two.state(label) == "ABORTED"


def test_cancel_of_visible_fails(two):
    two.prepared("cv", [{"id": 1}])
    two.commit("cv")
    assert two.request("fe", "POST", f"/api/{two.db}/t/_cancel?label=cv")["status"] == "FAILED"


def test_cancel_of_a_multi_table_transaction(two):
    two.multi("begin", "cm", timeout=60)
    two.multi("load", "cm", [{"id": 1}])
    assert two.request("fe", "POST", f"/api/{two.db}/t/_cancel?label=cm")["status"] == "OK"
    assert two.state("cm") == "ABORTED"


def test_commits_can_be_looked_at(two):
    two.quirk(record_commits=True)
    two.multi("begin", "seen", timeout=60)
    two.multi("load", "seen", [{"id": 1, "v": "a"}], "t")
    two.multi("load", "seen", [{"id": 2, "v": "b"}], "u")
    two.multi("commit", "seen")
    last = two.control("GET", "/commits?table=t")["commits"][-1]
    assert last["label"] == "seen"
    assert json.dumps(last["tables"]["u"]) == '[{"__op": "0", "id": "2", "v": "b"}]'


def test_keys_that_a_transaction_brings_twice_are_told(two):
    two.control("DELETE", "/repeated")
    two.quirk(one_op_per_key=True)
    two.multi("begin", "once", timeout=60)
    two.multi("load", "once", [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}], "t")
    two.multi("load", "once", [{"id": 1, "v": "a"}], "u")
    two.multi("commit", "once")
    assert two.control("GET", "/repeated") == {"repeated": []}
    two.multi("begin", "twice", timeout=60)
    two.multi("load", "twice", [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}], "t")
    two.multi("load", "twice", [{"id": 2, "__op": 1}], "t")
    two.multi("commit", "twice")
    assert two.control("GET", "/repeated")["repeated"] == [{"label": "twice", "table": "t", "key": ["2"], "operations": 2, "kinds": 2}]
    assert two.control("DELETE", "/repeated") == {"repeated": []}
