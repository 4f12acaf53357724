"""Which text StarRocks takes as a value of a type, as SQL of DuckDB.

DuckDB's own casts take more (infinity, 1e3 as an integer, t as a boolean), so the text is looked at first.
"""

from .types import INTEGERS, JSON_LIMIT, Type

INTEGER = r"[+-]?[0-9]+"
DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
FLOAT = DECIMAL + r"([eE][+-]?[0-9]+)?"
DATE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
TIME = r"[ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{1,6})?)?"
CSV_ELEMENT = r'"(?:[^"]|"")*"|[^",\[\]]+'
CSV_LIST = rf"\[((?:{CSV_ELEMENT})(?:,(?:{CSV_ELEMENT}))*)?\]"
NOT_JSON_NUMBER = r"(^|[\[:,])\s*-?(NaN|Infinity|nan|inf)"


def quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def full_match(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {quote_text(pattern)})"


def from_text(type_: Type, text: str) -> str:
    """The value of a CSV field, or of a JSON string or number; NULL where it cannot be one."""
    name = type_.name
    if name == "BOOLEAN":
        return f"CASE WHEN lower({text}) IN ('true', '1') THEN true WHEN lower({text}) IN ('false', '0') THEN false END"
    if name in INTEGERS:
        return f"CASE WHEN {full_match(text, INTEGER)} THEN TRY_CAST({text} AS {type_.physical()}) END"
    if name in ("FLOAT", "DOUBLE"):
        number = f"TRY_CAST({text} AS {type_.physical()})"
        return f"CASE WHEN {full_match(text, FLOAT)} AND isfinite({number}) THEN {number} END"
    if name == "DECIMAL":
        return decimal(type_, text)
    if name in ("VARCHAR", "CHAR"):
        return f"CASE WHEN strlen({text}) <= {type_.length} THEN {text} END"
    if name == "DATE":
        return f"TRY_CAST(regexp_extract({four_digits(text)}, {quote_text('^' + DATE)}) AS DATE)"
    if name == "DATETIME":
        return datetime(text)
    if name == "JSON":
        return json_value(text)
    if name == "VARBINARY":
        raw = f"encode({text})"
        decoded = f"coalesce(TRY(from_base64({text})), {raw})"
        return f"CASE WHEN octet_length({decoded}) <= {type_.max_bytes} THEN {decoded} END"
    if name == "ARRAY":
        return array(type_, f"(CASE WHEN json_valid({text}) THEN {text} END)::JSON")
    return json_object(text)


def from_csv(type_: Type, text: str) -> str:
    if type_.name == "ARRAY":
        return array(type_, f"({csv_array(text)})::JSON")
    return from_text(type_, text)


def csv_array(text: str) -> str:
    """JSON of a list in a CSV field (be/src/formats/csv/array_reader.cpp, string_converter.cpp): texts stand in double quotes,
    which are doubled inside; a backslash is a character like any other. NULL for what is no list. Lists of lists are not played."""
    inside = f"regexp_extract_all({text}[2:-2], {quote_text(CSV_ELEMENT)})"
    unquoted = """replace(e[2:-2], '""', '"')"""
    elements = f"list_transform({inside}, lambda e: CASE WHEN e[1] = '\"' THEN CAST(to_json({unquoted}) AS VARCHAR) ELSE e END)"
    joined = f"('[' || array_to_string({elements}, ',') || ']')"
    return f"CASE WHEN {full_match(text, CSV_LIST)} AND json_valid({joined}) THEN {joined} END"


