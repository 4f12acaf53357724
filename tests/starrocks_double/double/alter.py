"""ALTER TABLE: what happens at once, and jobs that run through PENDING, WAITING_TXN, RUNNING to FINISHED."""

import asyncio
from copy import copy
from dataclasses import asdict, dataclass, replace

from .catalog import Catalog, Column, Refused, Table, analyzing
from .ddl import Clause, Statement
from .stages import stage_table
from .transactions import Transactions
from .types import INTEGERS, Type
from .values import from_text, quote_name

INTEGER_ORDER = list(INTEGERS)
OPEN_STATES = ("PENDING", "WAITING_TXN", "RUNNING", "FINISHED_REWRITING")
COLUMN_CLAUSES = ("add_column", "drop_column", "modify_column", "order_by")


@dataclass
class AlterJob:
    """`columns`: the definition after the job. It waits for transactions whose number is below `watershed`."""

    id: int
    db: str
    table: int
    table_name: str
    created: float
    watershed: int
    columns: list[dict]
    order_by: list[str] | None = None
    state: str = "PENDING"
    message: str = ""
    finished: float | None = None
    rewritten: float | None = None
    timeout: int = 86400
    fast: bool = False


class AlterJobs:
    """The FE's schema change handler."""

    def __init__(self, catalog: Catalog, transactions: Transactions, clock, settings):
        self.catalog, self.transactions, self.clock, self.settings = catalog, transactions, clock, settings
        self.storage = catalog.storage
        self._stepping = asyncio.Lock()
        self.jobs = {number: AlterJob(**record) for number, record in self.storage.records("alter").items()}

    def open_job(self, table: Table) -> AlterJob | None:
        return next((job for job in self.jobs.values() if job.table == table.id and job.state in OPEN_STATES), None)

    # ---- a statement

    async def execute(self, statement: Statement, db: str) -> None:
        table = self.catalog.need(db, statement.name)
        if self.open_job(table) is not None:
            raise Refused(f"Table [{table.name}]'s state(SCHEMA_CHANGE) is not NORMAL. Do not allow doing ALTER ops", 1064, "42000")
        kinds = {clause.kind for clause in statement.clauses}
        if len(kinds) > 1 and not kinds <= set(COLUMN_CLAUSES):
            raise analyzing("Alter operation conflicts: column operations cannot be mixed with others in one statement")
        if kinds <= set(COLUMN_CLAUSES):
            await self.change_columns(table, statement.clauses)
            return
        for clause in statement.clauses:
            await self.at_once(table, clause)

    async def at_once(self, table: Table, clause: Clause) -> None:
        if clause.kind == "rename_column":
            await self.storage.write(self.rename_column, table, clause)
        elif clause.kind == "rename":
            if self.catalog.find(table.db, clause.new_name) is not None:
                raise Refused(f"Table name[{clause.new_name}] is already used", 1064)
            table.name = clause.new_name
        elif clause.kind == "swap":
            other = self.catalog.need(table.db, clause.new_name)
            table.name, other.name = other.name, table.name
            await self.storage.write(self.catalog.save, other)
        elif clause.kind == "comment":
            if not self.settings.at_least(3, 1):
                raise Refused("Getting syntax error. Detail message: Unexpected input 'COMMENT'.")
            table.comment = clause.comment
        elif clause.kind == "set":
            self.set_properties(table, clause.properties)
        await self.storage.write(self.catalog.save, table)

    @staticmethod
    def set_properties(table: Table, properties: dict[str, str]) -> None:
        if "fast_schema_evolution" in properties:
            raise analyzing("Unknown table property: [fast_schema_evolution]")
        table.properties.update(properties)

    def rename_column(self, table: Table, clause: Clause) -> None:
        if not self.settings.at_least(3, 3, 2):
            raise Refused("Getting syntax error. Detail message: Unexpected input 'COLUMN'.")
        column = table.find(clause.name)
        if column is None:
            raise self.catalog.unknown_column(clause.name)
        if table.find(clause.new_name) is not None:
            raise Refused(f"Column name[{clause.new_name}] is already used", 1060, "42S21")
        old, new = column.name, clause.new_name
        with self.storage.transaction() as connection:
            connection.execute(f"ALTER TABLE {table.physical} RENAME COLUMN {quote_name(old)} TO {quote_name(new)}")
            column.name = new
            for names in (table.keys, table.distributed_by, table.order_by):
                names[:] = [new if name.lower() == old.lower() else name for name in names]
            self.catalog.save(table)
            self.rename_in_stages(connection, table, old, new)

    def rename_in_stages(self, connection, table: Table, old: str, new: str) -> None:
        """Columns have numbers at the server, so an open load follows a rename."""
        for txn in self.transactions.open_on(table.id):
            for stage in txn.stages:
                if stage.table == table.id and old in stage.columns:
                    connection.execute(f"ALTER TABLE {stage_table(stage.name)} RENAME COLUMN {quote_name(old)} TO {quote_name(new)}")
                    self.storage.stages.altered(stage.name)
                    stage.columns = [new if name == old else name for name in stage.columns]
                    self.transactions.journal(txn)

    # ---- ADD, DROP, MODIFY

    async def change_columns(self, table: Table, clauses: list[Clause]) -> None:
        columns = [Column.restore(column.record()) for column in table.columns]
        order_by, fast = None, True
        for clause in clauses:
            if clause.kind == "add_column":
                self.add(table, columns, clause)
            elif clause.kind == "drop_column":
                self.drop(table, columns, clause)
            elif clause.kind == "modify_column":
                fast = self.modify(table, columns, clause) and fast
            else:
                order_by, fast = clause.order_by, False
        timeout = next((int(c.properties["timeout"]) for c in clauses if "timeout" in c.properties), 86400)
        evolves = self.settings.shared_data and self.settings.at_least(3, 3) and self.settings.fast_schema_evolution
        fast = fast and (table.fast_schema_evolution or evolves)
        job = AlterJob(self.catalog.take_id(), table.db, table.id, table.name, self.clock.now(), self.transactions.next_id,
                       [column.record() for column in columns], order_by, timeout=timeout, fast=fast)
        async with self._stepping:
            self.jobs[job.id] = job
            await self.storage.write(self.finish if fast else self.keep, job)
        await self.step()

    def add(self, table: Table, columns: list[Column], clause: Clause) -> None:
        definition = clause.column
        if any(column.name.lower() == definition.name.lower() for column in columns):
            raise Refused(f"Can not add column which already exists in base table: {definition.name}", 1060, "42S21")
        if clause.first and table.is_primary:
            raise analyzing("can not add value column at first before key columns")
        column = self.catalog.define_column(definition, False, False, self.settings.release)
        if definition.nullable is False and not column.has_default:
            raise analyzing(f"column {column.name} is not nullable and has no default value")
        column.nullable = definition.nullable is not False
        columns.insert(self.place(columns, clause), column)

    def place(self, columns: list[Column], clause: Clause) -> int:
        if clause.first:
            return 0
        if clause.after is None:
            return len(columns)
        for index, column in enumerate(columns):
            if column.name.lower() == clause.after.lower():
                keys = sum(column.key for column in columns)
                if index + 1 < keys:
                    raise analyzing(f"Cannot add value column after key column: {clause.after}")
                return index + 1
        raise self.catalog.unknown_column(clause.after)

    def drop(self, table: Table, columns: list[Column], clause: Clause) -> None:
        column = next((column for column in columns if column.name.lower() == clause.name.lower()), None)
        if column is None:
            raise Refused(f"Column does not exists: {clause.name}", *((5509, "42S22") if self.settings.new_error_codes else (1054, "42S22")))
        if column.key and table.is_primary:
            raise analyzing("Can not drop key column in primary data model table")
        if column.name.lower() in [name.lower() for name in table.order_by]:
            raise analyzing(f"Can not drop sort column[{column.name}] in primary data model table")
        columns.remove(column)

    def modify(self, table: Table, columns: list[Column], clause: Clause) -> bool:
        """True when no stored value has to be rewritten."""
        old = next((column for column in columns if column.name.lower() == clause.column.name.lower()), None)
        if old is None:
            raise Refused(f"Column[{clause.column.name}] does not exists", *((5509, "42S22") if self.settings.new_error_codes else (1054, "42S22")))
        if old.key and table.is_primary:
            raise analyzing(f"Can not modify key column: {old.name} for primary key table")
        new = self.catalog.define_column(clause.column, False, False, self.settings.release)
        new.name = old.name
        new.nullable = clause.column.nullable is not False
        if old.nullable and not new.nullable:
            raise analyzing("Can not change from nullable to non-nullable")
        is_sort = old.name.lower() in [name.lower() for name in table.order_by]
        if new.type != old.type and is_sort:
            raise analyzing(f"Can not modify sort column: {old.name}")
        if not convertible(old.type, new.type):
            raise analyzing(f"Can not change {old.type.text()} to {new.type.text()}")
        if new.shown_default() != old.shown_default():
            raise analyzing("Can not change default value")
        index = columns.index(old)
        columns[index] = new
        if clause.first or clause.after is not None:
            columns.remove(new)
            columns.insert(self.place(columns, clause), new)
        return new.type == old.type or (new.type.name == old.type.name == "VARCHAR" and new.type.length >= old.type.length)

    # ---- jobs

    def keep(self, job: AlterJob) -> None:
        self.storage.put("alter", job.id, asdict(job))

    async def step(self) -> None:
        """Moves every open job on as far as it can go now. A statement and the clock may both come here."""
        async with self._stepping:
            await self._step()

    async def _step(self) -> None:
        for job in [job for job in self.jobs.values() if job.state in OPEN_STATES]:
            if job.table not in self.catalog.tables:
                job.state, job.message, job.finished = "CANCELLED", "Table has been dropped", self.clock.now()
                await self.storage.write(self.keep, job)
                continue
            if self.clock.now() - job.created > job.timeout:
                await self.cancel(job, "Timeout")
                continue
            await self.move_on(job)

    async def move_on(self, job: AlterJob) -> None:
        if job.state == "PENDING":
            job.state = "WAITING_TXN"
            await self.storage.write(self.keep, job)
        if job.state == "WAITING_TXN" and not self.earlier_transactions(job):
            job.state, job.rewritten = "RUNNING", self.clock.now() + self.settings.alter_job_seconds
            await self.storage.write(self.keep, job)
        if job.state == "RUNNING" and self.clock.now() >= job.rewritten:
            await self.storage.write(self.finish, job)

    def earlier_transactions(self, job: AlterJob) -> list:
        return [txn for txn in self.transactions.open_on(job.table) if txn.id < job.watershed]

    async def cancel(self, job: AlterJob, message: str) -> None:
        job.state, job.message, job.finished = "CANCELLED", message, self.clock.now()
        await self.storage.write(self.keep, job)

    def finish(self, job: AlterJob) -> None:
        """In the write thread: the table gets its new shape, and existing rows their values. Others see it when it is committed."""
        table = self.catalog.tables[job.table]
        columns = [Column.restore(record) for record in job.columns]
        before = {column.name: column for column in table.columns}
        after = {column.name for column in columns}
        new = {"columns": columns, "schema_version": table.schema_version + 1, "order_by": job.order_by or table.order_by}
        end = {"state": "FINISHED", "finished": self.clock.now()}
        shaped = copy(table)
        shaped.__dict__.update(new)
        with self.storage.transaction() as connection:
            for name in before:
                if name not in after:
                    connection.execute(f"ALTER TABLE {table.physical} DROP COLUMN {quote_name(name)}")
            for column in columns:
                self.reshape(connection, table, before.get(column.name), column)
            self.catalog.save(shaped)
            self.keep(replace(job, **end))
        table.__dict__.update(new)
        job.__dict__.update(end)

    @staticmethod
    def reshape(connection, table: Table, old: Column | None, new: Column) -> None:
        name, physical = quote_name(new.name), new.type.physical()
        if old is None:
            connection.execute(f"ALTER TABLE {table.physical} ADD COLUMN {name} {physical}")
            if new.has_default:
                connection.execute(f"UPDATE {table.physical} SET {name} = CAST({new.default_sql()} AS {physical})")
        elif old.type != new.type:
            text = f"CAST({name} AS VARCHAR)"
            connection.execute(f"ALTER TABLE {table.physical} ALTER COLUMN {name} TYPE {physical} USING ({from_text(new.type, text)})")


def convertible(old: Type, new: Type) -> bool:
    """The conversions that MODIFY COLUMN's page lists; a DECIMAL's growth is not among them."""
    if old == new:
        return True
    if old.name in INTEGERS and new.name in INTEGERS:
        return INTEGER_ORDER.index(new.name) > INTEGER_ORDER.index(old.name)
    if old.name in INTEGERS and new.name in ("DOUBLE", "FLOAT"):
        return new.name == "DOUBLE" or old.name in ("TINYINT", "SMALLINT", "INT")
    if (old.name, new.name) in (("FLOAT", "DOUBLE"), ("DATE", "DATETIME"), ("DATETIME", "DATE"), ("INT", "DATE")):
        return True
    if new.name == "VARCHAR":
        return old.name in (*INTEGERS, "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "JSON", "DATE")
    if old.name in ("VARCHAR", "CHAR"):
        return new.name in (*INTEGERS, "FLOAT", "DOUBLE", "DATE", "JSON", "CHAR")
    return False
