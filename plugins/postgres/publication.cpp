#include "plugins/postgres/publication.hpp"

#include <algorithm>

namespace leat::postgres {

namespace {

constexpr const char* wanted_properties =
    "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";

std::string name_of(const catalog_table& table) {
  return quote_name(table.schema->schema, table.schema->name);
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

/// PostgreSQL refuses UPDATE and DELETE when a column list lacks an identity column (with identity
/// FULL: always), or a row filter reads a column outside the identity. What a filter reads is
/// recorded as dependencies, together with the list's columns.
std::string tables_query(int version) {
  const std::string from =
      " FROM pg_catalog.pg_publication_tables v JOIN pg_catalog.pg_publication p ON p.pubname = "
      "v.pubname"
      " JOIN pg_catalog.pg_namespace n ON n.nspname = v.schemaname"
      " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = v.tablename";
  const std::string end = " WHERE v.pubname = $1 ORDER BY 2, 3";
  if (version < 150000)
    return "SELECT c.oid, n.nspname, c.relname, false, false, false" + from + end;
  return "SELECT c.oid, n.nspname, c.relname, r.prattrs IS NOT NULL, r.prqual IS NOT NULL, CASE"
         "  WHEN c.relreplident = 'f' THEN r.prattrs IS NOT NULL"
         "  ELSE (r.prattrs IS NOT NULL AND NOT identity.numbers <@ r.prattrs::pg_catalog.int2[])"
         "   OR EXISTS (SELECT FROM pg_catalog.pg_depend d"
         "    WHERE d.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass"
         "    AND d.objid = r.oid AND d.refobjid = c.oid AND d.refobjsubid > 0"
         "    AND NOT d.refobjsubid::pg_catalog.int2 = ANY (identity.numbers)"
         "    AND NOT coalesce(d.refobjsubid::pg_catalog.int2 = ANY (r.prattrs::pg_catalog.int2[]),"
         "     false)) END"
         + from
         + " LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid"
           " CROSS JOIN LATERAL (SELECT coalesce((SELECT ARRAY(SELECT i.indkey[k]"
           "   FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) k)"
           "  FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND CASE c.relreplident"
           "   WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate"
           "   ELSE false END), '{}') AS numbers) identity"
         + end;
}

std::string_view sentence_of(identity_problem problem) {
  switch (problem) {
  case identity_problem::nothing:
    return "has REPLICA IDENTITY NOTHING";
  case identity_problem::no_key:
    return "has neither a primary key nor REPLICA IDENTITY FULL";
  case identity_problem::deferrable_key:
    return "has a deferrable primary key, which identifies no rows";
  case identity_problem::no_index:
    return "has lost the index that was its replica identity";
  case identity_problem::none:
    break;
  }
  return "";
}

void add_identity_gap(std::vector<publication_gap>& gaps, const publication_state* state,
                      const catalog_table& table) {
  if (table.problem == identity_problem::none) return;
  const bool published = state != nullptr && state->find(table.schema->id) != nullptr;
  gaps.push_back({publication_gap::kind::identity, table.problem_table,
                  "table " + table.problem_table + " " + std::string(sentence_of(table.problem))
                      + ": once it is published, its UPDATE and DELETE fail",
                  identity_statement(table), published});
}

void add_property_gaps(std::vector<publication_gap>& gaps, const publication_state& state,
                       const std::string& name, std::span<const catalog_table> tables) {
  const auto alter = "ALTER PUBLICATION " + quote_identifier(name) + " SET (";
  if (!state.missing_operations.empty())
    gaps.push_back({publication_gap::kind::operations, "",
                    "publication " + quote_identifier(name) + " does not publish "
                        + join(state.missing_operations, ", "),
                    alter + "publish = 'insert, update, delete, truncate');"});
  const bool partitioned =
      std::any_of(tables.begin(), tables.end(), [](const auto& t) { return t.kind == 'p'; });
  if (partitioned && !state.via_partition_root)
    gaps.push_back({publication_gap::kind::partition_root, "",
                    "publication " + quote_identifier(name)
                        + " publishes partitions under their own names, not under their root's",
                    alter + "publish_via_partition_root = true);"});
}

void add_table_gap(std::vector<publication_gap>& gaps, const publication_state& state,
                   const std::string& name, const catalog_table& table) {
  // Under their own names the partitions are listed instead: that gap is the publication's.
  if (table.kind == 'p' && !state.via_partition_root) return;
  const auto* listed = state.find(table.schema->id);
  const auto alter = "ALTER PUBLICATION " + quote_identifier(name);
  if (listed == nullptr)
    gaps.push_back({publication_gap::kind::missing_table, name_of(table),
                    "publication " + quote_identifier(name) + " lacks table " + name_of(table),
                    alter + " ADD TABLE " + name_of(table) + ";"});
  else if (listed->updates_fail)
    gaps.push_back({publication_gap::kind::column_list, name_of(table),
                    "column list or row filter of table " + name_of(table) + " in publication "
                        + quote_identifier(name)
                        + " do not fit its replica identity: its UPDATE and DELETE fail",
                    alter + " DROP TABLE " + name_of(table) + "; " + alter + " ADD TABLE "
                        + name_of(table) + ";",
                    true});
}

error error_of(const connection& server, const std::vector<publication_gap>& gaps) {
  std::vector<std::string> sentences, statements;
  for (const auto& gap : gaps) {
    sentences.push_back(gap.sentence);
    statements.push_back(gap.statement);
  }
  return {error_kind::source, join(sentences, "; "), server.where(), join(statements, " ")};
}

/// The server ends a statement also for a process that was killed: it may have committed since the
/// publication was looked at.
bool was_forestalled(const server_error& e) {
  constexpr std::string_view duplicate_object = "42710", unique_violation = "23505";
  return e.sqlstate() == duplicate_object || e.sqlstate() == unique_violation;
}

/// Runs DDL of leat; a missing right names the statement, for somebody who has it. While it waits
/// for one table's lock it holds the others', and who waits for those holds up the application.
void run_or_ask(connection& server, const std::string& statement) {
  try {
    server.query("SET LOCAL lock_timeout = '500ms'; " + statement);
  } catch (const server_error& failure) {
    if (was_forestalled(failure))
      throw error(error_kind::source, failure.what(), server.where(), "", error_retry::transient);
    if (failure.sqlstate() != "42501") throw;
    throw error(error_kind::source, failure.what(), server.where(),
                "let the owner of the tables run: " + statement);
  }
}

std::vector<std::string> add_tables(connection& server, const std::string& name,
                                    const std::vector<publication_gap>& gaps) {
  std::vector<std::string> added;
  for (const auto& gap : gaps) added.push_back(gap.table);
  if (!added.empty())
    run_or_ask(server, "ALTER PUBLICATION " + quote_identifier(name) + " ADD TABLE "
                           + join(added, ", ") + ";");
  return added;
}

} // namespace

const published_table* publication_state::find(oid id) const {
  const auto found =
      std::find_if(tables.begin(), tables.end(), [id](const auto& t) { return t.id == id; });
  return found == tables.end() ? nullptr : &*found;
}

std::optional<publication_state> read_publication(connection& server, const std::string& name) {
  const auto rows = server.query(
      "SELECT puballtables, pubviaroot, pg_catalog.pg_get_userbyid(pubowner),"
      " pg_catalog.pg_has_role(pubowner, 'USAGE'), pubinsert, pubupdate, pubdelete, pubtruncate"
      " FROM pg_catalog.pg_publication WHERE pubname = $1",
      {name});
  if (rows.rows() == 0) return std::nullopt;
  publication_state state;
  state.all_tables = rows.boolean(0, 0);
  state.via_partition_root = rows.boolean(0, 1);
  state.owner = rows.string(0, 2);
  state.owned = rows.boolean(0, 3);
  int column = 4;
  for (const auto* operation : {"insert", "update", "delete", "truncate"})
    if (!rows.boolean(0, column++)) state.missing_operations.emplace_back(operation);
  const auto tables = server.query(tables_query(server.server_version()), {name});
  for (int i = 0; i < tables.rows(); ++i)
    state.tables.push_back({static_cast<oid>(tables.number(i, 0)), tables.string(i, 1),
                            tables.string(i, 2), tables.boolean(i, 3), tables.boolean(i, 4),
                            tables.boolean(i, 5)});
  return state;
}

publication_view view_of(const std::optional<publication_state>& state, const std::string& name) {
  return {!state || state->via_partition_root, name};
}

std::vector<publication_gap> find_gaps(const publication_state* state, const std::string& name,
                                       std::span<const catalog_table> tables) {
  std::vector<publication_gap> gaps;
  for (const auto& table : tables) add_identity_gap(gaps, state, table);
  if (state == nullptr) return gaps;
  add_property_gaps(gaps, *state, name, tables);
  for (const auto& table : tables) add_table_gap(gaps, *state, name, table);
  return gaps;
}

std::string identity_statement(const catalog_table& table) {
  // A lost or refused identity falls back to the key; without one only the whole row identifies.
  const bool key_serves =
      table.problem_has_key && table.problem != identity_problem::deferrable_key;
  return "ALTER TABLE " + table.problem_table + " REPLICA IDENTITY "
         + (key_serves ? "DEFAULT;" : "FULL;");
}

std::string create_statement(const std::string& name, std::span<const catalog_table> tables) {
  std::vector<std::string> names;
  for (const auto& table : tables) names.push_back(name_of(table));
  return "CREATE PUBLICATION " + quote_identifier(name)
         + (names.empty() ? "" : " FOR TABLE " + join(names, ", ")) + " WITH (" + wanted_properties
         + ");";
}

publication_change ensure_publication(connection& server, const std::string& name,
                                      std::span<const catalog_table> tables) {
  const auto state = read_publication(server, name);
  auto gaps = find_gaps(state ? &*state : nullptr, name, tables);
  std::erase_if(gaps, [](const auto& gap) { return gap.published; });
  const auto addable = [&](const publication_gap& gap) {
    return gap.what == publication_gap::kind::missing_table && state->owned;
  };
  const bool mended = std::all_of(gaps.begin(), gaps.end(), addable);
  if (!mended) throw error_of(server, gaps);
  if (state) return {false, add_tables(server, name, gaps)};
  run_or_ask(server, create_statement(name, tables));
  return {true, {}};
}

std::optional<error> publication_obstacle(const connection& server, const publication_state* state,
                                          const std::string& name, const catalog_table& table) {
  if (state == nullptr)
    return error(error_kind::source, "publication " + quote_identifier(name) + " is gone",
                 server.where(), "run `leat check`");
  auto gaps = find_gaps(state, name, std::span(&table, 1));
  std::erase_if(gaps, [&](const publication_gap& gap) {
    const bool added = gap.what == publication_gap::kind::missing_table;
    return gap.published || (added && state->owned && table.owned);
  });
  if (gaps.empty()) return std::nullopt;
  return error_of(server, gaps);
}

bool drop_publication(connection& server, const std::string& name) {
  if (!read_publication(server, name)) return false;
  server.query("DROP PUBLICATION " + quote_identifier(name));
  return true;
}

} // namespace leat::postgres
