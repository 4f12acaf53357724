"""INSERT, UPDATE and DELETE by SQL: staged and published as loads are; explicit transactions from 3.5 on."""

import duckdb

from .catalog import Refused, Table, analyzing, stage_columns
from .mysql_wire import Result
from .query import Queries
from .stages import stage_table
from .transactions import LabelUsed, StageRef, TransactionRefused
from .values import from_text, key_bytes, quote_name, quote_text


class Changes:
    def __init__(self, cluster, queries: Queries):
        self.cluster, self.queries = cluster, queries

    @property
    def storage(self):
        return self.cluster.storage

    async def run(self, tree, session) -> Result:
        from sqlglot import exp

        if isinstance(tree, exp.Query):
            return await self.queries.select(tree, session)
        table = self.queries.target(tree, session)
        if not self.cluster.users.may_insert(session.user, table.db, table.name):
            raise Refused(self.cluster.users.denial(type(tree).__name__.upper(), table.name), 5203, "42000")
        if isinstance(tree, exp.Insert):
            if tree.args.get("overwrite"):
                raise Refused("INSERT OVERWRITE is beyond this double")
            work, arguments = self.stage_values if isinstance(tree.expression, exp.Values) else self.stage_insert, (tree, table, session)
        elif isinstance(tree, exp.Update):
            work, arguments = self.stage_update, (tree, table, session)
        else:
            work, arguments = self.stage_delete, (tree, table, session)
        name = await self.storage.write(self.storage.stages.take, stage_columns(table.columns))
        try:
            rows = await self.storage.write(work, name, *arguments)
        except duckdb.Error as error:
            await self.storage.write(self.storage.stages.drop, name)
            raise self.queries.refusal(error) from error
        except Refused:
            await self.storage.write(self.storage.stages.drop, name)
            raise
        stage = StageRef(table.id, name, [column.name for column in table.columns], rows=rows)
        return await self.finish(stage, session, table)

    async def finish(self, stage: StageRef, session, table: Table) -> Result:
        if session.open_stages is not None:
            session.open_stages.append((table.db, stage))
            return Result(affected=stage.rows)
        txn = await self.commit_stages(table.db, [stage])
        return Result(affected=stage.rows, info=f"{{'label':'{txn.label}', 'status':'{txn.state}', 'txnId':'{txn.id}'}}")

    async def commit_stages(self, db: str, stages: list[StageRef]):
        transactions = self.cluster.transactions
        try:
            txn = await transactions.begin(db, f"insert_{self.cluster.new_uuid()}", "INSERT_STREAMING", "fe",
                                           sorted({stage.table for stage in stages}), 300)
            await transactions.commit(txn, stages, self.cluster.settings.insert_wait)
        except (TransactionRefused, LabelUsed) as refused:
            raise Refused(str(refused)) from refused
        return txn

    # ---- explicit transactions

    async def begin(self, session) -> Result:
        if self.cluster.settings.at_least(3, 5):
            session.open_stages = []
        return Result()

    async def commit(self, session) -> Result:
        staged, session.open_stages = session.open_stages, None
        if staged:
            if len({db for db, _ in staged}) > 1:
                await self.drop(staged)
                raise Refused("Transaction does not support multiple databases")
            await self.commit_stages(staged[0][0], [stage for _, stage in staged])
        return Result()

    async def rollback(self, session) -> Result:
        staged, session.open_stages = session.open_stages, None
        await self.drop(staged or [])
        return Result()

    async def drop(self, staged: list) -> None:
        for _, stage in staged:
            await self.storage.write(self.storage.stages.drop, stage.name)

    # ---- in the write thread: rows into a stage

    def fill_stage(self, name: str, table: Table, operation: int, values: list[str], source: str) -> int:
        statement = f"INSERT INTO {stage_table(name)} SELECT row_number() OVER (), {operation}, false, {', '.join(values)} FROM {source}"
        return self.storage.connection.execute(statement).fetchone()[0]

    def stage_values(self, name: str, tree, table: Table, session) -> int:
        with self.storage.unoptimized():
            return self.stage_insert(name, tree, table, session)

    def stage_insert(self, name: str, tree, table: Table, session) -> int:
        from sqlglot import exp

        named = [column.name for column in tree.this.expressions] if isinstance(tree.this, exp.Schema) else \
            [column.name for column in table.columns]
        for column in named:
            if table.find(column) is None:
                raise self.cluster.catalog.unknown_column(column)
        source = self.queries.translate(tree.expression, session)
        connection = self.storage.connection
        names = [f"i{index}" for index in range(len(named))]
        width = len(connection.execute(f"SELECT * FROM ({source}) LIMIT 0").description)
        if width != len(named):
            raise analyzing(f"Inserted target column count: {len(named)} doesn't match select/value column count: {width}")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE inserted AS SELECT * FROM ({source}) AS v({', '.join(names)})")
        values = self.converted(table, dict(zip((column.lower() for column in named), names)))
        rows = self.fill_stage(name, table, 0, values, "inserted")
        self.check(name, table)
        return rows

    def converted(self, table: Table, inputs: dict[str, str]) -> list[str]:
        """Each column's value; what does not fit ends the statement, as enable_insert_strict has it."""
        values = []
        kinds = self.kinds(list(inputs.values()))
        for column in table.columns:
            source = inputs.get(column.name.lower())
            if source is None:
                if not column.nullable and not column.has_default:
                    raise analyzing(f"'{column.name}' must be explicitly mentioned in column permutation")
                values.append(f"CAST({column.default_sql()} AS {column.type.physical()})")
                continue
            value = self.as_type(column, source, kinds.get(source))
            problem = quote_text(f"Insert has filtered data in strict mode: value out of range for column '{column.name}'")
            values.append(f"CASE WHEN {source} IS NOT NULL AND ({value}) IS NULL THEN error({problem}) ELSE {value} END")
        return values

    def kinds(self, sources: list[str]) -> dict[str, str]:
        """DuckDB's types of what is inserted; none when that is no row."""
        types = ", ".join(f"typeof({source})" for source in sources)
        row = self.storage.connection.execute(f"SELECT {types} FROM inserted LIMIT 1").fetchone()
        return dict(zip(sources, row)) if row else {}

    @staticmethod
    def as_type(column, source: str, kind: str | None) -> str:
        if column.type.name in ("ARRAY", "VARBINARY") or kind == "BLOB":
            return f"TRY_CAST({source} AS {column.type.physical()})"
        return from_text(column.type, f"CAST({source} AS VARCHAR)")

    def check(self, name: str, table: Table) -> None:
        for column in table.columns:
            if not column.nullable:
                sql = f"SELECT count(*) FROM {stage_table(name)} WHERE {quote_name(column.name)} IS NULL"
                if self.storage.prepared.execute(sql).fetchone()[0]:
                    raise Refused(f"Insert has filtered data in strict mode: NULL value in non-nullable column '{column.name}'")
        if table.is_primary:
            keys = table.key_columns
            size = key_bytes([column.type for column in keys], [quote_name(column.name) for column in keys])
            longest = self.storage.prepared.execute(f"SELECT coalesce(max({size}), 0) FROM {stage_table(name)}").fetchone()[0]
            if longest > self.cluster.settings.primary_key_limit:
                raise Refused("primary key size exceed the limit")

    def stage_update(self, name: str, tree, table: Table, session) -> int:
        if not table.is_primary:
            raise analyzing("only support updating primary key table")
        if tree.args.get("where") is None:
            raise analyzing("must specify where clause to prevent full table update")
        changed = {}
        for assignment in tree.expressions:
            column = table.find(assignment.this.name)
            if column is None:
                raise self.cluster.catalog.unknown_column(assignment.this.name)
            if column.key:
                raise analyzing(f"primary key column cannot be updated: {column.name}")
            changed[column.name] = self.queries.translate(assignment.expression, session)
        where = self.queries.translate(tree.args["where"].this, session)
        selected = ", ".join(f"{changed.get(c.name, quote_name(c.name))} AS i{index}" for index, c in enumerate(table.columns))
        self.storage.connection.execute(f"CREATE OR REPLACE TEMP TABLE inserted AS SELECT {selected} FROM {table.physical} AS {quote_name(table.name)} WHERE {where}")
        inputs = {column.name.lower(): f"i{index}" for index, column in enumerate(table.columns)}
        rows = self.fill_stage(name, table, 0, self.converted(table, inputs), "inserted")
        self.check(name, table)
        return rows

    def stage_delete(self, name: str, tree, table: Table, session) -> int:
        if tree.args.get("where") is None:
            raise analyzing("Delete must specify where clause to prevent full table delete")
        if not table.is_primary:
            raise Refused("DELETE from a table without primary key is beyond this double")
        where = self.queries.translate(tree.args["where"].this, session)
        others = "".join(", " + self.queries.translate(other, session) for other in tree.args.get("using") or [])
        alias = quote_name(tree.this.alias_or_name)
        values = [f"{alias}.{quote_name(column.name)}" for column in table.columns]
        return self.fill_stage(name, table, 1, values, f"{table.physical} AS {alias}{others} WHERE {where}")
