"""The double survives its own kill -9, at any step; a version can be chosen; TLS."""

import http.client
import random
import ssl
import subprocess

import pymysql
import pytest

from client import Double, Wire


def test_rows_schemas_labels_and_settings_survive(own):
    own.table('id BIGINT NOT NULL, v VARCHAR(20) NULL DEFAULT "d"')
    own.prepared("done", [{"id": 1, "v": "a"}])
    own.commit("done")
    own.control("POST", "/user", {"name": "leat", "password": "x"})
    own.quirk(label_keep_num=7)
    own.advance(1000)
    ports, now = own.ports, own.control("GET", "/status")["now"]
    own.restart()
    assert own.ports == ports
    assert own.rows() == [(1, "a")]
    assert own.state("done") == "VISIBLE"
    assert own.control("GET", "/quirk")["label_keep_num"] == 7
    assert own.control("GET", "/status")["now"] >= now
    own.connect(user="leat", password="x").close()
    assert own.begin("done")["Status"] == "LABEL_ALREADY_EXISTS"


def test_prepared_survives_with_its_rows(own):
    own.table()
    own.prepared("kept", [{"id": 1, "v": "a"}])
    own.begin("open")
    own.load("open", [{"id": 2}])
    own.multi("begin", "multi", timeout=60)
    own.multi("load", "multi", [{"id": 3}])
    own.restart()
    assert (own.state("kept"), own.state("open"), own.state("multi")) == ("PREPARED", "PREPARE", "ABORTED")
    assert own.prepare("open")["Status"] == "TXN_NOT_EXISTS"
    assert own.commit("kept")["Status"] == "OK"
    assert own.rows() == [(1, "a")]


@pytest.mark.parametrize("phase, state, rows", [("before", "PREPARED", []), ("after", "VISIBLE", [(1, "a")])])
def test_killed_around_a_commit(own, phase, state, rows):
    own.table()
    own.prepared("killed", [{"id": 1, "v": "a"}])
    own.fault(node="fe", op="commit", phase=phase, action="kill")
    with pytest.raises(OSError):
        own.commit("killed")
    own.restart()
    assert own.state("killed") == state
    assert own.rows() == rows


def test_committed_is_published_after_a_kill(own):
    own.table()
    own.prepared("slow", [{"id": 1, "v": "a"}])
    own.quirk(stuck_publish=True)
    own.commit("slow", timeout="0")
    own.restart()
    assert (own.state("slow"), own.rows()) == ("COMMITTED", [])
    own.quirk(stuck_publish=False)
    assert (own.state("slow"), own.rows()) == ("VISIBLE", [(1, "a")])


def test_alter_jobs_survive(own):
    own.table()
    own.begin("blocking")
    own.sql("ALTER TABLE t ADD COLUMN c INT NULL")
    own.restart()
    assert own.sql("SHOW ALTER TABLE COLUMN")[0][9] == "WAITING_TXN"
    own.request("fe", "POST", f"/api/{own.db}/t/_cancel?label=blocking")
    own.advance(1)
    assert [row[0] for row in own.sql("DESC t")] == ["id", "v", "c"]


def test_it_ends_when_its_starter_does(tmp_path):
    double = Double(tmp_path / "s")
    double.stop()
    assert double.process.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        Wire(double.ports["fe"])


@pytest.mark.parametrize("version, multi, rename", [("2.5.13", False, False), ("3.1.9", False, False), ("3.3.5", False, True), ("3.5.4", False, True),
                                                    ("4.0.5", True, True)])
def test_versions_differ_as_their_release_notes_do(double, version, multi, rename):
    double.quirk(version=version)
    double.sql('CREATE TABLE t (id INT NOT NULL, v INT) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1 PROPERTIES("replication_num"="1")')
    assert double.sql("SELECT current_version()")[0][0].startswith(version)
    assert (double.multi("begin", "v" + version.replace(".", "_"), timeout=9)["Status"] == "OK") == multi
    try:
        double.sql("ALTER TABLE t RENAME COLUMN v TO w")
        assert rename
    except Exception:
        assert not rename


def test_a_version_before_2_4_has_no_transactions(double):
    double.quirk(version="2.3.9")
    assert double.transaction("begin", "old", table="t").json == {"status": "FAILED", "msg": "Not implemented"}


@pytest.mark.parametrize("version, statement", [
    ("2.5.13", 'CREATE TABLE x (id INT NOT NULL, b VARBINARY) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1 PROPERTIES("replication_num"="1")'),
    ("2.5.6", 'CREATE TABLE x (id INT NOT NULL) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="1")'),
    ("2.5.13", 'CREATE TABLE x (id INT NOT NULL) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) ORDER BY(id) PROPERTIES("replication_num"="1")'),
    ("3.1.9", 'CREATE TABLE x (id INT NOT NULL) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="1", "fast_schema_evolution"="true")'),
    ("3.5.4", 'CREATE TABLE x (id INT NOT NULL, d DECIMAL(39,0)) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES("replication_num"="1")'),
])
def test_what_older_versions_refuse(double, version, statement):
    double.quirk(version=version)
    with pytest.raises(Exception):
        double.sql(statement)
    double.quirk(version="4.0.5")
    double.sql(statement)


def test_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(certificate), "-days", "2"], check=True, capture_output=True)
    double = Double(tmp_path / "state", "--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        trusted = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("127.0.0.1", double.ports["fe"], context=trusted)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        pymysql.connect(host="127.0.0.1", port=double.ports["mysql"], user="root", password="", ssl=trusted).close()
    finally:
        double.kill()


def test_a_version_is_chosen_at_the_start(tmp_path):
    double = Double(tmp_path / "s", "--version", "3.3.5")
    try:
        double.db = "information_schema"
        double.reset()
        assert double.sql("SELECT current_version()")[0][0].startswith("3.3.5")
    finally:
        double.kill()


def test_killed_at_any_step_nothing_is_lost_or_halved(own):
    """What was answered as committed is there; of a multi-table transaction all or nothing; no state lies about its rows."""
    own.table(name="t")
    own.table(name="u")
    chance = random.Random(7)
    number, answered = 0, set()
    for _ in range(3):
        own.fault(op=chance.choice(["begin", "load", "prepare", "commit"]), phase=chance.choice(["before", "after"]), action="kill",
                  nth=chance.randint(1, 15))
        try:
            while True:
                number += 1
                label, rows = f"any{number}", [{"id": number}]
                if number % 2:
                    own.multi("begin", label, timeout=60)
                    own.multi("load", label, rows, "t")
                    own.multi("load", label, rows, "u")
                    reply = own.multi("commit", label)
                else:
                    own.begin(label)
                    own.load(label, rows)
                    own.prepare(label)
                    reply = own.commit(label)
                assert reply["Status"] == "OK"
                answered.add(number)
        except OSError:
            own.restart()
        there = {row[0] for row in own.rows("id")}
        assert {row[0] for row in own.rows("id", "u")} == {id_ for id_ in there if id_ % 2}
        assert answered <= there
        assert {id_ for id_ in range(1, number + 1) if own.state(f"any{id_}") == "VISIBLE"} == there
