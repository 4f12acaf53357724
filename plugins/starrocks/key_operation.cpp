#include "plugins/starrocks/key_operation.hpp"

#include <cstring>
#include <utility>

namespace leat::starrocks {

namespace {

// A record: a byte of flags; the position, when it has one; then each cell, four bytes of size and
// kind and its text.
constexpr std::uint8_t act_bits = 3;
constexpr std::uint8_t deleted_bit = 4;
constexpr std::uint8_t seen_bit = 8;
constexpr std::uint8_t position_bit = 16;

std::uint8_t flags_of(std::string_view record) { return static_cast<std::uint8_t>(record[0]); }
key_act act_of(std::uint8_t flags) { return static_cast<key_act>(flags & act_bits); }

void set_flags(std::string& record, std::uint8_t flags) { record[0] = static_cast<char>(flags); }

template <class Number>
void append(std::string& to, Number n) {
  char bytes[sizeof n];
  std::memcpy(bytes, &n, sizeof n);
  to.append(bytes, sizeof n);
}

template <class Number>
Number cut(std::string_view& from) {
  Number n = 0;
  std::memcpy(&n, from.data(), sizeof n);
  from.remove_prefix(sizeof n);
  return n;
}

void append_cell(std::string& to, const row_cell& c) {
  append(to, static_cast<std::uint32_t>(c.text.size() << 2 | static_cast<std::uint32_t>(c.is)));
  to += c.text;
}

row_cell cut_cell(std::string_view& from) {
  const auto head = cut<std::uint32_t>(from);
  const row_cell c{static_cast<row_cell::kind>(head & 3), from.substr(0, head >> 2)};
  from.remove_prefix(head >> 2);
  return c;
}

std::string_view cells_of(std::string_view record) {
  const auto head = flags_of(record) & position_bit ? 1 + 2 * sizeof(std::uint64_t) : 1;
  return record.substr(head);
}

/// Both have cells. The cells that came with the later one, over those of the earlier one.
void lay_over(std::string& earlier, std::string_view later) {
  auto below = cells_of(earlier);
  auto above = cells_of(later);
  bool whole = true;
  std::string made(1, '\0');
  made.reserve(earlier.size() + later.size());
  while (!above.empty()) {
    const auto old = cut_cell(below);
    const auto fresh = cut_cell(above);
    const auto& kept = fresh.is == row_cell::kind::absent ? old : fresh;
    whole = whole && kept.is != row_cell::kind::absent;
    append_cell(made, kept);
  }
  const auto act = whole ? key_act::row : act_of(flags_of(earlier));
  const auto deleted = flags_of(later) & deleted_bit;
  const auto seen = (flags_of(earlier) | flags_of(later)) & seen_bit;
  set_flags(made, static_cast<std::uint8_t>(static_cast<std::uint8_t>(act) | deleted | seen));
  earlier = std::move(made);
}

void replace(std::string& earlier, std::string_view later) {
  const auto seen = earlier.empty() ? 0 : flags_of(earlier) & seen_bit;
  earlier = later;
  set_flags(earlier, static_cast<std::uint8_t>(flags_of(earlier) | seen));
}

} // namespace

void pack(const key_operation& o, std::string& out) {
  auto flags = static_cast<std::uint8_t>(o.act);
  if (o.deleted) flags |= deleted_bit;
  if (o.seen) flags |= seen_bit;
  if (o.at) flags |= position_bit;
  out += static_cast<char>(flags);
  if (o.at) {
    append(out, static_cast<std::uint64_t>(o.at->commit));
    append(out, o.at->index);
  }
  for (const auto& c : o.cells) append_cell(out, c);
}

void unpack(std::string_view record, key_operation& o) {
  const auto flags = flags_of(record);
  o.act = act_of(flags);
  o.deleted = (flags & deleted_bit) != 0;
  o.seen = (flags & seen_bit) != 0;
  o.at.reset();
  record.remove_prefix(1);
  if (flags & position_bit) {
    const auto commit = cut<std::uint64_t>(record);
    o.at = position{commit_lsn{commit}, cut<std::uint64_t>(record)};
  }
  o.cells.clear();
  while (!record.empty()) o.cells.push_back(cut_cell(record));
}

bool follow_with(std::string& earlier, std::string_view later) {
  if (earlier.empty() || act_of(flags_of(later)) != key_act::part) {
    replace(earlier, later);
    return true;
  }
  const auto before = flags_of(earlier);
  const bool gone = act_of(before) == key_act::remove || (before & deleted_bit) != 0;
  if (!gone) {
    lay_over(earlier, later);
    return true;
  }
  const auto seen = (before | flags_of(later)) & seen_bit;
  if (flags_of(later) & deleted_bit) { // a row that is gone goes once more
    set_flags(earlier, static_cast<std::uint8_t>(before | seen));
    return true;
  }
  earlier.assign(1, static_cast<char>(static_cast<std::uint8_t>(key_act::remove) | seen));
  return false;
}

void mark_deleted(std::string& record) {
  const auto flags = flags_of(record);
  if (act_of(flags) != key_act::remove)
    set_flags(record, static_cast<std::uint8_t>(flags | deleted_bit));
}

} // namespace leat::starrocks
