"""Derived columns of a load's `columns` header: `b=to_binary(tmp,'hex')`, `__op=tmp`, arithmetic and a few functions."""

from .load_spec import LoadRefused
from .types import Type
from .values import from_text, full_match


def derived(expression: str, texts: dict[str, str], type_: Type | None) -> str:
    """The SQL of an expression over the input's texts. Conversions that fail give NULL: strict_mode ignores them."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(expression, read="starrocks")
    except sqlglot.errors.ParseError as error:
        raise LoadRefused(f"failed to parse column expression: {expression}") from error
    binary = to_binary(tree, exp, texts)
    if binary is not None:
        return binary

    def replace(node):
        if not isinstance(node, exp.Column):
            return node
        if node.name.lower() not in texts:
            raise LoadRefused(f"Column '{node.name}' cannot be resolved")
        return exp.column(texts[node.name.lower()])

    text = f"CAST({tree.transform(replace).sql(dialect='duckdb')} AS VARCHAR)"
    return text if type_ is None else from_text(type_, text)


def to_binary(tree, exp, texts: dict[str, str]) -> str | None:
    name = tree.name if isinstance(tree, exp.Anonymous) else tree.sql_name() if isinstance(tree, exp.Func) else ""
    if name.lower() not in ("to_binary", "unhex"):
        return None
    arguments = list(tree.expressions) or [value for value in tree.args.values() if isinstance(value, exp.Expression)]
    source, form = arguments[0], arguments[1].name if len(arguments) > 1 else "hex"
    if not isinstance(source, exp.Column) or source.name.lower() not in texts:
        raise LoadRefused(f"Column '{source.sql()}' cannot be resolved")
    text = texts[source.name.lower()]
    if form == "hex":
        return f"CASE WHEN {full_match(text, '([0-9a-fA-F]{2})*')} THEN unhex({text}) END"
    if form == "encode64":
        return f"TRY(from_base64({text}))"
    if form == "utf8":
        return f"encode({text})"
    raise LoadRefused(f"to_binary knows hex, encode64 and utf8, not {form}")
