#include <algorithm>
#include <utility>

#include "dataflow/dead_letter.hpp"
#include "dataflow/fold.hpp"
#include "plugins/starrocks/key_operation.hpp"
#include "plugins/starrocks/read_back.hpp"
#include "plugins/starrocks/seen_rows.hpp"
#include "plugins/starrocks/spilled_keys.hpp"
#include "plugins/starrocks/table_writer.hpp"

namespace leat::starrocks {

namespace {

using key_view = std::span<const std::string_view>;

/// Mode upsert: folds changes by key, and completes rows that did not come whole. A transaction of
/// the target is given each key once (docs/starrocks-exactly-once.md): an epoch's changes wait for
/// its end, those that memory does not hold in the spill area.
class keyed_writer final : public table_writer {
 public:
  keyed_writer(target_context& context, const route_ptr& r)
      : table_writer(context, r), fold_(r), rows_(make_encoder()),
        target_(context.sql, quoted_, columns_), seen_(context, route_, columns_),
        spilled_(context.runs, context.remembered, [this](std::string_view key) { miss(key); }) {
    fold_.set_settled(false);
  }

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    if (changes.empty()) return;
    // Those of a chunk, of which a transform may have made other changes, tell where it was read.
    const auto& last = rows->transactions.back();
    if (last.xid != 0) context_.progress.note_newest(last.commit);
    fold_.add(rows, changes);
  }

  std::size_t buffered() const override { return fold_.retained() + rows_.bytes(); }

  void flush() override {
    if (fold_.empty()) return;
    check_fit();
    note_truncate();
    std::vector<const fold_entry*> all;
    for (const auto& e : fold_.entries()) all.push_back(&e);
    spill(std::move(all));
    fold_.clear();
  }

  void commit_ahead() override {
    note_truncate();
    if (truncating_) truncate();
  }

  void finish_epoch() override {
    if (!fold_.empty()) send_fold();
    if (!spilled_.empty()) send_spilled();
    send(rows_);
    seen_.send();
  }

  void became_consistent() override { fold_.set_settled(true); }

  void begin_snapshot(std::uint32_t generation) override {
    fold_.set_settled(false);
    const auto& name = route_->progress_name();
    if (context_.progress.table(name).has_begun(generation)) return;
    make_again(); // changes the record
    auto record = context_.progress.table(name);
    record.begin(generation);
    // A table's first snapshot finds it empty.
    if (generation > 1) seen_.start();
    context_.progress.note(std::move(record));
  }

  void finish_snapshot(std::uint32_t generation) override { end_snapshot(generation, true); }
  void give_up_snapshot(std::uint32_t generation) override { end_snapshot(generation, false); }

 protected:
  void drain() override {
    table_writer::drain();
    if (seen_.collecting()) seen_.drain();
  }

  void reshaped() override {
    if (!fold_.empty() || !spilled_.empty())
      throw error(error_kind::bug, "changes are left where columns change", quoted_, "report this");
    const bool settled = fold_.settled();
    fold_ = fold(route_);
    fold_.set_settled(settled);
    rows_ = make_encoder();
    seen_.use(route_);
    // Nothing is written to a table that was dropped: its keys may be of other columns.
    if (lost() && seen_.collecting()) seen_.start();
  }

 private:
  void end_snapshot(std::uint32_t generation, bool whole) {
    fold_.set_settled(!context_.progress.is_ahead());
    if (context_.progress.table(route_->progress_name()).snapshot != generation) return;
    const bool collected = seen_.collecting();
    // What the chunks have brought is seen by a statement.
    if (collected && whole) send_all();
    if (collected) drain();
    if (collected && whole) seen_.remove_unseen();
    auto record = context_.progress.table(route_->progress_name()); // draining may have changed it
    record.finish(generation);
    context_.progress.note_for_later(std::move(record));
    if (!collected) return;
    context_.progress.settle();
    seen_.drop();
  }

  bool soft() const { return route_->removal == delete_mode::soft; }

  key_hash hash_of(std::uint32_t key) const {
    return remembered_keys::hash_of(fold_.key_bytes(key));
  }

  void miss(std::string_view key) {
    std::vector<std::string_view> texts;
    split_key(key, texts);
    context_.missing.add(route_->id, {texts.begin(), texts.end()});
  }
  void miss(const fold_entry& e) {
    if (!e.deleted) miss(fold_.key_bytes(e.key));
  }

  // ---- what is folded

