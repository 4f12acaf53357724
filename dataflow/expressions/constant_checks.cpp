#include <algorithm>
#include <iterator>

#include "dataflow/error.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/expression.hpp"
#include "dataflow/expressions/functions.hpp"

namespace leat::sql {

namespace {

/// The argument of a function that says how it works.
struct manner {
  std::string_view function;
  std::size_t argument;
};
constexpr manner manners[] = {
    {"date_trunc", 0}, {"extract", 0}, {"date_part", 0}, {"timezone", 0},
    {"to_char", 1},    {"encode", 1},  {"decode", 1},    {"~", 1},
    {"!~", 1},         {"~*", 1},      {"!~*", 1},       {"regexp_replace", 1},
};

const manner* manner_of(builtin run) {
  for (const auto& f : functions()) {
    if (f.run != run) continue;
    const auto* const found = std::find_if(std::begin(manners), std::end(manners),
                                           [&](const auto& m) { return m.function == f.name; });
    if (found != std::end(manners)) return found;
  }
  return nullptr;
}

} // namespace

void expression::check_constants() const {
  const auto constant = [this](std::uint32_t at) -> const datum* {
    for (const auto& [number, value] : constants_)
      if (number == at) return &value;
    return nullptr;
  };
  datum sample; // an empty text, 0, the epoch, no time: whatever is asked for
  sample.null = false;
  for (const auto& step : steps_) {
    if (step.what != instruction::kind::call) continue;
    const auto* how = manner_of(step.run);
    const auto* given = how == nullptr ? nullptr : constant(arguments_[step.from + how->argument]);
    if (given == nullptr || given->null) continue;
    std::vector<const datum*> values;
    for (std::uint32_t i = 0; i < step.count; ++i) {
      const auto* known = constant(arguments_[step.from + i]);
      values.push_back(known == nullptr || known->null ? &sample : known);
    }
    try {
      datum out;
      step.run(out, values.data(), infos_[step.info]);
    } catch (const evaluation_error& e) {
      const std::string written =
          how->function == "timezone" ? "AT TIME ZONE" : std::string(how->function);
      throw error(error_kind::usage, e.what(), "in \"" + text_ + "\"",
                  "correct what stands at " + written + ": it would fail for every row");
    }
  }
}

} // namespace leat::sql
