"""A BE: contexts of transaction loads live in its memory alone, and die with it."""

import time

from .http1 import BodyCut, Request, Response
from .ingest import Stage
from .load_spec import LABEL, LoadRefused, LoadSpec, load_headers
from .transactions import LabelUsed, StageRef, Transaction, TransactionRefused

SWEEP_SECONDS = 30
TRANSACTION_OPS = ("begin", "load", "prepare", "commit", "rollback", "list")


class Context:
    """What a BE knows of one label (single-table mode), or of one (label, table) of a multi-table transaction."""

    def __init__(self, txn: Transaction | None, label: str, db: str, table, timeout: float, idle_timeout: float, now: float):
        self.txn, self.label, self.db, self.table = txn, label, db, table
        self.timeout, self.idle_timeout = timeout, idle_timeout
        self.began = self.last_active = now
        self.first_headers: dict[str, str] | None = None
        self.stage: Stage | None = None
        self.body_bytes = 0
        self.loaded_bytes = 0
        self.busy = False
        self.aborted: str | None = None
        self.multi = None


    @property
    def gone(self) -> bool:
        """Rolled back while a request was still bringing its body."""
        return self.aborted is not None or (self.multi is not None and self.multi.state != "BEGIN")


class Backend:
    """Answers on its own port; asks the leader FE as a real BE does."""

    def __init__(self, name: str, number: int, cluster):
        self.name, self.number, self.cluster = name, number, cluster
        self.contexts: dict[str, Context] = {}
        self.multi_contexts: dict[tuple[str, str], Context] = {}
        self.error_logs: dict[str, str] = {}
        self.alive = True
        self.shutting_down = False
        self.last_sweep = cluster.clock.now()

    @property
    def node(self):
        return self.cluster.nodes[self.name]

    @property
    def address(self) -> str:
        return self.cluster.settings.advertise.get(self.name, f"127.0.0.1:{self.node.port}")

    def forget_contexts(self) -> None:
        self.contexts.clear()
        self.multi_contexts.clear()

    # ---- routing

    def classify(self, request: Request) -> None:
        parts = request.segments
        if parts[:2] == ["api", "transaction"] and len(parts) == 3:
            request.op, request.table = parts[2], request.headers.get("table", "")
            request.reads_body = request.op == "load"
        elif parts[-1] == "_stream_load" and len(parts) == 4:
            request.op, request.table = "stream_load", parts[2]
            request.reads_body = True
        elif parts[-1] == "_load_error_log":
            request.op = "error_log"

    async def handle(self, request: Request) -> Response:
        if request.op == "error_log":
            return self.error_log(request)
        if request.segments == ["api", "health"]:
            return Response.json({"status": "OK", "msg": "To Be Added"})
        if request.op == "stream_load":
            return await self.stream_load(request) if request.method == "PUT" else Response(405, close=True)
        if request.op in TRANSACTION_OPS:
            return await self.transaction(request)
        return Response(404, b"Not Found", content_type="text/plain")

    def error_log(self, request: Request) -> Response:
        text = self.error_logs.get(request.query.get("file", ""))
        if text is None:
            return Response(404, b"file not exist.", content_type="text/plain")
        return Response(200, text.encode(), content_type="text/plain")

    def write_error_log(self, lines: list[str]) -> str:
        name = f"error_log_{len(self.error_logs) + 1:x}_{self.number}"
        self.error_logs[name] = "\n".join(lines) + "\n"
        return f"http://{self.address}/api/_load_error_log?file={name}"

    # ---- transactions

    async def transaction(self, request: Request) -> Response:
        if request.op == "load":
            return await self.load(request)
        if request.op == "list":
            return Response.json([{"Label": context.label, "TxnId": context.txn.id} for context in self.contexts.values()])
        if not request.label:
            return error("INVALID_ARGUMENT", "empty label")
        if "transaction_type" in request.headers:
            return error("INVALID_ARGUMENT",
                         "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes", request.label)
        if request.op == "begin":
            return await self.begin(request)
        return await self.finish(request)

    async def begin(self, request: Request) -> Response:
        headers, label = request.headers, request.label
        if label in self.contexts:
            return error("LABEL_ALREADY_EXISTS", "", label, ExistingJobStatus="")
        started = time.monotonic()
        try:
            if self.shutting_down:
                raise LoadRefused("Service is shutting down, please retry later!", "SERVICE_UNAVAILABLE")
            timeout = seconds(headers, "timeout", self.cluster.settings.load_timeout)
            idle = seconds(headers, "idle_transaction_timeout", 0)
            txn, table = await self.begin_at_fe(request, headers.get("db", ""), headers.get("table", ""), timeout)
        except LabelUsed as used:
            return error("LABEL_ALREADY_EXISTS", str(used), label, ExistingJobStatus=used.job_status)
        except (LoadRefused, TransactionRefused) as refused:
            return error(getattr(refused, "code", "INTERNAL_ERROR"), str(refused), label)
        self.contexts[label] = Context(txn, label, txn.db, table, timeout, idle, self.cluster.clock.now())
        return ok(label, txn, BeginTxnTimeMs=milliseconds(started))

    def check_user(self, request: Request, db: str, table: str) -> None:
        """What the leader FE says to the client's login, which a BE only hands on."""
        credentials = request.credentials()
        if credentials is None:
            raise LoadRefused("no valid Basic authorization")
        if self.cluster.leader() is None:
            raise LoadRefused("Call frontend service failed, reason=connection refused", "THRIFT_RPC_ERROR")
        users = self.cluster.users
        if not users.check(*credentials):
            raise LoadRefused(f"Access denied for user '{credentials[0]}'@'127.0.0.1' (using password: YES)", "NOT_AUTHORIZED")
        if not users.may_insert(credentials[0], db, table):
            raise LoadRefused(users.denial("INSERT", table), "ANALYSIS_ERROR")

    async def begin_at_fe(self, request: Request, db: str, table_name: str, timeout: float):
        """The call that a BE makes to the leader FE, with the client's credentials."""
        self.check_user(request, db, table_name)
        if db not in self.cluster.catalog.databases:
            raise LoadRefused(f"unknown database, database={db}", "ANALYSIS_ERROR")
        table = self.cluster.catalog.find(db, table_name)
        if table is None:
            raise LoadRefused(f"unknown table, table={table_name}", "ANALYSIS_ERROR")
        if not LABEL.match(request.label):
            raise LoadRefused(f"Label format error. regex: ^[-\\w]{{1,128}}$, label: {request.label}", "ANALYSIS_ERROR")
        txn = await self.cluster.transactions.begin(db, request.label, "BACKEND_STREAMING", self.name, [table.id], timeout)
        return txn, table

    def context_of(self, request: Request) -> Context | None:
        return self.contexts.get(request.label) or self.multi_contexts.get((request.label, request.headers.get("table", "")))

    async def load(self, request: Request) -> Response:
        headers, label = request.headers, request.label
        if not label:
            return error("INVALID_ARGUMENT", "Invalid label ")
        context = self.context_of(request)
        if context is None:
            return error("TXN_NOT_EXISTS", f"Transaction with label {label} not exists", label)
        if context.db != headers.get("db", ""):
            return error("INVALID_ARGUMENT",
                         f"Request database {headers.get('db', '')} not equal transaction database {context.db}", label)
        if context.table.name != headers.get("table", ""):
            return error("INVALID_ARGUMENT",
                         f"Request table {headers.get('table', '')} not equal transaction table {context.table.name}", label)
        if context.busy:
            return in_processing(label)
        context.busy = True
        try:
            return await self.load_locked(request, context)
        finally:
            context.busy = False
            context.last_active = self.cluster.clock.now()

    async def load_locked(self, request: Request, context: Context) -> Response:
        started = time.monotonic()
        context.last_active = self.cluster.clock.now()
        try:
            await self.plan(request, context)
        except LoadRefused as refused:
            await self.abort(context, refused.message)
            return error(refused.code, refused.message, context.label)
        try:
            body = await request.body()
        except BodyCut as cut:
            if not context.gone:
                await self.storage.write(context.stage.add, cut.received, False)
            if context.multi is not None:
                await context.multi.cancel(f"load of table {context.table.name} failed: the client closed the connection")
            raise ConnectionError from None
        if (replaced := await request.before_acting()) is not None:
            return replaced
        if context.gone:
            return error("ABORTED", context.aborted or "transaction is aborted by user.", context.label)
        await self.storage.write(context.stage.add, body)
        context.loaded_bytes += len(body)
        return ok(context.label, context.txn, LoadBytes=len(body), StreamLoadPlanTimeMs=1,
                  ReceivedDataTimeMs=milliseconds(started))

    @property
    def storage(self):
        return self.cluster.storage

    async def plan(self, request: Request, context: Context) -> None:
        """Checks the headers; the first load of a context makes its plan."""
        settings = self.cluster.settings
        if context.aborted is not None:
            raise LoadRefused("current transaction is aborted", "ABORTED")
        self.check_user(request, context.db, context.table.name)
        context.body_bytes += int(request.headers.get("content-length", "0"))
        spec = LoadSpec.parse(request.headers, settings, quoting=context.multi is not None)
        check_size(spec, context.body_bytes, settings)
        wanted = load_headers(request.headers)
        if context.first_headers is None:
            self.check_target(context)
            name = f"s{context.txn.id if context.txn else context.label}_{context.table.id}"
            context.stage = await self.storage.write(Stage, self.storage, settings, context.table, spec, name)
            context.first_headers = wanted
        elif wanted != context.first_headers:
            raise LoadRefused("load request not equal last.")
        if context.stage.failure is not None:
            raise LoadRefused(context.stage.failure)

    def check_target(self, context: Context) -> None:
        table = self.cluster.catalog.tables.get(context.table.id)
        if table is None:
            raise LoadRefused(f"unknown table, table={context.table.name}", "ANALYSIS_ERROR")
        context.table = table

    async def finish(self, request: Request) -> Response:
        """prepare, commit or rollback of a single-table transaction."""
        label, context = request.label, self.contexts.get(request.label)
        if context is None:
            return error("TXN_NOT_EXISTS", f"transaction with label {label} not exists", label)
        if context.db != request.headers.get("db", ""):
            return error("INVALID_ARGUMENT",
                         f"request db {request.headers.get('db', '')} transaction db {context.db} not match", label)
        if request.op == "rollback":
            await self.abort(context, "transaction is aborted by user.")
            return Response.json({"Status": "OK", "Message": "", "Label": label})
        if request.op not in ("prepare", "commit"):
            return error("INVALID_ARGUMENT", f"unsupport transaction operation {request.op}", label)
        if context.busy:
            return in_processing(label)
        context.busy = True
        try:
            return await self.finish_locked(request, context)
        finally:
            context.busy = False

    async def finish_locked(self, request: Request, context: Context) -> Response:
        started = time.monotonic()
        try:
            prepared_timeout = prepared_seconds(request.headers) if request.op == "prepare" else None
        except LoadRefused as refused:
            return error(refused.code, refused.message, context.label)
        try:
            await self.complete(context)
            if request.op == "prepare":
                await self.cluster.transactions.prepare(context.txn, [reference(context)], prepared_timeout)
            else:
                await self.commit(context, 0 if request.headers.get("timeout") is None else seconds(request.headers, "timeout", 20))
        except (LoadRefused, TransactionRefused) as refused:
            await self.abort(context, str(refused))
            extra = {"ErrorURL": self.write_error_log(context.stage.counts.errors)} if has_errors(context) else {}
            return error(getattr(refused, "code", "INTERNAL_ERROR"), str(refused), context.label, **extra)
        self.contexts.pop(context.label, None)
        return self.row_counts(ok_record(context.label, context.txn), context, started)

    async def complete(self, context: Context) -> None:
        """Closes the pipe and waits for the plan: only now do bad rows tell."""
        if context.aborted is not None:
            raise LoadRefused("transaction is aborted", "ABORTED")
        if context.stage is None:
            raise LoadRefused(f"transaction id={context.txn.id} label={context.label} db={context.db} hasn't send any data yet")
        await self.storage.write(context.stage.finish)
        self.check_stage(context.stage)

    def check_stage(self, stage: Stage) -> None:
        """What a finished plan, its tablets or the FE say against the load."""
        settings, table = self.cluster.settings, stage.table
        if stage.failure is not None:
            raise LoadRefused(stage.failure)
        if table.id not in self.cluster.catalog.tables:
            raise LoadRefused(f"table {table.name} has been dropped", "ANALYSIS_ERROR")
        if self.cluster.catalog.tables[table.id].versions >= settings.max_versions:
            raise LoadRefused(f"Too many versions. tablet_id: {table.id + 1}, version_count: {table.versions}, "
                              f"limit: {settings.max_versions}, replica_state: NORMAL: be:127.0.0.1", "SERVICE_UNAVAILABLE")
        if settings.disk_full:
            raise LoadRefused(f"disk capacity exceed, path: /data/{self.name}/storage. No space left on device")
        if settings.read_only:
            raise LoadRefused(f"Table state is not NORMAL: table {table.name} is read only")
        if stage.counts.loaded == 0 and settings.empty_load_as_error:
            raise LoadRefused("all partitions have no load data", "ANALYSIS_ERROR")

    async def commit(self, context: Context, wait: float) -> None:
        """One phase: the FE commits what this BE has staged."""
        visible = await self.cluster.transactions.commit(context.txn, [reference(context)], wait or 20)
        if not visible:
            raise PublishSlow

    async def abort(self, context: Context, reason: str) -> None:
        self.contexts.pop(context.label, None)
        if context.multi is not None:
            await context.multi.cancel(reason)
            return
        context.aborted = reason
        if self.cluster.leader() is not None and context.txn.state == "PREPARE":
            await self.cluster.abort_quietly(context.txn, reason)
        await self.drop_stage(context)

    async def drop_stage(self, context: Context) -> None:
        if context.stage is not None and context.txn.state in ("ABORTED",):
            await self.storage.write(self.storage.stages.drop, context.stage.name)

    @staticmethod
    def row_counts(record: dict, context: Context, started: float) -> Response:
        counts, spent = context.stage.counts, milliseconds(started)
        record.update(NumberTotalRows=counts.loaded + counts.filtered, NumberLoadedRows=counts.loaded,
                      NumberFilteredRows=counts.filtered, NumberUnselectedRows=counts.unselected,
                      LoadBytes=context.loaded_bytes, LoadTimeMs=spent, StreamLoadPlanTimeMs=1, ReceivedDataTimeMs=spent, WriteDataTimeMs=spent,
                      CommitAndPublishTimeMs=spent)
        return Response.json(record)

    # ---- plain stream load

    async def stream_load(self, request: Request) -> Response:
        """begin, load and commit in one request; the whole reply is Stream Load's."""
        started, headers = time.monotonic(), request.headers
        db, table_name = request.segments[1], request.segments[2]
        headers.setdefault("label", f"{self.cluster.new_uuid()}")
        record = {"TxnId": -1, "Label": request.label, "Status": "Fail", "Message": ""}
        try:
            spec = LoadSpec.parse(headers, self.cluster.settings, quoting=True)
            check_size(spec, int(headers.get("content-length", "0")), self.cluster.settings)
            timeout = seconds(headers, "timeout", self.cluster.settings.load_timeout)
            txn, table = await self.begin_at_fe(request, db, table_name, timeout)
        except LabelUsed as used:
            record.update(Status="Label Already Exists", Message=str(used), ExistingJobStatus=used.job_status)
            return Response.json(record)
        except (LoadRefused, TransactionRefused) as refused:
            record["Message"] = str(refused)
            return Response.json(record)
        record["TxnId"] = txn.id
        context = Context(txn, request.label, db, table, timeout, 0, self.cluster.clock.now())
        return await self.stream_load_body(request, context, spec, record, started)

    async def stream_load_body(self, request: Request, context: Context, spec: LoadSpec, record: dict, started) -> Response:
        try:
            name = f"s{context.txn.id}_{context.table.id}"
            context.stage = await self.storage.write(Stage, self.storage, self.cluster.settings, context.table, spec, name)
            body = await request.body()
            if (replaced := await request.before_acting()) is not None:
                await self.abort(context, "fault")
                return replaced
            context.loaded_bytes = len(body)
            await self.storage.write(context.stage.add, body)
            await self.complete(context)
            await self.commit(context, context.timeout)
            record.update(Status="Success", Message="OK")
        except BodyCut:
            await self.abort(context, "the client closed the connection")
            raise ConnectionError from None
        except PublishSlow:
            record.update(Status="Publish Timeout", Message="Publish timeout. The data will be visible after a while")
        except (LoadRefused, TransactionRefused) as refused:
            await self.abort(context, str(refused))
            record.update(Message=str(refused))
            if has_errors(context):
                record["ErrorURL"] = self.write_error_log(context.stage.counts.errors)
        return self.stream_load_reply(record, context, started)

    @staticmethod
    def stream_load_reply(record: dict, context: Context, started: float) -> Response:
        counts, spent = context.stage.counts if context.stage else None, milliseconds(started)
        numbers = (counts.loaded + counts.filtered, counts.loaded, counts.filtered) if counts else (0, 0, 0)
        record.update(NumberTotalRows=numbers[0], NumberLoadedRows=numbers[1], NumberFilteredRows=numbers[2],
                      NumberUnselectedRows=0, LoadBytes=context.loaded_bytes, LoadTimeMs=spent, BeginTxnTimeMs=0, StreamLoadPlanTimeMs=1,
                      ReadDataTimeMs=spent, WriteDataTimeMs=spent, CommitAndPublishTimeMs=0)
        return Response.json(record)

    # ---- time passes

    async def sweep(self) -> None:
        now = self.cluster.clock.now()
        if now - self.last_sweep < SWEEP_SECONDS or not self.alive:
            return
        self.last_sweep = now
        for context in list(self.contexts.values()):
            reason = timed_out(context, now)
            if reason is not None and not context.busy:
                await self.abort(context, reason)


