#include "dataflow/visibility.hpp"

#include <algorithm>
#include <charconv>

namespace leat {

namespace {

// Takes a decimal number from the front of `text`.
bool take_number(std::string_view& text, std::uint64_t& value) {
  const auto* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{}) return false;
  text = {rest, static_cast<std::size_t>(end - rest)};
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

} // namespace

bool xid_snapshot::sees(std::uint64_t xid) const {
  if (xid < xmin) return true;
  return xid < xmax && !std::binary_search(running.begin(), running.end(), xid);
}

std::uint64_t xid_snapshot::widen(std::uint32_t xid) const {
  constexpr std::uint64_t lap = std::uint64_t{1} << 32;
  const auto here = (xmax & ~(lap - 1)) | xid;
  if (here > xmax && here - xmax > lap / 2 && here >= lap) return here - lap;
  if (here < xmax && xmax - here > lap / 2) return here + lap;
  return here;
}

bool xid_snapshot::sees_as_much_as(const xid_snapshot& other) const {
  // Between two snapshots of one xmax transactions only leave `running`.
  if (xmax != other.xmax) return xmax > other.xmax;
  return running.size() <= other.running.size();
}

std::optional<xid_snapshot> parse_xid_snapshot(std::string_view text) {
  xid_snapshot s;
  if (!take_number(text, s.xmin) || !take(text, ':')) return std::nullopt;
  if (!take_number(text, s.xmax) || !take(text, ':')) return std::nullopt;
  // A new slot's snapshot sees everything before its xmin, also beyond its xmax, which is that of
  // the last commit the server had to note (snapbuild.c, SnapBuildInitialSnapshot).
  s.xmax = std::max(s.xmax, s.xmin);
  while (!text.empty()) {
    if (!s.running.empty() && !take(text, ',')) return std::nullopt;
    std::uint64_t xid = 0;
    if (!take_number(text, xid) || xid < s.xmin || xid >= s.xmax) return std::nullopt;
    if (!s.running.empty() && xid <= s.running.back()) return std::nullopt;
    s.running.push_back(xid);
  }
  return s;
}

} // namespace leat
