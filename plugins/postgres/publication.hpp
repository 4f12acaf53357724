#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// A table as a publication delivers it: partitions under their root when it publishes via the
/// root.
struct published_table {
  oid id = 0;
  std::string schema;
  std::string name;
  bool column_list = false;
  bool row_filter = false;
  bool updates_fail =
      false; ///< list or filter do not fit the identity: UPDATE and DELETE are refused
};

struct publication_state {
  bool all_tables = false;
  bool via_partition_root = false;
  std::vector<std::string> missing_operations; ///< of insert, update, delete, truncate
  std::string owner;
  bool owned = false; ///< this role may change it
  std::vector<published_table> tables;

  const published_table* find(oid) const;
};

std::optional<publication_state> read_publication(connection&, const std::string& name);

/// How `name` shows the tables. One that is missing will be made by leat, under the roots; one that
/// somebody made may deliver partitions as the leaves that hold the rows.
publication_view view_of(const std::optional<publication_state>&, const std::string& name);

/// One thing that keeps a publication from carrying a pipeline's tables, and the SQL that mends it.
struct publication_gap {
  enum class kind : std::uint8_t {
    identity,
    missing_table,
    operations,
    partition_root,
    column_list
  };
  kind what = kind::missing_table;
  std::string table; ///< quoted name; empty: the publication itself
  std::string sentence;
  std::string statement;  ///< with its semicolon
  bool published = false; ///< the publication holds the table already, so the harm is not leat's
};

/// Gaps of a publication (nullptr: it has still to be made) for `tables`, in their order.
std::vector<publication_gap> find_gaps(const publication_state*, const std::string& name,
                                       std::span<const catalog_table> tables);

/// ALTER TABLE that gives a table an identity, so that its UPDATE and DELETE work once it is
/// published.
std::string identity_statement(const catalog_table&);

/// CREATE PUBLICATION that lists the tables; never FOR ALL TABLES.
std::string create_statement(const std::string& name, std::span<const catalog_table>);

struct publication_change {
  bool created = false;
  std::vector<std::string> added; ///< quoted names of tables added to one that was there
};

/// Makes the publication, or adds missing tables to one that this role owns. To be called before
/// the slot is made: the stream reads the catalog as of each change. Throws a permanent
/// leat::error with the statements to run when a table's updates would be refused at the source, a
/// right is missing, or an existing publication leaves out operations; then nothing was
/// changed.
publication_change ensure_publication(connection&, const std::string& name,
                                      std::span<const catalog_table>);

/// Why ensure_publication() would refuse the table, looked at without changing anything; nothing
/// when it would not.
std::optional<error> publication_obstacle(const connection&, const publication_state*,
                                          const std::string& name, const catalog_table&);

/// False when there was none.
bool drop_publication(connection&, const std::string& name);

} // namespace leat::postgres
