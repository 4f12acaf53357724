"""A MySQL session: statements go to the DDL parser, to SHOW and SET, or to the queries; anything else is refused."""

import asyncio
import json

from . import ddl
from .catalog import Refused, Table, analyzing
from .changes import Changes
from .faults import Fault, hang
from .mysql_wire import Hangup, Result
from .query import Queries, parse
from .show import Show
from .statements import Command, parse_command
from .tokens import SyntaxRefused, split_statements


class Session:
    """One connection to the query port of an FE."""

    def __init__(self, cluster, node: str, user: str):
        self.cluster, self.node, self.user = cluster, node, user
        self.db: str | None = None
        self.open_stages: list | None = None
        self.queries = Queries(cluster.catalog, cluster)
        self.changes = Changes(cluster, self.queries)
        self.show = Show(cluster)

    def split(self, text: str) -> list[str]:
        try:
            return split_statements(text)
        except SyntaxRefused as refused:
            raise Refused(str(refused)) from refused

    async def use(self, db: str) -> None:
        self.db = self.cluster.catalog.need_database(db)

    async def execute(self, sql: str) -> Result:
        entry = self.cluster.wire.statement(self.node, sql)
        await self.strike("before", sql)
        try:
            result = await self.run(sql)
            self.cluster.wire.end_statement(entry, "OK")
        except SyntaxRefused as refused:
            self.cluster.wire.end_statement(entry, str(refused))
            raise Refused(str(refused)) from refused
        except Refused as refused:
            self.cluster.wire.end_statement(entry, refused.message)
            raise
        await self.strike("after", sql)
        return result

    async def strike(self, phase: str, sql: str) -> None:
        fault = self.cluster.statement_fault(self.node, sql, phase)
        if fault is not None:
            await self.carry_out(fault)

    async def carry_out(self, fault: Fault) -> None:
        if fault.action == "delay":
            await asyncio.sleep(float(fault.argument))
        elif fault.action == "hang":
            await hang()
        elif fault.action == "error":
            code, _, message = str(fault.argument).partition(":")
            raise Refused(message, int(code), "HY000")
        else:
            if fault.action in ("crash", "restart", "kill"):
                await self.cluster.on_fatal(self.node, fault.action)
            raise Hangup

    async def run(self, sql: str) -> Result:
        if self.cluster.leader() is None:
            raise Refused("leader is unavailable, please retry later")
        statement = ddl.parse_or_none(sql)
        if statement is not None:
            return await self.define(statement)
        command = parse_command(sql)
        if command is not None:
            return await self.command(command)
        return await self.changes.run(parse(sql), self)

    # ---- commands

    async def command(self, command: Command) -> Result:
        if command.kind == "nothing":
            return Result()
        if command.kind == "use":
            await self.use(command.db)
            return Result()
        if command.kind == "beyond":
            raise Refused(f"{command.text} is beyond this double")
        if command.kind in ("begin", "commit", "rollback"):
            return await getattr(self.changes, command.kind)(self)
        return self.show.answer(command, self)

    # ---- DDL

    async def define(self, statement: ddl.Statement) -> Result:
        catalog = self.cluster.catalog
        if not self.cluster.users.by_name[self.user].may_create:
            raise Refused(self.cluster.users.denial("CREATE TABLE, ALTER", statement.name), 5203, "42000")
        if statement.kind == "create_database":
            return await self.create_database(statement)
        if statement.kind == "drop_database":
            return await self.drop_database(statement)
        db = catalog.need_database(statement.db or self.db)
        if statement.kind == "create_table":
            return await self.create_table(statement, db)
        if statement.kind == "drop_table":
            return await self.drop_table(statement, db)
        if statement.kind == "alter_table":
            await self.cluster.alter_jobs.execute(statement, db)
            return Result()
        table = catalog.need(db, statement.name)
        if statement.kind == "truncate":
            await self.cluster.storage.write(self.truncate, table)
            return Result()
        return await self.cancel_alter(table)

    async def create_database(self, statement: ddl.Statement) -> Result:
        name, catalog = statement.name, self.cluster.catalog
        if name in catalog.databases:
            if statement.if_exists:
                return Result()
            raise Refused(f"Can't create database '{name}'; database exists", 1007, "HY000")
        if len(name) > 256 or not name:
            raise Refused(f"Incorrect database name '{name}'", 1102, "42000")
        await self.cluster.storage.write(catalog.create_database, name)
        return Result()

    async def drop_database(self, statement: ddl.Statement) -> Result:
        name, catalog = statement.name, self.cluster.catalog
        if name not in catalog.databases:
            if statement.if_exists:
                return Result()
            catalog.need_database(name)
        await self.cluster.storage.write(catalog.drop_database, name)
        await self.cluster.transactions.forget_database(name)
        return Result()

    async def create_table(self, statement: ddl.Statement, db: str) -> Result:
        catalog = self.cluster.catalog
        if catalog.find(db, statement.name) is not None:
            if statement.if_exists:
                return Result()
            raise Refused(f"Table '{statement.name}' already exists", 1050, "42S01")
        if statement.like is not None:
            source = catalog.need(statement.like[0] or db, statement.like[1])
            table = Table.restore(json.loads(json.dumps(source.record())))
            table.id, table.db, table.name, table.versions = catalog.take_id(), db, statement.name, 1
        else:
            table = await self.cluster.storage.write(catalog.define, statement, db, self.cluster.clock.now())
        await self.cluster.storage.write(catalog.create, table)
        return Result()

    async def drop_table(self, statement: ddl.Statement, db: str) -> Result:
        catalog = self.cluster.catalog
        table = catalog.find(db, statement.name)
        if table is None and statement.if_exists:
            return Result()
        table = catalog.need(db, statement.name)
        committed = [txn for txn in self.cluster.transactions.open_on(table.id) if txn.state == "COMMITTED"]
        if committed and not statement.force:
            raise analyzing(f"There are still some transactions in the COMMITTED state waiting to be completed. The table "
                            f"[{table.name}] cannot be dropped. If you want to forcibly drop(cannot be recovered), please use "
                            f"\"DROP TABLE <table> FORCE\"")
        await self.cluster.storage.write(catalog.drop, table)
        return Result()

    def truncate(self, table: Table) -> None:
        with self.cluster.storage.transaction() as connection:
            connection.execute(f"DELETE FROM {table.physical}")
            table.versions = 1
            self.cluster.catalog.save(table)

    async def cancel_alter(self, table: Table) -> Result:
        job = self.cluster.alter_jobs.open_job(table)
        if job is None:
            raise analyzing(f"Table[{table.name}] is not under SCHEMA_CHANGE")
        await self.cluster.alter_jobs.cancel(job, "user cancelled")
        return Result()
