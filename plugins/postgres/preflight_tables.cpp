#include <algorithm>
#include <array>
#include <map>

#include "dataflow/table_pattern.hpp"
#include "plugins/postgres/preflight_view.hpp"
#include "plugins/postgres/reading_gaps.hpp"

namespace leat::postgres {

namespace {

void check_selection(const preflight_view& view, std::vector<finding>& out) {
  if (!view.tables().empty()) return;
  out.push_back({severity::error, "", "no table of the source matches `tables`",
                 "database " + view.database(), "correct the patterns of `tables` in [source]"});
}

void check_rights(const preflight_view& view, std::vector<finding>& out) {
  std::string last_schema;
  for (const auto& table : view.tables()) {
    const auto& schema = table.schema->schema;
    for (const auto& gap : reading_gaps(table, view.role())) {
      const bool told = gap.of == reading_gap::kind::schema && schema == last_schema;
      if (told || gap.of == reading_gap::kind::policies) continue;
      out.push_back({severity::error, "", gap.what, gap.where, gap.remedy});
    }
    last_schema = schema;
  }
}

void check_row_security(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& table : view.tables())
    for (const auto& gap : reading_gaps(table, view.role()))
      if (gap.of == reading_gap::kind::policies)
        out.push_back({severity::error, "", gap.what, gap.where, gap.remedy});
}

struct kind_text {
  severity level;
  const char* what;
  const char* remedy; ///< around the quoted name
  const char* rest;
};

/// By relkind, with 'u' and 't' for unlogged and temporary tables, 'P' for a partition whose root
/// is not taken.
kind_text text_of(char kind) {
  switch (kind) {
  case 'u':
    return {severity::warning, "is unlogged: its changes are not in the WAL", "ALTER TABLE ",
            " SET LOGGED;"};
  case 't':
    return {severity::warning, "is temporary: its changes are not in the WAL", "", ""};
  case 'f':
    return {severity::warning, "is a foreign table: its changes happen elsewhere", "", ""};
  case 'm':
    return {severity::note, "is a materialized view, which cannot be published", "", ""};
  case 'P':
    return {severity::warning, "is a partition, which is delivered under its root", "", ""};
  default:
    return {severity::note, "is a view, which cannot be published", "", ""};
  }
}

/// What the patterns match and a publication cannot hold.
void check_kinds(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT n.nspname, c.relname, CASE WHEN c.relkind NOT IN ('r', 'p') THEN c.relkind::text"
      "  WHEN c.relpersistence <> 'p' THEN c.relpersistence::text ELSE 'P' END,"
      " rn.nspname, r.relname"
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " LEFT JOIN pg_catalog.pg_class r ON c.relispartition"
      "  AND r.oid = pg_catalog.pg_partition_root(c.oid)"
      " LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace"
      " WHERE (c.relkind IN ('f', 'm', 'v') OR c.relkind IN ('r', 'p')"
      "   AND (c.relpersistence <> 'p' OR c.relispartition))"
      "  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.oid >= 16384"
      " ORDER BY 1, 2");
  for (int i = 0; i < rows.rows(); ++i) {
    if (!view.request().wants(rows.text(i, 0), rows.text(i, 1))) continue;
    if (view.takes_leaves() && rows.text(i, 2) == "P") continue;
    const bool partition = !rows.is_null(i, 4) && !view.takes_leaves();
    if (partition && view.request().wants(rows.text(i, 3), rows.text(i, 4))) continue;
    const auto name = quote_name(rows.text(i, 0), rows.text(i, 1));
    const auto text = text_of(rows.text(i, 2)[0]);
    const std::string remedy =
        *text.rest != '\0' ? text.remedy + name + text.rest
        : partition
            ? "name its root " + toml_pattern(rows.text(i, 3), rows.text(i, 4)) + " in `tables`"
            : "exclude it: " + toml_pattern(rows.text(i, 0), rows.text(i, 1), true)
                  + " in `tables`";
    out.push_back({text.level, "", name + " " + text.what, name, remedy});
  }
}

/// Rows of such partitions are in the root's snapshot, but their changes never come.
void check_partitions(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& table : view.tables()) {
    if (table.kind != 'p') continue;
    const auto rows = view.server().query(
        "WITH RECURSIVE tree AS (SELECT $1::oid AS relid UNION ALL"
        " SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.relid)"
        " SELECT n.nspname, c.relname, c.relkind FROM tree"
        " JOIN pg_catalog.pg_class c ON c.oid = tree.relid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'f' OR c.relpersistence = 'u' ORDER BY 1, 2",
        {std::to_string(table.schema->id)});
    for (int i = 0; i < rows.rows(); ++i) {
      const auto leaf = quote_name(rows.text(i, 0), rows.text(i, 1));
      const bool foreign = rows.text(i, 2) == "f";
      out.push_back({severity::error, "",
                     "partition " + leaf + " is " + (foreign ? "a foreign table" : "unlogged")
                         + ": its changes are not delivered",
                     quoted_name(table),
                     foreign
                         ? "ALTER TABLE " + quoted_name(table) + " DETACH PARTITION " + leaf + ";"
                         : "ALTER TABLE " + leaf + " SET LOGGED;"});
    }
  }
}

