"""What SHOW and DESC answer."""

import re

from .catalog import Catalog, Column, Refused, Table
from .mysql_wire import Result
from .query import SYSTEM_VARIABLES
from .statements import Command

TRANSACTION_COLUMNS = ["TransactionId", "Label", "Coordinator", "TransactionStatus", "LoadJobSourceType", "PrepareTime",
                       "PreparedTime", "CommitTime", "PublishTime", "FinishTime", "Reason", "ErrorReplicasCount", "ListenerId",
                       "TimeoutMs", "PreparedTimeoutMs", "ErrMsg"]
ALTER_COLUMNS = ["JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "IndexId", "OriginIndexId", "SchemaVersion",
                 "TransactionId", "State", "Msg", "Progress", "Timeout", "Warehouse"]


def like(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    regex = "".join(".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    return re.fullmatch(regex, text, re.I | re.S) is not None


class Show:
    def __init__(self, cluster):
        self.cluster = cluster

    @property
    def catalog(self) -> Catalog:
        return self.cluster.catalog

    def answer(self, command: Command, session) -> Result:
        handler = getattr(self, "show_" + command.kind, None)
        if handler is None:
            raise Refused(f"SHOW {command.kind} is beyond this double")
        result = handler(command, session)
        return narrowed(result, command)

    # ---- databases, tables, columns

    def show_databases(self, command: Command, session) -> Result:
        names = sorted([*self.catalog.databases, "information_schema"])
        return Result.of(["Database"], [[name] for name in names if like(command.like, name)])

    def show_tables(self, command: Command, session) -> Result:
        db = self.catalog.need_database(command.db or session.db)
        names = [table.name for table in self.catalog.tables_of(db) if like(command.like, table.name)]
        if command.full:
            return Result.of([f"Tables_in_{db}", "Table_type"], [[name, "BASE TABLE"] for name in names])
        return Result.of([f"Tables_in_{db}"], [[name] for name in names])

    def show_describe(self, command: Command, session) -> Result:
        table = self.catalog.need(command.db or session.db, command.name)
        rows = [[c.name, c.type.text(), yes(c.nullable), "true" if c.key else "false", shown_default(c), ""] for c in table.columns]
        return Result.of(["Field", "Type", "Null", "Key", "Default", "Extra"], rows)

    def show_columns(self, command: Command, session) -> Result:
        table = self.catalog.need(command.db or session.db, command.name)
        columns = [column for column in table.columns if like(command.like, column.name)]
        if not command.full:
            rows = [[c.name, c.type.text(), yes(c.nullable), "PRI" if c.key else "", shown_default(c), ""] for c in columns]
            return Result.of(["Field", "Type", "Null", "Key", "Default", "Extra"], rows)
        names = ["Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"]
        return Result.of(names, [[c.name, c.type.text(), "", yes(c.nullable), "YES" if c.key else "NO", shown_default(c), "", "", c.comment]
                                 for c in columns])

    def show_create_database(self, command: Command, session) -> Result:
        name = self.catalog.need_database(command.name)
        return Result.of(["Database", "Create Database"], [[name, f"CREATE DATABASE `{name}`"]])

    def show_create_table(self, command: Command, session) -> Result:
        table = self.catalog.need(command.db or session.db, command.name)
        return Result.of(["Table", "Create Table"], [[table.name, create_statement(table, self.cluster.settings)]])

    def show_partitions(self, command: Command, session) -> Result:
        table = self.catalog.need(command.db or session.db, command.name)
        row = [table.id + 1, table.name, table.versions, "NORMAL", ", ".join(table.distributed_by), table.buckets or 1]
        return Result.of(["PartitionId", "PartitionName", "VisibleVersion", "State", "DistributionKey", "Buckets"], [row])

    def show_tablets(self, command: Command, session) -> Result:
        table = self.catalog.need(command.db or session.db, command.name)
        rows = [[table.id + 1, table.id + 2, backend.number, table.versions, "NORMAL"] for backend in self.cluster.backends.values()]
        return Result.of(["TabletId", "ReplicaId", "BackendId", "Version", "State"], rows)

    # ---- jobs and transactions

    def show_alter_column(self, command: Command, session) -> Result:
        db = self.catalog.need_database(command.db or session.db)
        clock, rows = self.cluster.clock, []
        for job in self.cluster.alter_jobs.jobs.values():
            if job.db == db:
                rows.append([job.id, job.table_name, clock.text(job.created), clock.text(job.finished), job.table_name, job.id + 1,
                             job.table, "1:0", job.watershed, job.state, job.message, "NULL", job.timeout, ""])
        return Result.of(ALTER_COLUMNS, rows)

    def show_alter_optimize(self, command: Command, session) -> Result:
        self.catalog.need_database(command.db or session.db)
        return Result.of(["JobId", "TableName", "CreateTime", "FinishTime", "Operation", "TransactionId", "State", "Msg", "Progress", "Timeout"], [])

    def show_transaction(self, command: Command, session) -> Result:
        db = self.catalog.need_database(command.db or session.db)
        wanted = command.where.get("id", "")
        if set(command.where) != {"id"} or not wanted.isdigit():
            raise Refused("Where clause should looks like one of them: id = 123")
        txn = self.cluster.transactions.known.get(int(wanted))
        if txn is None or txn.db != db:
            raise Refused(f"transaction with id {wanted} does not exist", 5302, "HY000")
        return Result.of(TRANSACTION_COLUMNS, [self.transaction_row(txn)])

    def transaction_row(self, txn) -> list:
        clock = self.cluster.clock
        return [txn.id, txn.label, "BE: 127.0.0.1" if txn.coordinator.startswith("be") else "FE: 127.0.0.1", txn.state, txn.source,
                clock.text(txn.prepare_time), clock.text(txn.prepared_time), clock.text(txn.commit_time), clock.text(txn.publish_time),
                clock.text(txn.finish_time), txn.reason, 0, -1, int(txn.timeout * 1000), int(txn.prepared_timeout * 1000), txn.reason]

    def show_proc(self, command: Command, session) -> Result:
        match = re.fullmatch(r"/transactions/(\d+|[^/]+)/(running|finished)/?", command.text)
        if match is None:
            raise Refused(f"Proc path '{command.text}' doesn't exist")
        names = {str(number): name for name, number in self.catalog.databases.items()}
        db = names.get(match.group(1), match.group(1))
        final = match.group(2) == "finished"
        rows = [self.transaction_row(txn) for txn in self.cluster.transactions.known.values()
                if txn.db == db and (txn.state in ("VISIBLE", "ABORTED")) == final]
        return Result.of(TRANSACTION_COLUMNS, rows)

    def show_loads(self, command: Command, session) -> Result:
        return Result.of(["JobId", "Label", "State", "Progress", "Type", "Priority"], [])

    # ---- the cluster

    def show_frontends(self, command: Command, session) -> Result:
        rows = []
        for frontend in self.cluster.frontends.values():
            role = "LEADER" if frontend.is_leader else "FOLLOWER"
            rows.append([f"{frontend.name}_127.0.0.1", "127.0.0.1", 9010, frontend.node.port, self.cluster.mysql_port(frontend.name), 9020,
                         role, "1", "true", "true" if frontend.alive else "false", self.cluster.settings.version])
        return Result.of(["Name", "IP", "EditLogPort", "HttpPort", "QueryPort", "RpcPort", "Role", "ClusterId", "Join", "Alive", "Version"], rows)

    def show_backends(self, command: Command, session) -> Result:
        if self.cluster.settings.shared_data:
            return Result.of(BACKEND_COLUMNS, [])
        return Result.of(BACKEND_COLUMNS, self.node_rows())

    def show_compute_nodes(self, command: Command, session) -> Result:
        names = ["ComputeNodeId", *BACKEND_COLUMNS[1:]]
        return Result.of(names, self.node_rows() if self.cluster.settings.shared_data else [])

    def node_rows(self) -> list[list]:
        return [[backend.number, "127.0.0.1", 9050, 9060, backend.node.port, 8060, "true" if backend.alive else "false",
                 self.cluster.settings.version] for backend in self.cluster.backends.values()]

    def show_variables(self, command: Command, session) -> Result:
        pattern = command.like or command.where.get("variable_name")
        rows = [[name, value.format(version=self.cluster.settings.version)] for name, value in sorted(SYSTEM_VARIABLES.items())
                if like(pattern, name)]
        return Result.of(["Variable_name", "Value"], rows)

    def show_frontend_config(self, command: Command, session) -> Result:
        mode = "shared_data" if self.cluster.settings.shared_data else "shared_nothing"
        rows = [["run_mode", "[]", mode, "String", "false", ""],
                ["enable_fast_schema_evolution", "[]", str(self.cluster.settings.fast_schema_evolution).lower(), "boolean", "true", ""],
                ["max_running_txn_num_per_db", "[]", str(self.cluster.settings.running_limit), "int", "true", ""],
                ["label_keep_max_num", "[]", str(self.cluster.settings.label_keep_num), "int", "true", ""]]
        return Result.of(["Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"], [row for row in rows if like(command.like, row[0])])

    def show_grants(self, command: Command, session) -> Result:
        return Result.of(["UserIdentity", "Catalog", "Grants"], [[f"'{session.user}'@'%'", "default_catalog", "GRANT ALL"]])

    def show_warnings(self, command: Command, session) -> Result:
        return Result.of(["Level", "Code", "Message"], [])

    def show_engines(self, command: Command, session) -> Result:
        return Result.of(["Engine", "Support", "Comment"], [["OLAP", "YES", "Default storage engine of StarRocks"]])

    def show_processlist(self, command: Command, session) -> Result:
        return Result.of(["Id", "User", "Host", "Db", "Command", "Time", "State", "Info"], [])

    def show_collation(self, command: Command, session) -> Result:
        return Result.of(["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"], [["utf8_general_ci", "utf8", 33, "Yes", "Yes", 1]])

    def show_empty(self, command: Command, session) -> Result:
        return Result.of(command.text.split(), [])


BACKEND_COLUMNS = ["BackendId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "Alive", "Version"]


def narrowed(result: Result, command: Command) -> Result:
    """WHERE, ORDER BY and LIMIT of a SHOW."""
    names = [column.name.lower() for column in result.columns]
    rows = result.rows
    if command.kind.startswith("alter_") or command.kind == "tables":
        for name, value in command.where.items():
            if name not in names:
                raise Refused(f"Getting analyzing error. Detail message: Column '{name}' cannot be resolved.")
            rows = [row for row in rows if str(row[names.index(name)]).lower() == value.lower()]
    for name, descending in reversed(command.order):
        if name in names:
            rows = sorted(rows, key=lambda row: row[names.index(name)], reverse=descending)
    result.rows = rows if command.limit is None else rows[: command.limit]
    return result


def yes(flag: bool) -> str:
    return "YES" if flag else "NO"


def shown_default(column: Column) -> str | None:
    return column.default if column.has_default else None


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_of(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def column_line(column: Column) -> str:
    line = f"  {name_of(column.name)} {column.type.text()} {'NULL' if column.nullable else 'NOT NULL'}"
    if column.has_default:
        if column.default_is_expression:
            expression = column.default if column.default.upper() == "CURRENT_TIMESTAMP" else f"({column.default})"
            line += f" DEFAULT {expression}"
        else:
            line += f" DEFAULT {quoted(column.default)}"
    return line + f" COMMENT {quoted(column.comment)}"


def create_statement(table: Table, settings) -> str:
    names = ", ".join(name_of(key) for key in table.keys)
    text = f"CREATE TABLE {name_of(table.name)} (\n" + ",\n".join(map(column_line, table.columns)) + "\n) ENGINE=OLAP \n"
    text += f"{table.model} KEY({names})\n"
    if table.comment:
        text += f"COMMENT {quoted(table.comment)}\n"
    if table.partition:
        text += f"PARTITION BY {table.partition}\n"
    by = "RANDOM" if table.distribution == "RANDOM" else f"HASH({', '.join(name_of(name) for name in table.distributed_by)})"
    text += f"DISTRIBUTED BY {by}" + (f" BUCKETS {table.buckets} \n" if table.buckets else "\n")
    if table.order_by:
        text += f"ORDER BY({', '.join(name_of(name) for name in table.order_by)})\n"
    shown = {"compression": "LZ4", "replication_num": "1" if settings.shared_data else "3", **table.properties}
    return text + "PROPERTIES (\n" + ",\n".join(f'{quoted(k)} = {quoted(v)}' for k, v in sorted(shown.items())) + "\n);"
