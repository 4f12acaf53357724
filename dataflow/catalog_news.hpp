#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat {

struct pipeline_file;
struct source_table;

enum class table_fate : std::uint8_t {
  dropped,
  made_again, ///< dropped, and another table has its name
};

/// What a catalog tells that no change of the stream does. The next run looks at it.
struct catalog_news {
  std::map<oid, table_fate> gone;    ///< captured tables that are not there
  std::vector<std::string> appeared; ///< qualified names; without those that were made again

  bool operator==(const catalog_news&) const = default;
};

/// `before`: every table of the catalog when the run began; `takes`: whether the pipeline's file
/// would take a table.
catalog_news compare_catalog(const std::vector<schema_ptr>& captured, const std::set<oid>& before,
                             const std::vector<source_table>& now,
                             const std::function<bool(const table_schema&)>& takes);

/// Whether the patterns of the source select the table and, where there are routes, one of them.
std::function<bool(const table_schema&)> takes_table(const pipeline_file&);

} // namespace leat
