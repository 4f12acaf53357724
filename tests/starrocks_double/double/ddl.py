"""A strict recursive descent parser of StarRocks' DDL. What it does not know, it refuses."""

from dataclasses import dataclass, field

from .tokens import RESERVED, SyntaxRefused, Token, refusal, tokenize
from .types import ALIASES, PLAIN, STRING_LENGTH, Type


@dataclass
class ColumnDef:
    name: str
    type: Type
    nullable: bool | None = None
    default: str | None = None
    default_is_expression: bool = False
    has_default: bool = False
    comment: str = ""
    auto_increment: bool = False
    generated: str | None = None
    is_key: bool = False


@dataclass
class Statement:
    """`kind` names what is to be done; the rest is filled as the kind needs it."""

    kind: str
    db: str | None = None
    name: str = ""
    if_exists: bool = False
    columns: list[ColumnDef] = field(default_factory=list)
    key_model: str | None = None
    keys: list[str] = field(default_factory=list)
    comment: str = ""
    partition: str | None = None
    distribution: str | None = None
    distributed_by: list[str] = field(default_factory=list)
    buckets: int | None = None
    order_by: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    clauses: list["Clause"] = field(default_factory=list)
    like: tuple[str | None, str] | None = None
    force: bool = False
    jobs: list[int] = field(default_factory=list)


@dataclass
class Clause:
    """One clause of ALTER TABLE. `place` is FIRST, or the column that this one follows."""

    kind: str
    column: ColumnDef | None = None
    name: str = ""
    new_name: str = ""
    first: bool = False
    after: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    order_by: list[str] = field(default_factory=list)


