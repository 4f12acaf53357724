"""The control port: JSON over HTTP, apart from the cluster's own ports. README.md has the table of paths."""

import json

from .cluster import Cluster
from .http1 import HttpNode, Request, Response
from .faults import Faults
from .wire_log import WireLog


class Control:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.node = HttpNode("control", Faults(), WireLog(cluster.clock), self.handle, self.classify, lambda: 1 << 16, None)

    @staticmethod
    def classify(request: Request) -> None:
        request.op = "control"

    async def handle(self, request: Request) -> Response:
        handler = getattr(self, f"{request.method.lower()}_{request.segments[0]}", None)
        if handler is None:
            return Response.json({"error": f"no {request.method} {request.raw_path}"}, 404)
        try:
            order = json.loads(await request.body() or b"{}")
            return Response.json(await handler(request, order))
        except (ValueError, KeyError, TypeError) as error:
            return Response.json({"error": f"{type(error).__name__}: {error}"}, 400)

    async def get_status(self, request: Request, order: dict) -> dict:
        cluster = self.cluster
        return {
            "ports": {**cluster.ports, "control": self.node.port}, "leader": cluster.leader_name, "now": cluster.clock.now(),
            "alive": {name: part.alive for name, part in {**cluster.frontends, **cluster.backends}.items()},
            "contexts": {name: sorted(backend.contexts) for name, backend in cluster.backends.items()},
            "transactions": [{"id": t.id, "db": t.db, "label": t.label, "state": t.state, "reason": t.reason, "coordinator": t.coordinator}
                             for t in cluster.transactions.known.values()],
            "versions": {f"{table.db}.{table.name}": table.versions for table in cluster.catalog.tables.values()},
        }

    # ---- faults

    async def get_fault(self, request: Request, order: dict) -> dict:
        return {"faults": self.cluster.faults.state()}

    async def post_fault(self, request: Request, order: dict) -> dict:
        fault = self.cluster.faults.add(order)
        return {"id": fault.id, "faults": self.cluster.faults.state()}

    async def delete_fault(self, request: Request, order: dict) -> dict:
        self.cluster.faults.clear()
        return {"faults": []}

    # ---- nodes, clock, quirks

    async def post_node(self, request: Request, order: dict) -> dict:
        cluster = self.cluster
        verbs = {"crash": cluster.crash, "restart": cluster.restart, "start": cluster.bring_back, "unreachable": cluster.unreachable,
                 "reachable": cluster.bring_back}
        for name, verb in order.items():
            if verb == "switch_leader":
                await cluster.switch_leader()
            elif verb == "shutting_down":
                cluster.backends[name].shutting_down = True
            else:
                await verbs[verb](name)
        return await self.get_status(request, {})

    async def post_clock(self, request: Request, order: dict) -> dict:
        if "freeze" in order:
            self.cluster.clock.freeze(bool(order["freeze"]))
        await self.cluster.clock.advance(float(order.get("advance", 0)))
        await self.cluster.tick()
        await self.cluster.save()
        return {"now": self.cluster.clock.now()}

    async def get_quirk(self, request: Request, order: dict) -> dict:
        return self.cluster.settings.state()

    async def post_quirk(self, request: Request, order: dict) -> dict:
        self.cluster.settings.change(order)
        await self.cluster.save()
        await self.cluster.tick()
        return self.cluster.settings.state()

    async def delete_quirk(self, request: Request, order: dict) -> dict:
        return await self.post_quirk(request, self.cluster.defaults.state())

    async def post_user(self, request: Request, order: dict) -> dict:
        self.cluster.users.change(order)
        await self.cluster.save()
        return {"users": sorted(self.cluster.users.by_name)}

    # ---- what the FE forgets, what the BEs compact

    async def post_forget(self, request: Request, order: dict) -> dict:
        """{"labels": true}: all finished ones; {"coordinators": true}: the leader's map of labels to BEs."""
        if order.get("labels"):
            await self.cluster.transactions.forget(keep=0)
        if order.get("coordinators"):
            for frontend in self.cluster.frontends.values():
                frontend.labels.clear()
        if order.get("contexts"):
            for backend in self.cluster.backends.values():
                backend.forget_contexts()
        return await self.get_status(request, {})

    async def post_compact(self, request: Request, order: dict) -> dict:
        for table in self.cluster.catalog.tables.values():
            table.versions = 1
            await self.cluster.storage.write(self.cluster.catalog.save, table)
        return await self.get_status(request, {})

    # ---- what has happened

    async def get_wire(self, request: Request, order: dict) -> dict:
        since = int(request.query.get("since", "0"))
        entries = [entry for entry in self.cluster.wire.entries if entry["number"] > since]
        return {"wire": entries, "most_in_flight": self.cluster.wire.most_in_flight,
                "most_loads": self.cluster.wire.most_loads}

    async def delete_wire(self, request: Request, order: dict) -> dict:
        self.cluster.wire.clear()
        return {"wire": []}

    async def get_repeated(self, request: Request, order: dict) -> dict:
        """Needs the quirk one_op_per_key."""
        return {"repeated": self.cluster.transactions.repeated}

    async def delete_repeated(self, request: Request, order: dict) -> dict:
        await self.cluster.transactions.forget_repeated()
        return {"repeated": []}

    async def get_commits(self, request: Request, order: dict) -> dict:
        """Needs the quirk record_commits."""
        table = request.query.get("table")
        found = [commit for commit in self.cluster.transactions.commits if table is None or table in commit["tables"]]
        return {"commits": found}
