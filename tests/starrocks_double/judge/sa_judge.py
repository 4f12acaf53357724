"""Looks at a cluster through StarRocks' own SQLAlchemy dialect. Argument: a query port."""

import sys

import sqlalchemy as sa

engine = sa.create_engine(f"starrocks://root:@127.0.0.1:{sys.argv[1]}/judged")
with engine.begin() as connection:
    connection.execute(sa.text("CREATE DATABASE IF NOT EXISTS judged"))
with engine.begin() as connection:
    connection.execute(sa.text("DROP TABLE IF EXISTS sa FORCE"))
    connection.execute(sa.text(
        """CREATE TABLE sa (id BIGINT NOT NULL COMMENT "key", d DECIMAL(10,2) NULL, v VARCHAR(20) NULL DEFAULT "x", ts DATETIME NULL, j JSON NULL,
           a ARRAY<INT> NULL, b BOOLEAN NULL) PRIMARY KEY(id) COMMENT "judged" DISTRIBUTED BY HASH(id) BUCKETS 2 PROPERTIES("replication_num"="1")"""))
inspector = sa.inspect(engine)
assert "judged" in inspector.get_schema_names(), inspector.get_schema_names()
assert "sa" in inspector.get_table_names(), inspector.get_table_names()
columns = {column["name"]: column for column in inspector.get_columns("sa")}
assert list(columns) == ["id", "d", "v", "ts", "j", "a", "b"], list(columns)
assert not columns["id"]["nullable"] and columns["v"]["nullable"]
assert columns["id"]["comment"] == "key"
assert (columns["d"]["type"].precision, columns["d"]["type"].scale) == (10, 2)
assert columns["v"]["type"].length == 20
assert inspector.get_table_comment("sa")["text"] == "judged"
inspector.get_pk_constraint("sa")
inspector.get_view_names()
table = sa.Table("sa", sa.MetaData(), autoload_with=engine)
with engine.begin() as connection:
    connection.execute(sa.text("INSERT INTO sa (id, d, v, ts, b) VALUES (1, 1.5, 'it''s', '2024-01-02 03:04:05', true)"))
    row = connection.execute(sa.select(table.c.id, table.c.d, table.c.v, table.c.b).order_by(table.c.id)).one()
    assert (row.id, str(row.d), row.v, row.b) == (1, "1.50", "it's", True), row
print("sa_judge: passed")
