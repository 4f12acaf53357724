#include "plugins/postgres/catalog.hpp"

#include <charconv>

namespace leat::postgres {

namespace {

/// What column list and row filter of a publication leave of each table; a schema in it takes its
/// tables whole. pg_publication_tables would tell the same, and lock every table of it meanwhile.
std::string published_columns(int version) {
  if (version < 150000)
    return "published AS (SELECT NULL::pg_catalog.oid AS id, NULL::pg_catalog.name[] AS names,"
           " NULL::pg_catalog.text AS filter WHERE $1::pg_catalog.text IS NULL AND false)";
  return "published AS (SELECT r.prrelid AS id, CASE WHEN r.prattrs IS NOT NULL THEN ARRAY("
         "  SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.prrelid"
         "  AND a.attnum = ANY (r.prattrs)) END AS names,"
         " pg_catalog.pg_get_expr(r.prqual, r.prrelid) AS filter"
         " FROM pg_catalog.pg_publication_rel r"
         " JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid"
         " JOIN pg_catalog.pg_class c ON c.oid = r.prrelid"
         " WHERE p.pubname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n"
         "  WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace))";
}

std::string column_is_sent(int version) {
  const std::string listed = "(p.names IS NULL OR a.attname = ANY (p.names))";
  if (version < 180000) return "a.attgenerated = '' AND " + listed;
  return listed
         + " AND (a.attgenerated = '' OR p.names IS NOT NULL OR (a.attgenerated = 's' AND EXISTS"
           " (SELECT FROM pg_catalog.pg_publication WHERE pubname = $1 AND pubgencols = 's')))";
}

/// `leaves` are the tables that hold the rows: UPDATE looks at the identity of each of them. The
/// relcache takes a primary key that is not deferrable as default identity, and so does this.
/// pg_partition_tree would lock the partitions.
constexpr const char* tables_and_identities =
    "tables AS ("
    " SELECT c.oid AS id, n.nspname, n.oid AS nspid, c.relname, c.relkind, c.relispartition,"
    "  c.relreplident, c.relowner FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384"
    "  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND ";

constexpr const char* table_facts =
    "), tree AS ("
    " SELECT id, id AS relid FROM tables UNION ALL"
    " SELECT tree.id, i.inhrelid FROM tree"
    "  JOIN pg_catalog.pg_class c ON c.oid = tree.relid AND c.relkind = 'p'"
    "  JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.relid"
    "), leaves AS ("
    " SELECT tree.id, l.oid AS leaf, l.reltuples, l.relreplident, l.relispartition,"
    "  ln.nspname AS leaf_schema, l.relname AS leaf_name, EXISTS (SELECT FROM pg_catalog.pg_index i"
    "   WHERE i.indrelid = l.oid AND i.indisprimary AND i.indimmediate) AS has_key"
    " FROM tree"
    " JOIN pg_catalog.pg_class l ON l.oid = tree.relid AND l.relkind = 'r'"
    " JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace"
    "), problems AS ("
    " SELECT DISTINCT ON (id) * FROM (SELECT l.*, CASE"
    "  WHEN l.relreplident = 'f' THEN ''"
    "  WHEN l.relreplident = 'n' THEN 'n'"
    "  WHEN l.relreplident = 'i' THEN CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_index i"
    "   WHERE i.indrelid = l.leaf AND i.indisreplident AND i.indisvalid) THEN '' ELSE 'i' END"
    "  WHEN l.has_key THEN ''"
    "  WHEN EXISTS (SELECT FROM pg_catalog.pg_index i"
    "   WHERE i.indrelid = l.leaf AND i.indisprimary) THEN 'd' ELSE 'k' END AS kind"
    "  FROM leaves l) every WHERE kind <> '' ORDER BY id, leaf_schema, leaf_name"
    "), partial AS ("
    " SELECT l.id, pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %I.%I REPLICA IDENTITY"
    " FULL;', l.leaf_schema, l.leaf_name), ' ' ORDER BY l.leaf_schema, l.leaf_name) AS remedy"
    " FROM leaves l JOIN tables t ON t.id = l.id AND t.relkind = 'p' AND t.relreplident = 'f'"
    " WHERE l.relreplident <> 'f' GROUP BY l.id"
    "), estimates AS ("
    " SELECT id, pg_catalog.sum(greatest(reltuples, 0)) AS rows FROM leaves GROUP BY id"
    "), keys AS ("
    " SELECT t.id, pg_catalog.array_to_string(ARRAY(SELECT i.indkey[k]"
    " FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k), ' ') AS attributes FROM tables t"
    " JOIN pg_catalog.pg_index i ON i.indrelid = t.id AND i.indisvalid AND CASE t.relreplident"
    "  WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false"
    "  ELSE i.indisprimary AND i.indimmediate END) ";

enum field : int {
  f_id,
  f_schema,
  f_name,
  f_kind,
  f_partition,
  f_root,
  f_identity,
  f_rows,
  f_problem,
  f_problem_schema,
  f_problem_table,
  f_problem_has_key,
  f_row_security,
  f_select,
  f_usage,
  f_owned,
  f_filter,
  f_key,
  f_number,
  f_column,
  f_type,
  f_modifier,
  f_not_null,
  f_type_name,
  f_filled,
  f_comment,
  f_table_comment,
  f_partial,
};

std::string column_rows(int version) {
  return "SELECT t.id, t.nspname, t.relname, t.relkind, t.relispartition,"
         " coalesce(pg_catalog.pg_partition_root(t.id)::pg_catalog.oid, t.id), t.relreplident,"
         " coalesce(e.rows, 0), coalesce(b.kind, ''), b.leaf_schema, "
         "b.leaf_name,"
         " b.has_key,"
         " pg_catalog.row_security_active(t.id), pg_catalog.has_table_privilege(t.id, 'SELECT'),"
         " pg_catalog.has_schema_privilege(t.nspid, 'USAGE'),"
         " pg_catalog.pg_has_role(t.relowner, 'USAGE'), coalesce(p.filter, ''),"
         " coalesce(k.attributes, ''), a.attnum, a.attname, "
         "a.atttypid, a.atttypmod, a.attnotnull,"
         " pg_catalog.format_type(a.atttypid, a.atttypmod),"
         " a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR a.attnotnull OR d.typdefault"
         "  IS NOT NULL,"
         " coalesce(pg_catalog.col_description(t.id, a.attnum), ''),"
         " coalesce(pg_catalog.obj_description(t.id, 'pg_class'), ''), coalesce(f.remedy, '')"
         " FROM tables t LEFT JOIN estimates e ON e.id = t.id LEFT JOIN problems b ON b.id = t.id"
         " LEFT JOIN keys k ON k.id = t.id LEFT JOIN published p ON p.id = t.id"
         " LEFT JOIN partial f ON f.id = t.id"
         " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0"
         "  AND NOT a.attisdropped AND "
         + column_is_sent(version) + " LEFT JOIN pg_catalog.pg_type d ON d.oid = a.atttypid"
         + " ORDER BY t.nspname COLLATE \"C\", t.relname COLLATE \"C\", t.id, a.attnum";
}

identity_problem problem_of(std::string_view letter) {
  if (letter == "n") return identity_problem::nothing;
  if (letter == "k") return identity_problem::no_key;
  if (letter == "d") return identity_problem::deferrable_key;
  if (letter == "i") return identity_problem::no_index;
  return identity_problem::none;
}

/// Attribute numbers with blanks between.
std::vector<std::int16_t> attributes_of(std::string_view text) {
  std::vector<std::int16_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::int16_t number = 0;
    at = std::from_chars(at, end, number).ptr;
    numbers.push_back(number);
    if (at < end) ++at;
  }
  return numbers;
}

column column_of(const result& rows, int row, const type_catalog& types) {
  column c;
  c.name = rows.string(row, f_column);
  c.type = static_cast<oid>(rows.number(row, f_type));
  c.modifier = static_cast<std::int32_t>(std::stol(rows.string(row, f_modifier)));
  c.type_name = rows.string(row, f_type_name);
  c.kind = types.classify(c.type);
  c.built_in = types.built_in(c.type);
  c.labels = types.labels(c.type);
  c.nullable = !rows.boolean(row, f_not_null);
  c.filled = rows.boolean(row, f_filled);
  c.comment = rows.string(row, f_comment);
  c.number = static_cast<std::int16_t>(rows.number(row, f_number));
  return c;
}

std::optional<std::uint16_t> index_of(const table_schema& table, std::int16_t attribute) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].number == attribute) return static_cast<std::uint16_t>(i);
  return std::nullopt;
}

