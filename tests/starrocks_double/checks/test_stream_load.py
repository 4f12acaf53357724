"""Checklist: PUT /api/{db}/{table}/_stream_load, formats, compression, and the columns header."""

import bz2
import gzip
import json
import threading

import lz4.frame
import pytest
import zstandard


@pytest.fixture
def t(double):
    double.table()
    return double


JSON = {"format": "json", "strip_outer_array": "true"}


def test_success_has_all_keys(t):
    reply = t.stream_load(b"1\ta\n2\tb\n", label="sl").json
    assert (reply["Status"], reply["Message"], reply["NumberTotalRows"], reply["NumberLoadedRows"]) == ("Success", "OK", 2, 2)
    for key in ("TxnId", "Label", "NumberFilteredRows", "NumberUnselectedRows", "LoadBytes", "LoadTimeMs", "BeginTxnTimeMs",
                "StreamLoadPlanTimeMs", "ReadDataTimeMs", "WriteDataTimeMs", "CommitAndPublishTimeMs"):
        assert key in reply


def test_a_label_is_made_when_none_is_sent(t):
    assert t.stream_load(b"1\ta\n")["Label"]


@pytest.mark.parametrize("prepared, status", [(True, "RUNNING"), (False, "FINISHED")])
def test_a_used_label(t, prepared, status):
    if prepared:
        t.prepared("sused", [{"id": 1}])
    else:
        t.stream_load(b"1\ta\n", label="sused")
    reply = t.stream_load(b"2\tb\n", label="sused").json
    assert (reply["Status"], reply["ExistingJobStatus"]) == ("Label Already Exists", status)


def test_publish_timeout_is_no_failure(t):
    t.quirk(stuck_publish=True)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(t.stream_load(b"1\ta\n", label="spt", timeout=30).json))
    waiting.start()
    for _ in range(300):
        if t.state("spt") == "COMMITTED":
            break
    t.advance(31)
    waiting.join(10)
    assert answers[0]["Status"] == "Publish Timeout"
    t.quirk(stuck_publish=False)
    t.advance(1)
    assert t.rows() == [(1, "a")]


def test_bad_rows_fail_with_a_log_and_free_the_label(t):
    reply = t.stream_load(b"1\ta\nx\tb\n", label="sbad", strict_mode="true").json
    assert (reply["Status"], reply["Message"], reply["NumberFilteredRows"]) == ("Fail", "too many filtered rows", 1)
    assert "'x'" in t.error_log(reply["ErrorURL"])
    assert t.stream_load(b"1\ta\n", label="sbad")["Status"] == "Success"


def test_max_filter_ratio_lets_some_go(t):
    reply = t.stream_load(b"1\ta\nx\tb\n", strict_mode="true", max_filter_ratio="0.5").json
    assert (reply["Status"], reply["NumberLoadedRows"], reply["NumberFilteredRows"]) == ("Success", 1, 1)
    assert t.rows() == [(1, "a")]


def test_a_user_without_the_right_is_refused_before_the_redirect(t):
    t.control("POST", "/user", {"name": "reader", "password": "p", "read_only": [f"{t.db}.t"]})
    reply = t.request("fe", "PUT", f"/api/{t.db}/t/_stream_load", {}, b"1\ta\n", follow=False, user="reader", password="p")
    assert reply.status == 401
    assert reply["Status"] == "FAILED" and "INSERT privilege(s) on TABLE t" in reply["Message"]


def test_the_100_mb_rule_of_json(t):
    t.quirk(json_batch_limit=20)
    body = json.dumps([{"id": 1, "v": "aaaaaaaaaa"}]).encode()
    reply = t.stream_load(body, **JSON)
    assert reply["Status"] == "Fail" and "exceed the max size [20]" in reply["Message"]
    assert t.stream_load(body, **JSON, ignore_json_size="true")["Status"] == "Success"


def test_the_100_mb_rule_counts_a_whole_transaction(t):
    t.quirk(json_batch_limit=60)
    t.begin("sum")
    assert t.load("sum", [{"id": 1, "v": "aaaaaaaaaa"}])["Status"] == "OK"
    assert "exceed the max size [60]" in t.load("sum", [{"id": 2, "v": "aaaaaaaaaaaaaaaaaaa"}])["Message"]


