"""Checklist: /api/transaction/* for one table: begin, load, prepare, commit, rollback, time-outs."""

import gzip
import json
import threading

import lz4.frame
import pytest
import zstandard

from client import Wire, basic


@pytest.fixture
def t(double):
    double.table()
    return double


# ---- labels and their backends


def test_a_label_stays_with_its_backend(t):
    t.begin("pin")
    ports = {t.request("fe", "PUT", "/api/transaction/load", {"label": "pin", "db": t.db, "table": "t"}, follow=False).headers["location"]
             for _ in range(4)}
    assert len(ports) == 1


def test_another_backend_does_not_know_the_label(t):
    t.begin("elsewhere")
    mine = next(name for name, labels in t.control("GET", "/status")["contexts"].items() if "elsewhere" in labels)
    other = "be1" if mine == "be0" else "be0"
    reply = t.request(other, "PUT", "/api/transaction/load", {"label": "elsewhere", "db": t.db, "table": "t"}, b"1\ta\n")
    assert (reply["Status"], reply["Message"]) == ("TXN_NOT_EXISTS", "Transaction with label elsewhere not exists")


def test_the_map_of_labels_forgets_but_the_transaction_knows_its_backend(t):
    t.begin("remembered")
    t.control("POST", "/forget", {"coordinators": True})
    assert t.load("remembered", [{"id": 1}])["Status"] == "OK"


def test_a_label_that_nobody_knows_fails_at_the_fe(t):
    reply = t.load("nobody", [{"id": 1}])
    assert reply["Status"] == "FAILED"
    assert "FE leader is started or switched" in reply["Message"] and "transaction timeouts and is cleaned" in reply["Message"]


def test_begin_answers_its_keys(t):
    reply = t.begin("keys").json
    assert list(reply) == ["Status", "Message", "Label", "TxnId", "BeginTxnTimeMs"]
    assert (reply["Status"], reply["Message"], reply["Label"]) == ("OK", "", "keys")


