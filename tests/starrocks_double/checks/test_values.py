"""Checklist: which values a type takes, strict_mode, lengths in bytes, keys, NOT NULL."""

import json

import pytest

JSON = {"format": "json", "strip_outer_array": "true"}
BAD = object()

# type, value in JSON, what SELECT shows (BAD: filtered in strict mode)
CASES = [
    ("BOOLEAN", True, 1), ("BOOLEAN", "false", 0), ("BOOLEAN", "0", 0), ("BOOLEAN", "t", BAD), ("BOOLEAN", "yes", BAD),
    ("TINYINT", 127, 127), ("TINYINT", 128, BAD), ("TINYINT", "-128", -128),
    ("SMALLINT", -32768, -32768), ("SMALLINT", 40000, BAD),
    ("INT", "123", 123), ("INT", " 7", BAD), ("INT", "1e3", BAD), ("INT", "0x10", BAD), ("INT", "1_000", BAD), ("INT", 2147483648, BAD),
    ("BIGINT", 9223372036854775807, 9223372036854775807), ("BIGINT", -9223372036854775808, -9223372036854775808), ("BIGINT", "", BAD),
    ("LARGEINT", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ("LARGEINT", "170141183460469231731687303715884105728", BAD), ("LARGEINT", 12345678901234567890, BAD),
    ("DOUBLE", 1.5, 1.5), ("DOUBLE", "1e10", 1e10), ("DOUBLE", "NaN", BAD), ("DOUBLE", "Infinity", BAD), ("DOUBLE", "1e400", BAD),
    ("FLOAT", "0.25", 0.25), ("FLOAT", "inf", BAD), ("FLOAT", 3.4028235e38, BAD), ("FLOAT", -3.4028235e38, BAD),
    ("FLOAT", 3.4028234663852886e38, 3.40282347e38), ("FLOAT", "3.4028235e38", 3.40282347e38),
    ("DECIMAL(10,2)", "1.10", "1.10"), ("DECIMAL(10,2)", "-99999999.99", "-99999999.99"), ("DECIMAL(10,2)", "100000000.00", BAD),
    ("DECIMAL(10,2)", "1e2", BAD), ("DECIMAL(10,2)", "NaN", BAD), ("DECIMAL(10,2)", "1.005", BAD), ("DECIMAL(10,2)", "1.500", "1.50"),
    ("DECIMAL(38,9)", "12345678901234567890123456789.123456789", "12345678901234567890123456789.123456789"),
    ("DECIMAL(38,9)", 12345678901234567.5, BAD),
    ("DECIMAL(76,2)", "1234567890123456789012345678901234567890123456789.25", "1234567890123456789012345678901234567890123456789.25"),
    ("VARCHAR(4)", "abcd", "abcd"), ("VARCHAR(4)", "abcde", BAD), ("VARCHAR(4)", "яя", "яя"), ("VARCHAR(4)", "яяя", BAD), ("VARCHAR(4)", "😀", "😀"),
    ("VARCHAR(40)", "line\nfeed\ttab \\N \"q\"", "line\nfeed\ttab \\N \"q\""), ("VARCHAR(9)", "", ""), ("CHAR(3)", "abcd", BAD),
    ("STRING", "x" * 65533, "x" * 65533), ("STRING", "x" * 65534, BAD),
    ("DATE", "2024-02-29", "2024-02-29"), ("DATE", "2023-02-29", BAD), ("DATE", "infinity", BAD), ("DATE", "epoch", BAD),
    ("DATETIME", "2024-01-02 03:04:05.678901", "2024-01-02 03:04:05.678901"), ("DATETIME", "2024-01-02T03:04:05", "2024-01-02 03:04:05"),
    ("DATETIME", "2024-01-02", "2024-01-02 00:00:00"), ("DATETIME", "2024-01-02T10:00", "2024-01-02 10:00:00"),
    ("DATETIME", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"),
    ("DATETIME", "infinity", BAD), ("DATETIME", "-infinity", BAD), ("DATETIME", "20000-01-01 00:00:00", BAD),
    ("DATETIME", "2024-01-02 25:00:00", BAD),
    # what the parser ignores in silence
    ("DATETIME", "2024-01-02 03:04:05+03", "2024-01-02 03:04:05"), ("DATETIME", "2024-01-02 03:04:05 BC", "2024-01-02 03:04:05"),
    ("DATETIME", "24-01-02 03:04:05", "2024-01-02 03:04:05"), ("DATETIME", "2024-01-02 03:04:05.1234567", "2024-01-02 03:04:05.123456"),
    ("JSON", {"a": [1, {"b": None}]}, '{"a": [1, {"b": null}]}'), ("JSON", "text", '"text"'), ("JSON", 1.5, "1.5"),
    ("ARRAY<INT>", [1, None, 3], "[1,null,3]"), ("ARRAY<INT>", [1, "x"], BAD), ("ARRAY<INT>", [], "[]"), ("ARRAY<INT>", {"a": 1}, BAD),
    ("ARRAY<VARCHAR(9)>", ["a", 'b"c', None, "д"], '["a","b\\"c",null,"д"]'), ("ARRAY<VARCHAR(2)>", ["abc"], BAD),
    ("ARRAY<DATETIME>", ["2024-01-02 03:04:05"], '["2024-01-02 03:04:05"]'),
]


@pytest.fixture(scope="module")
def loaded(running):
    """All cases in one table of two columns a case, loaded one row a case without strict mode, and asked for once."""
    running.db = None
    running.sql("CREATE DATABASE values_of_types")
    running.db = "values_of_types"
    types = list(dict.fromkeys(case[0] for case in CASES))
    columns = ", ".join(f"c{index} {name} NULL" for index, name in enumerate(types))
    running.table(f"id INT NOT NULL, {columns}")
    rows = [{"id": number, f"c{types.index(case[0])}": case[1]} for number, case in enumerate(CASES)]
    reply = running.stream_load(json.dumps(rows).encode(), **JSON, strict_mode="false")
    assert reply["Status"] == "Success", reply.json
    strict = running.stream_load(json.dumps(rows).encode(), **JSON, strict_mode="true", max_filter_ratio="1")
    found = {row[0]: row[1:] for row in running.sql("SELECT * FROM t")}
    return types, found, strict.json


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case[0]} {str(case[1])[:24]!r}" for case in CASES])
def test_value(loaded, number):
    types, found, _ = loaded
    name, _, expected = CASES[number]
    value = found[number][types.index(name)]
    if expected is BAD:
        assert value is None
    elif isinstance(value, (int, float)):
        assert value == expected
    else:
        assert str(value) == str(expected)


def test_strict_mode_filters_exactly_the_bad_ones(loaded):
    _, _, reply = loaded
    bad = sum(case[2] is BAD for case in CASES)
    assert (reply["NumberFilteredRows"], reply["NumberLoadedRows"]) == (bad, len(CASES) - bad)


@pytest.mark.parametrize("number, shown", [("-0", "0"), ("-0.0", "-0"), ("0.0", "0")])
def test_a_number_without_a_point_is_an_integer_which_has_one_zero(double, number, shown):
    double.table("id INT NOT NULL, v DOUBLE NULL")
    double.stream_load(f'[{{"id": 1, "v": {number}}}]'.encode(), **JSON)
    assert str(double.sql("SELECT v FROM t")[0][0]).removesuffix(".0") == shown


def test_strict_mode_is_off_by_default_and_nulls_in_silence(double):
    double.table()
    assert double.stream_load(b"1\t" + b"x" * 21 + b"\n")["Status"] == "Success"
    assert double.rows() == [(1, None)]


def test_not_null_filters_also_without_strict_mode(double):
    double.table("id BIGINT NOT NULL, v INT NOT NULL")
    reply = double.stream_load(b"1\tx\n")
    assert reply["Status"] == "Fail"
    reply = double.stream_load(b"1\t\\N\n")
    assert "NULL value in non-nullable column 'v'" in double.error_log(reply["ErrorURL"])


def test_a_null_key_is_filtered(double):
    double.table()
    assert double.stream_load(b"\\N\ta\n")["Status"] == "Fail"


@pytest.mark.parametrize("key, size, fits", [("id", 128, True), ("id", 129, False)])
def test_a_string_key_has_at_most_128_bytes(double, key, size, fits):
    double.table("id VARCHAR(200) NOT NULL, v INT NULL")
    reply = double.stream_load(json.dumps([{"id": "k", "v": 1}, {"id": "x" * size, "v": 2}]).encode(), **JSON, max_filter_ratio="1")
    assert (reply["Status"] == "Success") == fits
    assert fits or reply["Message"] == "primary key size exceed the limit"


def test_a_composite_key_counts_its_parts(double):
    double.table("a VARCHAR(200) NOT NULL, b BIGINT NOT NULL, v INT NULL", key="a,b")
    assert double.stream_load(json.dumps([{"a": "x" * 118, "b": 1}]).encode(), **JSON)["Status"] == "Success"
    assert double.stream_load(json.dumps([{"a": "x" * 119, "b": 1}]).encode(), **JSON)["Message"] == "primary key size exceed the limit"


def test_the_key_limit_is_configurable(double):
    double.quirk(primary_key_limit=4)
    double.table("id VARCHAR(200) NOT NULL, v INT NULL")
    assert double.stream_load(b"abcde\t1\n")["Message"] == "primary key size exceed the limit"


def test_csv_arrays_and_json(double):
    double.table("id INT NOT NULL, a ARRAY<VARCHAR(9)> NULL, j JSON NULL")
    assert double.stream_load(b'1\t["x",null]\t{"k":1}\n', strict_mode="true")["Status"] == "Success"
    assert double.sql("SELECT a, j FROM t") == [('["x",null]', '{"k": 1}')]


@pytest.mark.parametrize("field, found", [
    (r'["a\b","say ""no""","[,]"]', ["a\\b", 'say "no"', "[,]"]), ('[]', []), ('["д\ne"]', ["д\ne"]), ('[null]', [None]),
])
def test_texts_in_csv_arrays_double_their_quotes_and_escape_nothing(double, field, found):
    double.table("id INT NOT NULL, a ARRAY<VARCHAR(9)> NULL")
    body = f"1\x01{field}\x02".encode()
    assert double.stream_load(body, strict_mode="true", column_separator="\\x01", row_delimiter="\\x02")["Status"] == "Success"
    assert json.loads(double.sql("SELECT a FROM t")[0][0]) == found


@pytest.mark.parametrize("field", [r'["a\"b"]', '["a', 'x', '[a]', '[["a"]'])
def test_what_is_no_csv_array_fails_its_row(double, field):
    double.table("id INT NOT NULL, a ARRAY<VARCHAR(9)> NULL")
    assert double.stream_load(f"1\t{field}\n".encode(), strict_mode="true")["Status"] == "Fail"


def test_csv_binary_is_base64_or_else_raw(double):
    double.table("id INT NOT NULL, b VARBINARY NULL")
    double.stream_load(b"1\tAP8=\n2\tnot base64!\n")
    assert double.rows("id, b") == [(1, b"\x00\xff"), (2, b"not base64!")]


def test_many_megabytes_in_one_value(double):
    double.table("id INT NOT NULL, v VARCHAR(1048576) NULL")
    assert double.stream_load(json.dumps([{"id": 1, "v": "я" * 524288}]).encode(), **JSON, strict_mode="true")["Status"] == "Success"
    assert double.sql("SELECT length(v) AS l FROM t WHERE id = 1") == [(524288 * 2,)] or double.sql("SELECT char_length(v) AS l FROM t") == [(524288,)]