PACKED = {"GZIP": gzip.compress, "BZIP2": bz2.compress, "LZ4_FRAME": lz4.frame.compress, "ZSTD": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("codec", PACKED)
def test_compressed_json(t, codec):
    body = PACKED[codec](json.dumps([{"id": 1, "v": codec}]).encode())
    assert t.stream_load(body, **JSON, compression=codec)["Status"] == "Success"
    assert t.rows() == [(1, codec)]


@pytest.mark.parametrize("form, codec", [("gzip", "GZIP"), ("bzip2", "BZIP2"), ("lz4", "LZ4_FRAME"), ("zstd", "ZSTD")])
def test_compressed_csv_by_its_format(t, form, codec):
    assert t.stream_load(PACKED[codec](b"1\ta\n"), format=form)["Status"] == "Success"
    assert t.rows() == [(1, "a")]


def test_a_body_that_is_not_what_its_header_says(t):
    assert t.stream_load(b"1\ta\n", format="gzip")["Status"] == "Fail"


def test_compression_twice_is_refused(t):
    reply = t.stream_load(b"[]", **JSON, compression="GZIP", **{"Content-Encoding": "GZIP"})
    assert "Only one of http header content-encoding and compression can be set" in reply["Message"]


def test_json_compression_is_unknown_before_3_2_7(t):
    t.quirk(version="3.2.6")
    assert t.stream_load(gzip.compress(b'[{"id": 1}]'), **JSON, compression="GZIP")["Status"] == "Fail"


def test_an_unknown_format(t):
    assert "unknown data format" in t.stream_load(b"", format="avro")["Message"]


# ---- CSV


def test_backslash_n_is_null_and_an_empty_field_is_not(t):
    t.stream_load(b"1\t\\N\n2\t\n")
    assert t.rows() == [(1, None), (2, "")]


def test_a_quoted_backslash_n_is_null_all_the_same(t):
    t.stream_load(b'1,"\\N"\n', column_separator=",", enclose='"')
    assert t.rows() == [(1, None)]


def test_blank_lines_are_skipped(t):
    assert t.stream_load(b"\n1\ta\n\n\n2\tb\n\n")["NumberTotalRows"] == 2


def test_separators_in_hex_and_of_several_bytes(t):
    assert t.stream_load(b"1\x01\x02a\x031\x01\x02b\x03", column_separator="\\x0102", row_delimiter="0x03")["Status"] == "Success"
    assert t.rows() == [(1, "b")]


@pytest.mark.parametrize("separator", ["\\xff", "\\x1", "\\xzz", "x" * 51])
def test_separators_that_are_none(t, separator):
    assert t.stream_load(b"1\ta\n", column_separator=separator)["Status"] == "Fail"


def test_a_wrong_number_of_fields_is_filtered(t):
    reply = t.stream_load(b"1\ta\tb\n")
    assert "Target column count: 2 doesn't match source value column count: 3" in t.error_log(reply["ErrorURL"])


def test_bytes_that_are_not_utf8_are_filtered(t):
    reply = t.stream_load(b"1\t\xff\xfe\n")
    assert reply["Status"] == "Fail" and "Invalid UTF-8 row" in t.error_log(reply["ErrorURL"])


def test_quotes_escapes_header_and_blanks(t):
    body = b'id;v\n1; "a;""b\n" \n2;c\\;d\n'
    reply = t.stream_load(body, column_separator=";", enclose='"', escape="\\", skip_header="1", trim_space="true")
    assert reply["Status"] == "Success"
    assert t.rows() == [(1, 'a;"b\n'), (2, "c;d")]


def test_a_short_last_record_is_dropped_without_a_word(t):
    reply = t.stream_load(b'1,"a"\n2,"b"', column_separator=",", enclose='"')
    assert (reply["Status"], reply["NumberTotalRows"]) == ("Success", 1)


def test_transaction_loads_ignore_quoting(t):
    t.begin("noquote")
    t.transaction("load", "noquote", table="t", body=b'1,"a"\n', column_separator=",", enclose='"')
    t.commit("noquote")
    assert t.rows() == [(1, '"a"')]


# ---- JSON


def test_missing_and_null_members_are_null(t):
    t.stream_load(b'[{"id": 1}, {"id": 2, "v": null}]', **JSON)
    assert t.rows() == [(1, None), (2, None)]


def test_newline_separated_objects_without_strip(t):
    assert t.stream_load(b'{"id": 1}\n{"id": 2}', format="json")["NumberLoadedRows"] == 2


def test_an_array_needs_strip_outer_array(t):
    assert t.stream_load(b'[{"id": 1}]', format="json")["Status"] == "Fail"
    assert t.stream_load(b'{"id": 1}', **JSON)["Status"] == "Fail"


@pytest.mark.parametrize("body", [b'[{"id": 1}', b'[{"id": 1},]', b'[{"id": 1}] x', b'[{"id" 1}]', b"[{'id': 1}]", b"nothing"])
def test_a_body_is_one_whole_json_text(t, body):
    assert t.stream_load(body, **JSON)["Status"] == "Fail"
    assert t.rows() == []


def test_jsonpaths_and_root(t):
    body = b'{"rows": [{"a": {"b": 1}, "c": "x"}, {"a": {"b": 2}, "c": "y"}]}'
    reply = t.stream_load(body, **JSON, json_root="$.rows", jsonpaths='["$.a.b", "$.c"]', columns="id, v")
    assert reply["Status"] == "Success"
    assert t.rows() == [(1, "x"), (2, "y")]


def test_objects_for_varchar_are_minified_text(t):
    t.stream_load(b'[{"id": 1, "v": {"a": [1, 2]}}]', **JSON)
    assert t.rows() == [(1, '{"a":[1,2]}')]


# ---- columns


def test_columns_name_the_fields(t):
    t.stream_load(b"a\t1\n", columns="v,id")
    assert t.rows() == [(1, "a")]


def test_derived_columns(t):
    t.stream_load(b"1\t2\n", columns="id,tmp,v=concat(tmp,'!')")
    assert t.rows() == [(1, "2!")]


def test_binary_by_hex(double):
    double.table("id BIGINT NOT NULL, b VARBINARY NULL")
    reply = double.stream_load(b'[{"id": 1, "x": "00ff"}, {"id": 2, "x": null}, {"id": 3, "x": ""}]', **JSON, columns="id,x,b=to_binary(x,'hex')",
                               strict_mode="true")
    assert reply["Status"] == "Success", reply.json
    assert double.rows("id, b") == [(1, b"\x00\xff"), (2, None), (3, b"")]


def test_binary_straight_from_json_is_not_supported(double):
    double.table("id BIGINT NOT NULL, b VARBINARY NULL")
    assert double.stream_load(b'[{"id": 1, "b": "00ff"}]', **JSON, strict_mode="true")["Status"] == "Fail"


def test_a_column_that_does_not_come_gets_its_default_or_is_missed(double):
    double.table('id BIGINT NOT NULL, v VARCHAR(5) NULL DEFAULT "dv", n INT NULL')
    double.stream_load(b"1\n", columns="id")
    assert double.rows("id, v, n") == [(1, "dv", None)]
    double.table("id BIGINT NOT NULL, v INT NOT NULL", name="strict")
    assert "Column has no default value" in double.stream_load(b"1\n", table="strict", columns="id")["Message"]


def test_column_names_in_backticks(double):
    double.table("id BIGINT NOT NULL, `a b,``c` INT NULL")
    assert double.stream_load(b"1\t7\n", columns="id,`a b,``c`")["Status"] == "Success"
    assert double.rows("`a b,``c`") == [(7,)]


def test_hostile_names_of_members_and_columns(double):
    name = 'We""ird `"Таблица\' \\ {}[],:'
    quoted = "`" + name.replace("`", "``") + "`"
    double.table(f"id BIGINT NOT NULL, {quoted} VARCHAR(20) NULL")
    body = json.dumps([{"id": 1, name: "a"}]).encode()
    assert double.stream_load(body, **JSON, strict_mode="true")["Status"] == "Success"
    double.begin("hostile")
    reply = double.load("hostile", [{"id": 2, name: "b", "__op": 0}])
    assert reply["Status"] == "OK" and double.commit("hostile")["Status"] == "OK"
    assert double.rows(f"id, {quoted}") == [(1, "a"), (2, "b")]


def test_json_documents_with_repeated_names(double):
    double.table("id BIGINT NOT NULL, j JSON NULL")
    reply = double.stream_load(b'[{"id": 1, "j": {"a": 1, "a": 2}}]', **JSON, strict_mode="true")
    assert reply["Status"] == "Success"


def test_wide_tables(double):
    names = [f"c{number}" for number in range(300)]
    double.table("id BIGINT NOT NULL, " + ", ".join(f"{name} VARCHAR(9) NULL" for name in names))
    rows = [{"id": number, **{name: "v" for name in names}} for number in range(10)]
    assert double.stream_load(json.dumps(rows).encode(), **JSON, strict_mode="true")["NumberLoadedRows"] == 10


@pytest.mark.parametrize("body", [b'[{"id": 1, "v": "\xff"}]', b'[{"id": 1, "v": "a\nb\x00"}]', b'[{"id": NaN}]', b'[[1]]', b'[1, 2]', b'[null]'])
def test_json_that_no_strict_parser_takes(t, body):
    assert t.stream_load(body, **JSON, strict_mode="true")["Status"] == "Fail"
    assert t.rows() == []


@pytest.mark.parametrize("text", ["a\rb", "a\x1fb", "#", '"q"', "  blanks  ", "\\", "a\\tb", "я" * 100000, ""])
def test_csv_fields_are_taken_as_they_are(double, text):
    double.table("id BIGINT NOT NULL, v VARCHAR(1048576) NULL, w INT NULL")
    body = f"1\t{text}\t7\n\n2\t\\N\t8\n".encode()
    assert double.stream_load(body, strict_mode="true")["Status"] == "Success"
    assert double.rows("id, v, w") == [(1, text, 7), (2, None, 8)]


def test_large_csv_bodies_keep_their_order(t):
    body = "".join(f"{number % 5000}\t{number}\n" for number in range(60000)).encode()
    assert t.stream_load(body, strict_mode="true")["NumberLoadedRows"] == 60000
    assert t.sql("SELECT count(*) AS n, sum(cast(v AS BIGINT)) AS s FROM t") == [(5000, sum(range(55000, 60000)))]