def test_a_label_that_its_backend_holds_has_an_empty_message(t):
    t.begin("twice")
    reply = t.begin("twice").json
    assert (reply["Status"], reply["Message"], reply["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", "", "")


@pytest.mark.parametrize("finish, status", [(False, "RUNNING"), (True, "FINISHED")])
def test_a_label_that_the_fe_holds_says_how_far_it_is(t, finish, status):
    label = f"used_{status}"
    t.prepared(label, [{"id": 1}])
    if finish:
        t.commit(label)
    reply = t.begin(label).json
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", status)
    assert f"Label [{label}] has already been used." in reply["Message"]


def test_an_aborted_label_is_free_again(t):
    t.begin("again")
    t.rollback("again")
    assert t.begin("again")["Status"] == "OK"


@pytest.mark.parametrize("label", ["a b", "x" * 129, "ü", "a.b"])
def test_labels_have_a_form(t, label):
    reply = t.request("fe", "POST", "/api/transaction/begin", {"label": label, "db": t.db, "table": "t"})
    assert reply["Status"] != "OK" and "Label format error" in reply["Message"]


def test_an_empty_label_is_refused(t):
    assert "Empty label." in t.transaction("begin", "", table="t")["Message"]


@pytest.mark.parametrize("headers, message", [({"table": "nope"}, "unknown table"), ({"db": "nope"}, "unknown database")])
def test_unknown_names_are_refused_at_begin(t, headers, message):
    reply = t.request("fe", "POST", "/api/transaction/begin", {"label": "unknown", "db": t.db, "table": "t", **headers})
    assert reply["Status"] != "OK" and message in reply["Message"]


def test_a_backend_that_shuts_down_begins_nothing(t):
    t.node(be0="shutting_down", be1="shutting_down")
    reply = t.begin("down")
    t.node(be0="restart", be1="restart")
    for name in ("be0", "be1"):
        assert t.request(name, "GET", "/api/health").status == 200
    assert "Service is shutting down, please retry later!" in reply["Message"]


# ---- load


def test_load_answers_no_row_counts(t):
    t.begin("noc")
    reply = t.load("noc", [{"id": 1}]).json
    assert list(reply) == ["Status", "Message", "Label", "TxnId", "LoadBytes", "StreamLoadPlanTimeMs", "ReceivedDataTimeMs"]


@pytest.mark.parametrize("header, value, message", [("db", "other", "Request database other not equal transaction database"),
                                                    ("table", "u", "Request table u not equal transaction table t")])
def test_load_for_another_place_is_an_invalid_argument(t, header, value, message):
    label = f"mismatch_{header}"
    t.begin(label)
    backend = next(name for name, labels in t.control("GET", "/status")["contexts"].items() if label in labels)
    reply = t.request(backend, "PUT", "/api/transaction/load", {"label": label, "db": t.db, "table": "t", header: value}, b"1\ta\n")
    assert reply["Status"] == "INVALID_ARGUMENT" and message in reply["Message"]


def test_loads_of_a_transaction_have_equal_headers(t):
    t.begin("equal")
    t.load("equal", [{"id": 1}])
    reply = t.load("equal", [{"id": 2}], columns="id")
    assert (reply["Status"], reply["Message"]) == ("INTERNAL_ERROR", "load request not equal last.")
    assert t.state("equal") == "ABORTED"


def test_several_loads_add_up(t):
    t.begin("pieces")
    t.load("pieces", [{"id": 1, "v": "a"}])
    t.load("pieces", [{"id": 2, "v": "b"}])
    t.prepare("pieces")
    t.commit("pieces")
    assert t.rows() == [(1, "a"), (2, "b")]


def open_load(t, label: str, size: int) -> Wire:
    """A load whose body has not come yet."""
    backend = next(name for name, labels in t.control("GET", "/status")["contexts"].items() if label in labels)
    wire = Wire(t.ports[backend])
    wire.send_head("PUT", "/api/transaction/load", {**basic("root"), "Expect": "100-continue", "Content-Length": str(size), "label": label, "db": t.db,
                                                    "table": "t"})
    assert wire.head()[0] == 100
    return wire


@pytest.mark.parametrize("op", ["load", "prepare", "commit"])
def test_one_request_at_a_time_may_touch_a_context(t, op):
    label = f"busy_{op}"
    t.begin(label)
    first = open_load(t, label, 4)
    reply = t.load(label, [{"id": 9}], format="csv") if op == "load" else t.transaction(op, label, table="t")
    assert (reply["Status"], reply.get("Label")) == ("TXN_IN_PROCESSING", label)
    first.send(b"1\ta\n")
    assert first.head()[0] == 200
    assert t.commit(label)["Status"] == "OK"
    assert t.rows() == [(1, "a")]


def test_a_csv_body_cut_short_stays_in_the_pipe(t):
    t.begin("cutcsv")
    first = open_load(t, "cutcsv", 100)
    first.send(b"1\ta\n2\t")
    first.reset()
    for _ in range(100):
        reply = t.transaction("load", "cutcsv", table="t", body=b"b\n3\tc\n")
        if reply["Status"] != "TXN_IN_PROCESSING":
            break
    assert t.commit("cutcsv")["Status"] == "OK"
    assert t.rows() == [(1, "a"), (2, "b"), (3, "c")]


def test_a_json_body_cut_short_spoils_the_next(t):
    t.begin("cutjson")
    backend = next(name for name, labels in t.control("GET", "/status")["contexts"].items() if "cutjson" in labels)
    t.fault(node=backend, op="load", phase="body:10", action="close")
    with pytest.raises(OSError):
        t.load("cutjson", [{"id": 1, "v": "aaaaaaaaaaaaaaaaaaa"}])
    t.load("cutjson", [{"id": 2, "v": "b"}])
    assert t.prepare("cutjson")["Status"] != "OK"
    assert t.state("cutjson") == "ABORTED"


def test_csv_bodies_are_one_pipe(t):
    """A body without a last delimiter runs into the next one."""
    t.begin("glue")
    t.transaction("load", "glue", table="t", body=b"1\ta")
    t.transaction("load", "glue", table="t", body=b"b\n2\tc\n")
    t.commit("glue")
    assert t.rows() == [(1, "ab"), (2, "c")]


# ---- prepare


def test_bad_rows_tell_at_prepare_and_not_before(t):
    t.begin("bad")
    assert t.load("bad", [{"id": 1, "v": "ok"}, {"id": 2, "v": "x" * 21}])["Status"] == "OK"
    reply = t.prepare("bad")
    assert (reply["Status"], reply["Message"]) == ("INTERNAL_ERROR", "too many filtered rows")
    log = t.error_log(reply["ErrorURL"])
    assert "is too long. The max length of 'v' is 20" in log and '"2"' in log
    assert t.state("bad") == "ABORTED"
    assert t.rows() == []


def test_prepare_counts_rows(t):
    t.begin("counts")
    t.load("counts", [{"id": 1}, {"id": 2}])
    reply = t.prepare("counts").json
    assert (reply["NumberTotalRows"], reply["NumberLoadedRows"], reply["NumberFilteredRows"], reply["NumberUnselectedRows"]) == (2, 2, 0, 0)


@pytest.mark.parametrize("op", ["prepare", "commit"])
def test_nothing_ever_loaded_is_an_error(t, op):
    t.begin(f"none_{op}")
    reply = t.transaction(op, f"none_{op}", table="t")
    assert reply["Status"] == "INTERNAL_ERROR" and "hasn't send any data yet" in reply["Message"]
    assert t.state(f"none_{op}") == "ABORTED"


def test_zero_rows_are_an_error_unless_the_fe_says_otherwise(t):
    t.begin("zero")
    t.load("zero", [])
    assert "all partitions have no load data" in t.prepare("zero")["Message"]
    t.quirk(empty_load_as_error=False)
    t.begin("zero2")
    t.load("zero2", [])
    assert t.prepare("zero2")["Status"] == "OK"


def test_prepare_removes_the_context(t):
    t.prepared("gone", [{"id": 1}])
    for backend in ("be0", "be1"):
        reply = t.request(backend, "POST", "/api/transaction/commit", {"label": "gone", "db": t.db, "table": "t"})
        assert reply["Status"] == "TXN_NOT_EXISTS"
    assert t.state("gone") == "PREPARED"
    assert t.rows() == []


# ---- commit and rollback, by state


def test_commit_of_prepared_is_the_fes_own_and_idempotent(t):
    t.prepared("twice", [{"id": 1, "v": "a"}])
    t.control("DELETE", "/wire")
    assert t.commit("twice")["Status"] == "OK"
    again = t.commit("twice")
    assert again["Status"] == "OK" and "has already committed" in again["Message"]
    assert {entry["node"] for entry in t.control("GET", "/wire")["wire"]} == {"fe"}
    assert t.rows() == [(1, "a")]


def test_commit_without_prepare_is_one_phase(t):
    t.begin("one")
    t.load("one", [{"id": 1, "v": "a"}])
    reply = t.commit("one")
    assert reply["Status"] == "OK" and reply["NumberLoadedRows"] == 1
    assert t.state("one") == "VISIBLE"


def test_commit_of_aborted_fails(t):
    t.begin("dead")
    t.rollback("dead")
    reply = t.commit("dead")
    assert reply["Status"] == "FAILED" and "Can not commit ABORTED transaction" in reply["Message"]


def test_rollback_of_prepare_goes_to_the_backend(t):
    t.begin("rb")
    t.load("rb", [{"id": 1}])
    assert t.rollback("rb").json == {"Status": "OK", "Message": "", "Label": "rb"}
    assert t.state("rb") == "ABORTED"
    again = t.rollback("rb")
    assert again["Status"] == "OK" and "has already aborted" in again["Message"]


def test_rollback_of_prepared_is_the_fes_own(t):
    t.prepared("rbp", [{"id": 1}])
    assert t.rollback("rbp")["Status"] == "OK"
    assert t.state("rbp") == "ABORTED"
    assert t.rows() == []


def test_rollback_of_visible_fails(t):
    t.prepared("rbv", [{"id": 1}])
    t.commit("rbv")
    reply = t.rollback("rbv")
    assert reply["Status"] == "FAILED" and "Can not abort VISIBLE" in reply["Message"]


def test_a_slow_publish_fails_the_commit_that_has_happened(t):
    t.prepared("slow", [{"id": 1, "v": "a"}])
    t.quirk(publish_delay=60)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(t.commit("slow").json))
    waiting.start()
    for _ in range(200):
        if t.state("slow") == "COMMITTED":
            break
    assert t.rows() == []
    t.advance(20)
    waiting.join(10)
    assert answers[0]["Status"] == "FAILED"
    assert t.state("slow") == "COMMITTED"
    again = t.commit("slow")
    assert again["Status"] == "OK" and "has already committed" in again["Message"]
    t.advance(45)
    assert t.state("slow") == "VISIBLE"
    assert t.rows() == [(1, "a")]


