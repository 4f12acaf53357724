"""A client for the checks: raw HTTP, so that each step on the wire can be looked at, and SQL by PyMySQL."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pymysql

ROOT = Path(__file__).resolve().parents[1]


class Reply:
    """`continued`: a 100 came before it. `closed`: the server has closed the connection after it."""

    def __init__(self, status: int, headers: dict, body: bytes, continued: bool, closed: bool, hops: list):
        self.status, self.headers, self.body, self.continued, self.closed, self.hops = status, headers, body, continued, closed, hops

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    def __getitem__(self, key: str):
        return self.json[key]

    def get(self, key: str):
        return self.json.get(key)


def basic(user: str, password: str = "") -> dict:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Wire:
    """One connection, driven step by step."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_head(self, method: str, target: str, headers: dict) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: double"] + [f"{name}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _fill(self) -> bool:
        piece = self.socket.recv(1 << 16)
        self.buffer += piece
        return bool(piece)

    def head(self) -> tuple[int, dict]:
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise ConnectionError("the server closed the connection without an answer")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), headers

    def rest(self, headers: dict) -> bytes:
        size = int(headers.get("content-length", "0"))
        while len(self.buffer) < size:
            if not self._fill():
                raise ConnectionError("the answer is cut")
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return body

    def closed(self) -> bool:
        self.socket.settimeout(2)
        try:
            return self.socket.recv(1) == b""
        except (TimeoutError, ConnectionResetError):
            return False

    def reset(self) -> None:
        self.socket.close()


class Double:
    """A double of its own; `restart` starts it again over the same state."""

    def __init__(self, directory: Path, *options: str):
        self.directory, self.options = directory, options
        self.kept: dict = {}
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "double", "--dir", str(self.directory), "--until-stdin-closes", *self.options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.ports = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kept.clear()

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)

    # ---- HTTP

    def request(self, node: str, method: str, target: str, headers: dict | None = None, body: bytes | None = None,
                follow: bool = True, user: str | None = "root", password: str = "", expect: bool = True) -> Reply:
        headers = dict(headers or {})
        if user is not None:
            headers.update(basic(user, password))
        if body is not None:
            headers.setdefault("Content-Length", str(len(body)))
            if expect:
                headers.setdefault("Expect", "100-continue")
        port, hops = self.ports[node], []
        while True:
            reply = self._one(port, method, target, headers, body, hops)
            if reply.status != 307 or not follow:
                return reply
            location = urlsplit(reply.headers["location"])
            hops.append(reply.headers["location"])
            port, target = location.port, location.path + (f"?{location.query}" if location.query else "")

    def _one(self, port: int, method: str, target: str, headers: dict, body: bytes | None, hops: list) -> Reply:
        wire = Wire(port)
        wire.send_head(method, target, headers)
        continued = False
        if body is not None and "Expect" not in headers:
            wire.send(body)
        status, answer = wire.head()
        if status == 100:
            continued = True
            wire.send(body)
            status, answer = wire.head()
        text = wire.rest(answer)
        closed = answer.get("connection") == "close" and wire.closed()
        wire.reset()
        return Reply(status, answer, text, continued, closed, hops)

    def transaction(self, op: str, label: str, db: str | None = None, table: str | None = None, body: bytes | None = None,
                    node: str = "fe", **headers) -> Reply:
        sent = {"label": label, "db": db or self.db}
        if table is not None:
            sent["table"] = table
        sent.update({name: str(value) for name, value in headers.items()})
        follow = True
        return self.request(node, "PUT" if op == "load" else "POST", f"/api/transaction/{op}", sent, body, follow)

    def begin(self, label: str, table: str = "t", **headers) -> Reply:
        return self.transaction("begin", label, table=table, **headers)

    def load(self, label: str, rows, table: str = "t", **headers) -> Reply:
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        sent = {"format": "json", "strip_outer_array": "true", "strict_mode": "true", **headers}
        return self.transaction("load", label, table=table, body=body, **sent)

    def prepare(self, label: str, table: str = "t", **headers) -> Reply:
        return self.transaction("prepare", label, table=table, **headers)

    def commit(self, label: str, table: str = "t", **headers) -> Reply:
        return self.transaction("commit", label, table=table, **headers)

    def rollback(self, label: str, table: str = "t", **headers) -> Reply:
        return self.transaction("rollback", label, table=table, **headers)

    def multi(self, op: str, label: str, rows=None, table: str | None = None, **headers) -> Reply:
        if op == "load":
            return self.load(label, rows, table=table or "t", transaction_type="multi", **headers)
        return self.transaction(op, label, transaction_type="multi", **headers)

    def prepared(self, label: str, rows, table: str = "t") -> None:
        assert self.begin(label, table)["Status"] == "OK"
        assert self.load(label, rows, table)["Status"] == "OK"
        reply = self.prepare(label, table)
        assert reply["Status"] == "OK", reply.json

    def stream_load(self, body: bytes, table: str = "t", **headers) -> Reply:
        return self.request("fe", "PUT", f"/api/{self.db}/{table}/_stream_load", {k: str(v) for k, v in headers.items()}, body)

    def state(self, label: str, db: str | None = None) -> str:
        return self.request("fe", "GET", f"/api/{db or self.db}/get_load_state?label={label}")["state"]

    def error_log(self, url: str) -> str:
        parts = urlsplit(url)
        wire = Wire(parts.port)
        wire.send_head("GET", f"{parts.path}?{parts.query}", {})
        return wire.rest(wire.head()[1]).decode()

    # ---- control

    def control(self, method: str, path: str, order: dict | None = None) -> dict:
        body = json.dumps(order).encode() if order is not None else None
        reply = self.request("control", method, path, {}, body, user=None, expect=False)
        assert reply.status == 200, reply.body
        return reply.json

    def fault(self, **order) -> None:
        self.control("POST", "/fault", order)

    def quirk(self, **order) -> None:
        self.control("POST", "/quirk", order)

    def node(self, **order) -> dict:
        return self.control("POST", "/node", order)

    def advance(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advance": seconds})

    def reset(self) -> None:
        self.control("DELETE", "/fault")
        self.control("DELETE", "/quirk")
        status = self.control("GET", "/status")
        self.kept.clear()
        self.node(**{name: "start" for name, alive in status["alive"].items() if not alive})
        if status["leader"] != "fe":
            self.node(fe="switch_leader")

    # ---- SQL

    def connect(self, node: str = "mysql", user: str = "root", password: str = "", db: str | None = None):
        return pymysql.connect(host="127.0.0.1", port=self.ports[node], user=user, password=password, database=db or self.db,
                               autocommit=None, charset="utf8mb4", ssl_disabled=True)

    def sql(self, statement: str, node: str = "mysql") -> list[tuple]:
        """On a connection that is kept for the next statement, unless it broke."""
        kept = (node, self.db)
        connection = self.kept.pop(kept, None) or self.connect(node)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        except pymysql.MySQLError:
            connection.close()
            raise
        self.kept = {kept: connection}
        return rows

    def table(self, columns: str = "id BIGINT NOT NULL, v VARCHAR(20) NULL", name: str = "t", key: str = "id", options: str = "",
              properties: str = "") -> None:
        self.sql(f'CREATE TABLE `{name}` ({columns}) PRIMARY KEY({key}) DISTRIBUTED BY HASH({key}) {options} '
                 f'PROPERTIES("replication_num"="1"{properties})')

    def rows(self, columns: str = "id, v", table: str = "t", order: str = "id") -> list[tuple]:
        return self.sql(f"SELECT {columns} FROM `{table}` ORDER BY {order}")

    db: str | None = None
