"""Faults that tests order in advance: where they strike, how often, and what they do."""

import asyncio
import fnmatch
from dataclasses import asdict, dataclass, field

PHASES = ("accept", "headers", "body", "before", "after")
ACTIONS = ("delay", "hang", "close", "reset", "half_reply", "status", "reply", "error", "redirect", "crash", "restart", "kill")


@dataclass
class Fault:
    """`nth` hits pass unharmed but the last; then it strikes `times` times (-1: always)."""

    node: str = "*"
    op: str = "*"
    phase: str = "before"
    action: str = "close"
    argument: object = None
    nth: int = 1
    times: int = 1
    body_bytes: int = 0
    label: str = "*"
    table: str = "*"
    id: int = 0
    hits: int = 0
    struck: int = 0

    @staticmethod
    def parse(order: dict) -> "Fault":
        order = dict(order)
        phase, _, amount = str(order.pop("phase", "before")).partition(":")
        action, _, argument = str(order.pop("action", "close")).partition(":")
        if phase not in PHASES:
            raise ValueError(f"phase {phase} is none of {', '.join(PHASES)}")
        if action not in ACTIONS:
            raise ValueError(f"action {action} is none of {', '.join(ACTIONS)}")
        unknown = set(order) - {"node", "op", "nth", "times", "label", "table", "argument"}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        fault = Fault(phase=phase, action=action, body_bytes=int(amount or 0), **order)
        if argument:
            fault.argument = argument
        return fault

    def matches(self, node: str, op: str, phase: str, label: str, table: str) -> bool:
        return (
            self.phase == phase
            and fnmatch.fnmatchcase(node, self.node)
            and fnmatch.fnmatchcase(op, self.op)
            and fnmatch.fnmatchcase(label, self.label)
            and fnmatch.fnmatchcase(table, self.table)
        )

    def strikes(self) -> bool:
        """Counts a hit."""
        self.hits += 1
        if self.hits < self.nth:
            return False
        self.struck += 1
        return True

    @property
    def spent(self) -> bool:
        return self.times >= 0 and self.struck >= self.times


@dataclass
class Faults:
    """Ordered faults; `hit` tells what strikes here and now."""

    ordered: list[Fault] = field(default_factory=list)
    next_id: int = 1

    def add(self, order: dict) -> Fault:
        fault = Fault.parse(order)
        fault.id = self.next_id
        self.next_id += 1
        self.ordered.append(fault)
        return fault

    def clear(self) -> None:
        self.ordered.clear()

    def state(self) -> list[dict]:
        return [asdict(fault) for fault in self.ordered]

    def hit(self, node: str, op: str, phase: str, label: str = "", table: str = "") -> Fault | None:
        for fault in self.ordered:
            if fault.spent or not fault.matches(node, op, phase, label, table):
                continue
            if fault.strikes():
                return fault
        return None

    def body_limit(self, node: str, op: str, label: str, table: str) -> int | None:
        """How many body bytes are taken before the next fault of phase `body`."""
        limits = [f.body_bytes for f in self.ordered if not f.spent and f.matches(node, op, "body", label, table)]
        return min(limits, default=None)


async def hang() -> None:
    await asyncio.Event().wait()
