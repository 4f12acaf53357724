#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace leat {

/// PostgreSQL's pg_current_snapshot(): top-level transactions, 64-bit xids (epoch in the high
/// half).
struct xid_snapshot {
  std::uint64_t xmin = 0;             ///< every xid below is finished
  std::uint64_t xmax = 0;             ///< every xid at or above had not begun
  std::vector<std::uint64_t> running; ///< xip, ascending
  bool operator==(const xid_snapshot&) const = default;

  /// Whether transaction `xid` (64 bits), which has committed in the stream, is visible in this
  /// snapshot.
  bool sees(std::uint64_t xid) const;

  /// The same for an xid as the stream sends it, widened with this snapshot's epoch. Sound while
  /// the two lie within 2^31 of each other, which a slot's catalog_xmin enforces (PostgreSQL's
  /// manual, "Preventing Transaction ID Wraparound Failures").
  bool sees_streamed(std::uint32_t xid) const { return sees(widen(xid)); }
  std::uint64_t widen(std::uint32_t xid) const;

  /// The fence of R5.5: every transaction that had an xid when `next_xid` was the next one is over,
  /// and visible if it committed.
  bool passed_fence(std::uint64_t next_xid) const { return xmin >= next_xid; }

  /// Whether this snapshot of the same server was taken later than `other`, or sees as much: it
  /// then sees every transaction that `other` sees.
  bool sees_as_much_as(const xid_snapshot& other) const;
};

/// Parses `xmin:xmax:xip,xip,...`; nothing when the text is not one.
std::optional<xid_snapshot> parse_xid_snapshot(std::string_view);

} // namespace leat