/// 13 and 14 keep on decoding a table as unpublished when it was written before it was attached.
void check_attached(const preflight_view& view, std::vector<finding>& out) {
  if (view.version() >= 150000) return;
  for (const auto& table : view.tables())
    if (table.kind == 'p')
      out.push_back(
          {severity::note, "",
           "a table that is written and then attached as a partition may lose later changes",
           quoted_name(table),
           "attach new partitions before they are written, or upgrade to PostgreSQL 15"});
}

/// ALTER TABLE of the root does not reach its partitions, and new ones begin with DEFAULT.
void check_partition_identities(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& table : view.tables())
    if (!table.partial_old_rows.empty())
      out.push_back(
          {severity::warning, "",
           "the table has REPLICA IDENTITY FULL, and some of its partitions have not: old "
           "rows are taken for keys alone",
           quoted_name(table), table.partial_old_rows});
}

void check_keys(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& table : view.tables())
    if (table.schema->key.empty() && table.problem == identity_problem::none)
      out.push_back(
          {severity::note, "",
           "the table has no key: its snapshot is read in one piece, and rows are found by "
           "all of their columns",
           quoted_name(table), "ALTER TABLE " + quoted_name(table) + " ADD PRIMARY KEY (...);"});
}

std::map<oid, const catalog_table*> by_id(const preflight_view& view) {
  std::map<oid, const catalog_table*> tables;
  for (const auto& table : view.tables()) tables.emplace(table.schema->id, &table);
  return tables;
}

bool is_sent(const table_schema& table, std::string_view column) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [&](const auto& sent) { return sent.name == column; });
}

/// From 18 on a publication may hold them: what is sent is in the tables' schemas.
void check_generated(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT attrelid, attname FROM pg_catalog.pg_attribute"
      " WHERE attgenerated <> '' AND NOT attisdropped AND attrelid >= 16384 ORDER BY 1, attnum");
  const auto tables = by_id(view);
  std::map<oid, std::string> missing;
  for (int i = 0; i < rows.rows(); ++i) {
    const auto table = tables.find(static_cast<oid>(rows.number(i, 0)));
    if (table == tables.end() || is_sent(*table->second->schema, rows.text(i, 1))) continue;
    auto& names = missing[table->first];
    names += (names.empty() ? "" : ", ") + quote_identifier(rows.text(i, 1));
  }
  for (const auto& table : view.tables())
    if (const auto names = missing.find(table.schema->id); names != missing.end())
      out.push_back({severity::note, "", "generated columns are not delivered: " + names->second,
                     quoted_name(table),
                     "compute them with an expression in the route's `columns`"});
}

/// Expressions compare bytes; the server takes other texts for equal, too.
void check_collations(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT a.attrelid, a.attname FROM pg_catalog.pg_attribute a"
      " JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation AND NOT c.collisdeterministic"
      " WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384"
      " ORDER BY a.attrelid, a.attnum");
  const auto tables = by_id(view);
  for (int i = 0; i < rows.rows(); ++i) {
    const auto table = tables.find(static_cast<oid>(rows.number(i, 0)));
    if (table == tables.end() || !is_sent(*table->second->schema, rows.text(i, 1))) continue;
    const auto name = quote_identifier(rows.text(i, 1));
    out.push_back({severity::warning, "",
                   "column " + name
                       + " has a nondeterministic collation: routes compare its bytes, so that =, "
                         "<> and IN take other rows than the server would",
                   quoted_name(*table->second),
                   "compare lower(" + name + "), or a column with a deterministic collation"});
  }
}

/// Of a pipeline that has its slot the snapshots may be read already.
void check_predicates(const preflight_view& view, std::vector<finding>& out) {
  std::vector<schema_ptr> tables;
  for (const auto& table : view.tables()) tables.push_back(table.schema);
  for (const auto& e : find_wrong_predicates(view.server(), view.request().predicates, tables))
    out.push_back(
        {view.slot() ? severity::warning : severity::error, "", e.what(), e.where(), e.remedy()});
}

constexpr std::array checks{
    preflight_check{"tables", "The patterns of `tables` match something.", check_selection},
    preflight_check{"rights", "The role has USAGE on the schemas and SELECT on the tables.",
                    check_rights},
    preflight_check{"row_security", "No policy hides rows from the role.", check_row_security},
    preflight_check{"kinds", "What the patterns match can be published.", check_kinds},
    preflight_check{"partitions", "Every partition's changes are in the WAL.", check_partitions},
    preflight_check{"attached_partitions", "Before 15: what attaching a partition can lose.",
                    check_attached},
    preflight_check{"partition_identities", "Partitions log old rows as their root says.",
                    check_partition_identities},
    preflight_check{"keys", "Tables have a key.", check_keys},
    preflight_check{"generated_columns", "Which columns the stream leaves out.", check_generated},
    preflight_check{"snapshot_where", "The server takes the predicates of [source.snapshot.where].",
                    check_predicates},
    preflight_check{"collations", "Texts are equal where their bytes are.", check_collations},
};

} // namespace

std::span<const preflight_check> table_checks() { return checks; }

} // namespace leat::postgres
