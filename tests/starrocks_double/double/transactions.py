"""The FE's transaction manager: labels, states, timeouts, publishing in commit order, and what is remembered for how long."""

import asyncio
import functools
from dataclasses import asdict, dataclass, field, replace

from .apply import publish
from .catalog import Catalog
from .clock import Clock
from .settings import Settings
from .stages import stage_table
from .storage import Storage
from .values import quote_name

RUNNING = ("PREPARE", "PREPARED", "COMMITTED")
FINAL = ("VISIBLE", "ABORTED")
SWEEP_SECONDS = 30
MAX_TIMEOUT = 259200


def to_the_end(method):
    """Who asked may be cut off, by a fault or with its FE: what has begun comes to its end, in memory as on disk."""

    @functools.wraps(method)
    async def run(*arguments):
        return await asyncio.shield(asyncio.ensure_future(method(*arguments)))

    return run


class LabelUsed(Exception):
    def __init__(self, label: str, state: str):
        super().__init__(f"Label [{label}] has already been used.")
        self.state = state

    @property
    def job_status(self) -> str:
        return "RUNNING" if self.state in ("PREPARE", "PREPARED") else "FINISHED"


class TransactionRefused(Exception):
    pass


@dataclass
class StageRef:
    """A staged load of one table, as the journal keeps it."""

    table: int
    name: str
    columns: list[str]
    partial: bool = False
    merge_condition: str | None = None
    rows: int = 0


@dataclass
class Transaction:
    id: int
    db: str
    label: str
    source: str
    coordinator: str
    tables: list[int]
    timeout: float
    prepared_timeout: float
    state: str = "PREPARE"
    reason: str = ""
    prepare_time: float | None = None
    prepared_time: float | None = None
    commit_time: float | None = None
    publish_time: float | None = None
    finish_time: float | None = None
    stages: list[StageRef] = field(default_factory=list)
    counts: dict = field(default_factory=dict)

    @staticmethod
    def restore(record: dict) -> "Transaction":
        return Transaction(**{**record, "stages": [StageRef(**stage) for stage in record["stages"]]})


