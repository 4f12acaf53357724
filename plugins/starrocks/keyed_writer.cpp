#include <utility>

#include <xxhash.h>

#include "dataflow/dead_letter.hpp"
#include "dataflow/fold.hpp"
#include "dataflow/key_set.hpp"
#include "plugins/starrocks/held_deletes.hpp"
#include "plugins/starrocks/kept_rows.hpp"
#include "plugins/starrocks/read_back.hpp"
#include "plugins/starrocks/seen_rows.hpp"
#include "plugins/starrocks/table_writer.hpp"

namespace leat::starrocks {

namespace {

/// Keys of one epoch, in all tables, that are remembered one by one; beyond, any key of the table
/// may have been written.
constexpr std::size_t most_keys = 1U << 20;
constexpr std::size_t keys_marked_at_once = 500;

key_hash hash_of(std::string_view key) {
  const auto h = XXH3_128bits(key.data(), key.size());
  return {h.low64, h.high64};
}

/// Mode upsert: folds changes by key, and completes rows that did not come whole.
///
/// An epoch may flush several times into one transaction. Then deletes wait for its end, because a
/// server may apply them after all upserts; and rows that the epoch has written already cannot be
/// read back, so that what would need them is read from the source instead (R6).
class keyed_writer final : public table_writer {
 public:
  keyed_writer(target_context& context, const route_ptr& r)
      : table_writer(context, r), fold_(r), rows_(make_encoder()),
        target_(context.sql, quoted_, columns_), seen_(context, route_, columns_),
        removed_(context.services.spill, context.held),
        marked_(context.services.spill, context.held), kept_(context.held) {
    fold_.set_settled(false);
  }

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    fold_.add(rows, changes);
  }

  std::size_t buffered() const override { return fold_.retained() + rows_.bytes(); }

  void flush() override {
    if (fold_.empty()) return;
    // A TRUNCATE commits ahead, and must not tear a chunk apart: the rest of that is what comes
    // next.
    if (fold_.truncated() && !context_.open_chunks.empty()) return;
    check_fit();
    if (fold_.truncated()) truncate();
    read_rows();
    for (const auto& e : fold_.entries()) take(e);
    for (const auto& e : fold_.entries()) note_written(e);
    send(rows_);
    seen_.send();
    target_.clear();
    fold_.clear();
  }

  void finish_epoch() override {
    removed_.take([&](const std::vector<std::string>& texts) {
      const auto letter = [&] { return letter_of_key(texts); };
      rows_.begin(row_op::remove);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto problem = rows_.value(i, texts[i]);
        if (!problem.empty()) return reject(rows_, i, problem, describe(texts), letter);
      }
      for (std::size_t i = texts.size(); i < columns_.size(); ++i) rows_.placeholder(i);
      end(rows_, letter);
    });
    send(rows_);
    mark_unkept();
  }

  void committed() override {
    context_.remembered_keys -= written_.size();
    written_.clear();
    any_written_ = false;
    kept_.clear();
  }

  void became_consistent() override { fold_.set_settled(true); }

  void begin_snapshot(std::uint32_t generation) override {
    fold_.set_settled(false);
    auto record = context_.progress.table(route_->progress_name());
    if (!record.begin(generation)) return;
    // A table's first snapshot finds it empty.
    if (generation > 1) seen_.start();
    context_.progress.note(std::move(record));
  }

  void finish_snapshot(std::uint32_t generation) override { end_snapshot(generation, true); }
  void give_up_snapshot(std::uint32_t generation) override { end_snapshot(generation, false); }

 protected:
  void reshaped() override {
    if (!fold_.empty())
      throw error(error_kind::bug, "changes are left where columns change", quoted_, "report this");
    const bool settled = fold_.settled();
    fold_ = fold(route_);
    fold_.set_settled(settled);
    rows_ = make_encoder();
    seen_.use(route_);
    committed();
  }

 private:
  /// Drained: what the chunks have brought is seen by a statement.
  void end_snapshot(std::uint32_t generation, bool whole) {
    fold_.set_settled(true);
    if (context_.progress.table(route_->progress_name()).snapshot != generation) return;
    const bool collected = seen_.collecting();
    if (collected) {
      finish_epoch();
      drain();
      seen_.drain();
      committed();
      if (whole) seen_.remove_unseen();
    }
    auto record = context_.progress.table(route_->progress_name()); // draining may have changed it
    record.finish(generation);
    context_.progress.note_for_later(std::move(record));
    if (!collected) return;
    context_.progress.settle();
    seen_.drop();
  }

