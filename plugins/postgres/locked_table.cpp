#include "plugins/postgres/locked_table.hpp"

#include <charconv>
#include <utility>

namespace leat::postgres {

namespace {

constexpr int attempts = 5;
/// FirstNormalObjectId of PostgreSQL: what has a smaller oid came with initdb.
constexpr oid first_type_of_users = 16384;

using table_name = std::pair<std::string, std::string>;

std::optional<table_name> current_name(connection& c, oid id) {
  const auto found = c.query("SELECT n.nspname, c.relname FROM pg_class c "
                             "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = "
                             + std::to_string(id));
  if (found.rows() == 0) return std::nullopt;
  return table_name{found.string(0, 0), found.string(0, 1)};
}

/// $1 is the table's quoted name. H follows S in one row.
constexpr std::string_view look = R"(
  SELECT pg_current_snapshot()::text, $HIGH, c.oid, c.relkind = 'p', row_security_active(c.oid),
         (SELECT hashtextextended(string_agg(part.id || ':' || coalesce(pg_relation_filenode(part.id), 0),
                                             ',' ORDER BY part.id), 0)
          FROM (SELECT to_regclass($1)::oid AS id
                UNION SELECT relid FROM pg_partition_tree(to_regclass($1))) AS part),
         a.attname, a.atttypid, a.atttypmod, a.attgenerated <> '',
         format_type(a.atttypid, a.atttypmod)
  FROM pg_class c
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.oid = to_regclass($1)::oid
  ORDER BY a.attnum)";

template <class Number>
Number signed_number(std::string_view digits) {
  Number value{};
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

locked_column column_of(const result& rows, int row) {
  locked_column column;
  column.name = rows.string(row, 6);
  column.type = static_cast<oid>(rows.number(row, 7));
  column.modifier = signed_number<std::int32_t>(rows.text(row, 8));
  column.generated = rows.boolean(row, 9);
  column.type_name = rows.string(row, 10);
  return column;
}

/// Nothing when the name is not this table's any more; no transaction is open then.
std::optional<locked_table> lock_named(connection& c, const table_name& name, oid id) {
  try {
    const auto rows = c.query(lock_and_look(name.first, name.second));
    locked_table table;
    table.schema = name.first;
    table.name = name.second;
    for (int row = 0; row < rows.rows(); ++row) table.take_look(c, rows, row);
    if (table.id == id) return table;
  } catch (const server_error& e) {
    // undefined_table, invalid_schema_name, wrong_object_type: the name is gone, or another's.
    if (e.sqlstate() != "42P01" && e.sqlstate() != "3F000" && e.sqlstate() != "42809") throw;
  }
  c.query("ROLLBACK");
  return std::nullopt;
}

/// How a type of users is compared: a domain as its base type, and by the operators of the default
/// btree order, which is also what ORDER BY goes by.
key_column compared_as(connection& c, const locked_column& column) {
  key_column out{column.name, column.type_name, "", false};
  if (column.type < first_type_of_users) return out;
  const auto found = c.query(R"(
    WITH RECURSIVE step AS (
      SELECT oid, typtype, typbasetype FROM pg_type WHERE oid = )"
                             + std::to_string(column.type) + R"(
      UNION ALL SELECT t.oid, t.typtype, t.typbasetype
      FROM step JOIN pg_type t ON t.oid = step.typbasetype WHERE step.typtype = 'd')
    SELECT format_type(base.oid, -1), base.typtype = 'c',
           (SELECT n.nspname FROM pg_opclass o
              JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
              JOIN pg_amop p ON p.amopfamily = o.opcfamily AND p.amopstrategy = 1
                            AND p.amoplefttype = o.opcintype AND p.amoprighttype = o.opcintype
              JOIN pg_operator q ON q.oid = p.amopopr
              JOIN pg_namespace n ON n.oid = q.oprnamespace
            WHERE o.opcdefault AND o.opcintype = base.oid AND n.nspname <> 'pg_catalog')
    FROM step base WHERE base.typtype <> 'd')");
  if (found.rows() == 0) return out;
  out.type_name = found.string(0, 0);
  out.cast = found.boolean(0, 1);
  out.operators = found.string(0, 2);
  return out;
}

const locked_column* find(const std::vector<locked_column>& columns, const std::string& name) {
  for (const auto& column : columns)
    if (column.name == name) return &column;
  return nullptr;
}

} // namespace

snapshot_point point_of(const connection& c, const result& rows, int column) {
  if (rows.is_null(0, column + 1))
    throw error(error_kind::source, "the source is a standby", c.where(),
                "connect to the primary: which transactions a snapshot holds cannot be asked of a "
                "standby");
  const auto seen = parse_xid_snapshot(rows.text(0, column));
  const auto high = parse_lsn(rows.text(0, column + 1));
  if (!seen || !high)
    throw error(error_kind::bug,
                "unreadable snapshot " + rows.string(0, column) + " or LSN "
                    + rows.string(0, column + 1),
                c.where(), "report this");
  return {*seen, wal_lsn{*high}};
}

std::string lock_and_look(const std::string& schema, const std::string& name) {
  const auto quoted = quote_name(schema, name);
  return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE " + quoted
         + " IN ACCESS SHARE MODE; EXECUTE leat_look(" + quote_literal(quoted) + ")";
}

void locked_table::take_look(const connection& c, const result& rows, int row) {
  if (id == 0) {
    auto point = point_of(c, rows, 0);
    seen = std::move(point.seen);
    high = point.high;
    id = static_cast<oid>(rows.number(row, 2));
    partitioned = rows.boolean(row, 3);
    hides_rows = rows.boolean(row, 4);
    storage = static_cast<std::uint64_t>(signed_number<std::int64_t>(rows.text(row, 5)));
  }
  if (!rows.is_null(row, 6)) columns.push_back(column_of(rows, row));
}

bool locked_table::has_columns(const table_schema& wanted, bool all) const {
  std::size_t matched = 0;
  for (const auto& column : columns) {
    if (matched < wanted.columns.size() && column.name == wanted.columns[matched].name) {
      const auto& expected = wanted.columns[matched];
      if (column.type != expected.type || column.modifier != expected.modifier) return false;
      ++matched;
    } else if (all && !column.generated) {
      return false;
    }
  }
  return matched == wanted.columns.size();
}

std::optional<key_columns> locked_table::key_of(connection& c, const table_schema& wanted,
                                                const std::vector<std::uint16_t>& key) const {
  key_columns out;
  for (const auto index : key) {
    const auto* column = find(columns, wanted.columns[index].name);
    if (column == nullptr || column->type != wanted.columns[index].type) return std::nullopt;
    out.push_back(compared_as(c, *column));
  }
  return out;
}

void prepare_locking(connection& c) {
  std::string sql(look);
  sql.replace(sql.find("$HIGH"), 5, snapshot_high);
  c.query("PREPARE leat_look(text) AS" + sql);
}

std::optional<locked_table> lock_table(connection& c, const table_schema& wanted) {
  table_name name{wanted.schema, wanted.name};
  for (int i = 0; i < attempts; ++i) {
    if (auto table = lock_named(c, name, wanted.id)) return table;
    const auto now = current_name(c, wanted.id);
    if (!now) return std::nullopt;
    name = *now;
  }
  throw error(error_kind::source,
              "table " + wanted.qualified_name() + " is being renamed again and again", c.where(),
              "", error_retry::transient);
}

} // namespace leat::postgres
