#include "dataflow/letter_keys.hpp"

#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace leat {

namespace {

/// Neither names nor order count: those of a letter may be the source's, and servers sort members.
std::uint64_t hash_of(std::vector<std::string_view> texts) {
  std::sort(texts.begin(), texts.end());
  std::string all;
  for (const auto text : texts) {
    all += std::to_string(text.size());
    all += ':';
    all += text;
  }
  return XXH3_64bits(all.data(), all.size());
}

} // namespace

void letter_keys::add(std::string_view key) {
  const auto columns = nlohmann::json::parse(key, nullptr, false);
  if (!columns.is_object() || all_) return;
  std::vector<std::string_view> texts;
  for (const auto& text : columns)
    if (text.is_string()) texts.push_back(text.get_ref<const std::string&>());
  hashes_.insert(hash_of(std::move(texts)));
  if (hashes_.size() > most) add_all();
}

void letter_keys::add_all() {
  all_ = true;
  hashes_ = {};
}

bool letter_keys::may_hold(std::vector<std::string_view> texts) const {
  return all_ || (!hashes_.empty() && hashes_.contains(hash_of(std::move(texts))));
}

} // namespace leat
