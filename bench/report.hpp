#pragma once

#include <optional>
#include <string>
#include <vector>

namespace leat::bench {

/// What a figure has to be: leat's own, or its ratio to the peer's.
struct goal {
  enum class kind { none, at_least, at_most, ratio_at_least, ratio_at_most };
  kind what = kind::none;
  double bound = 0;
};

struct figure {
  std::string unit; ///< "rows/s", "CPU-s per million rows"
  double leat = 0;
  std::optional<double> peer;
  goal wanted{};
};

/// The table that is printed: a line per figure, in Markdown.
class report {
 public:
  /// Prints the head.
  report();
  /// Prints at once, so that a run that is broken off shows what it had. `peer` may be empty.
  void add(const std::string& what, const std::string& peer, const std::vector<figure>&);
  /// Figures that missed their goal.
  int missed() const { return missed_; }

 private:
  int missed_ = 0;
};

} // namespace leat::bench
