#include "plugins/starrocks/label_sequence.hpp"

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

/// Labels that the server may have forgotten between two that it knows.
constexpr std::uint32_t longest_gap = 3;
constexpr int most_taken = 20;

} // namespace

label_sequence::label_sequence(load_api& api, const progress_record& record, std::string pipeline,
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
  next_ = 0;
  bool committed = false;
  std::uint32_t gap = 0;
  for (std::uint32_t attempt = 0; gap < longest_gap; ++attempt) {
    auto state = api_.state(name(attempt).label);
    const bool open = state == load_state::prepare || state == load_state::prepared
                      || state == load_state::committed;
    if (open) state = transaction(attempt).roll_back();
    committed = committed || state == load_state::visible;
    gap = state == load_state::unknown ? gap + 1 : 0;
    if (gap == 0) next_ = attempt + 1;
  }
  return committed;
}

load_transaction label_sequence::begin() {
  if (base_ != record_.base()) {
    base_ = record_.base();
    next_ = 0;
  }
  for (int taken = 0; taken < most_taken; ++taken) {
    auto made = transaction(next_++);
    if (made.begin()) return made;
    made.roll_back();
  }
  retry_later("the labels of the next load are taken (" + name(next_).label + ")",
              api_.database(), "see that only one leat runs this pipeline");
}

} // namespace leat::starrocks
