#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "plugins/starrocks/dead_letters.hpp"
#include "plugins/starrocks/label_sequence.hpp"
#include "plugins/starrocks/load_journal.hpp"
#include "plugins/starrocks/load_pool.hpp"
#include "plugins/starrocks/progress.hpp"

namespace leat::starrocks {

/// What the transactions of one sink share.
struct load_services {
  load_api& api;
  progress_record& record;
  std::string pipeline;
  load_compression codec = load_compression::none;
  std::optional<dead_letters> letters = {}; ///< none: a refused row stops the pipeline
  std::shared_ptr<spill_area> spill = {};
  std::size_t bytes = 32U << 20; ///< of loads under way
  std::unique_ptr<load_pool> made = {};

  load_pool& pool();
  bool keeps_letters() const { return letters && spill; }
};

/// One transaction after another, each begun by its first rows: loads go through the pool, and
/// where dead letters are kept, rows that the server refuses are found and left out.
class load_lane {
 public:
  /// `test_labels`: of the transactions that try rows of a table.
  load_lane(load_services&, label_sequence labels,
            std::function<label_sequence&(const std::string& table)> test_labels);
  ~load_lane();
  load_lane(const load_lane&) = delete;
  load_lane& operator=(const load_lane&) = delete;

  bool is_open() const { return open_ != nullptr; }
  bool has(const std::string& table) const { return keys_.contains(table); }
  const load_name& name() const { return open_->name(); }
  label_sequence& labels() { return labels_; }

  /// The rows may still be under way when it returns. Throws what an earlier load has thrown.
  void load(const std::string& table, load_piece);
  /// Until the loads have been sent; what went wrong with them the next call tells.
  void wait();

  /// Of one table: begins to prepare behind its loads, beside other lanes; prepare() ends it.
  void prepare_soon();
  void prepare();
  bool is_prepared() const { return prepared_; }
  /// Begins to commit what is prepared, beside other lanes; end_commit() tells how that ended.
  void commit_soon();
  commit_outcome end_commit();

  /// Waits for the loads, then runs `act` on the transaction, which checks or commits it. When the
  /// server refuses rows, runs it once more on a new transaction without them; not at all when no
  /// row is left and it is not to be `always` run.
  void finish(const std::function<void(load_transaction&)>& act, bool always);
  /// The transaction has ended.
  void close();

 private:
  load_transaction& transaction();
  void send(const std::string& table, load_piece);
  /// Behind what the pool has of the table; none that follows a failure runs.
  void give(const std::string& table, std::size_t bytes,
            std::function<void(load_transaction&)> request);
  void fail_if_failed();
  void sieve(bool letters_too);

  load_services& services_;
  label_sequence labels_;
  std::function<label_sequence&(const std::string&)> test_labels_;
  std::unique_ptr<load_transaction> open_;
  std::optional<load_journal> journal_;
  std::map<std::string, std::vector<std::string>> keys_; ///< tables of the transaction
  std::mutex guard_;
  std::exception_ptr refusal_; ///< rows were refused by a load
  std::exception_ptr failure_;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> prepared_soon_ = false; ///< what prepare_soon() has begun is done
  bool prepared_ = false;
  commit_outcome outcome_ = commit_outcome::aborted;
};

} // namespace leat::starrocks
