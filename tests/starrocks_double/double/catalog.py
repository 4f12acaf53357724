"""Databases, tables and columns, and what StarRocks' analyzer says against a definition."""

from dataclasses import dataclass, field

from .ddl import ColumnDef, Statement
from .storage import Storage
from .types import KEY_TYPES, Type, check, from_json, to_json
from .values import from_text, quote_name, quote_text

RESERVED_COLUMNS = ("__op", "__row")


class Refused(Exception):
    """A statement that the server's analyzer or catalogue refuses. `code` and `state` are MySQL's."""

    def __init__(self, message: str, code: int = 1064, state: str = "42000"):
        super().__init__(message)
        self.message, self.code, self.state = message, code, state


def analyzing(detail: str) -> Refused:
    return Refused(f"Getting analyzing error. Detail message: {detail}.")


@dataclass
class Column:
    name: str
    type: Type
    nullable: bool = True
    default: str | None = None
    default_is_expression: bool = False
    has_default: bool = False
    comment: str = ""
    key: bool = False

    def record(self) -> dict:
        return {**self.__dict__, "type": to_json(self.type)}

    def shown_default(self) -> tuple[str, bool] | None:
        """The default, and whether it is an expression; DEFAULT NULL is none."""
        return (self.default, self.default_is_expression) if self.has_default and self.default is not None else None

    @staticmethod
    def restore(record: dict) -> "Column":
        return Column(**{**record, "type": from_json(record["type"])})

    @staticmethod
    def of(definition: ColumnDef, key: bool) -> "Column":
        if definition.auto_increment or definition.generated:
            raise Refused("AUTO_INCREMENT and generated columns are beyond this double")
        nullable = definition.nullable if definition.nullable is not None else not key
        return Column(definition.name, definition.type, nullable, definition.default, definition.default_is_expression,
                      definition.has_default and definition.default is not None, definition.comment, key)

    def default_sql(self) -> str:
        if not self.has_default:
            return "NULL"
        if not self.default_is_expression:
            return "'" + self.default.replace("'", "''") + "'"
        expression = self.default.lower().replace(" ", "")
        return {"current_timestamp": "strftime(now()::TIMESTAMP, '%Y-%m-%d %H:%M:%S')",
                "now()": "strftime(now()::TIMESTAMP, '%Y-%m-%d %H:%M:%S')",
                "uuid()": "uuid()::VARCHAR"}.get(expression, "NULL")


@dataclass
class Table:
    id: int
    db: str
    name: str
    columns: list[Column]
    model: str
    keys: list[str]
    comment: str = ""
    partition: str | None = None
    distribution: str = "HASH"
    distributed_by: list[str] = field(default_factory=list)
    buckets: int | None = None
    order_by: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    created: float = 0.0
    versions: int = 1
    schema_version: int = 0
    state: str = "NORMAL"

    @property
    def physical(self) -> str:
        return f"data.t{self.id}"

    @property
    def is_primary(self) -> bool:
        return self.model == "PRIMARY"

    def find(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)

    @property
    def key_columns(self) -> list[Column]:
        return [column for column in self.columns if column.key]

    @property
    def fast_schema_evolution(self) -> bool:
        return self.properties.get("fast_schema_evolution") == "true"

    def record(self) -> dict:
        return {**self.__dict__, "columns": [column.record() for column in self.columns]}

    @staticmethod
    def restore(record: dict) -> "Table":
        return Table(**{**record, "columns": [Column.restore(column) for column in record["columns"]]})

    def create_sql(self) -> str:
        columns = ", ".join(f"{quote_name(column.name)} {column.type.physical()}" for column in self.columns)
        return f"CREATE TABLE {self.physical} ({columns})"


def stage_columns(columns: list[Column]) -> str:
    """The columns of a stage's table, for a load of these."""
    return ", ".join(['__row BIGINT, __op TINYINT, "!bad" BOOLEAN', *(f"{quote_name(column.name)} {column.type.physical()}" for column in columns)])