  /// What waits for the same keys already goes with them.
  void send_fold() {
    check_fit();
    std::vector<const fold_entry*> now;
    std::vector<const fold_entry*> later;
    for (const auto& e : fold_.entries())
      (!spilled_.empty() && spilled_.may_hold(hash_of(e.key)) ? later : now).push_back(&e);
    send_entries(now);
    spill(std::move(later));
    fold_.clear();
  }

  /// The key of the row at the target that the entry needs; none when it needs none.
  std::uint32_t needed(const fold_entry& e) const {
    if (e.kind == fold_kind::moved) return e.base;
    if (e.kind == fold_kind::partial) return e.key;
    return e.kind == fold_kind::removed && soft() ? e.key : fold_entry::none;
  }

  /// Gives the entries with the rows that they need, some at a time; null: there is none.
  /// `group_done` is called before the rows are forgotten.
  template <class Take, class Done>
  void with_rows(const std::vector<const fold_entry*>& entries, const Take& take,
                 const Done& group_done) {
    for (std::size_t begin = 0; begin < entries.size();) {
      auto end = std::min(entries.size(), begin + read_back::most_keys);
      std::vector<std::vector<std::string_view>> keys;
      for (auto i = begin; i < end; ++i) keys.push_back(fold_.key(needed(*entries[i])));
      end = begin + fetch(keys);
      for (auto i = begin; i < end; ++i) take(*entries[i], row_of(*entries[i]));
      group_done();
      target_.clear();
      begin = end;
    }
  }

  /// The target has the row that the entry's cells are to come from. (A row under its own key that
  /// this epoch has changed waits, and is completed later.)
  bool can_be_completed(const fold_entry& e) {
    if (e.kind != fold_kind::moved) return true;
    const auto h = hash_of(e.base);
    return !truncating_ && !spilled_.may_hold(h);
  }

  /// As read_back's.
  std::size_t fetch(std::span<const std::vector<std::string_view>> keys) {
    if (!keys.empty()) context_.progress.await_fresh();
    return target_.fetch(keys);
  }

  const read_back::row* row_of(const fold_entry& e) {
    const auto key = fold_.key(needed(e));
    const bool goes = e.kind == fold_kind::removed || e.deleted;
    return !goes && was_refused(key) ? nullptr : target_.find(read_back::key_of(columns_, key));
  }

  /// A change of the row is a dead letter: the target has older cells than the one that comes.
  bool was_refused(key_view key) {
    if (!context_.keeps_letters()) return false;
    return context_.services.letters->keys_of(table_, context_.sql, context_.database())
        .may_hold({key.begin(), key.end()});
  }

  void send_entries(const std::vector<const fold_entry*>& entries) {
    std::vector<const fold_entry*> incomplete;
    for (const auto* e : entries) {
      if (needed(*e) != fold_entry::none && can_be_completed(*e))
        incomplete.push_back(e);
      else if (e->kind == fold_kind::upsert)
        put(*e, nullptr);
      else
        go(*e);
    }
    with_rows(
        incomplete,
        [this](const fold_entry& e, const read_back::row* there) { put_completed(e, there); },
        [] {});
  }

  void go(const fold_entry& e) {
    remove(fold_.key(e.key));
    if (e.kind != fold_kind::removed) miss(e);
  }

  void put_completed(const fold_entry& e, const read_back::row* there) {
    if (there != nullptr) return put(e, there);
    if (e.kind == fold_kind::removed) return; // marked as deleted, where it is
    if (e.kind == fold_kind::moved) remove(fold_.key(e.key));
    if (seen_.collecting()) seen_.add(fold_.key(e.key));
    miss(e);
  }

  /// `base`: has what the entry lacks.
  void put(const fold_entry& e, const read_back::row* base) {
    const bool marks = e.kind == fold_kind::removed;
    put_row(
        e.deleted || marks, [&] { return fold_.key(e.key); },
        [&](std::size_t i) { return marks ? printed(base, i) : cell_of(e, base, i); },
        [&] { return marks ? letter_of_key(fold_.key(e.key)) : letter_of(*route_, fold_, e); });
    if (seen_.collecting()) seen_.add(fold_.key(e.key));
  }

  row_cell cell_of(const fold_entry& e, const read_back::row* base, std::size_t column) const {
    const auto source = *columns_[column].source;
    const auto state = fold_.state(e, source);
    if (state == cell_state::value) return {row_cell::kind::source, fold_.text(e, source)};
    return state == cell_state::null ? row_cell{row_cell::kind::null} : printed(base, column);
  }