# ---- what dies with a backend, and time-outs


def backend_of(t, label):
    return next(name for name, labels in t.control("GET", "/status")["contexts"].items() if label in labels)


def test_a_quick_restart_of_a_backend_leaves_prepare_that_only_the_fe_can_cancel(t):
    t.begin("ghost")
    t.load("ghost", [{"id": 1}])
    t.node(**{backend_of(t, "ghost"): "restart"})
    assert t.load("ghost", [{"id": 2}])["Status"] == "TXN_NOT_EXISTS"
    assert t.rollback("ghost")["Status"] == "TXN_NOT_EXISTS"
    assert t.state("ghost") == "PREPARE"
    assert t.request("fe", "POST", f"/api/{t.db}/t/_cancel?label=ghost")["status"] == "OK"
    assert t.state("ghost") == "ABORTED"


def test_a_backend_that_stays_away_loses_prepare_but_not_prepared(t):
    t.begin("lost")
    t.load("lost", [{"id": 1}])
    backend = backend_of(t, "lost")
    t.prepared("kept1", [{"id": 2, "v": "b"}])
    t.prepared("kept2", [{"id": 3, "v": "c"}])
    t.node(**{backend: "crash"})
    t.advance(20)
    assert t.state("lost") == "ABORTED"
    assert t.commit("kept1")["Status"] == "OK" and t.commit("kept2")["Status"] == "OK"
    assert t.rows() == [(2, "b"), (3, "c")]


