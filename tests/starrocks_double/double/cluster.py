"""Puts the cluster together: two FEs, two BEs, their ports, and what happens when one of them dies."""

import asyncio
import os
import re
import signal
import uuid

from .alter import AlterJobs
from .be import Backend
from .catalog import Catalog, Refused
from .clock import Clock
from .faults import Fault, Faults
from .fe import Frontend
from .http1 import HttpNode
from .information_schema import InformationSchema
from .mysql_wire import MySqlServer
from .settings import Settings
from .sql import Session
from .storage import Storage
from .transactions import TransactionRefused, Transactions
from .users import Users
from .wire_log import WireLog

TICK_SECONDS = 0.05
NODES = ("fe", "fe2", "be0", "be1", "mysql", "mysql2")


class Cluster:
    """`nodes` are the HTTP ports by name, `mysql` and `mysql2` the query ports of fe and fe2."""

    def __init__(self, storage: Storage, version: str | None = None):
        self.storage = storage
        saved = storage.records("cluster").get(0, {})
        self.defaults = Settings(version=version) if version else Settings()
        self.settings = Settings()
        self.settings.change({**saved.get("settings", self.defaults.state()), **({"version": version} if version else {})})
        self.clock = Clock(saved.get("clock", 0.0))
        self.users = Users()
        for order in saved.get("users", []):
            self.users.change(order)
        self.faults, self.wire = Faults(), WireLog(self.clock)
        self.leader_name = "fe"
        self.catalog = Catalog(storage, self.settings)
        self.transactions = Transactions(storage, self.catalog, self.clock, self.settings)
        self.alter_jobs = AlterJobs(self.catalog, self.transactions, self.clock, self.settings)
        self.information_schema = InformationSchema(self)
        self.frontends = {name: Frontend(name, self) for name in ("fe", "fe2")}
        self.backends = {name: Backend(name, 10001 + index, self) for index, name in enumerate(("be0", "be1"))}
        self.nodes = {name: self.http_node(name, part) for name, part in {**self.frontends, **self.backends}.items()}
        self.query_ports = {name: self.mysql_server(name) for name in ("mysql", "mysql2")}
        self.ports: dict[str, int] = {}
        self.down_since: dict[str, float] = {}
        self._ticking = asyncio.Lock()

    def http_node(self, name: str, part) -> HttpNode:
        async def handle(request):
            return (await part.handle(request)).stripped(self.settings.replies)

        return HttpNode(name, self.faults, self.wire, handle, part.classify, lambda: self.settings.header_limit, self.on_fatal)

    def mysql_server(self, name: str) -> MySqlServer:
        return MySqlServer(name, lambda user: Session(self, name, user), self.users.password_of)

    def leader(self) -> Frontend | None:
        frontend = self.frontends.get(self.leader_name)
        return frontend if frontend is not None and frontend.alive else None

    def seems_alive(self, backend: str) -> bool:
        """To the FE, which may notice a loss late."""
        since = self.down_since.get(backend)
        unnoticed = since is not None and self.clock.now() - since < self.settings.loss_unnoticed_seconds
        return self.backends[backend].alive or unnoticed

    def online_backends(self) -> int:
        return sum(backend.alive for backend in self.backends.values())

    def mysql_port(self, frontend: str) -> int:
        return self.query_ports["mysql" if frontend == "fe" else "mysql2"].port

    @staticmethod
    def new_uuid() -> str:
        return uuid.uuid4().hex

    def catalog_refusal(self, db: str, name: str) -> Refused:
        if self.settings.new_error_codes:
            return Refused(f"Unknown table '{db}.{name}'", 5502, "42602")
        return Refused(f"Unknown table '{name}'", 1051, "42S02")

    # ---- starting, and what lasts

    async def start(self, ports: dict[str, int]) -> None:
        for name in NODES:
            server = self.nodes.get(name) or self.query_ports[name]
            await server.start(ports.get(name, 0))
            self.ports[name] = server.port
        await self.recover()
        await self.save()

    async def recover(self) -> None:
        """After a start over an old state: multi-table transactions lived in memory alone."""
        for txn in list(self.transactions.known.values()):
            if txn.state == "PREPARE" and txn.source == "MULTI_STATEMENT_STREAMING":
                await self.transactions.abort(txn, "recover after FE restart")
        await self.transactions.publish_due()

    async def save(self) -> None:
        users = [{"name": name, **user.__dict__} for name, user in self.users.by_name.items()]
        record = {"settings": self.settings.state(), "clock": self.clock.offset, "users": users, "ports": self.ports}
        await self.storage.write(self.storage.put, "cluster", 0, record)

    # ---- time passes

    async def run(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        async with self._ticking:
            await self._tick()

    async def _tick(self) -> None:
        for backend in self.backends.values():
            await backend.sweep()
        for frontend in self.frontends.values():
            await frontend.sweep()
        await self.miss_heartbeats()
        await self.transactions.sweep()
        await self.transactions.publish_due()
        await self.alter_jobs.step()

    async def miss_heartbeats(self) -> None:
        """A BE that stays away loses its PREPARE transactions; PREPARED ones survive."""
        now = self.clock.now()
        for name, since in self.down_since.items():
            if now - since < self.settings.heartbeat_abort_seconds:
                continue
            for txn in list(self.transactions.known.values()):
                if txn.coordinator == name and txn.state == "PREPARE":
                    await self.abort_quietly(txn, f"coordinate BE is down: {name}")

    async def abort_quietly(self, txn, reason: str) -> None:
        try:
            await self.transactions.abort(txn, reason)
        except TransactionRefused:
            pass  # it has ended in the meantime

    # ---- nodes die and come back

    async def crash(self, name: str) -> None:
        """Memory is lost, the address refuses."""
        part = self.frontends.get(name) or self.backends[name]
        part.alive = False
        self.down_since.setdefault(name, self.clock.now())
        await self.nodes[name].stop()
        if name in self.backends:
            part.forget_contexts()
            return
        await self.query_ports["mysql" if name == "fe" else "mysql2"].stop()
        await part.forget_memory()

    async def bring_back(self, name: str) -> None:
        part = self.frontends.get(name) or self.backends[name]
        self.down_since.pop(name, None)
        part.alive = True
        if name in self.backends:
            part.shutting_down = False
        if self.nodes[name].server is None:
            await self.nodes[name].start(self.ports[name])
        if name in self.frontends:
            query = "mysql" if name == "fe" else "mysql2"
            if self.query_ports[query].server is None:
                await self.query_ports[query].start(self.ports[query])

    async def restart(self, name: str) -> None:
        await self.crash(name)
        await self.bring_back(name)

    async def unreachable(self, name: str) -> None:
        """The address refuses, memory stays."""
        await self.nodes[name].stop()
        part = self.frontends.get(name) or self.backends[name]
        if name in self.backends:
            part.alive = False

    async def switch_leader(self) -> None:
        old = self.frontends[self.leader_name]
        self.leader_name = "fe2" if self.leader_name == "fe" else "fe"
        await old.forget_memory()

    async def on_fatal(self, name: str, action: str) -> None:
        """A fault ends a node, or the whole double, at this very moment."""
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        name = {"mysql": "fe", "mysql2": "fe2"}.get(name, name)
        await (self.crash(name) if action == "crash" else self.restart(name))

    # ---- faults of statements

    def statement_fault(self, node: str, sql: str, phase: str) -> Fault | None:
        """An op of `sql:REGEX` strikes statements that it matches."""
        for fault in self.faults.ordered:
            if not fault.op.startswith("sql:") or fault.spent or fault.phase != phase or fault.node not in (node, "*"):
                continue
            if not re.search(fault.op[4:], sql, re.I | re.S):
                continue
            if fault.strikes():
                return fault
        return None
