#include <algorithm>
#include <array>

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

std::vector<publication_gap> gaps_of(const preflight_view& view) {
  const auto& state = view.publication();
  return find_gaps(state ? &*state : nullptr, view.request().publication, view.tables());
}

void check_identity(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& gap : gaps_of(view))
    if (gap.what == publication_gap::kind::identity)
      out.push_back({gap.published ? severity::warning : severity::error, "", gap.sentence,
                     gap.table, gap.statement});
}

/// The catalog is read as of each change: a publication made after its slot is not there yet.
void check_exists(const preflight_view& view, std::vector<finding>& out) {
  if (view.publication()) return;
  const auto statement = create_statement(view.request().publication, view.tables());
  if (view.slot())
    out.push_back({severity::error, "", "the slot is older than the publication, which is missing",
                   "publication " + view.publication_name(),
                   statement + " SELECT pg_drop_replication_slot("
                       + quote_literal(view.request().slot)
                       + "); then `leat drop`, empty the targets, run"});
  const bool may_create =
      view.server()
          .query(
              "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')")
          .boolean(0, 0);
  const bool owns_all = std::all_of(view.tables().begin(), view.tables().end(),
                                    [](const auto& table) { return table.owned; });
  if (may_create && owns_all) return;
  out.push_back({severity::error, "",
                 "the publication is missing, and role " + quote_identifier(view.role())
                     + (may_create ? " does not own every table" : " may not create one"),
                 "publication " + view.publication_name(), statement});
}

void check_tables(const preflight_view& view, std::vector<finding>& out) {
  if (!view.publication()) return;
  for (const auto& gap : gaps_of(view)) {
    if (gap.what != publication_gap::kind::missing_table) continue;
    const auto table = std::find_if(view.tables().begin(), view.tables().end(),
                                    [&](const auto& t) { return quoted_name(t) == gap.table; });
    const bool leat_adds_it = view.publication()->owned && table->owned;
    out.push_back(
        {leat_adds_it ? severity::note : severity::error, "",
         gap.sentence
             + (leat_adds_it ? ": leat adds it, and reads it again if it has read it before" : ""),
         gap.table, gap.statement});
  }
}

void check_properties(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& gap : gaps_of(view))
    if (gap.what == publication_gap::kind::operations)
      out.push_back({severity::error, "", gap.sentence, "publication " + view.publication_name(),
                     gap.statement});
}

/// Rows of a partition that the patterns do not name are not carried, though its root is named.
void check_roots(const preflight_view& view, std::vector<finding>& out) {
  if (!view.takes_leaves()) return;
  const auto rows = view.server().query(
      "SELECT rn.nspname, r.relname, n.nspname, c.relname FROM pg_catalog.pg_class c"
      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " JOIN pg_catalog.pg_class r ON r.oid = pg_catalog.pg_partition_root(c.oid)"
      " JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace"
      " WHERE c.relispartition AND c.relkind = 'r' ORDER BY 1, 2, 3, 4");
  for (int i = 0; i < rows.rows(); ++i) {
    const auto wants = [&](int schema, int name) {
      return view.request().wants(rows.text(i, schema), rows.text(i, name));
    };
    if (!wants(0, 1) || wants(2, 3)) continue;
    const auto leaf = quote_name(rows.text(i, 2), rows.text(i, 3));
    out.push_back({severity::warning, "",
                   "partition " + leaf
                       + " is left out: the publication delivers partitions under "
                         "their own names, and `tables` names only its root",
                   quote_name(rows.text(i, 0), rows.text(i, 1)),
                   "ALTER PUBLICATION " + view.publication_name()
                       + " SET (publish_via_partition_root = true);"});
  }
}

void check_parts(const preflight_view& view, std::vector<finding>& out) {
  for (const auto& gap : gaps_of(view))
    if (gap.what == publication_gap::kind::column_list)
      out.push_back({severity::warning, "", gap.sentence, gap.table, gap.statement});
  if (!view.publication()) return;
  for (const auto& table : view.tables()) {
    const auto* listed = view.publication()->find(table.schema->id);
    if (listed == nullptr || listed->updates_fail) continue;
    if (listed->row_filter)
      out.push_back(
          {severity::note, "", "the publication filters the table's rows", quoted_name(table), ""});
    if (listed->column_list)
      out.push_back({severity::note, "", "the publication leaves out columns of the table",
                     quoted_name(table), ""});
  }
}

/// FOR ALL TABLES breaks the updates of tables that the pipeline does not even take.
void check_all_tables(const preflight_view& view, std::vector<finding>& out) {
  if (!view.publication() || !view.publication()->all_tables) return;
  out.push_back(
      {severity::warning, "",
       "the publication is FOR ALL TABLES: a table without key or identity, also a future "
       "one, cannot be updated",
       "publication " + view.publication_name(),
       "DROP PUBLICATION " + view.publication_name() + "; "
           + create_statement(view.request().publication, view.tables())
           + " (before the slot is made)"});
}

constexpr std::array checks{
    preflight_check{"identity", "Publishing a table does not break its UPDATE and DELETE.",
                    check_identity},
    preflight_check{"publication", "The publication is there, or can be made, before the slot.",
                    check_exists},
    preflight_check{"publication_tables", "The publication holds every table.", check_tables},
    preflight_check{"publication_properties", "The publication carries every operation.",
                    check_properties},
    preflight_check{"partition_roots",
                    "No partition is left out that is delivered under its own name.", check_roots},
    preflight_check{"publication_parts", "Column lists and row filters fit the tables' identities.",
                    check_parts},
    preflight_check{"all_tables", "The publication lists its tables.", check_all_tables},
};

} // namespace

std::span<const preflight_check> publication_checks() { return checks; }

} // namespace leat::postgres
