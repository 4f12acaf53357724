"""SELECT, INSERT, UPDATE and DELETE: parsed as StarRocks', refused where its grammar refuses, run by DuckDB."""

import re
from collections import deque
from functools import lru_cache

import duckdb

from .catalog import Catalog, Refused, Table
from .mysql_wire import Result
from .rows import cell, column_info
from .tokens import SyntaxRefused, tokenize
from .values import quote_name

SYSTEM_VARIABLES = {"version_comment": "StarRocks version {version}", "version": "8.0.33", "tx_isolation": "REPEATABLE-READ",
                     "transaction_isolation": "REPEATABLE-READ", "autocommit": "1", "sql_mode": "ONLY_FULL_GROUP_BY",
                     "lower_case_table_names": "0", "max_allowed_packet": "33554432", "time_zone": "UTC",
                     "system_time_zone": "UTC", "character_set_client": "utf8", "character_set_connection": "utf8",
                     "character_set_results": "utf8", "collation_connection": "utf8_general_ci", "wait_timeout": "28800",
                     "interactive_timeout": "3600", "net_write_timeout": "60", "init_connect": "", "license": "Apache License 2.0",
                     "auto_increment_increment": "1", "query_timeout": "300", "character_set_server": "utf8",
                     "collation_server": "utf8_general_ci", "performance_schema": "0", "transaction_read_only": "0",
                     "tx_read_only": "0"}


@lru_cache(maxsize=512)
def parse(sql: str):
    """The statement's tree, which nobody changes. Raises SyntaxRefused."""
    import sqlglot
    from sqlglot import exp

    tokens = tokenize(sql)
    if "#" in sql and any(token.text == "#" for token in tokens):
        raise SyntaxRefused("Getting syntax error. Detail message: Unexpected input '#'.")
    words = [token.upper for token in tokens if token.kind == "word"]
    if words[0] in ("UPSERT", "REPLACE"):
        raise SyntaxRefused(f"Getting syntax error at line 1, column 0. Detail message: Unexpected input '{tokens[0].text}'.")
    if words[0] == "EXPLAIN":
        raise Refused("EXPLAIN is beyond this double")
    try:
        tree = sqlglot.parse_one(prepared_text(sql, tokens), read="starrocks")
    except sqlglot.errors.SqlglotError as error:
        raise SyntaxRefused(f"Getting syntax error at line 1, column 0. Detail message: {str(error).splitlines()[0]}.") from error
    if not isinstance(tree, (exp.Query, exp.Insert, exp.Update, exp.Delete)):
        raise SyntaxRefused(f"Getting syntax error at line 1, column 0. Detail message: Unexpected input '{tokens[0].text}'.")
    refuse(tree, exp)
    return tree


def prepared_text(sql: str, tokens: list) -> str:
    """Without hints; version() gets another name, since sqlglot takes it for current_version()."""
    for token, following in reversed(list(zip(tokens, [*tokens[1:], None]))):
        if token.kind == "hint":
            sql = sql[: token.at] + " " + sql[token.at + len(token.text) :]
        elif token.upper == "VERSION" and following is not None and following.text == "(":
            sql = sql[: token.at] + "mysql_version" + sql[token.at + len(token.text) :]
    return sql


def refuse(tree, exp) -> None:
    """What sqlglot takes and StarRocks does not."""

    def no(what: str):
        return SyntaxRefused(f"Getting syntax error. Detail message: Unexpected input '{what}'.")

    if any(select.args.get("locks") for select in tree.find_all(exp.Select)):
        raise no("FOR")
    for comparison in tree.find_all(exp.GT, exp.LT, exp.GTE, exp.LTE, exp.EQ, exp.NEQ):
        if isinstance(comparison.this, exp.Tuple) and isinstance(comparison.expression, exp.Tuple):
            raise no(",")
    if isinstance(tree, exp.Insert) and tree.args.get("conflict"):
        raise no("ON")
    if tree.find(exp.Returning):
        raise no("RETURNING")


def wanted(tree) -> dict[str, str]:
    """Texts that columns must equal, whatever else the statement says: most of a large catalogue need not be shown to it."""
    from sqlglot import exp

    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None:
        return {}
    conditions = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    return {condition.this.name.upper(): condition.expression.name for condition in conditions
            if isinstance(condition, exp.EQ) and isinstance(condition.this, exp.Column)
            and isinstance(condition.expression, exp.Literal) and condition.expression.is_string}


