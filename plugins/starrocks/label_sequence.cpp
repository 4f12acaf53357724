#include "plugins/starrocks/label_sequence.hpp"

#include <algorithm>

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

/// Labels that are written down ahead.
constexpr std::uint32_t spare = 2;
constexpr int most_taken = 20;

} // namespace

label_sequence::label_sequence(load_api& api, progress_record& record, std::string pipeline,
                               std::string table)
    : api_(api), record_(record), pipeline_(std::move(pipeline)), table_(std::move(table)),
      base_(record.base()) {}

load_name label_sequence::name(std::uint32_t attempt) const {
  return {label_of(pipeline_, api_.database(), table_, base_, attempt), table_};
}

load_transaction label_sequence::transaction(std::uint32_t attempt) const {
  return {api_, name(attempt), table_.empty() ? "leat_progress" : table_};
}

bool label_sequence::end_all() {
  base_ = record_.base();
  const auto span = record_.labels();
  bool committed = false;
  for (auto attempt = span.ended; attempt < span.used; ++attempt) {
    auto state = api_.state(name(attempt).label);
    const bool open = state == load_state::prepare || state == load_state::prepared
                      || state == load_state::committed;
    // An early 4.0 does not know an open one over several tables before its commit.
    if (state == load_state::unknown && table_.empty()) api_.cancel(name(attempt), "leat_progress");
    if (open) state = transaction(attempt).roll_back();
    committed = committed || state == load_state::visible;
  }
  next_ = span.used;
  return committed;
}

load_transaction label_sequence::begin() {
  if (base_ != record_.base()) {
    base_ = record_.base();
    next_ = 0;
  }
  next_ = std::max(next_, record_.labels().ended);
  for (int taken = 0; taken < most_taken; ++taken) {
    if (next_ >= record_.labels().used) record_.use_labels(next_ + spare);
    auto made = transaction(next_++);
    if (made.begin()) return made;
    made.roll_back();
  }
  retry_later("the labels of the next load are taken (" + name(next_).label + ")", api_.database(),
              "see that only one leat runs this pipeline");
}

} // namespace leat::starrocks
