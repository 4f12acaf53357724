#include "plugins/starrocks/kept_rows.hpp"

#include <utility>

namespace leat::starrocks {

namespace {

constexpr std::size_t cost_of_entry = 96;

std::size_t cost(std::string_view key, const kept_rows::row& cells) {
  auto bytes = key.size() + cost_of_entry;
  for (const auto& c : cells) bytes += sizeof c + c.text.size();
  return bytes;
}

} // namespace

void kept_rows::keep(std::string_view key, row cells) {
  const std::string name(key);
  forget(name);
  const auto size = cost(name, cells);
  // The other half is for deletes.
  if (bytes_.now + size > bytes_.most / 2) return lose();
  own_ += size;
  bytes_.now += size;
  rows_.emplace(name, std::move(cells));
}

const kept_rows::row* kept_rows::find(std::string_view key) const {
  const auto found = rows_.find(std::string(key));
  return found == rows_.end() ? nullptr : &found->second;
}

void kept_rows::forget(const std::string& key) {
  const auto found = rows_.find(key);
  if (found == rows_.end()) return;
  const auto size = cost(key, found->second);
  own_ -= size;
  bytes_.now -= size;
  rows_.erase(found);
}

void kept_rows::clear() {
  rows_.clear();
  bytes_.now -= own_;
  own_ = 0;
  all_ = true;
}

} // namespace leat::starrocks
