#include "plugins/starrocks/held_deletes.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace leat::starrocks {

namespace {

constexpr std::size_t most_parts = 64;
constexpr std::size_t cost_of_entry = 96;

std::size_t cost(std::string_view key, const std::optional<std::vector<std::string>>& texts) {
  auto bytes = key.size() + cost_of_entry;
  if (texts)
    for (const auto& t : *texts) bytes += t.size() + sizeof t;
  return bytes;
}

void append(std::string& to, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  char bytes[sizeof size];
  std::memcpy(bytes, &size, sizeof size);
  to.append(bytes, sizeof size);
  to += text;
}

std::string_view cut(std::string_view& from) {
  std::uint32_t size = 0;
  std::memcpy(&size, from.data(), sizeof size);
  const auto text = from.substr(sizeof size, size);
  from.remove_prefix(sizeof size + size);
  return text;
}

} // namespace

held_deletes::held_deletes(std::shared_ptr<spill_area> area, held_bytes& bytes)
    : area_(std::move(area)), bytes_(bytes) {}

void held_deletes::hold(std::string_view key, std::vector<std::string> texts) {
  put(key, std::move(texts));
}

void held_deletes::release(std::string_view key) {
  if (log_) return put(key, std::nullopt);
  const auto found = keys_.find(std::string(key));
  if (found == keys_.end()) return;
  const auto size = cost(key, found->second);
  own_ -= size;
  bytes_.now -= size;
  keys_.erase(found);
}

void held_deletes::put(std::string_view key, held_key value) {
  const auto [at, added] = keys_.try_emplace(std::string(key));
  const auto before = added ? 0 : cost(key, at->second);
  at->second = std::move(value);
  const auto after = cost(key, at->second);
  own_ += after - before;
  bytes_.now += after - before;
  if (bytes_.now > bytes_.most && area_) spill();
}

/// A record: the key, then its texts; none after a key that came back.
void held_deletes::spill() {
  if (!log_) log_.emplace(area_->create());
  std::string record;
  for (const auto& [key, texts] : keys_) {
    record.clear();
    append(record, key);
    if (texts)
      for (const auto& t : *texts) append(record, t);
    log_->append(record);
  }
  bytes_.now -= own_;
  own_ = 0;
  keys_.clear();
}

void held_deletes::clear() {
  bytes_.now -= own_;
  own_ = 0;
  keys_.clear();
  log_.reset();
}

void held_deletes::take(const std::function<void(const std::vector<std::string>&)>& give) {
  if (!log_) {
    for (const auto& [key, texts] : keys_)
      if (texts) give(*texts);
    return clear();
  }
  spill();
  auto log = std::exchange(log_, std::nullopt);
  const auto parts = std::min<std::uint64_t>(most_parts, log->bytes() / bytes_.most + 1);
  if (parts == 1) return take_part(*log, give);
  std::vector<spill_file> files;
  for (std::uint64_t i = 0; i < parts; ++i) files.push_back(area_->create());
  while (const auto record = log->next()) {
    auto rest = *record;
    const auto key = cut(rest);
    files[XXH3_64bits(key.data(), key.size()) % parts].append(*record);
  }
  log.reset();
  for (auto& file : files) take_part(file, give);
}

void held_deletes::take_part(spill_file& log,
                             const std::function<void(const std::vector<std::string>&)>& give) {
  std::unordered_map<std::string, std::vector<std::string>> latest;
  while (const auto record = log.next()) {
    auto rest = *record;
    const std::string key(cut(rest));
    if (rest.empty()) {
      latest.erase(key);
      continue;
    }
    auto& texts = latest[key];
    texts.clear();
    while (!rest.empty()) texts.emplace_back(cut(rest));
  }
  log.clear();
  for (const auto& [key, texts] : latest) give(texts);
}

} // namespace leat::starrocks
