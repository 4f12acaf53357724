"""The double's disk: one DuckDB file with data, staged loads, catalogue and the FE's journal.

A row of a table and the state of the transaction that brought it change in one commit, so that the double survives its
own kill -9 at any moment.
"""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb

from .prepared import Prepared, Schema
from .stages import Stages
from .values import quote_text


class Storage:
    """Writes go through one thread, in order; reads through another, which sees committed states only."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.spool = directory / "spool"
        self.spool.mkdir(parents=True, exist_ok=True)
        for left_over in self.spool.iterdir():
            left_over.unlink()
        self.connection = duckdb.connect(str(directory / "starrocks.duckdb"))
        self.connection.execute("SET threads = 1; SET TimeZone = 'UTC'; SET preserve_insertion_order = true;")
        self.reader = self.connection.cursor()
        self.reader.execute("SET TimeZone = 'UTC'")
        self._writes = ThreadPoolExecutor(1, "duckdb-write")
        self._reads = ThreadPoolExecutor(1, "duckdb-read")
        self._spooled = 0
        self.connection.execute(
            """CREATE SCHEMA IF NOT EXISTS data; CREATE SCHEMA IF NOT EXISTS stage; CREATE SCHEMA IF NOT EXISTS journal;
               CREATE TABLE IF NOT EXISTS journal.records (kind VARCHAR, id BIGINT, record VARCHAR)"""
        )
        self._shorten()
        self.schema = Schema()
        self.prepared, self.prepared_reads = Prepared(self.connection, self.schema), Prepared(self.reader, self.schema)
        self.stages = Stages(self.connection, self.prepared)

    async def write(self, work, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._writes, work, *arguments)

    async def read(self, work, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._reads, work, *arguments)

    @contextmanager
    def transaction(self):
        """In the write thread only."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @contextmanager
    def unoptimized(self):
        """In the write thread: for statements on a few rows that take longer to plan than to run."""
        self.connection.execute("PRAGMA disable_optimizer")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA enable_optimizer")

    # ---- the journal: records by kind and number; the last one holds, NULL ends it. Only added to: an index costs more

    def _shorten(self) -> None:
        self.connection.execute(
            """CREATE OR REPLACE TABLE journal.records AS SELECT kind, id, record FROM
                 (SELECT kind, id, record, row_number() OVER (PARTITION BY kind, id ORDER BY rowid DESC) AS age FROM journal.records)
               WHERE age = 1 AND record IS NOT NULL ORDER BY kind, id"""
        )

    def _add(self, kind: str, number: int, record: str | None) -> None:
        self.prepared.execute("INSERT INTO journal.records VALUES ($1::VARCHAR, $2::BIGINT, $3::VARCHAR)", kind, number, record)

    def put(self, kind: str, number: int, record: dict) -> None:
        self._add(kind, number, json.dumps(record))

    def remove(self, kind: str, *numbers: int) -> None:
        if numbers:
            rows = ", ".join(f"({quote_text(kind)}, {number}, NULL)" for number in numbers)
            self.connection.execute(f"INSERT INTO journal.records VALUES {rows}")

    def records(self, kind: str) -> dict[int, dict]:
        rows = self.connection.execute("SELECT id, record FROM journal.records WHERE kind = ? ORDER BY rowid", [kind]).fetchall()
        last = dict(rows)
        return {number: json.loads(last[number]) for number in sorted(last) if last[number] is not None}

    def spool_file(self, body: bytes) -> Path:
        self._spooled += 1
        path = self.spool / f"{self._spooled}"
        path.write_bytes(body)
        return path

    def close(self) -> None:
        self._writes.shutdown(wait=True)
        self._reads.shutdown(wait=True)
        self.connection.close()


def state_directory(path: str) -> Path:
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    os.chmod(directory, 0o700)
    return directory
