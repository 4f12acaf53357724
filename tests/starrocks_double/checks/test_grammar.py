"""181 statements with the verdict of StarRocks' own grammar (2024-08): the double must say the same."""

from pathlib import Path

import pytest

from double import ddl
from double.catalog import Refused
from double.query import parse
from double.statements import parse_command
from double.tokens import SyntaxRefused, split_statements

TABLE = Path(__file__).with_name("starrocks-grammar-verdicts.tsv")


def verdict(sql: str) -> str:
    try:
        for statement in split_statements(sql):
            if ddl.parse_or_none(statement) is None and parse_command(statement) is None:
                parse(statement)
    except SyntaxRefused:
        return "refused"
    except Refused:
        return "ok"  # the grammar takes it, this double does not play it
    return "ok"


def lines():
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            yield tuple(line.split("\t")[:2])


@pytest.mark.parametrize("sql, expected", list(lines()))
def test_statement_gets_the_verdict_of_the_grammar(sql, expected):
    assert verdict(sql) == expected
