#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/spill.hpp"
#include "plugins/postgres/change_builder.hpp"
#include "plugins/postgres/pgoutput.hpp"
#include "plugins/postgres/stream_relations.hpp"

namespace leat::postgres {

/// Turns the pgoutput messages of one slot, protocol 1 to 4, into batches of changes with positions
/// (R1). Transactions streamed while in progress are kept in the spill area until they commit, and
/// come out with the same changes and positions as if they had been sent whole. Used by one thread.
///
/// Every fault in what the server sends throws leat::error of kind source; a full spill area, one
/// of kind state; what relation_resolver throws passes through. After any of them feed() and
/// replay() throw the same again until restart(); what is in the open batch is good.
class stream_decoder {
 public:
  struct options {
    std::size_t batch_rows = 512;
    std::size_t batch_bytes = 256U << 10;
  };

  stream_decoder(relation_resolver&, spill_area&, options);

  /// Before a (new) connection's first message. What the server will say again is forgotten:
  /// tables, half transactions, streamed transactions in progress. What it will send again is
  /// dropped: changes at or before `through` (index position::whole: all of that transaction;
  /// position{}: nothing) and those that are in batches already. The open batch stays, and is
  /// full() unless it is empty.
  void restart(position through = {});

  /// One message, the payload of XLogData. Precondition: !replaying() and !full().
  void feed(std::string_view message);

  /// take() before going on: the batch has reached its bound, or what comes next needs another
  /// version of a table in it.
  bool full() const noexcept { return builder_.full(); }
  /// The open batch; null when it has no changes.
  batch_ptr take() { return builder_.take(); }
  std::size_t pending_rows() const noexcept { return builder_.pending_rows(); }

  /// A streamed transaction has committed and is read back from the spill area: replay() goes on
  /// with it.
  bool replaying() const noexcept { return replay_.has_value(); }
  /// Decodes on until full(), done, or about 1 MiB has been read.
  void replay();

  /// All that was put in batches is whole transactions up to last_commit(), and none is being
  /// received or replayed. Streamed transactions in progress do not count.
  bool between_transactions() const noexcept;

  /// The last whole transaction, and the end of its commit record. Zero before the first; restart()
  /// with a whole transaction sets the former.
  commit_lsn last_commit() const noexcept { return last_commit_; }
  wal_lsn last_end() const noexcept { return last_end_; }

 private:
  struct streamed_transaction {
    spill_file messages;
    std::vector<std::uint32_t> aborted; ///< subtransactions; sorted once it is replayed
  };
  struct replayed_transaction {
    streamed_transaction content;
    stream_commit_message commit;
  };

  void handle(const begin_message&);
  void handle(const commit_message&);
  void handle(const origin_message&) {}
  void handle(const relation_message&);
  void handle(const type_message&) {}
  void handle(const insert_message&);
  void handle(const update_message&);
  void handle(const delete_message&);
  void handle(const truncate_message&);
  void handle(const logical_message&) {}
  void handle(const stream_start_message&);
  void handle(const stream_stop_message&);
  void handle(const stream_commit_message&);
  void handle(const stream_abort_message&);

  template <class Step>
  void guard(Step step);
  void decode(std::string_view message);
  void decode_block(std::string_view message);
  void replay_some();
  void finish_replay();
  void spool(std::string_view message);
  void replay_record(std::string_view record);
  bool aborted(std::string_view record) const;

  void begin(const transaction&, char kind);
  void finish(commit_lsn, wal_lsn, char kind);
  void learn(const relation_message&, std::uint64_t place);
  stream_relation& relation_of_row(oid id, std::size_t columns, char kind);
  void expect_transaction(char kind) const;
  void expect_no_transaction(char kind) const;
  bool admit(std::uint64_t index) const noexcept { return index >= first_new_; }
  bool handed_on_in_part() const noexcept { return handed_on_.index != position::whole; }
  void added(std::uint64_t index) noexcept { handed_on_ = {transaction_.commit, index}; }

  stream_relations relations_;
  spill_area& spill_;
  change_builder builder_;

  std::unordered_map<std::uint32_t, streamed_transaction> streamed_;
  streamed_transaction* block_ = nullptr; ///< between Stream Start and Stream Stop
  std::optional<replayed_transaction> replay_;

  bool in_transaction_ = false;
  transaction transaction_;
  std::uint64_t next_index_ = 0;
  std::uint64_t first_new_ = 0; ///< index of the first change that was not handed on before

  position handed_on_{commit_lsn{},
                      position::whole}; ///< last change in a batch, or last transaction
  commit_lsn session_commit_{};         ///< last one begun on this connection
  commit_lsn last_commit_{};
  wal_lsn last_end_{};
  std::exception_ptr failure_;
};

} // namespace leat::postgres
