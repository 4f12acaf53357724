"""DuckDB's results as StarRocks prints them: booleans as 1 and 0, micros when there are any, arrays and JSON as text."""

import datetime
import decimal
import json
import re

from .mysql_wire import BINARY, UTF8, ColumnInfo

TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, LONGLONG, DATE, DATETIME, NEWDECIMAL, BLOB, VARSTRING, STRING = (
    1, 2, 3, 4, 5, 6, 8, 10, 12, 246, 252, 253, 254)
INTEGERS = {"BOOLEAN": (TINY, 4), "TINYINT": (TINY, 4), "SMALLINT": (SHORT, 6), "INTEGER": (LONG, 11), "BIGINT": (LONGLONG, 20),
            "UTINYINT": (SHORT, 6), "USMALLINT": (LONG, 11), "UINTEGER": (LONGLONG, 20), "UBIGINT": (LONGLONG, 20)}


def column_info(name: str, duck_type: str) -> ColumnInfo:
    duck_type = str(duck_type)
    if duck_type in INTEGERS:
        number, length = INTEGERS[duck_type]
        return ColumnInfo(name, number, BINARY, length)
    if duck_type in ("HUGEINT", "UHUGEINT"):
        return ColumnInfo(name, STRING, UTF8, 40)
    if duck_type.startswith("DECIMAL"):
        precision, scale = map(int, re.findall(r"\d+", duck_type))
        return ColumnInfo(name, NEWDECIMAL, BINARY, precision + 2, scale)
    simple = {"FLOAT": (FLOAT, 12, 31), "DOUBLE": (DOUBLE, 22, 31), "DATE": (DATE, 10, 0), "TIMESTAMP": (DATETIME, 26, 6)}
    if duck_type in simple:
        number, length, decimals = simple[duck_type]
        return ColumnInfo(name, number, BINARY, length, decimals)
    if duck_type == "BLOB":
        return ColumnInfo(name, BLOB, BINARY, 1048576)
    return ColumnInfo(name, VARSTRING, UTF8, 1048576)


def cell(value, duck_type: str):
    """The text, or the bytes, of one value."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if duck_type == "JSON":
        return spaced_json(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, float):
        return number_text(value, duck_type)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, list):
        return "[" + ",".join(element(item, duck_type[:-2]) for item in value) + "]"
    return str(value)


def element(value, duck_type: str) -> str:
    if value is None:
        return "null"
    text = cell(value, duck_type)
    if isinstance(value, (str, datetime.date, datetime.datetime)) and duck_type != "JSON":
        return json.dumps(text, ensure_ascii=False)
    return text.decode(errors="replace") if isinstance(text, bytes) else text


def number_text(value: float, duck_type: str) -> str:
    if value == int(value) and abs(value) < 1e15:
        return "-0" if str(value) == "-0.0" else str(int(value))
    if duck_type == "FLOAT":
        return next(text for digits in range(6, 10) if float(text := f"{value:.{digits}g}") == value or digits == 9)
    return repr(value)


def spaced_json(text: str) -> str:
    """A JSON column prints one blank after each comma and colon, and none elsewhere."""
    out, at, inside = [], 0, False
    while at < len(text):
        char = text[at]
        if inside and char == "\\":
            out.append(text[at : at + 2])
            at += 2
            continue
        if char == '"':
            inside = not inside
        if inside or char not in " \t\n\r":
            out.append(char + " " if not inside and char in ",:" else char)
        at += 1
    return "".join(out)
