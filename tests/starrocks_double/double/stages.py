"""Tables of the schema `stage`: what a load has brought, until it is published or dropped.

A table of a small load is used again for others with the same columns: making one takes longer than filling it, and
statements on it stay prepared.
"""

KEPT = "kept"  # how their names begin


def is_kept(name: str) -> bool:
    return name.startswith(KEPT)


def table_of(name: str) -> str:
    """Of a stage that is kept."""
    return name.rpartition("_")[0]


def stage_table(name: str) -> str:
    """The table of a stage, quoted. One that is used again has a name for each use, <table>_<number>."""
    return f'stage."{table_of(name) if is_kept(name) else name}"'


class Stages:
    """In the write thread."""

    def __init__(self, connection, prepared):
        self.connection, self.prepared = connection, prepared
        self.free: dict[str, list[str]] = {}  # by the definition of the columns
        self.used: dict[str, str | None] = {}  # the definition by the stage's name; None when it is no longer that
        self.numbers = 0

    def create(self, name: str, columns: str) -> None:
        self.drop(name)
        self.change(f"CREATE TABLE {stage_table(name)} ({columns})")

    def change(self, sql: str) -> None:
        self.connection.execute(sql)
        self.prepared.schema.changes += 1

    def expect(self, columns: str) -> None:
        """Loads with these columns will come: a table for them is there then."""
        if not self.free.get(columns):
            self.drop(self.take(columns))

    def take(self, columns: str) -> str:
        """The name of a stage without rows, in a table that may have been used before. Not inside a transaction."""
        self.numbers += 1
        free = self.free.setdefault(columns, [])
        if free:
            name = f"{free.pop()}_{self.numbers}"
            self.prepared.execute(f"DELETE FROM {stage_table(name)}")
        else:
            name = f"{KEPT}{self.numbers}_{self.numbers}"
            self.change(f"CREATE TABLE {stage_table(name)} ({columns})")
        self.used[name] = columns
        return name

    def altered(self, name: str) -> None:
        """Its table has no longer the columns that it was made with."""
        if name in self.used:
            self.used[name] = None

    def drop(self, name: str) -> None:
        """Nothing happens when that was done before."""
        if not is_kept(name):
            self.change(f"DROP TABLE IF EXISTS {stage_table(name)}")
            return
        if name not in self.used:
            return
        columns = self.used.pop(name)
        if columns is None:
            self.change(f"DROP TABLE {stage_table(name)}")
        else:
            self.free[columns].append(table_of(name))

    def recover(self, needed: set[str]) -> None:
        """After a start: all but these go."""
        tables = {stage_table(name) for name in needed}
        rows = self.connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'stage'").fetchall()
        for (table,) in rows:
            if f'stage."{table}"' not in tables:
                self.connection.execute(f'DROP TABLE stage."{table}"')
        for name in filter(is_kept, needed):
            self.used[name] = None
            self.numbers = max(self.numbers, int(name.rpartition("_")[2]))
