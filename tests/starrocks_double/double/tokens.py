"""The lexer of StarRocks' SQL: what a token is, and which words are reserved."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*(?!\+).*?\*/)
      |(?P<hint>/\*\+.*?\*/)
      |(?P<quoted>`(?:[^`]|``)*`)
      |(?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)(?!\w)|\d+\.\d*(?!\w)|\.\d+(?!\w)|\d+(?!\w))
      |(?P<word>\w+)
      |(?P<variable>@@?[\w.`]*)
      |(?P<operator><=>|->|\|\||&&|<=|>=|<>|!=|:=|[-+*/%=<>!~^&|(),.;:\[\]?{}])""",
    re.S | re.X,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
RESERVED = set(
    """ADD ALL ALTER ANALYZE AND ARRAY AS ASC BETWEEN BIGINT BITMAP BOTH BY CASE CHAR CHARACTER CHECK COLLATE COLUMN
    COMPACTION CONVERT CREATE CROSS CUBE CURRENT_DATE CURRENT_ROLE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DATABASE
    DATABASES DECIMAL DECIMALV2 DECIMAL32 DECIMAL64 DECIMAL128 DEFAULT DEFERRED DELETE DENSE_RANK DESC DESCRIBE DISTINCT
    DOUBLE DROP DUAL ELSE EXCEPT EXISTS EXPLAIN FALSE FIRST_VALUE FLOAT FOR FORCE FROM FULL FUNCTION GRANT GROUP GROUPS
    GROUPING GROUPING_ID HAVING HLL HOST IF IGNORE IMMEDIATE IN INDEX INFILE INNER INSERT INT INTEGER INTERSECT INTO IS
    JOIN JSON KEY KEYS KILL LAG LARGEINT LAST_VALUE LATERAL LEAD LEFT LIKE LIMIT LOAD LOCALTIME LOCALTIMESTAMP MAXVALUE
    MINUS MOD NTILE NOT NULL ON OR ORDER OUTER OUTFILE OVER PARTITION PERCENTILE PRIMARY PROCEDURE QUALIFY RANGE RANK
    READ REGEXP RELEASE RENAME REPLACE REVOKE RIGHT RLIKE ROW ROWS ROW_NUMBER SCHEMA SCHEMAS SELECT SET SET_VAR SHOW
    SMALLINT SYSTEM TABLE TERMINATED TEXT THEN TINYINT TO TRUE UNION UNIQUE UNSIGNED UPDATE USE USING VALUES VARCHAR
    WHEN WHERE WITH""".split()
)


class SyntaxRefused(Exception):
    """What the server's parser refuses; the text goes to the client as error 1064."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text

    @property
    def value(self) -> str:
        if self.kind == "quoted":
            return self.text[1:-1].replace("``", "`")
        if self.kind == "string":
            return unescape(self.text)
        return self.text


def unescape(text: str) -> str:
    quote, body = text[0], text[1:-1]
    pattern = r"\\(.)|" + quote + quote
    return re.sub(pattern, lambda m: ESCAPES.get(m.group(1), m.group(1)) if m.group(1) else quote, body, flags=re.S)


def tokenize(sql: str) -> list[Token]:
    tokens, at = [], 0
    while at < len(sql):
        match = TOKEN.match(sql, at)
        if match is None:
            raise SyntaxRefused(refusal(sql, at, sql[at]))
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return tokens


def refusal(sql: str, at: int, what: str, expected: str = "") -> str:
    line = sql.count("\n", 0, at) + 1
    column = at - (sql.rfind("\n", 0, at) + 1)
    detail = f"Unexpected input '{what}'" if what else "Unexpected exception: unexpected end of input"
    expecting = f", the most similar input is {{{expected}}}" if expected else ""
    return f"Getting syntax error at line {line}, column {column}. Detail message: {detail}{expecting}."


def split_statements(sql: str) -> list[str]:
    """The statements of a multi-statement text."""
    statements, start = [], 0
    for token in tokenize(sql):
        if token.text == ";" and token.kind == "operator":
            statements.append(sql[start : token.at])
            start = token.at + 1
    statements.append(sql[start:])
    return [statement for statement in statements if tokenize(statement)]