  static row_cell printed(const read_back::row* base, std::size_t column) {
    if (base == nullptr) return {};
    const auto& text = (*base)[column];
    return text ? row_cell{row_cell::kind::printed, *text} : row_cell{row_cell::kind::null};
  }

  // ---- what waits for the epoch's end

  void spill(std::vector<const fold_entry*> entries) {
    const auto moved =
        std::stable_partition(entries.begin(), entries.end(), [this](const fold_entry* e) {
          return e->kind != fold_kind::moved || !can_be_completed(*e);
        });
    spill_moved({moved, entries.end()});
    entries.erase(moved, entries.end());
    for (const auto* e : entries)
      if (e->kind == fold_kind::lost || e->kind == fold_kind::moved) miss(*e);
    spilled_.add(
        entries.size(), [&](std::size_t i) { return fold_.key_bytes(entries[i]->key); },
        [&](std::size_t i, std::string& record) {
          pack(operation_of(*entries[i], nullptr), record);
        });
  }

  void spill_moved(const std::vector<const fold_entry*>& moved) {
    std::vector<std::string_view> keys;
    std::vector<std::string> records;
    with_rows(
        moved,
        [&](const fold_entry& e, const read_back::row* base) {
          if (base == nullptr) miss(e);
          keys.push_back(fold_.key_bytes(e.key));
          pack(operation_of(e, base), records.emplace_back());
        },
        [&] {
          spilled_.add(
              keys.size(), [&](std::size_t i) { return keys[i]; },
              [&](std::size_t i, std::string& record) { record = std::move(records[i]); });
          keys.clear();
          records.clear();
        });
  }

  const key_operation& operation_of(const fold_entry& e, const read_back::row* base) {
    auto& o = operation_;
    o.act = key_act::remove;
    o.deleted = false;
    o.seen = seen_.collecting();
    o.at.reset();
    o.cells.clear();
    const bool marks = e.kind == fold_kind::removed && soft();
    if (e.kind == fold_kind::lost || (e.kind == fold_kind::removed && !marks)
        || (e.kind == fold_kind::moved && base == nullptr))
      return o;
    o.act = marks || e.kind == fold_kind::partial ? key_act::part : key_act::row;
    o.deleted = marks || e.deleted;
    if (context_.keeps_letters() && !marks) o.at = fold_.position_of(e);
    for (auto i = route_->key.size(); i < columns_.size() && columns_[i].source; ++i)
      o.cells.push_back(marks ? row_cell{} : cell_of(e, base, i));
    return o;
  }

  struct spilled_row {
    std::string key;
    std::string operation;
  };

  void send_spilled() {
    std::vector<spilled_row> incomplete;
    std::size_t bytes = 0;
    spilled_.take([&](std::string_view key, std::string_view record) {
      unpack(record, operation_);
      if (operation_.act != key_act::part) return put_spilled(key, nullptr);
      incomplete.push_back({std::string(key), std::string(record)});
      bytes += key.size() + record.size();
      if (incomplete.size() < read_back::most_keys && bytes < context_.piece_bytes()) return;
      complete(std::exchange(incomplete, {}));
      bytes = 0;
    });
    complete(incomplete);
  }

  void complete(const std::vector<spilled_row>& incomplete) {
    std::vector<std::vector<std::string_view>> keys(incomplete.size());
    for (std::size_t i = 0; i < keys.size(); ++i) split_key(incomplete[i].key, keys[i]);
    for (std::size_t begin = 0; begin < keys.size();) {
      const auto end = begin + fetch(std::span(keys).subspan(begin));
      for (auto i = begin; i < end; ++i) complete(incomplete[i], keys[i]);
      target_.clear();
      begin = end;
    }
  }

  void complete(const spilled_row& row, key_view key) {
    unpack(row.operation, operation_);
    const auto* there = target_.find(read_back::key_of(columns_, key));
    if (there != nullptr && (operation_.deleted || !was_refused(key)))
      return put_spilled(row.key, there);
    if (operation_.seen && seen_.collecting()) seen_.add(key);
    if (!operation_.deleted) miss(row.key);
  }