class Transactions:
    """One for the cluster: what a real FE keeps in its journal is in the storage, and survives FE restarts."""

    def __init__(self, storage: Storage, catalog: Catalog, clock: Clock, settings: Settings):
        self.storage, self.catalog, self.clock, self.settings = storage, catalog, clock, settings
        self.known = {number: Transaction.restore(record) for number, record in storage.records("transaction").items()}
        self.next_id = max([1000, *self.known]) + 1
        self.commits: list[dict] = []
        self.repeated = list(storage.records("repeated").values())
        self.version = 0
        self._lock = asyncio.Lock()
        self._published = asyncio.Condition()
        self._last_sweep = clock.now()
        self._drop_lost_stages()

    def _drop_lost_stages(self) -> None:
        kept = {stage.name for txn in self.known.values() if txn.state in ("PREPARED", "COMMITTED") for stage in txn.stages}
        self.storage.stages.recover(kept)

    # ---- looking up

    def find(self, db: str, label: str) -> Transaction | None:
        """Of several with one label, the newest."""
        found = [txn for txn in self.known.values() if txn.db == db and txn.label == label]
        return max(found, key=lambda txn: txn.id, default=None)

    def running(self, db: str) -> list[Transaction]:
        return [txn for txn in self.known.values() if txn.db == db and txn.state in ("PREPARE", "PREPARED")]

    def open_on(self, table: int) -> list[Transaction]:
        return [txn for txn in self.known.values() if table in txn.tables and txn.state in RUNNING]

    def check_label(self, db: str, label: str) -> None:
        earlier = self.find(db, label)
        if earlier is not None and earlier.state != "ABORTED":
            raise LabelUsed(label, earlier.state)

    # ---- the states

    @to_the_end
    async def begin(self, db: str, label: str, source: str, coordinator: str, tables: list[int],
                    timeout: float) -> Transaction:
        async with self._lock:
            self.check_label(db, label)
            running = len(self.running(db))
            if running >= self.settings.running_limit:
                raise TransactionRefused(f"current running txns on db {self.catalog.databases[db]} is {running}, "
                                         f"larger than limit {self.settings.running_limit}")
            if not 0 < timeout <= MAX_TIMEOUT:
                raise TransactionRefused(f"Invalid timeout: {timeout:g}. Expected values should between 1 and {MAX_TIMEOUT} seconds")
            txn = Transaction(self.next_id, db, label, source, coordinator, tables, timeout,
                              self.settings.prepared_timeout, prepare_time=self.clock.now())
            self.next_id += 1
            self.known[txn.id] = txn
            await self.storage.write(self.journal, txn)
            return txn

    @to_the_end
    async def prepare(self, txn: Transaction, stages: list[StageRef], prepared_timeout: float | None) -> None:
        async with self._lock:
            self._demand(txn, "PREPARE", "prepare")
            if prepared_timeout is None or not self.settings.at_least(3, 5, 4):
                prepared_timeout = txn.prepared_timeout
            await self._change(txn, self.journal, stages=stages, state="PREPARED", prepared_time=self.clock.now(),
                               prepared_timeout=prepared_timeout)

    @to_the_end
    async def commit(self, txn: Transaction, stages: list[StageRef] | None, wait_seconds: float) -> bool:
        """True when the rows are visible, false when the wait for that has ended before."""
        async with self._lock:
            if txn.state not in ("PREPARE", "PREPARED"):
                raise TransactionRefused(f"transaction is already {txn.state}")
            stages = txn.stages if stages is None else stages
            txn.tables = sorted({*txn.tables, *(stage.table for stage in stages)})
            now = self.clock.now()
            at_once = self._publishable_at_once(txn)
            if at_once:
                await self._change(txn, self._journal_published, stages=stages, state="VISIBLE", commit_time=now,
                                   publish_time=now, finish_time=now)
            else:
                await self._change(txn, self.journal, stages=stages, state="COMMITTED", commit_time=now)
        if at_once:
            return True
        return await self._wait_visible(txn, wait_seconds)

    @to_the_end
    async def abort(self, txn: Transaction, reason: str) -> None:
        async with self._lock:
            if txn.state not in ("PREPARE", "PREPARED"):
                raise TransactionRefused(f"transaction's state is already {txn.state}, could not abort")
            await self._abort(txn, reason)

    async def _abort(self, txn: Transaction, reason: str) -> None:
        await self._change(txn, self._journal_dropping, state="ABORTED", reason=reason, finish_time=self.clock.now())

    async def _change(self, txn: Transaction, journal, **fields) -> None:
        """Nobody sees a state that a crash could take back: it is written first."""
        changed = replace(txn, **fields)
        await self.storage.write(journal, changed)
        vars(txn).update(vars(changed))

    @staticmethod
    def _demand(txn: Transaction, state: str, what: str) -> None:
        if txn.state != state:
            raise TransactionRefused(f"transaction [{txn.id}] is {txn.state}, can not {what}: {txn.reason}")

    # ---- publishing

    def _due(self, txn: Transaction) -> bool:
        return not self.settings.stuck_publish and self.clock.now() >= txn.commit_time + self.settings.publish_delay

    def _publishable_at_once(self, txn: Transaction) -> bool:
        earlier = [other for other in self.known.values() if other.state == "COMMITTED" and set(other.tables) & set(txn.tables)]
        return not self.settings.stuck_publish and self.settings.publish_delay == 0 and not earlier

    async def _wait_visible(self, txn: Transaction, seconds: float) -> bool:
        deadline = asyncio.ensure_future(self.clock.sleep_until(txn.commit_time + seconds))
        try:
            while txn.state == "COMMITTED" and not deadline.done():
                await asyncio.wait({deadline, asyncio.ensure_future(self._next_publish())},
                                   return_when=asyncio.FIRST_COMPLETED)
        finally:
            deadline.cancel()
        return txn.state == "VISIBLE"

    async def _next_publish(self) -> None:
        async with self._published:
            await self._published.wait()

    async def publish_due(self) -> None:
        """COMMITTED transactions whose time has come, each table's in commit order."""
        async with self._lock:
            blocked: set[int] = set()
            for txn in sorted((t for t in self.known.values() if t.state == "COMMITTED"), key=lambda t: (t.commit_time, t.id)):
                if blocked & set(txn.tables) or not self._due(txn):
                    blocked |= set(txn.tables)
                    continue
                now = self.clock.now()
                await self._change(txn, self._journal_published, state="VISIBLE", publish_time=now, finish_time=now)
        async with self._published:
            self._published.notify_all()

    # ---- in the write thread

    def journal(self, txn: Transaction) -> None:
        self.storage.put("transaction", txn.id, asdict(txn))

    def _journal_dropping(self, txn: Transaction) -> None:
        stages, txn.stages = txn.stages, []
        self.journal(txn)
        for stage in stages:
            self.storage.stages.drop(stage.name)

    def _journal_published(self, txn: Transaction) -> None:
        record = {"transaction": txn.id, "label": txn.label, "db": txn.db, "tables": {}}
        stages, txn.stages = txn.stages, []
        with self.storage.transaction():
            for stage in stages:
                if stage.table in self.catalog.tables:
                    self._publish_stage(stage, record)
            self.journal(txn)
        for stage in stages:
            self.storage.stages.drop(stage.name)
        self.version += 1
        record["version"] = self.version
        if self.settings.record_commits:
            self.commits.append(record)

    def _publish_stage(self, stage: StageRef, record: dict) -> None:
        table = self.catalog.tables[stage.table]
        columns = [name for name in stage.columns if table.find(name) is not None]
        if self.settings.record_commits:
            record["tables"][table.name] = self._rows_of(stage, columns)
        if self.settings.one_op_per_key and table.is_primary:
            self._note_repeated(stage, table, record["label"])
        bug = self.settings.deletes_after_upserts and self.settings.shared_data
        publish(self.storage, table, stage.name, columns, stage.merge_condition, stage.partial, bug)
        if stage.rows:
            versions = 2 if self.settings.compaction else table.versions + 1
            if versions != table.versions:
                table.versions = versions
                self.catalog.save(table)

    def _note_repeated(self, stage: StageRef, table, label: str) -> None:
        keys = ", ".join(quote_name(column.name) for column in table.key_columns)
        found = self.storage.prepared.execute(f"SELECT {keys}, count(*), count(DISTINCT __op) FROM {stage_table(stage.name)} "
                                              f"GROUP BY {keys} HAVING count(*) > 1 LIMIT 10")
        for *key, operations, kinds in found.fetchall():
            self.repeated.append({"label": label, "table": table.name, "key": [str(part) for part in key],
                                  "operations": operations, "kinds": kinds})
            self.storage.put("repeated", len(self.repeated), self.repeated[-1])

    async def forget_repeated(self) -> None:
        while self.repeated:
            await self.storage.write(self.storage.remove, "repeated", len(self.repeated))
            self.repeated.pop()

    def _rows_of(self, stage: StageRef, columns: list[str]) -> list[dict]:
        names = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in ["__op", *columns])
        cursor = self.storage.connection.execute(f"SELECT {names} FROM {stage_table(stage.name)} ORDER BY __row")
        return [dict(zip(["__op", *columns], row)) for row in cursor.fetchall()]

    # ---- time passes

    async def sweep(self) -> None:
        """Every 30 virtual seconds: time-outs first, then what is forgotten."""
        if self.clock.now() - self._last_sweep < SWEEP_SECONDS:
            return
        self._last_sweep = self.clock.now()
        async with self._lock:
            for txn in list(self.known.values()):
                if self._timed_out(txn):
                    await self._abort(txn, "timeout by txn manager")
            await self.forget()

    def _timed_out(self, txn: Transaction) -> bool:
        now = self.clock.now()
        if txn.state == "PREPARE":
            return now > txn.prepare_time + txn.timeout
        return txn.state == "PREPARED" and now > txn.prepared_time + txn.prepared_timeout

    async def forget(self, keep: int | None = None) -> None:
        """Finished transactions beyond the number or the age that a database keeps."""
        keep = self.settings.label_keep_num if keep is None else keep
        now = self.clock.now()
        for db in {txn.db for txn in self.known.values()}:
            finished = sorted((t for t in self.known.values() if t.db == db and t.state in FINAL), key=lambda t: t.finish_time)
            surplus = len(finished) - keep
            for index, txn in enumerate(finished):
                if index < surplus or now - txn.finish_time > self.settings.label_keep_second:
                    del self.known[txn.id]
                    await self.storage.write(self.storage.remove, "transaction", txn.id)

    async def forget_database(self, db: str) -> None:
        async with self._lock:
            gone = [txn.id for txn in self.known.values() if txn.db == db]
            for number in gone:
                del self.known[number]
            await self.storage.write(self.storage.remove, "transaction", *gone)
