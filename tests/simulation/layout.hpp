#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "tests/simulation/world.hpp"

namespace leat::sim {

/// What is in the pipeline file, as a person edits it.
class layout {
 public:
  layout(model::random&, const std::filesystem::path& scratch, bool columns_change);

  pipeline_file file() const;
  /// Between two lives: routes, a table or a sink come or go.
  void edit(model::random&, world&);
  std::vector<std::string> sinks() const;

 private:
  /// Every sink has `left` and `right`.
  struct sink_layout {
    std::string name;
    bool soft = false;     ///< `left` keeps deleted rows
    bool left_log = false; ///< routes of mode append
    bool bag_log = false;
    bool part = false; ///< `part`: rows of left with an even value
    bool both = false; ///< `both`: left and right merged
    /// Of `left`, `right` and `left_log`: transforms, in their order.
    std::vector<std::string> transforms[3] = {};
  };
  static void choose_transforms(model::random&, sink_layout&);
  void add_routes(pipeline_file&, const sink_layout&) const;
  void add_shaped_routes(pipeline_file&, const sink_layout&) const;
  void drop_stale_tables(world&) const;

  bool columns_change_; ///< at the source
  pipeline_file base_;
  std::vector<sink_layout> sinks_;
  /// Comes and goes, and comes back with the routes that a checkpoint may know of.
  sink_layout third_{.name = "three"};
  bool bag_ = false;
};

} // namespace leat::sim
