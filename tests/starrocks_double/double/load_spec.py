"""The headers of a load: which are known, what they mean, and what is refused before a byte is read."""

import json
import re
from dataclasses import dataclass, field

from .catalog import Table

CSV_CODECS = ("gzip", "bzip2", "lz4", "deflate", "zstd")
COMPRESSIONS = ("GZIP", "BZIP2", "LZ4_FRAME", "ZSTD")
LABEL = re.compile(r"^[-\w]{1,128}$", re.A)
# What makes two loads of one transaction "equal"; the rest belongs to the request, not to the load.
LOAD_HEADERS = (
    "format", "columns", "column_separator", "row_delimiter", "enclose", "escape", "skip_header", "trim_space",
    "strip_outer_array", "jsonpaths", "json_root", "max_filter_ratio", "strict_mode", "timezone", "where",
    "partitions", "temporary_partitions", "partial_update", "partial_update_mode", "merge_condition", "compression",
    "content-encoding", "load_mem_limit", "log_rejected_record_num",
)


class LoadRefused(Exception):
    """`code` is the thrift status that the BE answers with."""

    def __init__(self, message: str, code: str = "INTERNAL_ERROR"):
        super().__init__(message)
        self.message, self.code = message, code


@dataclass
class Mapping:
    """An entry of `columns`: a field of the input, or a derived column."""

    name: str
    expression: str | None = None


@dataclass
class LoadSpec:
    """One load's headers, understood."""

    format: str = "csv"
    compression: str | None = None
    columns: list[Mapping] = field(default_factory=list)
    separator: bytes = b"\t"
    delimiter: bytes = b"\n"
    enclose: str | None = None
    escape: str | None = None
    skip_header: int = 0
    trim_space: bool = False
    strip_outer_array: bool = False
    jsonpaths: list[str] = field(default_factory=list)
    json_root: str | None = None
    ignore_json_size: bool = False
    max_filter_ratio: float = 0.0
    strict: bool = False
    partial_update: bool = False
    merge_condition: str | None = None
    where: str | None = None

    @staticmethod
    def parse(headers: dict[str, str], settings, quoting: bool) -> "LoadSpec":
        """`quoting`: whether this kind of load honours enclose, escape, skip_header and trim_space."""
        spec = LoadSpec()
        spec.read_format(headers, settings)
        spec.columns = parse_columns(headers.get("columns", ""))
        spec.separator = delimiter(headers.get("column_separator", "\t"))
        spec.delimiter = delimiter(headers.get("row_delimiter", "\n"))
        if quoting and settings.at_least(3, 0):
            spec.enclose = one_byte(headers, "enclose")
            spec.escape = one_byte(headers, "escape")
            spec.skip_header = whole_number(headers, "skip_header")
            spec.trim_space = headers.get("trim_space", "").lower() == "true"
        spec.strip_outer_array = headers.get("strip_outer_array", "").lower() == "true"
        spec.ignore_json_size = headers.get("ignore_json_size", "").lower() == "true"
        spec.jsonpaths = parse_jsonpaths(headers.get("jsonpaths", ""))
        spec.json_root = headers.get("json_root") or None
        spec.max_filter_ratio = ratio(headers.get("max_filter_ratio", "0"))
        spec.strict = boolean(headers, "strict_mode", "Invalid strict mode format. Must be bool type")
        spec.partial_update = headers.get("partial_update") == "true"
        spec.merge_condition = headers.get("merge_condition") or None
        spec.where = headers.get("where") or None
        if headers.get("partitions") and headers.get("temporary_partitions"):
            raise LoadRefused("Can not specify both partitions and temporary partitions", "INVALID_ARGUMENT")
        return spec

    def read_format(self, headers: dict[str, str], settings) -> None:
        name = headers.get("format", "csv").lower()
        if name in CSV_CODECS:
            self.format, self.compression = "csv", {"lz4": "LZ4_FRAME"}.get(name, name.upper())
        elif name in ("csv", "json"):
            self.format = name
        else:
            raise LoadRefused(f"unknown data format, format={headers['format']}")
        transport, encoding = headers.get("compression"), headers.get("content-encoding")
        if transport and encoding:
            raise LoadRefused("Only one of http header content-encoding and compression can be set", "INVALID_ARGUMENT")
        wanted = (transport or encoding or "").upper()
        if not wanted or not settings.at_least(3, 2, 7):
            return
        if wanted not in COMPRESSIONS:
            raise LoadRefused(f"Unsupported compression algorithm: {wanted}")
        self.compression = wanted


