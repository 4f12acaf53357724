"""Publishes staged rows into a Primary Key table: the last operation of a key wins, unless the shared-data bug is played."""

from .catalog import Table
from .stages import is_kept, stage_table
from .storage import Storage
from .values import quote_name


def publish(storage: Storage, table: Table, stage: str, columns: list[str], merge_condition: str | None,
            partial: bool, deletes_after_upserts: bool) -> None:
    """Inside a transaction of the write thread. `columns`: those that the load brought and the table still has."""
    connection = storage.connection
    source = stage_table(stage)
    names = [quote_name(name) for name in columns]
    if not table.is_primary:
        connection.execute(f"INSERT INTO {table.physical} ({', '.join(names)}) SELECT {', '.join(names)} FROM {source} ORDER BY __row")
        return
    keys = [quote_name(column.name) for column in table.key_columns]
    same = " AND ".join(f"t.{key} = s.{key}" for key in keys)
    last = f"SELECT * FROM {source} WHERE __row IN (SELECT max(__row) FROM {source} GROUP BY {', '.join(keys)})"
    if deletes_after_upserts:
        last = f"SELECT * FROM {source} QUALIFY row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY __op DESC, __row DESC) = 1"
    if merge_condition is None and not partial:
        replace(storage.prepared if is_kept(stage) else connection, table, names, source, same, last)
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE last_of_key AS {last}")
    if merge_condition is not None:
        condition = quote_name(merge_condition)
        connection.execute(f"DELETE FROM last_of_key s USING {table.physical} t "
                           f"WHERE {same} AND s.__op = 0 AND t.{condition} > s.{condition}")
    if partial:
        merge_columns(connection, table, names, keys, same)
    else:
        replace(connection, table, names, "last_of_key", same, "SELECT * FROM last_of_key")
    connection.execute("DROP TABLE last_of_key")


def replace(connection, table: Table, names: list[str], source: str, same: str, last: str) -> None:
    """Whatever the last operation of a key is, its old row goes. `last` selects that operation of each."""
    connection.execute(f"DELETE FROM {table.physical} t USING {source} s WHERE {same}")
    others, fresh = defaults(table, names)
    connection.execute(f"INSERT INTO {table.physical} ({', '.join(names + others)}) "
                       f"SELECT {', '.join(names + fresh)} FROM ({last}) WHERE __op = 0")


def merge_columns(connection, table: Table, names: list[str], keys: list[str], same: str) -> None:
    """A partial update: known keys keep what did not come, new ones get the defaults."""
    connection.execute(f"DELETE FROM {table.physical} t USING last_of_key s WHERE {same} AND s.__op = 1")
    changed = [name for name in names if name not in keys]
    others, fresh = defaults(table, names)
    connection.execute(
        f"INSERT INTO {table.physical} ({', '.join(names + others)}) SELECT {', '.join('s.' + name for name in names)}"
        f"{''.join(', ' + value for value in fresh)} FROM last_of_key s WHERE s.__op = 0 "
        f"AND NOT EXISTS (SELECT 1 FROM {table.physical} t WHERE {same})"
    )
    if changed:
        sets = ", ".join(f"{name} = s.{name}" for name in changed)
        connection.execute(f"UPDATE {table.physical} t SET {sets} FROM last_of_key s WHERE {same} AND s.__op = 0")


def defaults(table: Table, names: list[str]) -> tuple[list[str], list[str]]:
    """The columns that a load has not brought, and the values that they get in new rows."""
    missing = [column for column in table.columns if quote_name(column.name) not in names]
    values = [f"CAST({column.default_sql()} AS {column.type.physical()})" for column in missing]
    return [quote_name(column.name) for column in missing], values
