"""Multi-table transactions (4.0 and later): a task in the leader FE's memory, gone when that FE restarts."""

import asyncio

from .ingest import Stage
from .load_spec import LoadRefused
from .transactions import LabelUsed, StageRef, TransactionRefused

DEFAULT_TIMEOUT = 20


class MultiTask:
    """BEGIN -> COMMITING -> COMMITED, or BEGIN -> ABORTING -> CANCELLED."""

    def __init__(self, cluster, db: str, label: str, timeout: float):
        self.cluster, self.db, self.label, self.timeout = cluster, db, label, timeout
        self.state = "BEGIN"
        self.began = cluster.clock.now()
        self.txn = None
        self.reason = ""
        self.contexts: dict[str, object] = {}
        self.backends: dict[str, str] = {}
        self._registering = asyncio.Lock()

    @property
    def stages(self) -> list[Stage]:
        return [context.stage for context in self.contexts.values() if context.stage is not None]

    async def register(self) -> None:
        """The transaction becomes known to the transaction manager: at the first load, in early 4.0 at the commit."""
        async with self._registering:
            if self.txn is None:
                self.txn = await self.cluster.transactions.begin(self.db, self.label, "MULTI_STATEMENT_STREAMING", "fe", [],
                                                                 max(self.timeout, 1))

    async def lose(self, reason: str) -> None:
        """Its FE is gone, and with it a commit that was on its way: it is done already, or never."""
        if self.state == "COMMITING":
            self.state = "BEGIN"
        await self.cancel(reason)

    async def cancel(self, reason: str) -> None:
        if self.state != "BEGIN":
            return
        self.state, self.reason = "ABORTING", reason
        if self.txn is not None and self.txn.state == "PREPARE":
            await self.cluster.abort_quietly(self.txn, reason)
        for stage in self.stages:
            await self.cluster.storage.write(self.cluster.storage.stages.drop, stage.name)
        self.forget_contexts()
        self.state = "CANCELLED"

    def forget_contexts(self) -> None:
        for table, backend in self.backends.items():
            self.cluster.backends[backend].multi_contexts.pop((self.label, table), None)

    async def commit(self, wait: float) -> bool:
        """True when visible. Raises LoadRefused or TransactionRefused after the whole transaction was aborted."""
        self.state = "COMMITING"
        try:
            await self.register()
            if not self.contexts:
                raise LoadRefused(f"transaction {self.label} hasn't send any data yet")
            await self.complete()
            references = [reference(context) for context in self.contexts.values()]
            visible = await self.cluster.transactions.commit(self.txn, references, wait)
        except (LoadRefused, TransactionRefused, LabelUsed) as refused:
            self.state = "BEGIN"
            await self.cancel(str(refused))
            raise
        self.forget_contexts()
        self.state = "COMMITED"
        return visible

    async def complete(self) -> None:
        for table, context in self.contexts.items():
            backend = self.cluster.backends[self.backends[table]]
            if (self.label, table) not in backend.multi_contexts:
                raise LoadRefused(f"coordinator of table {table} is lost: backend {backend.name} was restarted")
            if context.stage is None:
                raise LoadRefused(f"transaction {self.label} hasn't send any data yet for table {table}")
            if context.busy:
                raise LoadRefused(f"load of table {table} is still running")
            await self.cluster.storage.write(context.stage.finish)
            try:
                backend.check_stage(context.stage)
            except LoadRefused as refused:
                raise LoadRefused(self.with_log(refused.message, backend, context), refused.code) from None

    @staticmethod
    def with_log(message: str, backend, context) -> str:
        """The FE's reply has no ErrorURL of its own: where the log is stands in the message."""
        errors = context.stage.counts.errors
        return f"{message}, table: {context.table.name}, tracking url: {backend.write_error_log(errors)}" if errors else message

    @property
    def status(self) -> str:
        """What a second begin is told of this label."""
        if self.state == "COMMITED" and self.txn is not None:
            return self.txn.state
        return self.state


def reference(context) -> StageRef:
    stage = context.stage
    return StageRef(context.table.id, stage.name, [column.name for column in stage.columns], stage.spec.partial_update,
                    stage.spec.merge_condition, stage.counts.loaded)