/// A key with a column that is not sent (a column list without it) is none.
void set_key(table_schema& table, const std::vector<std::int16_t>& attributes) {
  const bool full = table.identity == replica_identity::full;
  for (auto& c : table.columns) c.identity = full;
  for (const auto attribute : attributes) {
    const auto at = index_of(table, attribute);
    if (!at) {
      table.key.clear();
      return;
    }
    table.columns[*at].identity = true;
    table.key.push_back(*at);
  }
}

catalog_table table_of(const result& rows, int row) {
  catalog_table table;
  table.kind = rows.text(row, f_kind)[0];
  table.partition = rows.boolean(row, f_partition);
  table.root = static_cast<oid>(rows.number(row, f_root));
  table.rows_estimated = std::stod(rows.string(row, f_rows));
  table.problem = problem_of(rows.text(row, f_problem));
  if (table.problem != identity_problem::none)
    table.problem_table =
        quote_name(rows.text(row, f_problem_schema), rows.text(row, f_problem_table));
  table.problem_has_key = rows.boolean(row, f_problem_has_key);
  table.row_security = rows.boolean(row, f_row_security);
  table.can_select = rows.boolean(row, f_select);
  table.can_use_schema = rows.boolean(row, f_usage);
  table.owned = rows.boolean(row, f_owned);
  table.row_filter = rows.string(row, f_filter);
  table.partial_old_rows = rows.string(row, f_partial);
  return table;
}

