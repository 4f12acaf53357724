#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leat {

/// The LSN where a transaction's commit record starts (`Begin.final_lsn`, `Commit.commit_lsn`): it
/// orders transactions and names them. Zero is before every transaction.
enum class commit_lsn : std::uint64_t {};

/// A point in the WAL: the end of a commit record, a keepalive's WAL end, what START_REPLICATION
/// and status updates name. Not comparable with commit_lsn: one transaction's commit_lsn can equal
/// the end of the one before.
enum class wal_lsn : std::uint64_t {};

/// Place of one row change in the stream (design rule R1). `index` counts the row changes of the
/// transaction after rolled-back subtransactions are gone, from 0.
struct position {
  static constexpr std::uint64_t whole =
      0xffffffffffffffff; ///< index after every change of a transaction

  commit_lsn commit{};
  std::uint64_t index = 0;
  auto operator<=>(const position&) const = default;
};

/// PostgreSQL's notation, `16/B374D848`.
std::string to_string(commit_lsn);
std::string to_string(wal_lsn);

/// The number behind PostgreSQL's notation; nothing when the text is not one.
std::optional<std::uint64_t> parse_lsn(std::string_view);

} // namespace leat