class Queries:
    """Runs trees for a session; `virtual(name)` gives the rows of information_schema."""

    def __init__(self, catalog: Catalog, cluster):
        self.catalog, self.cluster = catalog, cluster
        self.storage = catalog.storage
        self.seen: deque[str] = deque(maxlen=16)

    async def select(self, tree, session) -> Result:
        from sqlglot import exp

        sums = {index for index, select in enumerate(tree.selects) if isinstance(select.unalias(), exp.Sum)}
        return await self.storage.read(self.run, self.translate(tree, session), sums)

    def run(self, sql: str, sums: set[int]) -> Result:
        """`sums`: columns that are BIGINT at the server, and HUGEINT here."""
        try:
            cursor = self.cursor(sql)
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise self.refusal(error) from error
        types = [str(column[1]) for column in cursor.description]
        types = ["BIGINT" if type_ == "HUGEINT" and index in sums else type_ for index, type_ in enumerate(types)]
        columns = [column_info(column[0], type_) for column, type_ in zip(cursor.description, types)]
        return Result(columns, [[cell(value, type_) for value, type_ in zip(row, types)] for row in rows])

    def cursor(self, sql: str):
        """A statement that comes again is planned once; most do not."""
        if sql in self.storage.prepared_reads.prepared or sql in self.seen:
            return self.storage.prepared_reads.execute(sql)
        self.seen.append(sql)
        return self.storage.reader.execute(sql)

    def refusal(self, error: Exception) -> Refused:
        text = str(error).splitlines()[0]
        unknown = re.search(r'(?:Referenced column|column) "?([^" ]+)"? (?:not found|was not found)', text)
        if isinstance(error, duckdb.BinderException) and unknown:
            return self.catalog.unknown_column(unknown.group(1))
        return Refused(f"Getting analyzing error. Detail message: {text}.")

    # ---- names

    def translate(self, tree, session) -> str:
        """Relations stand in what is kept of a tree as "@n@"; what they are is put in each time."""
        kept = tree.meta.setdefault("translations", {})
        key = (session.db, session.user, self.version_text())
        if key not in kept:
            relations: list[tuple[str | None, str]] = []
            kept[key] = (self.rewritten(tree, session, relations).sql(dialect="duckdb"), relations)
        sql, relations = kept[key]
        for number, (db, name) in enumerate(relations):
            sql = sql.replace(f'"@{number}@"', f"({self.body(db, name, wanted(tree) if len(relations) == 1 else {})})")
        return sql

    def rewritten(self, tree, session, relations: list):
        from sqlglot import exp

        common = {cte.alias for cte in tree.find_all(exp.CTE)}

        def replace(node):
            if isinstance(node, exp.Table):
                return node if not node.db and node.name in common else self.relation(node, session, relations)
            if isinstance(node, exp.Column) and node.args.get("db"):
                node.set("db", None)
                node.set("catalog", None)
                return node
            return self.function(node, session, exp)

        return tree.transform(replace)

    def function(self, node, session, exp):
        name = node.name.lower() if isinstance(node, exp.Anonymous) else node.key if isinstance(node, exp.Func) else ""
        fixed = {"database": session.db, "schema": session.db, "currentschema": session.db, "currentdatabase": session.db,
                 "currentversion": self.version_text(), "current_version": self.version_text(), "mysql_version": "8.0.33",
                 "user": f"'{session.user}'@'127.0.0.1'", "currentuser": f"'{session.user}'@'%'", "current_user": f"'{session.user}'@'%'",
                 "connection_id": "1", "connectionid": "1", "last_query_id": "", "current_role": "root"}
        if name in fixed:
            value = fixed[name]
            return exp.Null() if value is None else exp.Literal.string(value)
        if isinstance(node, (exp.SessionParameter, exp.Parameter)):
            return exp.Literal.string(self.variable(node.name))
        return node

    def variable(self, name: str) -> str:
        name = name.lower().split(".")[-1]
        if name not in SYSTEM_VARIABLES:
            raise Refused(f"Unknown system variable '{name}'", 1193, "HY000")
        return SYSTEM_VARIABLES[name].format(version=self.cluster.settings.version)

    def version_text(self) -> str:
        return f"{self.cluster.settings.version} 0123456"

    def relation(self, node, session, relations: list):
        from sqlglot import exp

        if isinstance(node.this, exp.Func):
            return node
        alias = exp.TableAlias(this=exp.to_identifier(node.alias or node.name, quoted=True))
        relations.append((node.db or session.db, node.name))
        placed = exp.Table(this=exp.to_identifier(f"@{len(relations) - 1}@", quoted=True), alias=alias)
        if node.args.get("joins"):
            placed.set("joins", node.args["joins"])
        return placed

    def body(self, db: str | None, name: str, only: dict[str, str]) -> str:
        if (db or "").lower() == "information_schema":
            return self.cluster.information_schema.sql(name.lower(), only)
        table = self.catalog.need(db, name)
        columns = ", ".join(quote_name(column.name) for column in table.columns)
        return f"SELECT {columns} FROM {table.physical}"

    # ---- changes

    def target(self, tree, session) -> Table:
        from sqlglot import exp

        node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        return self.catalog.need(node.db or session.db, node.name)
