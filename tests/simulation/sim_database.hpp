#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/position.hpp"
#include "dataflow/schema.hpp"
#include "tests/support/snapshot_model.hpp"

namespace leat::sim {

/// A row without its key. `large` is a TOASTed value, which an update may leave out of the stream.
struct row_version {
  std::uint32_t value = 0;
  std::uint32_t large = 0;
  bool operator==(const row_version&) const = default;
};
using table_rows = std::map<std::string, row_version>; ///< by key

constexpr std::size_t table_count = 2;
/// The same moment in all tables.
using all_rows = std::array<table_rows, table_count>;

/// A row change as the stream has it.
struct streamed_change {
  std::size_t table = 0;
  change_kind kind = change_kind::insert;
  std::string old_key; ///< of a remove, and of an update that moves; else empty
  std::string new_key; ///< of an insert and an update
  std::uint32_t value = 0;
  std::optional<std::uint32_t> large; ///< nothing: the update left it alone
  bool sent = true;                   ///< false: made before the table was published
};

struct streamed_transaction {
  std::uint32_t xid = 0;
  std::vector<streamed_change> changes;
};

/// model::source, its keys split over two tables, in terms of PostgreSQL's stream. Transaction n of
/// the WAL (from 0) has its commit record at commit_of(n), and ends where the next one's begins.
class sim_database {
 public:
  explicit sim_database(model::random& r) : source(r) {}

  model::source source;

  /// Transactions with a commit record.
  const std::vector<streamed_transaction>& wal();
  /// All tables after the first n transactions.
  const all_rows& after(std::size_t n);
  /// What a new snapshot sees.
  all_rows visible();
  wal_lsn wal_end() { return end_of(wal().size()); }

  static commit_lsn commit_of(std::size_t n) { return commit_lsn{step * (n + 1)}; }
  /// Where the WAL ends after n transactions.
  static wal_lsn end_of(std::size_t n) { return wal_lsn{step * (n + 1)}; }
  static std::size_t transactions_at(commit_lsn last) {
    return static_cast<std::size_t>(last) / step;
  }
  static std::size_t transactions_at(wal_lsn end) {
    return static_cast<std::size_t>(end) / step - 1;
  }
  static const std::array<schema_ptr, table_count>& schemas();

 private:
  static constexpr std::uint64_t step = 16;

  void translate(const model::source_transaction&);
  void translate(const model::row_write&, streamed_transaction&, all_rows& now);

  std::vector<streamed_transaction> wal_;
  std::vector<all_rows> after_{all_rows{}};
  std::map<std::uint32_t, std::uint32_t> large_of_; ///< by the value of the row's version
};

} // namespace leat::sim
