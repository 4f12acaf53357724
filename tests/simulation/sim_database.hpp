#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataflow/position.hpp"
#include "dataflow/schema.hpp"
#include "tests/support/snapshot_model.hpp"

namespace leat::sim {

/// A row without its key. `large` is a TOASTed value, which an update may leave out of the stream;
/// `extra` is of a column that comes and goes.
struct row_version {
  std::uint32_t value = 0;
  std::uint32_t large = 0;
  std::optional<std::uint32_t> extra;
  auto operator<=>(const row_version&) const = default;
};
using table_rows = std::map<std::string, row_version>; ///< by key
using bag_rows = std::multiset<row_version>;

/// `left` and `right` have a key; `bag` has none: it holds what both hold, but in few values, so
/// that equal rows are common.
constexpr std::size_t left = 0, right = 1, bag = 2;
constexpr std::size_t keyed_count = 2;
constexpr std::size_t table_count = 3;
/// The same moment in the tables with a key, `extra` left out.
using all_rows = std::array<table_rows, keyed_count>;

/// Numbers of columns; that of `extra` is higher each time that it comes.
constexpr std::int16_t key_number = 1, value_number = 2, large_number = 3;

/// A table between two changes of its columns.
struct table_version {
  std::size_t from = 0; ///< the first transaction of the WAL that is written in it
  schema_ptr schema;
  std::int16_t extra = 0;                     ///< number of the column; 0: there is none
  std::size_t extra_since = 0;                ///< as `from`
  std::optional<std::uint32_t> default_extra; ///< what older rows show
};

/// A row change as the stream has it; rows without `extra`, which depends on the version.
struct streamed_change {
  std::size_t table = 0;
  change_kind kind = change_kind::insert;
  std::string old_key = {};     ///< of a remove, and of an update that moves; else empty
  std::string new_key = {};     ///< of an insert and an update
  row_version before = {};      ///< of a remove and an update
  row_version now = {};         ///< of an insert and an update
  bool whole = true;            ///< false: the update left `large` alone
  bool sent = true;             ///< false: made before the slot
  std::uint8_t unpublished = 0; ///< bits of tables: made before they were published
};

struct streamed_transaction {
  std::uint32_t xid = 0;
  std::vector<streamed_change> changes;
};

/// model::source in terms of PostgreSQL's stream, its keys split over two tables, and with DDL.
/// Transaction n of the WAL (from 0) has its commit record at commit_of(n), and ends where the next
/// one's begins.
class sim_database {
 public:
  explicit sim_database(model::random& r);

  model::source source;

  /// Transactions with a commit record.
  const std::vector<streamed_transaction>& wal();
  /// All tables after the first n transactions.
  const all_rows& after(std::size_t n);
  /// What a new snapshot sees.
  all_rows visible();
  wal_lsn wal_end() { return end_of(wal().size()); }

  /// Changes the columns of a table, once everybody else has ended; true when rows show a default.
  bool alter(model::random&);
  /// The table publishes its changes from here on; before the slot is made, that one says from
  /// where on.
  void publish(std::size_t table, bool before_slot);
  /// The stream brings this change of transaction n.
  bool sends(std::size_t n, const streamed_change&) const;

  /// What transaction n is written in.
  const table_version& version(std::size_t table, std::size_t n) const;
  const table_version& catalog(std::size_t table) const { return versions_[table].back(); }
  /// A row as the table shows it.
  row_version shown(std::size_t table, const table_version&, const row_version&);
  table_rows shown(std::size_t table, const table_version&, const all_rows&);
  bag_rows shown_bag(const table_version&, const all_rows&);

  static commit_lsn commit_of(std::size_t n) { return commit_lsn{step * (n + 1)}; }
  /// Where the WAL ends after n transactions.
  static wal_lsn end_of(std::size_t n) { return wal_lsn{step * (n + 1)}; }
  static std::size_t transactions_at(commit_lsn last) {
    return static_cast<std::size_t>(last) / step;
  }
  static std::size_t transactions_at(wal_lsn end) {
    return static_cast<std::size_t>(end) / step - 1;
  }
  static oid id_of(std::size_t table) { return static_cast<oid>(16384 + table); }
  static std::size_t table_of(oid id) { return id - 16384; }
  static const char* name_of(std::size_t table);

 private:
  static constexpr std::uint64_t step = 16;

  void translate(const model::source_transaction&);
  void translate(const model::row_write&, streamed_transaction&, all_rows& now);
  void translate_to_bag(const model::row_write&, const row_version& before, const row_version& now,
                        bool whole, streamed_transaction&) const;

  std::vector<streamed_transaction> wal_;
  std::vector<all_rows> after_{all_rows{}};
  std::map<std::uint32_t, std::uint32_t> large_of_; ///< by the value of the row's version
  std::map<std::uint32_t, std::size_t> written_in_; ///< the transaction, by the same
  std::array<std::vector<table_version>, table_count> versions_;
  std::array<std::optional<std::size_t>, table_count> published_; ///< transactions before it
  std::int16_t last_extra_ = large_number;
};

} // namespace leat::sim
