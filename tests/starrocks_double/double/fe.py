"""An FE's HTTP side: redirects, commits and answers of the leader; the follower only points to the leader."""

import asyncio

from .be import Context, seconds
from .http1 import Request, Response
from .load_spec import LABEL, LoadRefused
from .multi import DEFAULT_TIMEOUT, MultiTask
from .transactions import LabelUsed, TransactionRefused

OPERATIONS = ("begin", "load", "prepare", "commit", "rollback")
LABEL_CACHE_ENTRIES, LABEL_CACHE_SECONDS = 4096, 900


class Frontend:
    """One FE process. `labels` (label -> BE) and `tasks` are memory: a restart forgets them."""

    def __init__(self, name: str, cluster):
        self.name, self.cluster = name, cluster
        self.alive = True
        self.labels: dict[str, tuple[str, float]] = {}
        self.tasks: dict[str, MultiTask] = {}
        self.turn = 0

    @property
    def node(self):
        return self.cluster.nodes[self.name]

    @property
    def is_leader(self) -> bool:
        return self.cluster.leader_name == self.name

    @property
    def address(self) -> str:
        return self.cluster.settings.advertise.get(self.name, f"127.0.0.1:{self.node.port}")

    async def forget_memory(self) -> None:
        self.labels.clear()
        for task in list(self.tasks.values()):
            await task.lose("recover after FE restart")
        self.tasks.clear()

    # ---- routing

    def classify(self, request: Request) -> None:
        parts = request.segments
        if parts[:2] == ["api", "transaction"] and len(parts) == 3:
            request.op, request.table = parts[2], request.headers.get("table", "")
        elif parts[-1] == "_stream_load" and len(parts) == 4:
            request.op, request.table = "stream_load", parts[2]
        elif parts[-1] == "get_load_state":
            request.op = "state"
        elif parts[-1] == "_cancel":
            request.op = "cancel"

    async def handle(self, request: Request) -> Response:
        if request.segments == ["api", "health"]:
            return Response.json({"online_backend_num": self.cluster.online_backends(), "total_backend_num": 2})
        if request.op == "other":
            return Response(404, b"Not Found", content_type="text/plain")
        if self.cluster.settings.slow_fe:
            await asyncio.sleep(self.cluster.settings.slow_fe)
        credentials = request.credentials()
        if credentials is None or not self.cluster.users.check(*credentials):
            return Response(401, b"", {"WWW-Authenticate": 'Basic realm=""'}, close=True)
        if request.op == "stream_load":
            return self.stream_load(request, credentials[0])
        if not self.is_leader:
            return self.to_leader(request)
        if request.op == "state":
            return self.load_state(request)
        if request.op == "cancel":
            return await self.cancel(request)
        return await self.transaction(request, credentials[0])

    def to_leader(self, request: Request) -> Response:
        leader = self.cluster.leader()
        if leader is None:
            return failed("java.lang.Exception: no leader is elected")
        return self.redirect(leader.address, request)

    def redirect(self, address: str, request: Request) -> Response:
        scheme = "https" if self.node.tls else "http"
        return Response.redirect(f"{scheme}://{address}{request.target}")

    def stream_load(self, request: Request, user: str) -> Response:
        if request.method != "PUT":
            return Response(405, close=True)
        if self.cluster.settings.expect_required and not request.expects and request.version != "HTTP/1.0":
            return failed("There is no 100-continue header", close=True)
        db, table = request.segments[1], request.segments[2]
        if not self.cluster.users.may_insert(user, db, table):
            return denied(self.cluster.users.denial("INSERT", table))
        return self.redirect_to_backend(self.next_backend(), request)

    def next_backend(self) -> str | None:
        known = [name for name in self.cluster.backends if self.cluster.seems_alive(name)]
        if not known:
            return None
        self.turn += 1
        return known[self.turn % len(known)]

    def redirect_to_backend(self, name: str | None, request: Request) -> Response:
        if name is None:
            return failed("com.starrocks.common.DdlException: No backend alive.", close=True)
        return self.redirect(self.cluster.backends[name].address, request)

    # ---- /api/transaction/*

    async def transaction(self, request: Request, user: str) -> Response:
        headers = request.headers
        if request.op not in OPERATIONS:
            return failed(f"java.lang.Exception: Unknown transaction operation: {request.op}")
        if not self.cluster.settings.at_least(2, 4):
            return Response.json({"status": "FAILED", "msg": "Not implemented"})
        db, label = headers.get("db", ""), request.label
        if not db:
            return failed("com.starrocks.common.UserException: No database selected.")
        if not label:
            return failed("com.starrocks.common.UserException: Empty label.")
        if db not in self.cluster.catalog.databases:
            return failed(f"com.starrocks.common.UserException: unknown database, database={db}")
        if ("channel_id" in headers) != ("channel_num" in headers):
            return failed("com.starrocks.common.UserException: channel_num and channel_id must be set together")
        if "channel_id" in headers:
            return failed("com.starrocks.common.UserException: parallel channels are beyond this double")
        if headers.get("transaction_type", "").lower() == "multi" and self.cluster.settings.at_least(4, 0):
            return await self.multi(request, user, db, label)
        return await self.single(request, user, db, label)

    async def single(self, request: Request, user: str, db: str, label: str) -> Response:
        if request.op == "begin":
            return self.begin(request, user, db, label)
        if request.op in ("load", "prepare"):
            return self.to_coordinator(request, db, label)
        txn = self.cluster.transactions.find(db, label)
        if txn is None:
            return self.to_coordinator(request, db, label)
        if request.op == "commit":
            return await self.commit(request, txn)
        return await self.rollback(request, txn)

    def begin(self, request: Request, user: str, db: str, label: str) -> Response:
        table = request.headers.get("table", "")
        if not table:
            return failed("com.starrocks.common.UserException: No table selected.")
        if not LABEL.match(label):
            return failed(f"com.starrocks.common.AnalysisException: Label format error. regex: ^[-\\w]{{1,128}}$, label: {label}")
        if not self.cluster.users.may_insert(user, db, table):
            return denied(self.cluster.users.denial("INSERT", table))
        name = self.coordinator(db, label)
        if name is None:
            name = self.next_backend()
        if name is not None:
            self.remember(label, name)
        return self.redirect_to_backend(name, request)

    def remember(self, label: str, backend: str) -> None:
        self.labels.pop(label, None)
        self.labels[label] = (backend, self.cluster.clock.now() + LABEL_CACHE_SECONDS)
        while len(self.labels) > LABEL_CACHE_ENTRIES:
            self.labels.pop(next(iter(self.labels)))

    def coordinator(self, db: str, label: str) -> str | None:
        """The BE of a label: from the cache, else from the transaction."""
        backend, until = self.labels.get(label, (None, 0))
        if backend is not None and until > self.cluster.clock.now():
            return backend
        txn = self.cluster.transactions.find(db, label)
        return txn.coordinator if txn is not None and txn.coordinator in self.cluster.backends else None

    def to_coordinator(self, request: Request, db: str, label: str) -> Response:
        name = self.coordinator(db, label)
        if name is None:
            return failed(f"com.starrocks.common.UserException: Can not find the coordinator of transaction with label {label}. "
                          "Possible reasons: FE leader is started or switched; transaction timeouts and is cleaned",
                          close=request.has_body)
        return self.redirect_to_backend(name, request)

    async def commit(self, request: Request, txn) -> Response:
        if txn.state == "PREPARE":
            return self.to_coordinator(request, txn.db, txn.label)
        if txn.state in ("COMMITTED", "VISIBLE"):
            return ok(txn, f"Transaction {txn.id} has already committed, label is {txn.label}")
        if txn.state == "ABORTED":
            return failed(f"com.starrocks.common.UserException: Can not commit {txn.state} transaction {txn.id}, label is {txn.label}")
        try:
            wait = seconds(request.headers, "timeout", self.cluster.settings.label_commit_waits)
            visible = await self.cluster.transactions.commit(txn, None, wait)
        except (LoadRefused, TransactionRefused) as refused:
            return failed(f"com.starrocks.common.UserException: {refused}")
        if not visible:
            return failed(f"com.starrocks.common.UserException: transaction {txn.id} commit timeout: publish is not finished")
        return ok(txn, "")

    async def rollback(self, request: Request, txn) -> Response:
        if txn.state == "PREPARE":
            return self.to_coordinator(request, txn.db, txn.label)
        if txn.state == "ABORTED":
            return ok(txn, f"Transaction {txn.id} has already aborted, label is {txn.label}")
        if txn.state != "PREPARED":
            return failed(f"com.starrocks.common.UserException: Can not abort {txn.state} transaction {txn.id}, label is {txn.label}")
        await self.cluster.transactions.abort(txn, "User Abort")
        return ok(txn, "")

    # ---- transaction_type: multi

    async def multi(self, request: Request, user: str, db: str, label: str) -> Response:
        if request.op == "begin":
            return self.multi_begin(request, db, label)
        if request.op == "prepare":
            return failed("com.starrocks.common.UserException: Unsupported operation")
        task = self.tasks.get(label)
        if task is None or task.db != db:
            return failed(f"com.starrocks.common.UserException: stream load task {label} does not exist", close=request.has_body)
        if request.op == "load":
            return await self.multi_load(request, task, user)
        if request.op == "commit":
            return await self.multi_commit(request, task)
        return await self.multi_rollback(task)

    def multi_begin(self, request: Request, db: str, label: str) -> Response:
        if not LABEL.match(label):
            return failed(f"com.starrocks.common.AnalysisException: Label format error. regex: ^[-\\w]{{1,128}}$, label: {label}")
        task = self.tasks.get(label)
        if task is not None and task.state != "CANCELLED":
            return label_used(label, task.status)
        try:
            self.cluster.transactions.check_label(db, label)
            timeout = seconds(request.headers, "timeout", DEFAULT_TIMEOUT)
        except LabelUsed as used:
            return label_used(label, used.state)
        except LoadRefused as refused:
            return failed(f"com.starrocks.common.UserException: {refused}")
        running = len(self.cluster.transactions.running(db))
        if running >= self.cluster.settings.running_limit:
            return failed(f"com.starrocks.common.RunningTxnExceedException: current running txns on db "
                          f"{self.cluster.catalog.databases[db]} is {running}, larger than limit {self.cluster.settings.running_limit}")
        self.tasks[label] = MultiTask(self.cluster, db, label, timeout)
        return Response.json({"Status": "OK", "Message": ""})

    async def multi_load(self, request: Request, task: MultiTask, user: str) -> Response:
        name = request.headers.get("table", "")
        table = self.cluster.catalog.find(task.db, name)
        try:
            if task.state != "BEGIN":
                raise LoadRefused(f"stream load task {task.label} can not load in state {task.state}: {task.reason}")
            if not name:
                raise LoadRefused("No table selected.")
            if table is None:
                raise LoadRefused(f"unknown table, table={name}")
            if not self.cluster.users.may_insert(user, task.db, name):
                raise LoadRefused(self.cluster.users.denial("INSERT", name))
            if not self.cluster.settings.multi_4_0_early:
                await task.register()
        except (LoadRefused, TransactionRefused, LabelUsed) as refused:
            await task.cancel(str(refused))
            return failed(f"com.starrocks.common.UserException: {refused}", close=True)
        if name not in task.contexts:
            backend = self.next_backend()
            if backend is None:
                await task.cancel("No backend alive.")
                return failed("com.starrocks.common.UserException: No backend alive.", close=True)
            self.open_context(task, table, backend)
        return self.redirect_to_backend(task.backends[name], request)

    def open_context(self, task: MultiTask, table, backend: str) -> None:
        context = Context(task.txn, task.label, task.db, table, task.timeout, 0, self.cluster.clock.now())
        context.multi = task
        task.contexts[table.name] = context
        task.backends[table.name] = backend
        if task.txn is not None:
            task.txn.tables.append(table.id)
        self.cluster.backends[backend].multi_contexts[(task.label, table.name)] = context

    async def multi_commit(self, request: Request, task: MultiTask) -> Response:
        if task.state == "COMMITED":
            return Response.json({"Status": "OK", "Message": f"stream load {task.label} has already committed"})
        if task.state == "COMMITING":
            return failed(f"com.starrocks.common.UserException: stream load {task.label} is already committing")
        early = self.cluster.settings.multi_4_0_early
        if task.state != "BEGIN":
            if early:
                return Response.json({"Status": "OK", "Message": ""})
            return failed(f"com.starrocks.common.UserException: Can not commit {task.state} stream load {task.label}: {task.reason}")
        try:
            visible = await task.commit(seconds(request.headers, "timeout", self.cluster.settings.label_commit_waits))
        except (LoadRefused, TransactionRefused, LabelUsed) as refused:
            if early:
                return Response.json({"Status": "OK", "Message": ""})
            return failed(f"com.starrocks.common.UserException: {refused}")
        if not visible:
            return failed(f"com.starrocks.common.UserException: stream load {task.label} commit timeout: publish is not finished")
        return Response.json({"Status": "OK", "Message": ""})

    async def multi_rollback(self, task: MultiTask) -> Response:
        if task.state in ("COMMITED", "COMMITING"):
            return failed(f"com.starrocks.common.UserException: Can not abort {task.status} stream load {task.label}")
        if not self.cluster.settings.multi_4_0_early:
            await task.cancel("User Abort")
        return Response.json({"Status": "OK", "Message": f"stream load {task.label} abort"})

    # ---- asking for the outcome, cancelling

    def load_state(self, request: Request) -> Response:
        db, label = request.segments[1], request.label
        if db not in self.cluster.catalog.databases:
            return base_failed(f"unknown database, database={db}")
        if not label:
            return base_failed("No label selected.")
        txn = self.cluster.transactions.find(db, label)
        state, reason = (txn.state, txn.reason) if txn is not None else ("UNKNOWN", "")
        return Response.json({"state": state, "reason": reason, **BASE_OK})

    async def cancel(self, request: Request) -> Response:
        """New form /api/db/table/_cancel?label=, old form /api/db/label/_cancel."""
        if request.method != "POST" or len(request.segments) != 4:
            return Response(405, close=True)
        db, label = request.segments[1], request.query.get("label", request.segments[2])
        if db not in self.cluster.catalog.databases:
            return base_failed(f"unknown database, database={db}")
        task = self.tasks.get(label)
        if task is not None and task.db == db and task.state == "BEGIN":
            await task.cancel("user cancel")
            return Response.json(BASE_OK)
        txn = self.cluster.transactions.find(db, label)
        if txn is None:
            return base_failed(f"no transaction found by label {label}")
        try:
            await self.cluster.transactions.abort(txn, "user cancel")
        except TransactionRefused as refused:
            return base_failed(str(refused))
        return Response.json(BASE_OK)

    # ---- time passes

    async def sweep(self) -> None:
        for task in list(self.tasks.values()):
            if task.state == "BEGIN" and self.cluster.clock.now() - task.began > task.timeout:
                await task.cancel(f"timeout after {task.timeout:g} seconds")


BASE_OK = {"status": "OK", "code": "0", "msg": "Success", "message": "OK"}


def base_failed(message: str) -> Response:
    return Response.json({"status": "FAILED", "code": "1", "msg": message, "message": message})


def failed(message: str, close: bool = False) -> Response:
    return Response.json({"Status": "FAILED", "Message": message}, close=close)


def denied(message: str) -> Response:
    body = Response.json({"Status": "FAILED", "Message": message}).body
    return Response(401, body, {"WWW-Authenticate": 'Basic realm=""'}, close=True)


def label_used(label: str, status: str) -> Response:
    return Response.json({"Status": "LABEL_ALREADY_EXISTS",
                          "Message": f"com.starrocks.common.LabelAlreadyUsedException: Label [{label}] has already been used.",
                          "Label": label, "ExistingJobStatus": status})


def ok(txn, message: str) -> Response:
    return Response.json({"Status": "OK", "Message": message, "Label": txn.label, "TxnId": txn.id})
