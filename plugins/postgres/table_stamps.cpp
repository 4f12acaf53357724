#include "plugins/postgres/table_stamps.hpp"

#include <charconv>

namespace leat::postgres {

namespace {

/// A table that several entries of the publication name goes by the first of these: ALL TABLES, its
/// own entry, its schema's, an ancestor's.
std::string membership(int version) {
  const std::string in_schema = version < 150000
                                    ? ""
                                    : " (SELECT n.oid FROM pg_catalog.pg_publication_namespace n"
                                      " WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace),";
  return "coalesce(CASE WHEN p.puballtables THEN p.oid END,"
         " (SELECT r.oid FROM pg_catalog.pg_publication_rel r"
         "  WHERE r.prpubid = p.oid AND r.prrelid = c.oid),"
         + in_schema
         + " (SELECT pg_catalog.min(r.oid) FROM pg_catalog.pg_publication_rel r"
           " JOIN pg_catalog.pg_partition_ancestors(c.oid) a ON r.prrelid = a.relid"
           " WHERE r.prpubid = p.oid), 0)";
}

/// pg_partition_tree would lock the partitions.
std::string stamps_query(int version) {
  return "WITH RECURSIVE tree AS ("
         " SELECT oid AS id, oid AS relid FROM pg_catalog.pg_class"
         "  WHERE oid = ANY ($2::pg_catalog.oid[])"
         " UNION ALL SELECT tree.id, i.inhrelid FROM tree"
         "  JOIN pg_catalog.pg_class c ON c.oid = tree.relid AND c.relkind = 'p'"
         "  JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.relid"
         ") SELECT c.oid, "
         + membership(version)
         + ", (SELECT pg_catalog.hashtextextended(pg_catalog.string_agg(t.relid || ':'"
           "   || coalesce(pg_catalog.pg_relation_filenode(t.relid), 0), ',' ORDER BY t.relid), 0)"
           "  FROM tree t WHERE t.id = c.oid),"
           " (SELECT pg_catalog.string_agg(a.attnum || ' ' || a.xmin, ' ')"
           "  FROM pg_catalog.pg_attribute a"
           "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
           " FROM pg_catalog.pg_class c"
           " LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1"
           " WHERE c.oid = ANY ($2::pg_catalog.oid[])";
}

std::string array_of(const std::vector<oid>& tables) {
  std::string text = "{";
  for (const auto id : tables) text += (text.size() == 1 ? "" : ",") + std::to_string(id);
  return text + "}";
}

template <class Number>
Number cut_number(std::string_view& text) {
  Number n{};
  const auto rest = std::from_chars(text.data(), text.data() + text.size(), n).ptr;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return n;
}

} // namespace

std::map<oid, table_stamp> read_stamps(connection& server, const std::string& publication,
                                       const std::vector<oid>& tables) {
  const auto rows =
      server.query(stamps_query(server.server_version()), {publication, array_of(tables)});
  std::map<oid, table_stamp> stamps;
  for (int row = 0; row < rows.rows(); ++row) {
    auto& stamp = stamps[static_cast<oid>(rows.number(row, 0))];
    stamp.membership = static_cast<oid>(rows.number(row, 1));
    auto storage = rows.text(row, 2);
    stamp.storage = static_cast<std::uint64_t>(cut_number<std::int64_t>(storage));
    auto columns = rows.is_null(row, 3) ? std::string_view() : rows.text(row, 3);
    while (!columns.empty()) {
      const auto number = cut_number<std::int16_t>(columns);
      stamp.columns[number] = cut_number<std::uint32_t>(columns);
    }
  }
  return stamps;
}

} // namespace leat::postgres