  /// Of operation_.
  void put_spilled(std::string_view key, const read_back::row* base) {
    split_key(key, key_);
    if (operation_.act == key_act::remove) return remove(key_);
    const auto first = key_.size();
    put_row(
        operation_.deleted, [&] { return key_; },
        [&](std::size_t i) {
          if (i < first) return row_cell{row_cell::kind::source, key_[i]};
          const auto& c = operation_.cells[i - first];
          return c.is == row_cell::kind::absent ? printed(base, i) : c;
        },
        [&] { return letter_of_operation(); });
    if (operation_.seen && seen_.collecting()) seen_.add(key_);
  }

  // ---- rows of a load

  std::string describe(key_view key) const {
    std::string all;
    for (std::size_t i = 0; i < key.size(); ++i)
      all += (i == 0 ? "" : ", ") + columns_[i].name + " = " + std::string(key[i]);
    return all;
  }

  dead_letter letter_of_key(key_view key) const {
    row_json texts;
    for (std::size_t i = 0; i < key.size(); ++i) texts.add(columns_[i].name, key[i]);
    return {table_, texts.text(), "{}", {}, std::nullopt};
  }

  /// As the one of an entry: of key_ and operation_.
  dead_letter letter_of_operation() const {
    auto letter = letter_of_key(key_);
    row_json row;
    for (const auto& c : route_->columns)
      for (std::size_t i = 0; i < key_.size() + operation_.cells.size(); ++i) {
        if (columns_[i].name != c.name) continue;
        const auto cell = i < key_.size() ? row_cell{row_cell::kind::source, key_[i]}
                                          : operation_.cells[i - key_.size()];
        if (cell.is == row_cell::kind::source) row.add(c.name, cell.text);
        if (cell.is == row_cell::kind::null) row.add(c.name, std::nullopt);
      }
    letter.row = row.text();
    letter.at = operation_.at;
    return letter;
  }

  void remove(key_view key) {
    const auto letter = [&] { return letter_of_key(key); };
    rows_.begin(row_op::remove);
    for (std::size_t i = 0; i < key.size(); ++i) {
      const auto problem = rows_.value(i, key[i]);
      if (!problem.empty()) return reject(rows_, i, problem, describe(key), letter);
    }
    for (std::size_t i = key.size(); i < columns_.size(); ++i) rows_.placeholder(i);
    end(rows_, letter);
  }

  /// `cell`: of each column that has a source. `key`: its texts, should the row be refused.
  template <class Key, class Cell, class Letter>
  void put_row(bool deleted, const Key& key, const Cell& cell, const Letter& letter) {
    rows_.begin(row_op::upsert);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].source) {
        rows_.value(i, deleted ? "t" : "f");
        continue;
      }
      const row_cell c = cell(i);
      std::string_view problem;
      switch (c.is) {
      case row_cell::kind::null:
        rows_.null(i);
        break;
      case row_cell::kind::printed:
        problem = rows_.printed(i, c.text);
        break;
      case row_cell::kind::source:
        problem = rows_.value(i, c.text);
        break;
      case row_cell::kind::absent:
        fail_value(i, "no value though its row is whole", describe(key()));
      }
      if (!problem.empty()) return reject(rows_, i, problem, describe(key()), letter);
    }
    end(rows_, letter);
  }

  // ---- TRUNCATE

  void note_truncate() {
    if (!fold_.truncated()) return;
    truncating_ = true;
    soft() ? spilled_.mark_all() : spilled_.clear();
  }

  /// Not atomic with its epoch: what is under way is committed, and the statement stands by itself.
  void truncate() {
    drain();
    context_.progress.go_ahead();
    const auto own = own_rows(*route_);
    if (soft())
      context_.sql.query("UPDATE " + quoted_ + " SET " + quote_identifier(deleted_column)
                             + " = TRUE WHERE " + quote_identifier(deleted_column) + " = FALSE"
                             + (own.empty() ? "" : " AND " + own),
                         quoted_);
    else if (!own.empty())
      context_.sql.query("DELETE FROM " + quoted_ + " WHERE " + own, quoted_);
    else
      context_.sql.query("TRUNCATE TABLE " + quoted_, quoted_);
    truncating_ = false;
  }

  fold fold_;
  row_encoder rows_;
  read_back target_;
  seen_rows seen_;
  spilled_keys spilled_;
  bool truncating_ = false; ///< by the epoch's end: the rows that are sent after it are later
  key_operation operation_; ///< at work
  std::vector<std::string_view> key_;
};

} // namespace

std::unique_ptr<table_writer> make_keyed_writer(target_context& context, const route_ptr& r) {
  return std::make_unique<keyed_writer>(context, r);
}

} // namespace leat::starrocks
