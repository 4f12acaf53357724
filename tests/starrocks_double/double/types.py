"""StarRocks' column types: limits, names, and how DuckDB stores them."""

from dataclasses import dataclass

VARCHAR_LIMIT = 1048576
STRING_LENGTH = 65533
BINARY_LIMIT = 1048576
JSON_LIMIT = 16 * 1024 * 1024

INTEGERS = {"TINYINT": 1, "SMALLINT": 2, "INT": 4, "BIGINT": 8, "LARGEINT": 16}
KEY_TYPES = {"BOOLEAN", *INTEGERS, "VARCHAR", "DATE", "DATETIME"}
ALIASES = {"INTEGER": "INT", "NUMERIC": "DECIMAL", "NUMBER": "DECIMAL", "TEXT": "STRING", "BINARY": "VARBINARY",
           "DECIMAL32": "DECIMAL", "DECIMAL64": "DECIMAL", "DECIMAL128": "DECIMAL", "DECIMALV2": "DECIMAL"}
PLAIN = {"BOOLEAN", *INTEGERS, "FLOAT", "DOUBLE", "DATE", "DATETIME", "TIME", "JSON", "STRING", "HLL", "BITMAP",
         "PERCENTILE"}
PHYSICAL = {"BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INT": "INTEGER", "BIGINT": "BIGINT",
            "LARGEINT": "HUGEINT", "FLOAT": "FLOAT", "DOUBLE": "DOUBLE", "DATE": "DATE", "DATETIME": "TIMESTAMP",
            "JSON": "JSON", "VARBINARY": "BLOB", "CHAR": "VARCHAR", "VARCHAR": "VARCHAR", "MAP": "JSON",
            "STRUCT": "JSON"}


@dataclass(frozen=True)
class Type:
    """`length` is in bytes; `fields` names the members of a STRUCT."""

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    children: tuple["Type", ...] = ()
    fields: tuple[str, ...] = ()

    def text(self) -> str:
        """As SHOW CREATE TABLE and DESC print it."""
        name = self.name.lower()
        if self.name in ("VARCHAR", "CHAR"):
            return f"{name}({self.length})"
        if self.name == "VARBINARY":
            return f"{name}({self.length})" if self.length else name
        if self.name == "DECIMAL":
            return f"{name}({self.precision},{self.scale})"
        if self.name in ("ARRAY", "MAP"):
            return f"{name}<{','.join(child.text() for child in self.children)}>"
        if self.name == "STRUCT":
            members = (f"{field} {child.text()}" for field, child in zip(self.fields, self.children))
            return f"struct<{', '.join(members)}>"
        if self.name == "BOOLEAN":
            return "boolean"
        return name

    def physical(self) -> str:
        if self.name == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})" if self.precision <= 38 else "VARCHAR"
        if self.name == "ARRAY":
            return self.children[0].physical() + "[]"
        return PHYSICAL[self.name]

    @property
    def max_bytes(self) -> int:
        return self.length or BINARY_LIMIT


def to_json(type_: Type) -> dict:
    return {"name": type_.name, "length": type_.length, "precision": type_.precision, "scale": type_.scale,
            "children": [to_json(child) for child in type_.children], "fields": list(type_.fields)}


def from_json(record: dict) -> Type:
    return Type(record["name"], record["length"], record["precision"], record["scale"],
                tuple(from_json(child) for child in record["children"]), tuple(record["fields"]))


def check(type_: Type, version: tuple[int, ...]) -> str | None:
    """What the analyzer says against a type, or None."""
    if type_.name == "DECIMAL":
        limit = 76 if version >= (4, 0) else 38
        if not 1 <= type_.precision <= limit:
            return f"DECIMAL's precision should range from 1 to {limit}"
        if type_.scale > type_.precision:
            return "DECIMAL(P[,S]) type P must be greater than or equal to the value of S"
    if type_.name == "VARCHAR":
        limit = 2147482624 if version >= (4, 2) else VARCHAR_LIMIT
        if not 1 <= type_.length <= limit:
            return f"Varchar size must be <= {limit}: {type_.length}" if type_.length else "Varchar size must be > 0"
    if type_.name == "CHAR" and not 1 <= type_.length <= 255:
        return f"Char size must be <= 255: {type_.length}" if type_.length else "Char size must be > 0"
    if type_.name == "VARBINARY":
        if version < (3, 0):
            return "Type VARBINARY is not supported before 3.0"
        if type_.length > BINARY_LIMIT:
            return f"Varbinary size must be <= {BINARY_LIMIT}: {type_.length}"
    if type_.name in ("TIME", "HLL", "BITMAP", "PERCENTILE"):
        return f"Type {type_.name} is not supported by the storage of this table"
    for child in type_.children:
        if (problem := check(child, version)) is not None:
            return problem
    return None
