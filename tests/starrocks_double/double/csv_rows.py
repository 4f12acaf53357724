"""CSV as the BE's scanner reads it: no quoting unless asked for, \\N is NULL, blank lines are skipped."""

import json
from pathlib import Path

from .load_spec import LoadSpec
from .values import quote_text

NULL = "\\N"


class Row:
    """The fields of a record, or why it is none. `text` is for the error log."""

    __slots__ = ("fields", "error", "text")

    def __init__(self, fields, text, error=None):
        self.fields, self.text, self.error = fields, text, error


def split_records(body: bytes, spec: LoadSpec, last: bool) -> tuple[bytes, bytes]:
    """The part of `body` that ends with a delimiter, and the tail that waits for the next bytes."""
    if last:
        return body, b""
    end = body.rfind(spec.delimiter)
    if end < 0:
        return b"", body
    end += len(spec.delimiter)
    return body[:end], body[end:]


def read(body: bytes, spec: LoadSpec, width: int) -> list[Row]:
    records = quoted_records(body, spec) if spec.enclose or spec.escape else plain_records(body, spec)
    return [check(fields, text, width) for fields, text in records][spec.skip_header :]


def plain_records(body: bytes, spec: LoadSpec):
    for record in body.split(spec.delimiter):
        if not record:
            continue
        try:
            text = record.decode()
        except UnicodeDecodeError:
            yield None, record.decode(errors="replace")
            continue
        fields = text.split(spec.separator.decode())
        yield ([field.strip(" ") for field in fields] if spec.trim_space else fields), text


def quoted_records(body: bytes, spec: LoadSpec):
    """The second parser: enclosed fields may hold separators and delimiters; a doubled enclosing byte stands for one."""
    text = body.decode(errors="replace")
    separator, delimiter = spec.separator.decode(), spec.delimiter.decode()
    at, fields, current, inside, start = 0, [], "", False, 0
    while at < len(text):
        char = text[at]
        if spec.escape and char == spec.escape and at + 1 < len(text):
            current += text[at + 1]
            at += 2
        elif inside and char == spec.enclose:
            if text[at + 1 : at + 2] == spec.enclose:
                current += char
                at += 2
            else:
                inside = False
                at += 1
        elif not inside and char == spec.enclose and not current:
            inside = True
            at += 1
        elif spec.trim_space and not inside and char == " " and (not current or text[at - 1] == spec.enclose):
            at += 1
        elif not inside and text.startswith(separator, at):
            fields.append(current)
            current = ""
            at += len(separator)
        elif not inside and text.startswith(delimiter, at):
            if fields or current or text[start:at]:
                yield fields + [current], text[start:at]
            fields, current = [], ""
            at += len(delimiter)
            start = at
        else:
            current += char
            at += 1
    # A short last record without its delimiter is dropped without a word, as the server drops it.


def check(fields, text: str, width: int) -> Row:
    if fields is None:
        return Row(None, text, "Invalid UTF-8 row")
    if len(fields) != width:
        return Row(None, text, wrong_width(width, len(fields)))
    return Row(fields, text)


def wrong_width(width: int, found: int) -> str:
    return (f"Target column count: {width} doesn't match source value column count: {found}. "
            "Column separator: '\\t', Row delimiter: '\\n'")


def splits_by_bytes(body: bytes, spec: LoadSpec) -> bool:
    """Whether plain splitting, with nothing looked at inside a field, gives the rows."""
    if spec.enclose or spec.escape or spec.trim_space or spec.skip_header or b"\0" in spec.separator + spec.delimiter:
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def lines_sql(path: str, body: bytes, spec: LoadSpec) -> str:
    """A FROM clause of the records. Reading lines is much faster than splitting one text, where nothing in it is special."""
    if spec.delimiter == b"\n" and not any(byte in body for byte in (b"\r", b"\0", b"\x1e", b"\x1f")):
        return (f"read_csv({quote_text(path)}, delim = '\x1f', nullstr = '\x1e', quote = '', escape = '', header = false, auto_detect = false, "
                f"new_line = '\\n', max_line_size = {max(len(body) + 1, 2097152)}, columns = {{'line': 'VARCHAR'}})")
    return f"(SELECT unnest(string_split(content, {quote_text(spec.delimiter.decode())})) AS line FROM read_text({quote_text(path)}))"


def split_sql(path: str, body: bytes, spec: LoadSpec, width: int) -> tuple[str, str]:
    """A SELECT of the records whose number of fields is wrong, and a FROM clause of the others with f0, f1, ..."""
    lines = lines_sql(path, body, spec)
    return f"SELECT line, len(f) FROM {split(lines, spec)} WHERE len(f) <> {width}", fields_sql(lines, spec, width)


def split(lines: str, spec: LoadSpec) -> str:
    return f"(SELECT line, string_split(line, {quote_text(spec.separator.decode())}) AS f FROM {lines} WHERE line <> '')"


def fields_sql(lines: str, spec: LoadSpec, width: int) -> str:
    """A FROM clause of the records of `lines` that have `width` fields: f0, f1, ..."""
    named = ", ".join(f"nullif(f[{index + 1}], {quote_text(NULL)}) AS f{index}" for index in range(width))
    return f"(SELECT {named} FROM {split(lines, spec)} WHERE len(f) = {width})"


def write_json(rows: list[Row], path: Path) -> None:
    """Good rows as lines of JSON, members f0, f1, ..., for DuckDB to read."""
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            if row.error is None:
                out.write(json.dumps({f"f{i}": None if value == NULL else value for i, value in enumerate(row.fields)}))
                out.write("\n")