def parse_columns(header: str) -> list[Mapping]:
    """Splits at the commas that no parenthesis and no quote encloses."""
    entries, depth, quote, current = [], 0, "", ""
    for char in header:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        if char == "," and depth == 0 and not quote:
            entries.append(current)
            current = ""
        else:
            current += char
    if header:
        entries.append(current)
    return [parse_mapping(entry.strip()) for entry in entries]


def parse_mapping(entry: str) -> Mapping:
    match = re.fullmatch(r"(`(?:[^`]|``)*`|[^=`\s]+)\s*(?:=\s*(.+))?", entry, re.S)
    if match is None:
        raise LoadRefused(f"failed to parse columns header: {entry}", "INVALID_ARGUMENT")
    name = match.group(1)
    if name.startswith("`"):
        name = name[1:-1].replace("``", "`")
    return Mapping(name, match.group(2))


def delimiter(text: str) -> bytes:
    """Text, or bytes in hex as \\x01 or 0x0102; each below 0x80."""
    if text.lower().startswith(("\\x", "0x")):
        digits = text[2:]
        if not digits or len(digits) % 2 or not re.fullmatch("[0-9a-fA-F]+", digits):
            raise LoadRefused(f"Invalid delimiter '{text}': invalid hex format")
        found = bytes.fromhex(digits)
        if any(byte >= 0x80 for byte in found):
            raise LoadRefused(f"Invalid delimiter '{text}': each byte must be less than 0x80")
    else:
        found = text.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").encode()
    if not 1 <= len(found) <= 50:
        raise LoadRefused("the length of a delimiter must be between 1 and 50 bytes")
    return found


def one_byte(headers: dict[str, str], name: str) -> str | None:
    text = headers.get(name, "")
    if not text:
        return None
    found = delimiter(text)
    if len(found) != 1:
        raise LoadRefused(f"{name} must be one byte")
    return found.decode()


def whole_number(headers: dict[str, str], name: str) -> int:
    text = headers.get(name, "0")
    if not text.isdigit():
        raise LoadRefused(f"Invalid {name} format. Must be number")
    return int(text)


def parse_jsonpaths(header: str) -> list[str]:
    if not header:
        return []
    try:
        paths = json.loads(header)
    except ValueError:
        paths = None
    if not isinstance(paths, list) or not all(isinstance(path, str) and path.startswith("$") for path in paths):
        raise LoadRefused(f"Invalid json path: {header}")
    return paths


def ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise LoadRefused("Invalid max_filter_ratio: must be between 0 and 1")
    return value


def boolean(headers: dict[str, str], name: str, message: str) -> bool:
    text = headers.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise LoadRefused(message, "INVALID_ARGUMENT")
    return text == "true"


def load_headers(headers: dict[str, str]) -> dict[str, str]:
    """The part of the headers that must not change within a transaction."""
    return {name: headers[name] for name in LOAD_HEADERS if name in headers}


def check_against(spec: LoadSpec, table: Table, settings) -> None:
    """What the planner refuses."""
    if spec.where:
        raise LoadRefused("the header where is beyond this double")
    if spec.partial_update and not table.is_primary:
        raise LoadRefused("Only primary key table support partial update")
    if spec.merge_condition is not None:
        check_merge_condition(spec, table, settings)
    names = [mapping.name.lower() for mapping in spec.columns]
    for name in names:
        if names.count(name) > 1:
            raise LoadRefused(f"Duplicate column: {name}")
    if spec.jsonpaths and spec.columns:
        fields = [mapping for mapping in spec.columns if mapping.expression is None]
        if len(spec.jsonpaths) < len(fields):
            raise LoadRefused("the number of jsonpaths is less than that of columns")
    present = set(names) if any(m.expression is None for m in spec.columns) else None
    if present is None:
        return
    for column in table.columns:
        if column.name.lower() in present:
            continue
        if spec.partial_update and not column.key:
            continue
        if not column.nullable and not column.has_default:
            raise LoadRefused(f"Column has no default value. column: {column.name}")


def check_merge_condition(spec: LoadSpec, table: Table, settings) -> None:
    if not settings.at_least(2, 5):
        raise LoadRefused("conditional update needs 2.5")
    if not table.is_primary:
        raise LoadRefused("Conditional update only support primary key table")
    column = table.find(spec.merge_condition)
    if column is None:
        raise LoadRefused(f"Merge condition column {spec.merge_condition} does not exist")
    if column.key:
        raise LoadRefused(f"Merge condition column {spec.merge_condition} should not be primary key")
    if spec.partial_update and not settings.at_least(3, 1, 3):
        raise LoadRefused("partial update and conditional update cannot be used together before 3.1.3")
