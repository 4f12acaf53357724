"""Statements that come again, which DuckDB plans once: for a few rows that takes longer than running one."""

from collections import OrderedDict
from dataclasses import dataclass

from .values import quote_text

LIMIT = 256  # statements of one connection


@dataclass
class Schema:
    """How often a table was made, altered or dropped: a statement that was prepared before is planned at each use."""

    changes: int = 0


class Prepared:
    """Of one connection, in its thread. The statement that was not asked for the longest is forgotten first."""

    def __init__(self, connection, schema: Schema):
        self.connection, self.schema = connection, schema
        self.prepared: OrderedDict[str, tuple[str, int]] = OrderedDict()  # name, and `changes` of then, by statement
        self.number = 0

    def execute(self, sql: str, *values: str | int | None):
        """`sql` names the values $1::VARCHAR or $1::BIGINT, ..."""
        name, changes = self.prepared.get(sql, ("", -1))
        if changes != self.schema.changes:
            name = self.prepare(sql)
        self.prepared.move_to_end(sql)
        return self.connection.execute(f"EXECUTE {name}" + (f"({', '.join(map(literal, values))})" if values else ""))

    def prepare(self, sql: str) -> str:
        self.forget(sql)
        if len(self.prepared) == LIMIT:
            self.forget(next(iter(self.prepared)))
        self.number += 1
        name = f"prepared_{self.number}"
        self.connection.execute(f"PREPARE {name} AS {sql}")
        self.prepared[sql] = name, self.schema.changes
        return name

    def forget(self, sql: str) -> None:
        if sql in self.prepared:
            self.connection.execute(f"DEALLOCATE {self.prepared.pop(sql)[0]}")


def literal(value: str | int | None) -> str:
    """Of the very type that the statement was planned for: with another it is planned again."""
    if value is None:
        return "NULL::VARCHAR"
    return f"{value}::BIGINT" if isinstance(value, int) else quote_text(value)
