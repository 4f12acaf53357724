#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"
#include "dataflow/source_table.hpp"

namespace leat {

struct pipeline_file;

enum class table_fate : std::uint8_t {
  dropped,
  made_again, ///< dropped, and another table has its name
};

/// What becomes of a table that the pipeline does not have and its file takes.
struct new_table {
  enum class fate : std::uint8_t {
    joins,    ///< as soon as nothing speaks against it
    left_out, ///< until what speaks against it is gone
    next_run, ///< a run with an end keeps the tables that it began with
  };
  fate is = fate::joins;
  std::string why;    ///< left_out: what speaks against it; joins: what it waits for, or nothing
  std::string remedy; ///< left_out

  bool operator==(const new_table&) const = default;
};

/// What a catalog tells that no change of the stream does.
struct catalog_news {
  std::map<oid, table_fate> gone;            ///< captured tables that are not there
  std::map<std::string, new_table> appeared; ///< by qualified name; with those made again

  bool operator==(const catalog_news&) const = default;
};

/// Captured tables that the catalog does not have any more.
std::map<oid, table_fate> gone_tables(const std::map<oid, schema_ptr>& captured,
                                      const std::vector<source_table>& now);

/// Tables that are not captured and that `takes` says yes to, those that have a captured table's
/// name first.
std::vector<source_table> new_tables(const std::map<oid, schema_ptr>& captured,
                                     const std::vector<source_table>& now,
                                     const std::function<bool(const table_schema&)>& takes);

/// Whether the patterns of the source select the table and, where there are routes, one of them.
std::function<bool(const table_schema&)> takes_table(const pipeline_file&);

} // namespace leat