  bool soft() const { return route_->removal == delete_mode::soft; }

  std::vector<std::string> key_texts(std::uint32_t number) const {
    const auto views = fold_.key(number);
    return {views.begin(), views.end()};
  }

  std::string describe(const std::vector<std::string>& texts) const {
    std::string all;
    for (std::size_t i = 0; i < texts.size(); ++i)
      all += (i == 0 ? "" : ", ") + columns_[i].name + " = " + texts[i];
    return all;
  }

  void miss(const fold_entry& e) {
    if (!e.deleted) context_.missing.add(route_->id, key_texts(e.key));
  }

  bool is_written(std::uint32_t key) const {
    return any_written_ || written_.contains(hash_of(fold_.key_bytes(key)));
  }

  void note_written(const fold_entry& e) {
    if (any_written_) return;
    if (written_.insert(hash_of(fold_.key_bytes(e.key)))) ++context_.remembered_keys;
    if (context_.remembered_keys <= most_keys) return;
    context_.remembered_keys -= written_.size();
    written_.clear();
    any_written_ = true;
  }

  /// Key at the target that the entry needs the row of; none when it needs none.
  std::uint32_t needed(const fold_entry& e) const {
    if (e.kind == fold_kind::moved) return e.base;
    if (e.kind == fold_kind::partial) return e.key;
    return e.kind == fold_kind::removed && soft() ? e.key : fold_entry::none;
  }

  void read_rows() {
    std::vector<std::vector<std::string_view>> keys;
    for (const auto& e : fold_.entries()) {
      const auto key = needed(e);
      if (key != fold_entry::none && !is_written(key)) keys.push_back(fold_.key(key));
    }
    if (keys.empty()) return;
    context_.progress.await_fresh();
    target_.fetch(keys);
  }

  const read_back::row* row_of(std::uint32_t key) const {
    if (key == fold_entry::none || is_written(key)) return nullptr;
    const auto texts = fold_.key(key);
    return target_.find(read_back::key_of(columns_, texts));
  }

  void take(const fold_entry& e) {
    switch (e.kind) {
    case fold_kind::upsert:
      return put(e, nullptr);
    case fold_kind::removed:
      return soft() ? mark(e) : remove(e);
    case fold_kind::lost:
      remove(e);
      return miss(e);
    case fold_kind::moved:
      if (const auto* base = row_of(e.base)) return put(e, base);
      remove(e);
      return miss(e);
    case fold_kind::partial:
      if (const auto* there = row_of(e.key)) return put(e, there);
      return miss(e);
    }
  }

  void remove(const fold_entry& e) { removed_.hold(fold_.key_bytes(e.key), key_texts(e.key)); }

  dead_letter letter_of_key(const std::vector<std::string>& texts) const {
    row_json key;
    for (std::size_t i = 0; i < texts.size(); ++i) key.add(columns_[i].name, texts[i]);
    return {table_, key.text(), "{}", {}, std::nullopt};
  }

  /// delete = "soft" where only the key came.
  void mark(const fold_entry& e) {
    const auto key = fold_.key_bytes(e.key);
    if (const auto* written = kept_.find(key)) return mark(*written, key_texts(e.key));
    if (is_written(e.key)) {
      if (any_written_ || !kept_.all()) marked_.hold(key, key_texts(e.key));
      return;
    }
    const auto* there = row_of(e.key);
    if (there == nullptr) return;
    auto cells = cells_of(*there);
    mark(cells, key_texts(e.key));
    kept_.keep(key, std::move(cells));
  }

  void mark(const kept_rows::row& cells, const std::vector<std::string>& key) {
    rows_.begin(row_op::upsert);
    for (std::size_t i = 0; i + 1 < columns_.size(); ++i) put_sent(i, cells[i]);
    rows_.value(columns_.size() - 1, "t");
    end(rows_, [&] { return letter_of_key(key); });
  }

