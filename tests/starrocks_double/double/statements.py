"""Statements that are neither DDL nor queries: SHOW, DESC, SET, USE, ADMIN... by their own strict forms."""

from dataclasses import dataclass, field

from .ddl import Parser


@dataclass
class Command:
    """`kind` is what is asked for; `like` and `where` narrow it."""

    kind: str
    db: str | None = None
    name: str | None = None
    like: str | None = None
    where: dict[str, str] = field(default_factory=dict)
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None
    full: bool = False
    text: str = ""


class CommandParser(Parser):
    """Reuses the DDL parser's names and strings."""

    def command(self) -> Command | None:
        if self.accept("SHOW"):
            return self.show()
        if self.looking_at("DESC") or self.looking_at("DESCRIBE"):
            self.at += 1
            return self.described()
        if self.accept("USE"):
            db, name = self.qualified_name()
            return self.done(Command("use", db=name))
        if self.accept("ADMIN"):
            return self.admin()
        if self.accept("KILL"):
            self.accept("QUERY") or self.accept("CONNECTION")
            self.integer()
            return self.done(Command("nothing"))
        if self.looking_at("SET"):
            return self.set()
        if self.accept("START", "TRANSACTION") or self.accept("BEGIN"):
            self.accept("WORK")
            return self.done(Command("begin"))
        if self.accept("COMMIT"):
            self.accept("WORK")
            return self.done(Command("commit"))
        if self.accept("ROLLBACK"):
            self.accept("WORK")
            return self.done(Command("rollback"))
        for words in (("CREATE", "USER"), ("CREATE", "VIEW"), ("GRANT",), ("REVOKE",), ("SUBMIT", "TASK")):
            if self.accept(*words):
                if self.peek() is None:
                    raise self.fail()
                return Command("beyond", text=" ".join(words))
        return None

    def done(self, command: Command) -> Command:
        self.end()
        return command

    def described(self) -> Command:
        db, name = self.qualified_name()
        self.accept("ALL")
        return self.done(Command("describe", db=db, name=name))

    def admin(self) -> Command:
        if self.accept("SET"):
            self.expect("FRONTEND", "CONFIG")
            self.properties()
            return self.done(Command("nothing"))
        self.expect("SHOW", "FRONTEND", "CONFIG")
        return self.done(self.with_like(Command("frontend_config")))

    def set(self) -> Command:
        self.expect("SET")
        if self.accept("NAMES") or self.accept("CHARACTER", "SET") or self.accept("CHARSET"):
            self.at += 1
            if self.accept("COLLATE"):
                self.at += 1
            return self.done(Command("nothing"))
        while True:
            self.accept("GLOBAL") or self.accept("SESSION") or self.accept("LOCAL")
            if self.peek() is not None and self.peek().kind == "variable":
                self.at += 1
            elif self.accept("TRANSACTION"):
                self.at = len(self.tokens)
                return Command("nothing")
            else:
                self.identifier()
            if not (self.accept("=") or self.accept(":=")):
                raise self.fail("'='")
            self.value()
            if not self.accept(","):
                return self.done(Command("nothing"))

    def value(self) -> str:
        token = self.peek()
        if token is None:
            raise self.fail("a value")
        self.accept("-")
        token = self.peek()
        self.at += 1
        return token.value

    # ---- SHOW

    def show(self) -> Command:
        if self.accept("FULL", "TABLES"):
            return self.listed(Command("tables", full=True))
        if self.accept("FULL", "COLUMNS") or self.accept("FULL", "FIELDS"):
            return self.columns(Command("columns", full=True))
        if self.accept("COLUMNS") or self.accept("FIELDS"):
            return self.columns(Command("columns"))
        if self.accept("TABLES"):
            return self.listed(Command("tables"))
        if self.accept("DATABASES") or self.accept("SCHEMAS"):
            return self.done(self.with_like(Command("databases")))
        if self.accept("CREATE", "TABLE"):
            db, name = self.qualified_name()
            return self.done(Command("create_table", db=db, name=name))
        if self.accept("CREATE", "DATABASE"):
            return self.done(Command("create_database", name=self.identifier()))
        if self.accept("ALTER", "TABLE"):
            return self.alter_jobs()
        if self.accept("COMPUTE", "NODES"):
            return self.done(Command("compute_nodes"))
        if self.accept("ROUTINE", "LOAD"):
            return self.done(Command("empty", text="Id Name State"))
        for word in ("FRONTENDS", "BACKENDS", "GRANTS", "WARNINGS", "ENGINES", "PROCESSLIST", "COLLATION"):
            if self.accept(word):
                return self.done(self.with_like(Command(word.lower())))
        if self.accept("PROC"):
            return self.done(Command("proc", text=self.string()))
        if self.accept("TRANSACTION"):
            return self.filtered(self.with_from(Command("transaction")))
        if self.accept("LOAD"):
            return self.filtered(self.with_from(Command("loads")))
        if self.accept("PARTITIONS"):
            return self.filtered(self.of_table("partitions"))
        if self.accept("TABLET") or self.accept("TABLETS"):
            return self.filtered(self.of_table("tablets"))
        self.accept("GLOBAL") or self.accept("SESSION")
        if self.accept("VARIABLES"):
            return self.filtered(self.with_like(Command("variables")))
        if self.accept("STATUS"):
            return self.done(self.with_like(Command("empty", text="Variable_name Value")))
        raise self.fail("something to show")

    def of_table(self, kind: str) -> Command:
        self.expect("FROM")
        db, name = self.qualified_name()
        return Command(kind, db=db, name=name)

    def listed(self, command: Command) -> Command:
        return self.filtered(self.with_like(self.with_from(command)))

    def columns(self, command: Command) -> Command:
        if not (self.accept("FROM") or self.accept("IN")):
            raise self.fail("'FROM'")
        command.db, command.name = self.qualified_name()
        if self.accept("FROM") or self.accept("IN"):
            command.db = self.identifier()
        return self.filtered(self.with_like(command))

    def alter_jobs(self) -> Command:
        for word in ("COLUMN", "OPTIMIZE", "ROLLUP"):
            if self.accept(word):
                return self.filtered(self.with_from(Command("alter_" + word.lower())))
        raise self.fail("'COLUMN'")

    def with_from(self, command: Command) -> Command:
        if self.accept("FROM") or self.accept("IN"):
            command.db = self.qualified_name()[1]
        return command

    def with_like(self, command: Command) -> Command:
        if self.accept("LIKE"):
            command.like = self.string()
        return command

    def filtered(self, command: Command) -> Command:
        if self.accept("WHERE"):
            while True:
                name = self.identifier()
                self.expect("=")
                command.where[name.lower()] = self.value()
                if not self.accept("AND"):
                    break
        if self.accept("ORDER", "BY"):
            while True:
                name = self.identifier()
                descending = self.accept("DESC")
                if not descending:
                    self.accept("ASC")
                command.order.append((name.lower(), descending))
                if not self.accept(","):
                    break
        if self.accept("LIMIT"):
            command.limit = self.integer()
        return self.done(command)


def parse_command(sql: str) -> Command | None:
    return CommandParser(sql).command()
