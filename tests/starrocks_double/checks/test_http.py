"""Checklist: HTTP, common."""

from urllib.parse import urlsplit

import pytest

from client import Wire, basic


def test_a_wrong_password_is_401_with_a_challenge(double):
    reply = double.request("fe", "POST", "/api/transaction/begin", {"label": "x", "db": double.db, "table": "t"}, user="root", password="no")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Basic realm=""'


def test_a_missing_login_is_401(double):
    assert double.request("fe", "GET", f"/api/{double.db}/get_load_state?label=x", user=None).status == 401


def test_every_other_refusal_is_200_with_a_status(double):
    reply = double.request("fe", "POST", "/api/transaction/begin", {"label": "x"})
    assert reply.status == 200
    assert reply["Status"] == "FAILED"
    assert "No database selected." in reply["Message"]


@pytest.mark.parametrize("target", ["/api/transaction/begin?a=b%20c", "/api/some/get_load_state?label=x", "/api/d/l/_cancel"])
def test_a_follower_points_to_the_leader_and_keeps_path_and_query(double, target):
    reply = double.request("fe2", "POST", target, {"label": "x", "db": double.db, "table": "t"}, follow=False)
    assert reply.status == 307
    assert reply.headers["location"] == f"http://127.0.0.1:{double.ports['fe']}{target}"


@pytest.mark.parametrize("op", ["begin", "load", "prepare"])
def test_the_leader_points_to_a_backend(double, op):
    double.table()
    if op != "begin":
        double.begin("p" + op)
    reply = double.request("fe", "POST", f"/api/transaction/{op}", {"label": "p" + op, "db": double.db, "table": "t"}, follow=False)
    assert reply.status == 307
    location = urlsplit(reply.headers["location"])
    assert location.port in (double.ports["be0"], double.ports["be1"])
    assert location.username is None and location.password is None


def test_a_follower_sends_a_plain_load_straight_to_a_backend(double):
    double.table()
    reply = double.request("fe2", "PUT", f"/api/{double.db}/t/_stream_load", {"Expect": "100-continue"}, b"", follow=False)
    assert urlsplit(reply.headers["location"]).port in (double.ports["be0"], double.ports["be1"])


def test_a_backend_wants_the_login_again(double):
    double.table()
    reply = double.request("be0", "POST", "/api/transaction/begin", {"label": "noauth", "db": double.db, "table": "t"}, user=None)
    assert (reply.status, reply["Status"]) == (200, "INTERNAL_ERROR")
    assert reply["Message"] == "no valid Basic authorization"
    reply = double.request("be0", "PUT", f"/api/{double.db}/t/_stream_load", {}, b"1\ta\n", user=None)
    assert (reply["Status"], reply["Message"]) == ("Fail", "no valid Basic authorization")


def test_a_plain_load_without_expect_is_refused_and_cut(double):
    double.table()
    reply = double.request("fe", "PUT", f"/api/{double.db}/t/_stream_load", {}, b"1\ta\n", expect=False)
    assert reply["Status"] == "FAILED"
    assert "There is no 100-continue header" in reply["Message"]
    assert reply.closed


def test_http_1_0_needs_no_expect(double):
    double.table()
    wire = Wire(double.ports["fe"])
    login = basic("root")["Authorization"]
    wire.send(f"PUT /api/{double.db}/t/_stream_load HTTP/1.0\r\nAuthorization: {login}\r\nContent-Length: 4\r\n\r\n".encode())
    assert wire.head()[0] == 307


def test_an_fe_answers_307_without_100_and_closes(double):
    double.table()
    double.begin("no100")
    wire = Wire(double.ports["fe"])
    wire.send_head("PUT", "/api/transaction/load", {**basic("root"), "Expect": "100-continue", "Content-Length": "10", "label": "no100",
                                                    "db": double.db, "table": "t"})
    assert wire.head()[0] == 307
    assert wire.closed()


def test_a_backend_says_100_before_it_reads(double):
    double.table()
    double.begin("with100")
    reply = double.load("with100", [{"id": 1}])
    assert reply.continued and reply["Status"] == "OK"


def test_a_backend_refuses_a_bad_load_before_the_body(double):
    double.table()
    double.begin("badhead")
    reply = double.load("badhead", [{"id": 1}], strict_mode="perhaps")
    assert not reply.continued
    assert reply["Status"] == "INVALID_ARGUMENT"


def test_bodies_that_reach_an_fe_are_seen(double):
    double.table()
    double.begin("stray")
    double.control("DELETE", "/wire")
    wire = Wire(double.ports["fe"])
    login = basic("root")["Authorization"]
    wire.send(f"PUT /api/transaction/load HTTP/1.1\r\nAuthorization: {login}\r\ndb: {double.db}\r\ntable: t\r\nlabel: stray\r\n"
              "Content-Length: 2\r\n\r\n[]".encode())
    assert wire.head()[0] == 307
    entry = next(entry for entry in double.control("GET", "/wire")["wire"] if entry["node"] == "fe")
    assert entry["stray_body"]


def test_header_names_have_no_case(double):
    double.table()
    reply = double.request("fe", "POST", "/api/transaction/begin", {"LABEL": "case", "Db": double.db, "TABLE": "t"})
    assert reply["Status"] == "OK"


def test_names_in_a_path_are_percent_decoded(double):
    double.table(name="тест t")
    reply = double.request("fe", "PUT", f"/api/{double.db}/%D1%82%D0%B5%D1%81%D1%82%20t/_stream_load", {"label": "pct"}, b"1\ta\n")
    assert reply["Status"] == "Success"
    assert double.rows(table="тест t") == [(1, "a")]


def test_chunked_bodies_are_taken(double):
    double.table()
    double.begin("chunked")
    backend = urlsplit(double.request("fe", "PUT", "/api/transaction/load", {"label": "chunked", "db": double.db, "table": "t"}, follow=False)
                       .headers["location"]).port
    wire = Wire(backend)
    wire.send_head("PUT", "/api/transaction/load", {**basic("root"), "Transfer-Encoding": "chunked", "Expect": "100-continue", "label": "chunked",
                                                    "db": double.db, "table": "t"})
    assert wire.head()[0] == 100
    wire.send(b"4\r\n1\ta\n\r\n4\r\n2\tb\n\r\n0\r\n\r\n")
    assert b'"OK"' in wire.rest(wire.head()[1])
    assert double.commit("chunked")["Status"] == "OK"
    assert double.rows() == [(1, "a"), (2, "b")]


def test_redirects_name_the_address_that_a_backend_advertises(double):
    double.table()
    double.quirk(advertise={"be0": "10.0.0.7:8040", "be1": "10.0.0.8:8040"})
    reply = double.request("fe", "POST", "/api/transaction/begin", {"label": "adv", "db": double.db, "table": "t"}, follow=False)
    assert urlsplit(reply.headers["location"]).netloc in ("10.0.0.7:8040", "10.0.0.8:8040")


def test_headers_beyond_the_limit_are_refused(double):
    reply = double.request("fe", "POST", "/api/transaction/begin", {"columns": "c" * 40000})
    assert reply.status == 431


def test_the_header_limit_was_8_kb_before_3_1(double):
    double.quirk(version="2.5.13")
    assert double.request("fe", "POST", "/api/transaction/begin", {"columns": "c" * 9000}).status == 431


def test_health_needs_no_login(double):
    assert double.request("fe", "GET", "/api/health", user=None)["online_backend_num"] == 2


def test_an_unknown_operation_is_named(double):
    reply = double.transaction("frobnicate", "x")
    assert "Unknown transaction operation: frobnicate" in reply["Message"]