  /// What the epoch has written and could not keep is read back once it is committed, ahead of the
  /// epoch.
  void mark_unkept() {
    bool drained = false;
    std::vector<std::vector<std::string>> keys;
    const auto mark_all = [&] {
      if (!std::exchange(drained, true)) {
        drain();
        committed();
      }
      mark_there(keys);
      keys.clear();
    };
    marked_.take([&](const std::vector<std::string>& texts) {
      keys.push_back(texts);
      if (keys.size() == keys_marked_at_once) mark_all();
    });
    if (!keys.empty()) mark_all();
    send(rows_);
  }

  void mark_there(const std::vector<std::vector<std::string>>& keys) {
    std::vector<std::vector<std::string_view>> views;
    for (const auto& texts : keys) views.emplace_back(texts.begin(), texts.end());
    context_.progress.await_fresh();
    target_.fetch(views);
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (const auto* there = target_.find(read_back::key_of(columns_, views[i])))
        mark(cells_of(*there), keys[i]);
    target_.clear();
  }

  static kept_rows::row cells_of(const read_back::row& texts) {
    kept_rows::row cells;
    for (const auto& text : texts)
      cells.push_back(text ? sent_cell{sent_cell::kind::printed, *text} : sent_cell{});
    return cells;
  }

  void put_sent(std::size_t column, const sent_cell& c) {
    switch (c.is) {
    case sent_cell::kind::null:
      return rows_.null(column);
    case sent_cell::kind::printed:
      return rows_.printed(column, c.text);
    case sent_cell::kind::source:
      rows_.value(column, c.text);
    }
  }

  void keep(const fold_entry& e, const read_back::row* base) {
    if (!soft()) return;
    kept_rows::row cells(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].source) continue;
      const auto state = fold_.state(e, *columns_[i].source);
      if (state == cell_state::value)
        cells[i] = {sent_cell::kind::source, std::string(fold_.text(e, *columns_[i].source))};
      else if (state != cell_state::null && base != nullptr && (*base)[i])
        cells[i] = {sent_cell::kind::printed, *(*base)[i]};
    }
    kept_.keep(fold_.key_bytes(e.key), std::move(cells));
  }

  void put_printed(std::size_t column, const std::optional<std::string>& text) {
    text ? rows_.printed(column, *text) : rows_.null(column);
  }

  void put(const fold_entry& e, const read_back::row* base) {
    const auto letter = [&] { return letter_of(*route_, fold_, e); };
    removed_.release(fold_.key_bytes(e.key));
    if (soft()) marked_.release(fold_.key_bytes(e.key));
    rows_.begin(row_op::upsert);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].source) {
        rows_.value(i, e.deleted ? "t" : "f");
        continue;
      }
      const auto source = *columns_[i].source;
      const auto state = fold_.state(e, source);
      if (state == cell_state::null) {
        rows_.null(i);
      } else if (came(state)) {
        const auto problem = rows_.value(i, fold_.text(e, source));
        if (problem.empty()) continue;
        if (!columns_[i].key) seen_.add(fold_, e.key);
        kept_.lose();
        return reject(rows_, i, problem, describe(key_texts(e.key)), letter);
      } else if (base != nullptr) {
        put_printed(i, (*base)[i]);
      } else {
        fail_value(i, "no value though its row is whole", describe(key_texts(e.key)));
      }
    }
    seen_.add(fold_, e.key);
    keep(e, base);
    end(rows_, letter);
  }

  /// Not atomic with its epoch: what is under way is committed, and the statement stands by itself.
  void truncate() {
    if (route_->removal == delete_mode::ignore) return;
    removed_.clear();
    marked_.clear();
    forget(rows_);
    drain();
    committed();
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
  }

  fold fold_;
  row_encoder rows_;
  read_back target_;
  seen_rows seen_;
  held_deletes removed_;
  held_deletes marked_; ///< of removed rows that are written and could not be kept; soft only
  kept_rows kept_;      ///< soft only
  key_set written_;     ///< keys that flushes of the open epoch have taken
  bool any_written_ = false;
};

} // namespace

std::unique_ptr<table_writer> make_keyed_writer(target_context& context, const route_ptr& r) {
  return std::make_unique<keyed_writer>(context, r);
}

} // namespace leat::starrocks