def from_json(type_: Type, text: str, raw: str) -> str:
    """The value of a JSON member: `raw` as it came, `text` its text without quotes."""
    if type_.name == "JSON":
        return json_value(raw)
    if type_.name == "ARRAY":
        return array(type_, raw)
    if type_.name in ("MAP", "STRUCT"):
        return json_object(f"CAST({raw} AS VARCHAR)")
    if type_.name == "VARBINARY":
        return "NULL::BLOB"
    if type_.name in ("DECIMAL", "LARGEINT"):
        # A JSON number passes through a double at the server: refused here, so that nobody relies on luck.
        digits = f"strlen(regexp_replace({text}, '[^0-9]', '', 'g'))"
        exact = f"(left(CAST({raw} AS VARCHAR), 1) = '\"' OR {digits} <= 15)"
        return f"CASE WHEN {exact} THEN {from_text(type_, text)} END"
    if type_.name == "FLOAT":
        # A number is read as a double and compared as one; the shortest text of FLT_MAX is larger.
        bounded = f"abs(TRY_CAST({text} AS DOUBLE)) <= 3.4028234663852886e38"
        return f"CASE WHEN left(CAST({raw} AS VARCHAR), 1) = '\"' OR {bounded} THEN {from_text(type_, text)} END"
    return from_text(type_, text)


def decimal(type_: Type, text: str) -> str:
    """Excess scale is refused: whether servers round or cut is an open question."""
    whole, scale = type_.precision - type_.scale, type_.scale
    digits = r"[+-]?0*[0-9]{0,%d}(\.[0-9]{0,%d}0*)?" % (whole, scale)
    fits = f"{full_match(text, DECIMAL)} AND {full_match(text, digits)}"
    if type_.precision > 38:
        return f"CASE WHEN {fits} THEN {text} END"
    return f"CASE WHEN {fits} THEN TRY_CAST({text} AS {type_.physical()}) END"


def four_digits(text: str) -> str:
    """Years of two digits are guessed, as the server guesses them."""
    short = full_match(f"left({text}, 3)", "[0-9]{2}-")
    return f"(CASE WHEN {short} THEN (CASE WHEN left({text}, 2) < '70' THEN '20' ELSE '19' END) || {text} ELSE {text} END)"


def datetime(text: str) -> str:
    """What follows a date and time (a zone, BC) is ignored in silence, as the server ignores it."""
    pattern = quote_text(f"^({DATE})({TIME})?")
    found = f"replace(regexp_extract({four_digits(text)}, {pattern}), 'T', ' ')"
    complete = f"(CASE WHEN {full_match(found, DATE + ' [0-9]+:[0-9]+')} THEN {found} || ':00' ELSE {found} END)"
    return f"TRY_CAST({complete} AS TIMESTAMP)"


def json_value(text: str) -> str:
    as_text = f"CAST({text} AS VARCHAR)"
    good = f"json_valid({as_text}) AND strlen({as_text}) <= {JSON_LIMIT} AND NOT regexp_matches({as_text}, {quote_text(NOT_JSON_NUMBER)})"
    return f"CASE WHEN {good} THEN {as_text}::JSON END"


def json_object(text: str) -> str:
    return f"CASE WHEN json_valid({text}) AND json_type({text}) = 'OBJECT' THEN {text}::JSON END"


def array(type_: Type, raw: str) -> str:
    """All elements fit, or the array does not."""
    child = type_.children[0]
    element = from_json(child, json_text("e"), "e")
    converted = f"list_transform(TRY_CAST({raw} AS JSON[]), lambda e: {element})"
    given = f"list_transform(TRY_CAST({raw} AS JSON[]), lambda e: {json_text('e')})"
    counts = f"len(list_filter({given}, lambda x: x IS NOT NULL)) = len(list_filter({converted}, lambda x: x IS NOT NULL))"
    return f"CASE WHEN json_type({raw}) = 'ARRAY' AND {counts} THEN {converted} END"


def json_text(raw: str) -> str:
    """A member's text: strings unquoted, objects minified, null as NULL."""
    return f"({raw}->>'$')"


def key_bytes(types: list[Type], names: list[str]) -> str:
    """The bytes of an encoded primary key; strings that others follow are escaped and terminated."""
    parts = []
    for index, (type_, name) in enumerate(zip(types, names)):
        if type_.name == "VARCHAR":
            parts.append(f"strlen({name})" + ("" if index == len(types) - 1 else " + 2"))
        else:
            parts.append(str(INTEGERS.get(type_.name, {"BOOLEAN": 1, "DATE": 4, "DATETIME": 8}.get(type_.name, 8))))
    return " + ".join(parts)
