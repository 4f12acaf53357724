"""Stages the bytes of a load: parse, map columns, check every value, keep the good rows and tell of the bad."""

import bz2
import gzip
import json
import zlib
from dataclasses import dataclass, field

import duckdb
import lz4.frame
import zstandard

from . import csv_rows
from .catalog import Column, Table, stage_columns
from .expressions import derived
from .load_spec import LoadRefused, LoadSpec, check_against
from .stages import stage_table
from .storage import Storage
from .values import from_csv, from_json, json_text, key_bytes, quote_name, quote_text

MAX_ERRORS = 50
SMALL = 1 << 18  # bytes of a body: what it takes then is the planning of its statement
EDGE = 64  # bytes looked at for the first and the last character, before the whole body is


@dataclass
class Counts:
    loaded: int = 0
    filtered: int = 0
    unselected: int = 0
    errors: list[str] = field(default_factory=list)


class Stage:
    """What a load has brought for one table; a table of the schema `stage` until it is published or dropped.

    All methods run in the storage's write thread.
    """

    def __init__(self, storage: Storage, settings, table: Table, spec: LoadSpec, name: str):
        check_against(spec, table, settings)
        self.storage, self.settings, self.table, self.spec, self.name = storage, settings, table, spec, name
        self.counts = Counts()
        self.failure: str | None = None
        self.columns = self.target_columns()
        self.pending = b""
        self.sequence = 0
        self.made = False
        self.small = True

    def make(self) -> None:
        if self.made:
            return
        if self.small:
            self.name = self.storage.stages.take(stage_columns(self.columns))
        else:
            self.storage.stages.create(self.name, stage_columns(self.columns))
        self.made = True

    # ---- what goes where

    def fields(self) -> list[str]:
        """Names of the input's fields, in order."""
        named = [mapping.name for mapping in self.spec.columns if mapping.expression is None]
        if named:
            return named
        names = [column.name for column in self.table.columns]
        if self.table.is_primary and self.spec.format == "json" and not self.spec.jsonpaths:
            names.append("__op")
        return names

    def target_columns(self) -> list[Column]:
        if not self.spec.partial_update:
            return list(self.table.columns)
        given = {name.lower() for name in self.fields()} | {mapping.name.lower() for mapping in self.spec.columns}
        return [column for column in self.table.columns if column.key or column.name.lower() in given]

    def expressions(self) -> dict[str, str]:
        return {mapping.name.lower(): mapping.expression for mapping in self.spec.columns if mapping.expression}

    # ---- taking bytes

    def add(self, body: bytes, complete: bool = True) -> None:
        """A request's body. One that was cut short (`complete` false) waits for what the next request brings."""
        if not complete:
            self.pending += body
            return
        if self.pending:
            body, self.pending = self.pending + body, b""
        if self.failure is not None:
            return
        try:
            body = decompress(body, self.spec.compression)
            self.small = len(body) <= SMALL
            if self.spec.format == "json":
                self.add_json(body)
            else:
                self.add_csv(body, last=False)
        except LoadRefused as refused:
            self.failure = refused.message

    def finish(self) -> None:
        """No more bytes will come."""
        self.make()
        if self.failure is not None:
            return
        try:
            if self.pending:
                rest, self.pending = self.pending, b""
                self.add_json(rest) if self.spec.format == "json" else self.add_csv(rest, last=True)
        except LoadRefused as refused:
            self.failure = refused.message
            return
        self.verdict()

    def verdict(self) -> None:
        total = self.counts.loaded + self.counts.filtered
        if total and self.counts.filtered / total > self.spec.max_filter_ratio:
            self.failure = "too many filtered rows"

    def add_json(self, body: bytes) -> None:
        if not body[:EDGE].strip() and not body.strip():
            return
        if self.add_small(body, self.json_rows):
            return
        path = self.storage.spool_file(body)
        try:
            self.insert(*self.json_source(body, path))
        except duckdb.InvalidInputException as error:
            self.counts.errors.append(f"Error: Failed to parse json: {str(error).splitlines()[0]}. Row: ")
            raise LoadRefused("Failed to parse json as array. error: TAPE_ERROR: The JSON document has an improper structure") \
                from error
        finally:
            path.unlink()

    def json_source(self, body: bytes, path) -> tuple[str, list[str]]:
        """A FROM clause and the expressions of the fields' raw JSON."""
        first = (body[:EDGE].lstrip() or body.lstrip())[:1]
        last = (body[-EDGE:].rstrip() or body.rstrip())[-1:]
        if self.spec.strip_outer_array and not self.spec.json_root and first != b"[":
            raise LoadRefused("The value is not an array when strip_outer_array is set. error: INCORRECT_TYPE")
        if not self.spec.strip_outer_array and first == b"[":
            raise LoadRefused("The value is array type in json document stream, you can set strip_outer_array=true to parse "
                              "each element of the array as individual rows")
        if self.spec.strip_outer_array and first == b"[" and last != b"]":
            raise LoadRefused("Failed to parse json as array. error: TAPE_ERROR")
        form = "array" if first == b"[" else "unstructured"
        size = max(len(body) + 1, 16777216)
        options = f"format = '{form}', maximum_object_size = {size}"
        if not self.spec.jsonpaths and not self.spec.json_root:
            names = unique(self.fields())
            columns = ", ".join(f"{quote_text(name)}: 'JSON'" for name in names)
            source = f"read_json({quote_text(str(path))}, {options}, records = true, columns = {{{columns}}})"
            return source, [quote_name(name) for name in self.fields()]
        document = f"read_json_objects({quote_text(str(path))}, {options})"
        rows = f"(SELECT json AS j FROM {document})"
        if self.spec.json_root:
            root = f"json_extract(json, {quote_text(self.spec.json_root)})"
            if self.spec.strip_outer_array:
                root = f"unnest(CAST({root} AS JSON[]))"
            rows = f"(SELECT {root} AS j FROM {document})"
        paths = self.spec.jsonpaths or ['$."' + name.replace('"', '\\"') + '"' for name in self.fields()]
        return rows, [f"json_extract(j, {quote_text(path)})" for path in paths[: len(self.fields())]]

    def add_csv(self, body: bytes, last: bool) -> None:
        complete, self.pending = csv_rows.split_records(body, self.spec, last)
        if not complete or self.add_small(complete, self.csv_rows):
            return
        path = self.storage.spool_file(complete)
        try:
            if csv_rows.splits_by_bytes(complete, self.spec):
                self.add_split_csv(complete, path)
            else:
                self.add_parsed_csv(complete, path)
        finally:
            path.unlink()

    def add_split_csv(self, body: bytes, path) -> None:
        """Without quoting, splitting is all there is to CSV; DuckDB does it."""
        width = len(self.fields())
        bad, records = csv_rows.split_sql(str(path), body, self.spec, width)
        rows = self.storage.connection.execute(bad).fetchall()
        self.counts.filtered += len(rows)
        for text, found in rows[:MAX_ERRORS]:
            self.tell(f"Error: {csv_rows.wrong_width(width, found)}. Row: {text}")
        self.insert(records, [f"f{index}" for index in range(width)])

    def add_parsed_csv(self, body: bytes, path) -> None:
        width = len(self.fields())
        rows = csv_rows.read(body, self.spec, width)
        for row in rows:
            if row.error:
                self.counts.filtered += 1
                self.tell(f"Error: {row.error}. Row: {row.text}")
        csv_rows.write_json(rows, path)
        if path.stat().st_size:
            columns = ", ".join(f"f{index}: 'VARCHAR'" for index in range(width))
            size = max(len(body) * 2, 16777216)
            self.insert(f"read_json({quote_text(str(path))}, format = 'newline_delimited', columns = {{{columns}}}, maximum_object_size = {size})",
                        [f"f{index}" for index in range(width)])

    # ---- small bodies, by statements that are planned once

    def add_small(self, body: bytes, rows) -> bool:
        """False when it is not small, or when something is wrong with it: the long way then tells what."""
        if not self.small or b"\0" in body:
            return False
        try:
            text = body.decode()
            found = rows(text)
            if found is not None:
                self.insert(*found, text)
            return found is not None
        except (UnicodeDecodeError, duckdb.Error):
            return False

    def json_rows(self, text: str) -> tuple[str, list[str]] | None:
        spec = self.spec
        if not spec.strip_outer_array or spec.json_root or spec.jsonpaths or not is_array_of_objects(text):
            return None
        members = quote_text(json.dumps([{name: "JSON" for name in self.fields()}]))
        rows = f"(SELECT unnest(json_transform($1::VARCHAR, {members})) AS o)"
        return rows, [f"o.{quote_name(name)}" for name in self.fields()]

    def csv_rows(self, text: str) -> tuple[str, list[str]] | None:
        if not csv_rows.splits_by_bytes(text.encode(), self.spec):
            return None
        separator, delimiter = self.spec.separator.decode(), self.spec.delimiter.decode()
        width = len(self.fields())
        if any(record and record.count(separator) != width - 1 for record in text.split(delimiter)):
            return None
        lines = f"(SELECT unnest(string_split($1::VARCHAR, {quote_text(delimiter)})) AS line)"
        return csv_rows.fields_sql(lines, self.spec, width), [f"f{index}" for index in range(width)]

    # ---- from fields to typed columns

    def insert(self, source: str, raw: list[str], content: str | None = None) -> None:
        """`content`: what $1 stands for in `source`."""
        is_json = self.spec.format == "json"
        names = [name.lower() for name in self.fields()]
        inputs = []
        for index, expression in enumerate(raw):
            text = json_text(expression) if is_json else expression
            inputs.append(f"{expression} AS r{index}, {text} AS t{index}")
        texts = {name: f"t{index}" for index, name in enumerate(names)}
        values, faults = [], []
        for index, column in enumerate(self.columns):
            value, wrong = self.column(column, f"v{index}", texts, is_json)
            values.append(f"{value} AS v{index}")
            faults += wrong
        faults.append(("_op IS NULL", "'Invalid __op value'"))
        faults += self.key_fault()
        sequence = self.sequence if content is None else "$2::BIGINT"
        typed = f"""WITH input AS MATERIALIZED (SELECT row_number() OVER () + {sequence} AS _seq, {', '.join(inputs)} FROM {source}),
            typed AS (SELECT *, {self.operation(texts)} AS _op, {', '.join(values)} FROM input)"""
        bad = " OR ".join(f"({condition})" for condition, _ in faults)
        columns = ", ".join(f"v{index}" for index in range(len(self.columns)))
        self.make()
        table = stage_table(self.name)
        statement = f"INSERT INTO {table} {typed} SELECT _seq, _op, {bad}, {columns} FROM typed"
        with self.storage.transaction() as connection:
            if content is None:
                added = connection.execute(statement).fetchone()[0]
                wrong = connection.execute(f'SELECT count(*) FROM {table} WHERE "!bad"').fetchone()[0]
            else:
                verdicts = self.storage.prepared.execute(f'{statement} RETURNING "!bad"', content, self.sequence).fetchall()
                added, wrong = len(verdicts), sum(bool(bad) for (bad,) in verdicts)
            if wrong:
                self.explain(typed, bad, faults, len(raw), [] if content is None else [content, self.sequence])
                connection.execute(f'DELETE FROM {table} WHERE "!bad"')
        self.sequence += added
        self.counts.loaded += added - wrong
        self.counts.filtered += wrong

    def explain(self, typed: str, bad: str, faults: list[tuple[str, str]], width: int, values: list) -> None:
        """Writes the first bad rows with their reasons into the error log."""
        reasons = " ".join(f"WHEN {condition} THEN {reason}" for condition, reason in faults)
        row = "to_json([" + ", ".join(f"CAST(t{index} AS VARCHAR)" for index in range(width)) + "])::VARCHAR"
        sql = f"{typed} SELECT CASE {reasons} END, {row} FROM typed WHERE {bad} ORDER BY _seq LIMIT {MAX_ERRORS}"
        for reason, text in self.storage.connection.execute(sql, values).fetchall():
            if reason.startswith("primary key size"):
                self.failure = reason
            self.tell(f"Error: {reason}. Row: {text}")

    def column(self, column: Column, value_name: str, texts: dict[str, str], is_json: bool) -> tuple[str, list[tuple[str, str]]]:
        """The SQL of one column's value, and when a row is bad for it, with the reason."""
        name = column.name.lower()
        missing = [(f"{value_name} IS NULL", quote_text(f"NULL value in non-nullable column '{column.name}'"))]
        if column.nullable:
            missing = []
        expressions = self.expressions()
        if name in expressions:
            return derived(expressions[name], texts, column.type), missing
        if name not in texts:
            return f"CAST({column.default_sql()} AS {column.type.physical()})", missing
        text = texts[name]
        value = from_json(column.type, text, "r" + text[1:]) if is_json else from_csv(column.type, text)
        if self.spec.strict or not column.nullable:
            missing.insert(0, (f"{value_name} IS NULL AND {text} IS NOT NULL", self.reason(column, text)))
        return value, missing

    @staticmethod
    def reason(column: Column, text: str) -> str:
        shown = f"coalesce(left({text}, 64), '')"
        if column.type.name in ("VARCHAR", "CHAR", "VARBINARY"):
            return (f"'String ''' || {shown} || '''(length=' || strlen({text}) || ') is too long. The max length of ' || "
                    f"{quote_text(repr(column.name))} || ' is {column.type.max_bytes}'")
        if column.type.name == "DECIMAL":
            return (f"'Decimal ''' || {shown} || ''' is out of range. The type of ' || {quote_text(repr(column.name))} || "
                    f"' is {column.type.text().upper()}'")
        return (f"'Value ''' || {shown} || ''' is out of range. The type of ' || {quote_text(repr(column.name))} || "
                f"' is {column.type.text().upper()}'")

    def operation(self, texts: dict[str, str]) -> str:
        expressions = self.expressions()
        if not self.table.is_primary:
            return "0"
        if "__op" in expressions:
            text = derived(expressions["__op"], texts, None)
        elif "__op" in texts:
            text = texts["__op"]
        else:
            return "0"
        return (f"CASE WHEN {text} IS NULL OR lower({text}) IN ('0', 'upsert') THEN 0 "
                f"WHEN lower({text}) IN ('1', 'delete') THEN 1 END")

    def key_fault(self) -> list[tuple[str, str]]:
        if not self.table.is_primary:
            return []
        keys = [(index, column) for index, column in enumerate(self.columns) if column.key]
        size = key_bytes([column.type for _, column in keys], [f"v{index}" for index, _ in keys])
        return [(f"coalesce({size} > {self.settings.primary_key_limit}, false)", "'primary key size exceed the limit'")]

    def tell(self, line: str) -> None:
        if len(self.counts.errors) < MAX_ERRORS:
            self.counts.errors.append(line)


def is_array_of_objects(text: str) -> bool:
    def refuse(constant: str):
        raise ValueError(constant)

    try:
        rows = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def decompress(body: bytes, codec: str | None) -> bytes:
    try:
        if codec is None:
            return body
        if codec == "GZIP":
            return gzip.decompress(body)
        if codec == "BZIP2":
            return bz2.decompress(body)
        if codec == "DEFLATE":
            return zlib.decompress(body)
        if codec == "LZ4_FRAME":
            return lz4.frame.decompress(body)
        return zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read()
    except (OSError, ValueError, RuntimeError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise LoadRefused(f"Failed to decompress the {codec} body: {error}") from error
