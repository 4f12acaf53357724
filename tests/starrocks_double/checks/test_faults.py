"""Checklist: fault hooks on every step (refuse, delay, close before and after acting, lose the answer, restart, forget)."""

import time

import pytest

from client import Wire, basic


def ready(double, label):
    double.table()
    double.begin(label)


@pytest.mark.parametrize("action", ["close", "reset", "half_reply"])
def test_an_answer_lost_after_the_deed(double, action):
    ready(double, f"lost_{action}")
    double.load(f"lost_{action}", [{"id": 1, "v": "a"}])
    double.prepare(f"lost_{action}")
    double.fault(node="fe", op="commit", phase="after", action=action)
    with pytest.raises((ConnectionError, OSError)):
        double.commit(f"lost_{action}")
    assert double.state(f"lost_{action}") == "VISIBLE"
    assert double.rows() == [(1, "a")]


@pytest.mark.parametrize("phase", ["headers", "before"])
def test_a_request_lost_before_the_deed(double, phase):
    label = f"before_{phase}"
    ready(double, label)
    double.load(label, [{"id": 1}])
    double.prepare(label)
    double.fault(node="fe", op="commit", phase=phase, action="close")
    with pytest.raises(ConnectionError):
        double.commit(label)
    assert double.state(label) == "PREPARED"
    assert double.commit(label)["Status"] == "OK"


def test_a_load_lost_between_its_body_and_the_deed_brings_nothing(double):
    ready(double, "nobody")
    double.fault(node="be*", op="load", phase="before", action="close")
    with pytest.raises(ConnectionError):
        double.load("nobody", [{"id": 1}])
    assert "hasn't send any data" not in double.rollback("nobody")["Message"]
    assert double.rows() == []


def test_a_delay_answers_in_the_end(double):
    double.fault(node="fe", op="state", phase="after", action="delay:0.3")
    started = time.monotonic()
    assert double.state("none") == "UNKNOWN"
    assert time.monotonic() - started >= 0.3


def test_a_hang_never_answers(double):
    double.fault(node="fe", op="state", phase="before", action="hang")
    wire = Wire(double.ports["fe"])
    wire.send_head("GET", f"/api/{double.db}/get_load_state?label=x", basic("root"))
    wire.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        wire.head()


def test_a_status_instead_of_an_answer(double):
    double.fault(node="fe", op="state", phase="before", action="status:503")
    assert double.request("fe", "GET", f"/api/{double.db}/get_load_state?label=x").status == 503


def test_an_error_in_the_servers_shape(double):
    ready(double, "toomany")
    double.fault(node="be*", op="load", phase="headers", action="error:Too many versions. tablet_id: 1")
    reply = double.load("toomany", [{"id": 1}])
    assert (reply["Status"], reply["Message"]) == ("INTERNAL_ERROR", "Too many versions. tablet_id: 1")


def test_an_answer_of_the_tests_own(double):
    double.fault(node="fe", op="state", phase="before", action="reply", argument={"state": "ABORTED", "status": "OK"})
    assert double.state("anything") == "ABORTED"


def test_a_redirect_to_elsewhere(double):
    target = f"/api/{double.db}/get_load_state?label=x"
    double.fault(node="fe", op="state", phase="headers", action="redirect:10.1.1.1:8040")
    reply = double.request("fe", "GET", target, follow=False)
    assert (reply.status, reply.headers["location"]) == (307, "http://10.1.1.1:8040" + target)


def test_answers_that_say_no_more_than_they_must(double):
    ready(double, "terse")
    double.quirk(replies="bare")
    assert double.load("terse", [{"id": 1}]).json == {"Status": "OK"}
    assert double.begin("terse").json["Status"] == "LABEL_ALREADY_EXISTS"
    double.quirk(replies="lower")
    assert double.prepare("terse").json == {"status": "OK"}
    assert double.request("fe", "GET", f"/api/{double.db}/get_load_state?label=terse").json == {"state": "PREPARED"}
    assert set(double.begin("terse").json) <= {"status", "msg"}


def test_the_connection_is_refused(double):
    double.node(be0="unreachable", be1="unreachable")
    with pytest.raises(ConnectionRefusedError):
        double.request("be0", "GET", "/api/health")
    double.node(be0="reachable", be1="reachable")
    assert double.request("be0", "GET", "/api/health").status == 200


def test_a_connection_cut_as_it_is_taken(double):
    double.fault(node="fe", phase="accept", action="close")
    with pytest.raises(ConnectionError):
        double.state("x")
    assert double.state("x") == "UNKNOWN"


def test_a_body_cut_after_some_bytes(double):
    ready(double, "cutbody")
    double.fault(node="be*", op="load", phase="body:5", action="reset")
    with pytest.raises(OSError):
        double.load("cutbody", [{"id": n} for n in range(100)])


def test_the_nth_hit_strikes_and_the_next_does_not(double):
    double.fault(node="fe", op="state", phase="before", action="close", nth=2)
    assert double.state("x") == "UNKNOWN"
    with pytest.raises(ConnectionError):
        double.state("x")
    assert double.state("x") == "UNKNOWN"


def test_a_fault_can_pick_its_table(double):
    double.table(name="t")
    double.table(name="u")
    double.fault(node="be*", op="begin", table="u", phase="before", action="close")
    assert double.begin("pick_t", table="t")["Status"] == "OK"
    with pytest.raises(ConnectionError):
        double.begin("pick_u", table="u")


@pytest.mark.parametrize("phase, rows", [("before", []), ("after", [(1, "a")])])
def test_statements_are_cut_before_and_after_the_deed(double, phase, rows):
    double.table()
    double.fault(node="mysql", op="sql:^insert", phase=phase, action="close")
    with pytest.raises(Exception, match="Lost connection"):
        double.sql("INSERT INTO t VALUES (1, 'a')")
    assert double.rows() == rows


def test_a_statement_can_be_refused(double):
    double.table()
    double.fault(node="mysql", op="sql:alter", phase="before", action="error:1064:Table state is not NORMAL")
    with pytest.raises(Exception, match="Table state is not NORMAL"):
        double.sql("ALTER TABLE t ADD COLUMN c INT NULL")


def test_a_node_can_crash_at_a_step(double):
    ready(double, "crashing")
    double.load("crashing", [{"id": 1}])
    double.fault(node="be*", op="prepare", phase="after", action="restart")
    with pytest.raises(ConnectionError):
        double.prepare("crashing")
    assert double.state("crashing") == "PREPARED"
    assert double.commit("crashing")["Status"] == "OK"


def test_unknown_faults_are_refused(double):
    reply = double.request("control", "POST", "/fault", {}, b'{"phase": "soon"}', user=None, expect=False)
    assert reply.status == 400 and "phase soon" in reply["error"]


def test_the_wire_log_counts_loads_in_flight(double):
    ready(double, "flight")
    double.load("flight", [{"id": 1}])
    double.load("flight", [{"id": 2}])
    assert double.control("GET", "/wire")["most_in_flight"]["flight/t"] == 1


def test_a_frozen_clock_moves_by_advance_only(double):
    before = double.control("GET", "/status")["now"]
    assert double.control("GET", "/status")["now"] == before
    double.advance(5)
    assert double.control("GET", "/status")["now"] == before + 5