class Catalog:
    """The FE's catalogue. What changes it runs in the storage's write thread, inside a transaction."""

    def __init__(self, storage: Storage, settings):
        self.storage = storage
        self.settings = settings
        self.databases = {record["name"]: number for number, record in storage.records("database").items()}
        self.tables = {number: Table.restore(record) for number, record in storage.records("table").items()}
        self.next_id = max([10000, *self.databases.values(), *self.tables]) + 1

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id

    # ---- looking up

    def need_database(self, name: str | None) -> str:
        if not name:
            raise Refused("No database selected", 1046, "3D000")
        if name not in self.databases and name.lower() != "information_schema":
            if self.settings.new_error_codes:
                raise Refused(f"Unknown database '{name}'", 5501, "3F000")
            raise Refused(f"Unknown database '{name}'", 1049, "42000")
        return name

    def find(self, db: str, name: str) -> Table | None:
        return next((table for table in self.tables.values() if table.db == db and table.name == name), None)

    def need(self, db: str | None, name: str) -> Table:
        self.need_database(db)
        table = self.find(db, name)
        if table is None:
            if self.settings.new_error_codes:
                raise Refused(f"Unknown table '{db}.{name}'", 5502, "42602")
            raise Refused(f"Unknown table '{name}'", 1051, "42S02")
        return table

    def unknown_column(self, name: str) -> Refused:
        if self.settings.new_error_codes:
            return Refused(f"Column '{name}' cannot be resolved", 5509, "42S22")
        return analyzing(f"Column '{name}' cannot be resolved")

    def tables_of(self, db: str) -> list[Table]:
        return sorted((table for table in self.tables.values() if table.db == db), key=lambda table: table.name)

    # ---- changing; in the write thread

    def create_database(self, name: str) -> None:
        number = self.take_id()
        self.storage.put("database", number, {"name": name})
        self.databases[name] = number

    def drop_database(self, name: str) -> None:
        with self.storage.transaction():
            for table in self.tables_of(name):
                self.drop(table)
            self.storage.remove("database", self.databases[name])
        del self.databases[name]

    def create(self, table: Table) -> None:
        with self.storage.transaction() as connection:
            connection.execute(table.create_sql())
            self.save(table)
        self.storage.schema.changes += 1
        self.storage.stages.expect(stage_columns(table.columns))
        self.tables[table.id] = table

    def drop(self, table: Table) -> None:
        self.storage.connection.execute(f"DROP TABLE {table.physical}")
        self.storage.schema.changes += 1
        self.storage.remove("table", table.id)
        del self.tables[table.id]

    def save(self, table: Table) -> None:
        self.storage.put("table", table.id, table.record())

    # ---- the analyzer

    def define(self, statement: Statement, db: str, now: float) -> Table:
        """The table that a CREATE TABLE asks for, or Refused."""
        release = self.settings.release
        if len(statement.name) > 1024:
            raise analyzing(f"Incorrect table name '{statement.name}'")
        keys, model = self.key_model(statement)
        columns = self.define_columns(statement, keys, model, release)
        by_name = {column.name.lower(): column for column in columns}
        self.check_keys(keys, columns, model)
        self.check_distribution(statement, by_name, keys, model, release)
        self.check_order(statement, by_name, release)
        self.check_properties(statement.properties, release)
        properties = dict(statement.properties)
        return Table(self.take_id(), db, statement.name, columns, model, [by_name[key.lower()].name for key in keys],
                     statement.comment, statement.partition, statement.distribution or "HASH",
                     statement.distributed_by or ([] if statement.distribution == "RANDOM" else keys), statement.buckets,
                     statement.order_by, properties, now)

    @staticmethod
    def key_model(statement: Statement) -> tuple[list[str], str]:
        if statement.key_model in ("AGGREGATE", "UNIQUE"):
            raise Refused(f"{statement.key_model} KEY tables are beyond this double")
        if statement.key_model is None:
            return [statement.columns[0].name], "DUPLICATE"
        return statement.keys, statement.key_model

    def define_columns(self, statement: Statement, keys: list[str], model: str, release) -> list[Column]:
        columns, seen = [], set()
        lower_keys = [key.lower() for key in keys]
        for definition in statement.columns:
            if definition.name.lower() in seen:
                raise Refused(f"Duplicate column name '{definition.name}'", 1060, "42S21")
            seen.add(definition.name.lower())
            is_key = definition.name.lower() in lower_keys
            columns.append(self.define_column(definition, is_key and model == "PRIMARY", is_key, release))
        return columns

    def define_column(self, definition: ColumnDef, primary: bool, key: bool, release) -> Column:
        name = definition.name
        bad = len(name) > 1024 or not name or "\0" in name or any(char in name for char in "=<>!*")
        if bad or name.lower() in RESERVED_COLUMNS:
            raise Refused(f"Incorrect column name '{name}'", 1166, "42000")
        if (problem := check(definition.type, release)) is not None:
            raise analyzing(f"Invalid type of column '{name}': {problem}")
        if definition.has_default and definition.default is None and definition.nullable is False:
            raise analyzing(f"Invalid default value for '{name}'")
        if primary and definition.nullable:
            raise analyzing(f"primary key column[{name}] cannot be nullable")
        column = Column.of(definition, key)
        if primary:
            column.nullable = False
        self.check_default(column)
        return column

    def check_default(self, column: Column) -> None:
        if not column.has_default:
            return
        refused = analyzing(f"Invalid default value for '{column.name}'")
        if column.default_is_expression:
            allowed = {"current_timestamp": "DATETIME", "now()": "DATETIME", "uuid()": "VARCHAR", "uuid_numeric()": "LARGEINT"}
            if allowed.get(column.default.lower().replace(" ", "")) != column.type.name:
                raise refused
            return
        if column.type.name in ("ARRAY", "MAP", "STRUCT", "VARBINARY"):
            raise analyzing(f"Type '{column.type.text()}' does not support default value")
        if column.type.name in ("VARCHAR", "CHAR"):
            if len(column.default.encode()) > column.type.length:
                raise refused
        elif not self.storage_accepts(column):
            raise refused

    def storage_accepts(self, column: Column) -> bool:
        sql = f"SELECT {from_text(column.type, quote_text(column.default))} IS NOT NULL"
        return self.storage.connection.execute(sql).fetchone()[0]

    @staticmethod
    def check_keys(keys: list[str], columns: list[Column], model: str) -> None:
        lower = [column.name.lower() for column in columns]
        for position, key in enumerate(keys):
            if key.lower() not in lower:
                raise analyzing(f"Key columns[{key}] doesn't exist")
            if lower[position] != key.lower():
                raise analyzing("Key columns must be the first few columns of the schema and the order of the key "
                                "columns must be consistent with the order of the schema")
            column = columns[position]
            if model == "PRIMARY" and column.type.name not in KEY_TYPES:
                raise analyzing(f"Invalid data type of primary key column '{column.name}': '{column.type.name}'")

    @staticmethod
    def check_distribution(statement: Statement, by_name: dict, keys: list[str], model: str, release) -> None:
        if statement.distribution is None:
            if model == "PRIMARY" and release < (3, 1):
                raise analyzing("Create olap table should contain distribution desc")
        if statement.buckets is None and release < (2, 5, 7):
            raise analyzing("bucket num must be specified before 2.5.7")
        if statement.buckets is not None and statement.buckets <= 0:
            raise analyzing("Number of hash distribution is zero")
        if statement.distribution == "RANDOM" and model == "PRIMARY":
            raise analyzing("PRIMARY KEY must use hash distribution")
        for name in statement.distributed_by:
            column = by_name.get(name.lower())
            if column is None:
                raise analyzing(f"Distribution column({name}) doesn't exist")
            if model == "PRIMARY" and not column.key:
                raise analyzing(f"Distribution column[{name}] of primary key table must be a key column")
            if column.type.name in ("FLOAT", "DOUBLE", "JSON", "ARRAY", "MAP", "STRUCT", "VARBINARY"):
                raise analyzing(f"{column.type.name} column can not be distribution column")

    @staticmethod
    def check_order(statement: Statement, by_name: dict, release) -> None:
        if statement.order_by and release < (3, 0):
            raise analyzing("ORDER BY of a primary key table needs 3.0")
        for name in statement.order_by:
            column = by_name.get(name.lower())
            if column is None:
                raise analyzing(f"Sort key column({name}) doesn't exist")
            if column.type.name in ("JSON", "ARRAY", "MAP", "STRUCT", "VARBINARY", "FLOAT", "DOUBLE"):
                raise analyzing(f"sort key column[{name}] type not supported: {column.type.name}")

    def check_properties(self, properties: dict[str, str], release) -> None:
        known = {"replication_num", "enable_persistent_index", "compression", "storage_medium", "in_memory",
                 "storage_cooldown_time", "bucket_size", "write_quorum", "replicated_storage", "persistent_index_type",
                 "storage_volume", "datacache.enable", "datacache.partition_duration", "colocate_with",
                 "bloom_filter_columns", "enable_async_write_back", "unique_constraints"}
        if release >= (3, 2):
            known.add("fast_schema_evolution")
        if release >= (4, 1):
            known.add("cloud_native_fast_schema_evolution_v2")
        unknown = sorted(set(properties) - known)
        if unknown:
            raise analyzing(f"Unknown properties: {{{', '.join(f'{name}={properties[name]}' for name in unknown)}}}")
        number = properties.get("replication_num", "1" if self.settings.shared_data else "3")
        if not number.isdigit() or int(number) == 0:
            raise analyzing("Replication num should larger than 0. (suggested 3)")
        if int(number) > 2 and not self.settings.shared_data:
            raise Refused("Table replication num should be less than of equal to the number of available BE nodes. "
                          "You can change this default by setting the replication_num table properties. "
                          "Current alive backend is [10001,10002]. ")
