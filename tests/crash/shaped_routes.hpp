#pragma once

#include <set>
#include <string>
#include <vector>

namespace leat::test {

/// Routes that filter, compute and merge, with what the source is asked for the same rows.
struct shaped_route {
  std::string target;
  std::vector<std::string> tables; ///< of schema public
  std::string lines;               ///< of the [[route]], besides from, to and sink
  std::string select;              ///< at the source
  std::string columns;             ///< at the target, in the order of `select`

  bool soft() const { return lines.find("delete = \"soft\"") != std::string::npos; }
};

/// The transforms that they name, as sections of the pipeline file. `plugins`: where those of
/// examples/plugins are.
std::string shaped_transforms(const std::string& plugins);

/// Those over none of these tables.
std::vector<shaped_route> shaped_routes(const std::set<std::string>& without);

} // namespace leat::test