class Parser:
    """Walks the tokens of one statement."""

    def __init__(self, sql: str):
        self.sql = sql
        self.tokens = tokenize(sql)
        while self.tokens and self.tokens[-1].text == ";":
            self.tokens.pop()
        self.at = 0

    def peek(self, ahead: int = 0) -> Token | None:
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def fail(self, expected: str = "") -> SyntaxRefused:
        token = self.peek()
        if token is None:
            return SyntaxRefused(refusal(self.sql, len(self.sql), "", expected))
        return SyntaxRefused(refusal(self.sql, token.at, token.text, expected))

    def looking_at(self, *words: str) -> bool:
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.kind not in ("word", "operator") or token.upper != word:
                return False
        return True

    def accept(self, *words: str) -> bool:
        if not self.looking_at(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.fail(f"'{word}'")

    def end(self) -> None:
        if self.peek() is not None:
            raise self.fail("';', <EOF>")

    def string(self) -> str:
        token = self.peek()
        if token is None or token.kind != "string":
            raise self.fail("a quoted string")
        self.at += 1
        return token.value

    def integer(self) -> int:
        token = self.peek()
        if token is None or token.kind != "number" or not token.text.isdigit():
            raise self.fail("INTEGER_VALUE")
        self.at += 1
        return int(token.text)

    def identifier(self) -> str:
        token = self.peek()
        good = token is not None and (
            token.kind == "quoted" or (token.kind == "word" and token.upper not in RESERVED and not token.text.isdigit())
        )
        if not good:
            raise self.fail("a legal identifier")
        self.at += 1
        return token.value

    def qualified_name(self) -> tuple[str | None, str]:
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        if len(parts) > 3:
            raise self.fail("a name of at most three parts")
        return (parts[-2] if len(parts) > 1 else None), parts[-1]

    def identifier_list(self) -> list[str]:
        self.expect("(")
        names = [self.identifier()]
        while self.accept(","):
            names.append(self.identifier())
        self.expect(")")
        return names

    def properties(self) -> dict[str, str]:
        self.expect("(")
        found = {}
        while True:
            name = self.string()
            self.expect("=")
            found[name] = self.string()
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def parenthesized_text(self) -> str:
        """The text of a balanced (...), whose inside is not looked at."""
        start = self.peek()
        self.expect("(")
        depth = 1
        while depth:
            token = self.peek()
            if token is None:
                raise self.fail("')'")
            depth += (token.text == "(") - (token.text == ")")
            self.at += 1
        end = self.tokens[self.at - 1]
        return self.sql[start.at + 1 : end.at].strip()

    # ---- types

    def type(self) -> Type:
        token = self.peek()
        if token is None or token.kind != "word":
            raise self.fail("a type")
        name = token.upper
        self.at += 1
        if name in ("ARRAY", "MAP"):
            return self.nested(name)
        if name == "STRUCT":
            return self.struct()
        if name in ("DECIMAL", "NUMERIC", "NUMBER", "DECIMALV2", "DECIMAL32", "DECIMAL64", "DECIMAL128"):
            return self.decimal()
        if name in ("VARCHAR", "CHAR", "VARBINARY", "BINARY"):
            length = self.length()
            default = {"VARCHAR": 1, "CHAR": 1}.get(name, 0)
            return Type(ALIASES.get(name, name), length=default if length is None else length)
        name = ALIASES.get(name, name)
        if name not in PLAIN:
            self.at -= 1
            raise self.fail("a type")
        if name in ("TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"):
            self.length()
        return Type("VARCHAR", length=STRING_LENGTH) if name == "STRING" else Type(name)

    def length(self) -> int | None:
        if not self.accept("("):
            return None
        length = self.integer()
        self.expect(")")
        return length

    def decimal(self) -> Type:
        if not self.accept("("):
            return Type("DECIMAL", precision=10, scale=0)
        precision = self.integer()
        scale = self.integer() if self.accept(",") else 0
        self.expect(")")
        return Type("DECIMAL", precision=precision, scale=scale)

    def nested(self, name: str) -> Type:
        self.expect("<")
        children = [self.type()]
        while self.accept(","):
            children.append(self.type())
        self.expect(">")
        if len(children) != (2 if name == "MAP" else 1):
            raise self.fail("'>'")
        return Type(name, children=tuple(children))

    def struct(self) -> Type:
        self.expect("<")
        fields, children = [], []
        while True:
            fields.append(self.identifier())
            children.append(self.type())
            if not self.accept(","):
                break
        self.expect(">")
        return Type("STRUCT", children=tuple(children), fields=tuple(fields))

    # ---- columns

    def column(self) -> ColumnDef:
        column = ColumnDef(self.identifier(), self.type())
        if self.accept("KEY"):
            column.is_key = True
        if self.accept("NOT", "NULL"):
            column.nullable = False
        elif self.accept("NULL"):
            column.nullable = True
        if self.accept("AUTO_INCREMENT"):
            column.auto_increment = True
        elif self.accept("DEFAULT"):
            self.default(column)
        elif self.accept("AS"):
            column.generated = self.parenthesized_text() if self.looking_at("(") else self.identifier()
        if self.accept("COMMENT"):
            column.comment = self.string()
        return column

    def default(self, column: ColumnDef) -> None:
        column.has_default = True
        if self.accept("NULL"):
            column.default = None
        elif self.accept("CURRENT_TIMESTAMP"):
            column.default, column.default_is_expression = "CURRENT_TIMESTAMP", True
        elif self.looking_at("("):
            column.default, column.default_is_expression = self.parenthesized_text(), True
        else:
            column.default = self.string()

    # ---- CREATE

    def create(self) -> Statement:
        self.expect("CREATE")
        if self.accept("DATABASE") or self.accept("SCHEMA"):
            return self.create_database()
        self.expect("TABLE")
        exists = self.accept("IF", "NOT", "EXISTS")
        db, name = self.qualified_name()
        statement = Statement("create_table", db=db, name=name, if_exists=exists)
        if self.accept("LIKE"):
            statement.like = self.qualified_name()
            self.end()
            return statement
        self.expect("(")
        statement.columns.append(self.column())
        while self.accept(","):
            statement.columns.append(self.column())
        self.expect(")")
        self.table_options(statement)
        self.end()
        return statement

    def create_database(self) -> Statement:
        exists = self.accept("IF", "NOT", "EXISTS")
        db, name = self.qualified_name()
        properties = self.properties() if self.accept("PROPERTIES") else {}
        self.end()
        return Statement("create_database", db=db, name=name, if_exists=exists, properties=properties)

    def table_options(self, statement: Statement) -> None:
        if self.accept("ENGINE"):
            self.expect("=")
            self.identifier()
        for model in ("PRIMARY", "DUPLICATE", "AGGREGATE", "UNIQUE"):
            if self.accept(model, "KEY"):
                statement.key_model, statement.keys = model, self.identifier_list()
                break
        if self.accept("COMMENT"):
            statement.comment = self.string()
        if self.accept("PARTITION", "BY"):
            statement.partition = self.partition()
        if self.accept("DISTRIBUTED", "BY"):
            self.distribution(statement)
        if self.accept("ORDER", "BY"):
            statement.order_by = self.identifier_list()
        if self.accept("PROPERTIES"):
            statement.properties = self.properties()

    def partition(self) -> str:
        start = self.peek()
        if start is None:
            raise self.fail("a partition")
        if not self.looking_at("("):
            if start.kind != "word":
                raise self.fail("a partition")
            self.at += 1
        self.parenthesized_text()
        if self.looking_at("("):
            self.parenthesized_text()
        end = self.tokens[self.at - 1]
        return self.sql[start.at : end.at + len(end.text)]

    def distribution(self, statement: Statement) -> None:
        if self.accept("RANDOM"):
            statement.distribution = "RANDOM"
        else:
            self.expect("HASH")
            statement.distribution, statement.distributed_by = "HASH", self.identifier_list()
        if self.accept("BUCKETS"):
            statement.buckets = self.integer()

    # ---- DROP, TRUNCATE, CANCEL

    def drop(self) -> Statement:
        self.expect("DROP")
        kind = "drop_database" if self.accept("DATABASE") or self.accept("SCHEMA") else "drop_table"
        if kind == "drop_table":
            self.expect("TABLE")
        exists = self.accept("IF", "EXISTS")
        db, name = self.qualified_name()
        force = self.accept("FORCE")
        self.end()
        return Statement(kind, db=db, name=name, if_exists=exists, force=force)

    def truncate(self) -> Statement:
        self.expect("TRUNCATE", "TABLE")
        db, name = self.qualified_name()
        self.end()
        return Statement("truncate", db=db, name=name)

    def cancel(self) -> Statement:
        self.expect("CANCEL", "ALTER", "TABLE")
        if not (self.accept("COLUMN") or self.accept("ROLLUP") or self.accept("OPTIMIZE")):
            raise self.fail("'COLUMN'")
        self.expect("FROM")
        db, name = self.qualified_name()
        statement = Statement("cancel_alter", db=db, name=name)
        if self.accept("("):
            statement.jobs.append(self.integer())
            while self.accept(","):
                statement.jobs.append(self.integer())
            self.expect(")")
        self.end()
        return statement

    # ---- ALTER TABLE

    def alter(self) -> Statement:
        self.expect("ALTER", "TABLE")
        db, name = self.qualified_name()
        statement = Statement("alter_table", db=db, name=name)
        statement.clauses += self.alter_clause()
        while self.accept(","):
            statement.clauses += self.alter_clause()
        self.end()
        return statement

    def alter_clause(self) -> list[Clause]:
        if self.accept("ADD"):
            return self.add_clause()
        if self.accept("DROP", "COLUMN"):
            clause = Clause("drop_column", name=self.identifier())
            if self.accept("FROM"):
                self.identifier()
            return [self.with_properties(clause)]
        if self.accept("MODIFY", "COLUMN"):
            return [self.with_properties(self.with_place(Clause("modify_column", column=self.column())))]
        if self.accept("RENAME"):
            return [self.rename_clause()]
        if self.accept("SWAP", "WITH"):
            return [Clause("swap", new_name=self.identifier())]
        if self.accept("COMMENT"):
            self.expect("=")
            return [Clause("comment", comment=self.string())]
        if self.accept("SET"):
            return [Clause("set", properties=self.properties())]
        if self.accept("ORDER", "BY"):
            return [Clause("order_by", order_by=self.identifier_list())]
        raise self.fail("'ADD', 'DROP', 'MODIFY', 'RENAME', 'SWAP', 'COMMENT', 'SET'")

    def add_clause(self) -> list[Clause]:
        self.expect("COLUMN")
        if self.accept("("):
            columns = [self.column()]
            while self.accept(","):
                columns.append(self.column())
            self.expect(")")
            clauses = [Clause("add_column", column=column) for column in columns]
            self.with_properties(clauses[-1])
            return clauses
        return [self.with_properties(self.with_place(Clause("add_column", column=self.column())))]

    def rename_clause(self) -> Clause:
        if self.accept("COLUMN"):
            old = self.identifier()
            self.expect("TO")
            return Clause("rename_column", name=old, new_name=self.identifier())
        return Clause("rename", new_name=self.identifier())

    def with_place(self, clause: Clause) -> Clause:
        if self.accept("FIRST"):
            clause.first = True
        elif self.accept("AFTER"):
            clause.after = self.identifier()
        return clause

    def with_properties(self, clause: Clause) -> Clause:
        if self.accept("PROPERTIES"):
            clause.properties = self.properties()
        return clause


def parse(sql: str) -> Statement | None:
    """The statement, or None when `sql` is no DDL of tables and databases."""
    parser = Parser(sql)
    if parser.looking_at("CREATE", "TABLE") or parser.looking_at("CREATE", "DATABASE") \
            or parser.looking_at("CREATE", "SCHEMA"):
        return parser.create()
    if parser.looking_at("DROP", "TABLE") or parser.looking_at("DROP", "DATABASE") or parser.looking_at("DROP", "SCHEMA"):
        return parser.drop()
    if parser.looking_at("ALTER"):
        return parser.alter()
    if parser.looking_at("TRUNCATE"):
        return parser.truncate()
    if parser.looking_at("CANCEL"):
        return parser.cancel()
    return None


def parse_or_none(sql: str) -> Statement | None:
    """As parse, but leaves CREATE USER, CREATE VIEW and the like to others."""
    parser = Parser(sql)
    second = parser.peek(1)
    if parser.looking_at("CREATE") and second is not None and second.upper in ("USER", "VIEW", "MATERIALIZED", "ROLE", "FUNCTION"):
        return None
    statement = parse(sql)
    if statement is None and parser.looking_at("CREATE"):
        raise parser.fail("'TABLE', 'DATABASE'")
    return statement
