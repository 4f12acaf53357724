"""The tables of information_schema that tools ask for, as SQL of DuckDB over the catalogue's present state."""

from .catalog import Column, Table
from .values import quote_name, quote_text

COLUMNS = """TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE
    CHARACTER_MAXIMUM_LENGTH CHARACTER_OCTET_LENGTH NUMERIC_PRECISION NUMERIC_SCALE DATETIME_PRECISION CHARACTER_SET_NAME
    COLLATION_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT COLUMN_SIZE DECIMAL_DIGITS GENERATION_EXPRESSION
    SRS_ID""".split()
TABLES = """TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION ROW_FORMAT TABLE_ROWS AVG_ROW_LENGTH DATA_LENGTH
    CREATE_TIME UPDATE_TIME TABLE_COLLATION CREATE_OPTIONS TABLE_COMMENT""".split()
TABLES_CONFIG = """TABLE_SCHEMA TABLE_NAME TABLE_ENGINE TABLE_MODEL PRIMARY_KEY PARTITION_KEY DISTRIBUTE_KEY DISTRIBUTE_TYPE
    DISTRIBUTE_BUCKET SORT_KEY PROPERTIES TABLE_ID""".split()
SCHEMATA = "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH".split()
LOADS = """ID LABEL PROFILE_ID DB_NAME TABLE_NAME USER WAREHOUSE STATE PROGRESS TYPE PRIORITY SCAN_ROWS SCAN_BYTES FILTERED_ROWS
    UNSELECTED_ROWS SINK_ROWS RUNTIME_DETAILS CREATE_TIME LOAD_START_TIME LOAD_COMMIT_TIME LOAD_FINISH_TIME PROPERTIES
    ERROR_MSG TRACKING_SQL REJECTED_RECORD_PATH""".split()
BE_TABLETS = "BE_ID TABLE_ID PARTITION_ID TABLET_ID NUM_VERSION MAX_VERSION MIN_VERSION NUM_ROWSET NUM_ROW STATE".split()
NUMBERS = {"ORDINAL_POSITION", "CHARACTER_MAXIMUM_LENGTH", "CHARACTER_OCTET_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE",
           "COLUMN_SIZE", "DECIMAL_DIGITS", "TABLE_ROWS", "DISTRIBUTE_BUCKET", "TABLE_ID", "ID", "BE_ID", "PARTITION_ID",
           "TABLET_ID", "NUM_VERSION", "MAX_VERSION", "MIN_VERSION", "NUM_ROWSET", "NUM_ROW", "SCAN_ROWS", "SCAN_BYTES",
           "FILTERED_ROWS", "UNSELECTED_ROWS", "SINK_ROWS", "VERSION", "AVG_ROW_LENGTH", "DATA_LENGTH", "DATETIME_PRECISION"}