def test_timeout_ends_prepare_at_a_sweep(t):
    t.begin("late", timeout=40)
    t.load("late", [{"id": 1}])
    t.advance(35)
    assert t.state("late") == "PREPARE"
    t.advance(35)
    assert t.state("late") == "ABORTED"
    reason = t.request("fe", "GET", f"/api/{t.db}/get_load_state?label=late")["reason"]
    assert reason == "transaction is aborted by timeout 40 seconds."


def test_the_timeout_is_600_seconds_when_none_is_sent(t):
    t.begin("default")
    t.advance(590)
    assert t.state("default") == "PREPARE"
    t.advance(60)
    assert t.state("default") == "ABORTED"


def test_idle_timeout_counts_from_the_last_request(t):
    t.begin("idle", idle_transaction_timeout=40)
    t.advance(31)
    t.load("idle", [{"id": 1}])
    t.advance(31)
    assert t.state("idle") == "PREPARE"
    t.advance(31)
    assert t.state("idle") == "ABORTED"


def test_prepared_timeout_ends_prepared(t):
    t.begin("pt")
    t.load("pt", [{"id": 1}])
    t.prepare("pt", prepared_timeout=100)
    t.advance(90)
    assert t.state("pt") == "PREPARED"
    t.advance(60)
    assert t.state("pt") == "ABORTED"
    assert t.request("fe", "GET", f"/api/{t.db}/get_load_state?label=pt")["reason"] == "timeout by txn manager"


def test_prepared_lasts_a_day_before_3_5_4(t):
    t.quirk(version="3.5.3")
    t.begin("day")
    t.load("day", [{"id": 1}])
    t.prepare("day", prepared_timeout=100)
    t.advance(3600)
    assert t.state("day") == "PREPARED"
    t.advance(86400)
    assert t.state("day") == "ABORTED"


@pytest.mark.parametrize("value", ["0", "soon", "-1"])
def test_prepared_timeout_is_a_positive_number(t, value):
    t.begin(f"ptbad{value}")
    t.load(f"ptbad{value}", [{"id": 1}])
    reply = t.prepare(f"ptbad{value}", prepared_timeout=value)
    assert reply["Status"] == "INVALID_ARGUMENT" and "Invalid prepared_timeout" in reply["Message"]


