#include "dataflow/missing_rows.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace leat {

std::size_t memory_of(const std::vector<std::string>& key) {
  constexpr std::size_t of_allocation = 16;
  auto bytes = sizeof(key) + of_allocation + key.size() * sizeof(std::string);
  for (const auto& text : key)
    if (text.size() >= sizeof(std::string) / 2) bytes += text.size() + of_allocation;
  return bytes;
}

void missing_queue::add(missing_rows more) {
  if (more.whole) return give_up();
  for (auto& key : more.keys) push(std::move(key));
}

void missing_queue::push(std::vector<std::string> key) {
  if (whole_) return;
  bytes_ += memory_of(key);
  keys_.push_back(std::move(key));
}

std::vector<std::vector<std::string>> missing_queue::front(std::size_t most) const {
  const auto n = static_cast<std::ptrdiff_t>(std::min(most, keys_.size()));
  return {keys_.begin(), keys_.begin() + n};
}

void missing_queue::pop(std::size_t count) {
  for (; count > 0 && !keys_.empty(); --count) {
    bytes_ -= memory_of(keys_.front());
    keys_.pop_front();
  }
}

void missing_queue::give_up() {
  whole_ = true;
  keys_.clear();
  bytes_ = 0;
}

missing_rows missing_queue::take() {
  missing_rows all{whole_, {}};
  all.keys.assign(std::make_move_iterator(keys_.begin()), std::make_move_iterator(keys_.end()));
  *this = {};
  return all;
}

template <class Change>
void missing_gatherer::change(std::uint32_t table, const Change& make) {
  auto& changed = tables_[table];
  bytes_ -= changed.bytes();
  make(changed);
  bytes_ += changed.bytes();
  while (bytes_ > most_) {
    auto& largest = std::ranges::max_element(tables_, {}, [](const auto& t) {
                      return t.second.bytes();
                    })->second;
    bytes_ -= largest.bytes();
    largest.give_up();
  }
}

void missing_gatherer::add(std::uint32_t table, std::vector<std::string> key) {
  change(table, [&](missing_queue& rows) { rows.push(std::move(key)); });
}

void missing_gatherer::add(std::uint32_t table, missing_rows more) {
  if (!more.whole && more.keys.empty()) return;
  change(table, [&](missing_queue& rows) { rows.add(std::move(more)); });
}

std::map<std::uint32_t, missing_rows> missing_gatherer::take() {
  std::map<std::uint32_t, missing_rows> out;
  for (auto& [table, rows] : tables_) out.emplace(table, rows.take());
  tables_.clear();
  bytes_ = 0;
  return out;
}

} // namespace leat