SIZES = {"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 19, "LARGEINT": 39}


class InformationSchema:
    def __init__(self, cluster):
        self.cluster = cluster

    def sql(self, name: str, only: dict[str, str]) -> str:
        """A SELECT over literal rows, or Refused. `only`: texts of columns; rows with others may be left out."""
        tables = {"columns": (COLUMNS, self.columns), "tables": (TABLES, self.tables), "schemata": (SCHEMATA, self.schemata),
                  "tables_config": (TABLES_CONFIG, self.tables_config), "be_tablets": (BE_TABLETS, self.be_tablets),
                  "views": (["TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION"], list),
                  "materialized_views": (["TABLE_SCHEMA", "TABLE_NAME", "MATERIALIZED_VIEW_DEFINITION"], list)}
        if self.cluster.settings.at_least(3, 1):
            tables["loads"] = (LOADS, self.loads)
        if name not in tables:
            raise self.cluster.catalog_refusal("information_schema", name)
        names, rows = tables[name]
        places = {names.index(column): text for column, text in only.items() if column in names}
        return relation(names, [row for row in rows() if all(row[place] == text for place, text in places.items())])

    def all_tables(self) -> list[Table]:
        return sorted(self.cluster.catalog.tables.values(), key=lambda table: (table.db, table.name))

    def columns(self) -> list[list]:
        return [column_row(table, column, position + 1) for table in self.all_tables() for position, column in enumerate(table.columns)]

    def tables(self) -> list[list]:
        clock = self.cluster.clock
        return [["def", table.db, table.name, "BASE TABLE", "StarRocks", None, None, None, None, None, clock.text(table.created),
                 None, "utf8_general_ci", None, table.comment] for table in self.all_tables()]

    def schemata(self) -> list[list]:
        names = [*sorted(self.cluster.catalog.databases), "information_schema"]
        return [["def", name, "utf8", "utf8_general_ci", None] for name in names]

    def tables_config(self) -> list[list]:
        rows = []
        for table in self.all_tables():
            model = {"PRIMARY": "PRI_KEYS", "DUPLICATE": "DUP_KEYS"}[table.model]
            keys = ", ".join(f"`{key}`" for key in table.keys) if table.is_primary else ""
            by = ", ".join(f"`{name}`" for name in table.distributed_by)
            order = ", ".join(f"`{name}`" for name in table.order_by or table.keys)
            properties = "{" + ",".join(f'"{name}":"{value}"' for name, value in sorted(table.properties.items())) + "}"
            rows.append([table.db, table.name, "OLAP", model, keys, table.partition or "", by, table.distribution, table.buckets or 0,
                         order, properties, table.id])
        return rows

    def loads(self) -> list[list]:
        clock, catalog, rows = self.cluster.clock, self.cluster.catalog, []
        for txn in self.cluster.transactions.known.values():
            table = catalog.tables.get(txn.tables[0]) if txn.tables else None
            state = {"VISIBLE": "FINISHED", "ABORTED": "CANCELLED", "COMMITTED": "FINISHED", "PREPARED": "PREPARED"}.get(txn.state, "LOADING")
            rows.append([txn.id, txn.label, "", txn.db, table.name if table else "", "root", "default_warehouse", state, "", "STREAM LOAD",
                         "NORMAL", 0, 0, 0, 0, 0, f'{{"txn_id":{txn.id}}}', clock.text(txn.prepare_time), clock.text(txn.prepare_time),
                         clock.text(txn.commit_time), clock.text(txn.finish_time), "{}", txn.reason, "", ""])
        return rows

    def be_tablets(self) -> list[list]:
        return [[backend.number, table.id, table.id + 1, table.id + 1, table.versions, table.versions, 0, table.versions, 0, 0]
                for table in self.all_tables() for backend in self.cluster.backends.values()]


def column_row(table: Table, column: Column, position: int) -> list:
    type_, name = column.type, column.type.name
    data_type = {"BOOLEAN": "tinyint", "LARGEINT": "bigint unsigned"}.get(name, name.lower())
    size = SIZES.get(name) or (type_.precision if name == "DECIMAL" else type_.length if name in ("VARCHAR", "CHAR", "VARBINARY") else None)
    digits = type_.scale if name == "DECIMAL" else 0 if name in SIZES else None
    characters = type_.length if name in ("VARCHAR", "CHAR") else None
    key = "PRI" if column.key and table.is_primary else "DUP" if column.key else ""
    default = column.default if column.has_default else None
    return ["def", table.db, table.name, column.name, position, default, "YES" if column.nullable else "NO", data_type, characters,
            characters, type_.precision or None, digits, None, "utf8" if characters else None, None, type_.text(), key, "", "",
            column.comment, size, digits, None, None]


def relation(names: list[str], rows: list[list]) -> str:
    """SELECT of literal rows, every column with a type, also when there are none."""
    typed = [f"CAST({quote_name('c%d' % i)} AS {'BIGINT' if name in NUMBERS else 'VARCHAR'}) AS {quote_name(name)}" for i, name in enumerate(names)]
    shown = rows or [[None] * len(names)]
    values = ", ".join("(" + ", ".join(literal(value) for value in row) + ")" for row in shown)
    columns = ", ".join(quote_name(f"c{i}") for i in range(len(names)))
    return f"SELECT {', '.join(typed)} FROM (VALUES {values}) AS v({columns})" + ("" if rows else " WHERE false")


def literal(value) -> str:
    if value is None or value == "NULL":
        return "NULL"
    return quote_text(str(value))
