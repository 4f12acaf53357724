"""Every request and statement that the cluster has seen, for assertions about who sent what to whom."""

import time
from collections import deque

LIMIT = 5000


class WireLog:
    def __init__(self, clock):
        self.clock = clock
        self.entries: deque[dict] = deque(maxlen=LIMIT)
        self.in_flight: dict[tuple, int] = {}
        self.most_in_flight: dict[str, int] = {}
        self.loads = self.most_loads = 0
        self.number = 0
        self.started = time.monotonic()

    def now(self) -> float:
        """Real seconds since the start: waits and work, not the cluster's clock."""
        return round(time.monotonic() - self.started, 4)

    def begin(self, node: str, request, connection: int = 0) -> dict:
        self.number += 1
        entry = {"number": self.number, "node": node, "at": self.now(), "connection": connection, "op": request.op, "method": request.method, "target": request.target,
                 "headers": dict(request.headers), "label": request.label, "table": request.table, "body_bytes": 0,
                 "sent_100": False, "stray_body": False, "status": None, "reply": "", "seconds": None}
        self.entries.append(entry)
        self._count(node, request, 1)
        return entry

    def end(self, entry: dict, request) -> None:
        entry["body_bytes"], entry["sent_100"] = request.body_bytes, request.sent_100
        entry["seconds"] = round(self.now() - entry["at"], 4)
        self._count(entry["node"], request, -1)

    def _count(self, node: str, request, change: int) -> None:
        """Loads of one (label, table) at the BEs: more than one at a time is a client's mistake."""
        if request.op != "load" or not node.startswith("be"):
            return
        key = (request.label, request.table)
        self.loads += change
        self.most_loads = max(self.most_loads, self.loads)
        self.in_flight[key] = self.in_flight.get(key, 0) + change
        name = f"{request.label}/{request.table}"
        self.most_in_flight[name] = max(self.most_in_flight.get(name, 0), self.in_flight[key])

    def statement(self, node: str, sql: str) -> dict:
        self.number += 1
        entry = {"number": self.number, "node": node, "at": self.now(), "op": "sql", "sql": sql, "status": None, "seconds": None}
        self.entries.append(entry)
        return entry

    def end_statement(self, entry: dict, status: str) -> None:
        entry["status"], entry["seconds"] = status, round(self.now() - entry["at"], 4)

    def clear(self) -> None:
        self.entries.clear()
        self.most_in_flight.clear()
        self.most_loads = self.loads