class PublishSlow(LoadRefused):
    def __init__(self):
        super().__init__("publish timeout", "PUBLISH_TIMEOUT")


def timed_out(context: Context, now: float) -> str | None:
    if now - context.began > context.timeout:
        return f"transaction is aborted by timeout {context.timeout:g} seconds."
    if context.idle_timeout and now - context.last_active > context.idle_timeout:
        return f"transaction is aborted by idle timeout {context.idle_timeout:g} seconds."
    return None


def check_size(spec: LoadSpec, size: int, settings) -> None:
    if size > settings.max_load_bytes:
        raise LoadRefused(f"body size {size} exceed limit: {settings.max_load_bytes}. "
                          "You can increase the limit by setting streaming_load_max_mb in be.conf.")
    if spec.format == "json" and not spec.ignore_json_size and size > settings.json_batch_limit:
        raise LoadRefused(f"The size of this batch exceed the max size [{settings.json_batch_limit}]  of json type data  "
                          f"data [ {size} ]. Set ignore_json_size to skip the check, although it may lead huge memory consuming.")


def reference(context: Context) -> StageRef:
    stage = context.stage
    return StageRef(context.table.id, stage.name, [column.name for column in stage.columns], stage.spec.partial_update,
                    stage.spec.merge_condition, stage.counts.loaded)


