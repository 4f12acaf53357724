#include "plugins/starrocks/load_lane.hpp"

#include <algorithm>
#include <utility>

#include "dataflow/crash_point.hpp"
#include "plugins/starrocks/compress.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/row_errors.hpp"
#include "plugins/starrocks/row_sieve.hpp"

namespace leat::starrocks {

namespace {

/// Requests of one sink at a time: the BEs have few threads for them.
constexpr std::size_t most_requests = 4;

} // namespace

load_pool& load_services::pool() {
  if (!made) made = std::make_unique<load_pool>(most_requests, bytes);
  return *made;
}

load_lane::load_lane(load_services& services, label_sequence labels,
                     std::function<label_sequence&(const std::string&)> test_labels)
    : services_(services), labels_(std::move(labels)), test_labels_(std::move(test_labels)) {}

load_lane::~load_lane() = default;

load_transaction& load_lane::transaction() {
  if (!open_) open_ = std::make_unique<load_transaction>(labels_.begin());
  return *open_;
}

void load_lane::load(const std::string& table, load_piece piece) {
  prepared_ = prepared_soon_ = false;
  if (services_.keeps_letters()) {
    if (!journal_) journal_.emplace(*services_.spill);
    journal_->append(table, piece);
  }
  if (failed_) fail_if_failed();
  // Rows that were refused are found once all of the epoch's are known.
  if (failed_) return void(keys_[table] = std::move(piece.key));
  send(table, std::move(piece));
}

void load_lane::send(const std::string& table, load_piece piece) {
  transaction();
  keys_[table] = piece.key;
  crash_point("starrocks_load");
  const auto bytes = piece.bytes();
  auto rows = std::make_shared<load_piece>(std::move(piece));
  give(table, bytes, [codec = services_.codec, table, rows](load_transaction& to) {
    if (codec == load_compression::none)
      to.load(table, rows->headers, rows->body);
    else
      to.load(table, compressed_headers(rows->headers, codec), compress(codec, rows->body));
  });
}

void load_lane::give(const std::string& table, std::size_t bytes,
                     std::function<void(load_transaction&)> request) {
  auto& to = transaction();
  services_.pool().give(name().label + "/" + table, bytes, [this, &to, request] {
    if (failed_) return;
    try {
      request(to);
    } catch (const row_error&) {
      const std::scoped_lock lock(guard_);
      refusal_ = std::current_exception();
      failed_ = true;
    } catch (const leat::error&) {
      const std::scoped_lock lock(guard_);
      if (!failure_) failure_ = std::current_exception();
      failed_ = true;
    }
  });
}

void load_lane::wait() {
  for (const auto& [table, key] : keys_)
    if (open_) services_.pool().wait(name().label + "/" + table);
}

/// A refused row makes the loads beside it fail too: it is the reason.
void load_lane::fail_if_failed() {
  wait();
  const std::scoped_lock lock(guard_);
  if (refusal_ && services_.keeps_letters()) return;
  if (!refusal_ && failure_) std::rethrow_exception(failure_);
  if (!refusal_) return;
  try {
    std::rethrow_exception(refusal_);
  } catch (const row_error& e) {
    throw explained(e, name(), keys_, services_.api.database());
  }
}

void load_lane::prepare_soon() {
  if (!open_ || failed_ || prepared_) return;
  give(keys_.begin()->first, 0, [this](load_transaction& open) {
    open.prepare();
    prepared_soon_ = true;
  });
}

void load_lane::prepare() {
  finish(
      [this](load_transaction& open) {
        if (!prepared_soon_) open.prepare();
      },
      false);
  prepared_ = is_open();
}

void load_lane::commit_soon() {
  give(keys_.begin()->first, 0, [this](load_transaction& open) { outcome_ = open.commit(); });
}

commit_outcome load_lane::end_commit() {
  wait();
  fail_if_failed();
  return outcome_;
}

void load_lane::finish(const std::function<void(load_transaction&)>& act, bool always) {
  wait();
  fail_if_failed();
  if (!refusal_) {
    if (!open_ && !always) return;
    try {
      return act(transaction());
    } catch (const row_error& e) {
      if (!services_.keeps_letters()) throw explained(e, name(), keys_, services_.api.database());
    }
  }
  sieve(always);
  if (!open_ && !always) return;
  try {
    act(transaction());
  } catch (const row_error& e) {
    throw explained(e, name(), keys_, services_.api.database());
  }
}

/// Begins anew, without the rows that the server refuses. `letters_too`: they go into the same
/// transaction.
void load_lane::sieve(bool letters_too) {
  if (open_) open_->roll_back();
  open_.reset();
  refusal_ = nullptr;
  failure_ = nullptr;
  failed_ = false;
  prepared_soon_ = false;
  keys_.clear();
  load_journal clean(*services_.spill);
  load_piece piece;
  while (const auto table = journal_ ? journal_->next(piece) : std::nullopt) {
    row_sieve rows(test_labels_(*table), services_.codec);
    std::vector<std::size_t> left_out;
    for (auto& [row, reason] : rows.sift(*table, piece)) {
      services_.letters->add(piece.letters[row], reason);
      left_out.push_back(row);
    }
    if (!left_out.empty()) piece = piece.without(left_out);
    if (!piece.body.empty()) clean.append(*table, piece);
  }
  journal_.reset();
  while (const auto table = clean.next(piece)) send(*table, std::move(piece));
  auto& letters = *services_.letters;
  if (letters_too && !letters.empty()) send(letters.table(), letters.take());
  wait();
  fail_if_failed();
}

void load_lane::close() {
  open_.reset();
  prepared_ = prepared_soon_ = false;
  journal_.reset();
  keys_.clear();
}

} // namespace leat::starrocks