def test_the_running_limit_counts_prepared(t):
    t.quirk(max_running_txn=2)
    t.prepared("r1", [{"id": 1}])
    t.begin("r2")
    reply = t.begin("r3")
    assert reply["Status"] != "OK"
    assert "current running txns on db" in reply["Message"] and "is 2, larger than limit 2" in reply["Message"]


def test_the_running_limit_was_100_before_3_1(t):
    t.quirk(version="2.5.13")
    t.prepared("old", [{"id": 1}])
    assert "limit" not in json.dumps(t.commit("old").json)
    limits = t.sql("ADMIN SHOW FRONTEND CONFIG LIKE 'max_running_txn_num_per_db'")
    assert limits[0][2] == "100"


def test_a_rollback_during_a_load_ends_both(t):
    t.begin("rbl")
    first = open_load(t, "rbl", 4)
    assert t.rollback("rbl")["Status"] == "OK"
    first.send(b"1\ta\n")
    assert b'"ABORTED"' in first.rest(first.head()[1])
    assert (t.state("rbl"), t.rows()) == ("ABORTED", [])


def test_an_fe_that_has_not_noticed_redirects_to_a_dead_backend(t):
    t.quirk(loss_unnoticed_seconds=10)
    t.node(be0="crash", be1="crash")
    with pytest.raises(ConnectionRefusedError):
        t.begin("unnoticed")
    t.advance(11)
    assert "No backend alive" in t.begin("noticed")["Message"]


def test_the_map_of_labels_expires(t):
    assert t.begin("expiring", table="nope")["Status"] == "ANALYSIS_ERROR"
    assert t.load("expiring", [{"id": 1}])["Status"] == "TXN_NOT_EXISTS"
    t.advance(901)
    assert "transaction timeouts and is cleaned" in t.load("expiring", [{"id": 1}])["Message"]


def test_a_redirect_can_be_lost(t):
    t.begin("redirect")
    t.fault(node="fe", op="load", phase="after", action="close")
    with pytest.raises(ConnectionError):
        t.load("redirect", [{"id": 1}])
    assert t.load("redirect", [{"id": 1}])["Status"] == "OK"


# ---- compression: each request is a frame of its own


FRAMES = {"GZIP": gzip.compress, "LZ4_FRAME": lz4.frame.compress, "ZSTD": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("codec", FRAMES)
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_compressed_requests_of_one_transaction(t, codec, kind):
    pack, multi = FRAMES[codec], {"transaction_type": "multi"} if kind == "multi" else {}
    label = f"packed_{codec}_{kind}"
    t.transaction("begin", label, table=None if multi else "t", **multi)
    for number in (1, 2):
        body = pack(json.dumps([{"id": number, "v": codec}]).encode())
        assert t.load(label, body, compression=codec, **multi)["Status"] == "OK"
    assert t.transaction("commit", label, table=None if multi else "t", **multi)["Status"] == "OK"
    assert t.rows() == [(1, codec), (2, codec)]


def test_compressed_csv_requests_of_one_transaction(t):
    t.begin("packed")
    for number in (b"1", b"2"):
        assert t.load("packed", lz4.frame.compress(number + b"\ta\n"), format="lz4", strip_outer_array="false")["Status"] == "OK"
    assert t.commit("packed")["Status"] == "OK"
    assert t.rows() == [(1, "a"), (2, "a")]


def test_a_compression_that_starrocks_does_not_know(t):
    t.begin("packed")
    assert "Unsupported compression algorithm: LZ4" in t.load("packed", [{"id": 1}], compression="lz4")["Message"]


def test_the_wire_tells_connections_and_loads_at_one_time(t):
    t.control("DELETE", "/wire")
    t.prepared("counted", [{"id": 1}])
    wire = t.control("GET", "/wire")
    numbers = [entry["connection"] for entry in wire["wire"] if entry["node"] == "fe"]
    assert len(set(numbers)) == len(numbers)
    assert wire["most_loads"] == 1