def has_errors(context: Context) -> bool:
    return context.stage is not None and bool(context.stage.counts.errors)


def seconds(headers: dict[str, str], name: str, default: float) -> float:
    text = headers.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise LoadRefused("Invalid timeout format", "INVALID_ARGUMENT")
    return float(text)


def prepared_seconds(headers: dict[str, str]) -> float | None:
    text = headers.get("prepared_timeout", "")
    if not text:
        return None
    if not text.isdigit() or int(text) == 0:
        raise LoadRefused(f"Invalid prepared_timeout: {text}", "INVALID_ARGUMENT")
    return float(text)


def milliseconds(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def ok_record(label: str, txn: Transaction | None, **more) -> dict:
    return {"Status": "OK", "Message": "", "Label": label, "TxnId": txn.id if txn else -1, **more}


def ok(label: str, txn: Transaction | None, **more) -> Response:
    return Response.json(ok_record(label, txn, **more))


def error(code: str, message: str, label: str = "", **more) -> Response:
    record = {"Status": code, "Message": message}
    if "ExistingJobStatus" in more:
        record["ExistingJobStatus"] = more.pop("ExistingJobStatus")
    if label:
        record["Label"] = label
    return Response.json({**record, **more})


def in_processing(label: str) -> Response:
    return error("TXN_IN_PROCESSING", "Transaction in processing, please retry later", label)