/// Reads the rows of one table from `row` on, and moves it behind them.
catalog_table take_table(const result& rows, int& row, const type_catalog& types) {
  const int first = row;
  auto table = table_of(rows, first);
  auto schema = std::make_shared<table_schema>();
  schema->id = static_cast<oid>(rows.number(first, f_id));
  schema->schema = rows.string(first, f_schema);
  schema->name = rows.string(first, f_name);
  schema->identity = table.partial_old_rows.empty()
                         ? static_cast<replica_identity>(rows.text(first, f_identity)[0])
                         : replica_identity::by_default;
  schema->comment = rows.string(first, f_table_comment);
  for (; row < rows.rows() && rows.text(row, f_id) == rows.text(first, f_id); ++row)
    if (!rows.is_null(row, f_column)) schema->columns.push_back(column_of(rows, row, types));
  set_key(*schema, attributes_of(rows.text(first, f_key)));
  table.schema = std::move(schema);
  return table;
}

std::vector<catalog_table> read_tables(connection& server, const type_catalog& types,
                                       const publication_view& view, const std::string& condition) {
  const auto version = server.server_version();
  const auto publication =
      view.publication.empty() ? std::nullopt : std::optional<std::string>(view.publication);
  const auto rows =
      server.query("WITH RECURSIVE " + published_columns(version) + ", " + tables_and_identities
                       + condition + table_facts + column_rows(version),
                   {publication});
  std::vector<catalog_table> tables;
  for (int row = 0; row < rows.rows();) tables.push_back(take_table(rows, row, types));
  return tables;
}

} // namespace

std::vector<catalog_table> list_tables(connection& server, const type_catalog& types,
                                       const publication_view& view) {
  return read_tables(server, types, view,
                     view.via_partition_root ? "NOT c.relispartition" : "c.relkind = 'r'");
}

std::optional<catalog_table> find_table(connection& server, const type_catalog& types, oid id,
                                        const publication_view& view) {
  auto tables = read_tables(server, types, view, "c.oid = " + std::to_string(id));
  if (tables.empty()) return std::nullopt;
  return std::move(tables.front());
}

} // namespace leat::postgres
