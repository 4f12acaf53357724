#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include <xxhash.h>

#include "dataflow/fold.hpp"
#include "dataflow/key_set.hpp"
#include "plugins/starrocks/read_back.hpp"
#include "plugins/starrocks/seen_rows.hpp"
#include "plugins/starrocks/table_writer.hpp"

namespace leat::starrocks {

namespace {

/// Keys of one epoch that are remembered one by one; beyond, any key may have been written.
constexpr std::size_t most_keys = 1U << 20;

key_hash hash_of(std::string_view key) {
  const auto h = XXH3_128bits(key.data(), key.size());
  return {h.low64, h.high64};
}

bool came(cell_state s) { return s == cell_state::value || s == cell_state::null; }

/// Mode upsert: folds changes by key, and completes rows that did not come whole.
///
/// An epoch may flush several times into one transaction. Then deletes wait for its end, because a server
/// may apply them after all upserts; and rows that the epoch has written already cannot be read back, so
/// that what would need them is read from the source instead (R6).
class keyed_writer final : public table_writer {
 public:
  keyed_writer(target_context& context, const route_ptr& r)
      : table_writer(context, r), fold_(r), rows_(make_encoder()),
        target_(context.sql, quoted_, columns_), seen_(context, route_, columns_) {
    fold_.set_settled(false);
  }

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    fold_.add(rows, changes);
  }

  std::size_t buffered() const override { return fold_.retained() + rows_.bytes() + removed_bytes_; }

  void flush() override {
    if (fold_.empty()) return;
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
    for (const auto& [key, texts] : removed_) {
      rows_.begin(row_op::remove);
      put_key(texts, "");
      for (std::size_t i = texts.size(); i < columns_.size(); ++i) rows_.placeholder(i);
      rows_.end();
      send_if_large(rows_);
    }
    send(rows_);
    removed_.clear();
    removed_bytes_ = 0;
  }

  void committed() override {
    written_.clear();
    any_written_ = false;
  }

  void became_consistent() override { fold_.set_settled(true); }

  std::vector<missing_row> take_missing() override { return std::exchange(missing_, {}); }

  void begin_snapshot(std::uint32_t generation) override {
    fold_.set_settled(false);
    const auto record = context_.progress.table(table_);
    if (generation == record.snapshot || generation == record.finished) return;
    // A table's first snapshot finds it empty.
    if (generation > 1) seen_.start();
    context_.progress.set_snapshot(table_, generation, record.finished);
  }

  /// Drained: what the chunks have brought is seen by a statement.
  void finish_snapshot(std::uint32_t generation) override {
    fold_.set_settled(true);
    if (context_.progress.table(table_).snapshot != generation) return;
    if (seen_.collecting()) {
      finish_epoch();
      drain();
      seen_.drain();
      committed();
      seen_.remove_unseen();
    }
    context_.progress.set_snapshot(table_, 0, generation);
    seen_.drop();
  }

 protected:
  void reshaped() override {
    const bool settled = fold_.settled();
    fold_ = fold(route_);
    fold_.set_settled(settled);
    rows_ = make_encoder();
    seen_.use(route_);
    committed();
  }

 private:
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
    if (!e.deleted) missing_.push_back({route_->id, key_texts(e.key)});
  }

  bool is_written(std::uint32_t key) const {
    return any_written_ || written_.contains(hash_of(fold_.key_bytes(key)));
  }

  void note_written(const fold_entry& e) {
    if (any_written_) return;
    written_.insert(hash_of(fold_.key_bytes(e.key)));
    if (written_.size() <= most_keys) return;
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

  void remove(const fold_entry& e) {
    auto& texts = removed_[std::string(fold_.key_bytes(e.key))];
    texts = key_texts(e.key);
    for (const auto& t : texts) removed_bytes_ += t.size() + 64;
  }

  /// delete = "soft" where only the key came.
  void mark(const fold_entry& e) {
    const auto* there = row_of(e.key);
    if (there == nullptr) return;
    rows_.begin(row_op::upsert);
    for (std::size_t i = 0; i + 1 < columns_.size(); ++i) put_printed(i, (*there)[i]);
    rows_.value(columns_.size() - 1, "t");
    rows_.end();
    send_if_large(rows_);
  }

  void put_printed(std::size_t column, const std::optional<std::string>& text) {
    text ? rows_.printed(column, *text) : rows_.null(column);
  }

  void put_key(const std::vector<std::string>& texts, const char* why) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto problem = rows_.value(i, texts[i]);
      if (!problem.empty()) fail_value(i, std::string(problem) + why, describe(texts));
    }
  }

  void put(const fold_entry& e, const read_back::row* base) {
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
        if (!problem.empty()) fail_value(i, problem, describe(key_texts(e.key)));
      } else if (base != nullptr) {
        put_printed(i, (*base)[i]);
      } else {
        fail_value(i, "no value though its row is whole", describe(key_texts(e.key)));
      }
    }
    rows_.end();
    removed_.erase(std::string(fold_.key_bytes(e.key)));
    seen_.add(fold_, e.key);
    send_if_large(rows_);
  }

  /// Not atomic with its epoch: what is under way is committed, and the statement stands by itself.
  void truncate() {
    if (route_->removal == delete_mode::ignore) return;
    removed_.clear();
    rows_.take();
    drain();
    committed();
    if (soft())
      context_.sql.query("UPDATE " + quoted_ + " SET " + quote_identifier(deleted_column)
                             + " = TRUE WHERE " + quote_identifier(deleted_column) + " = FALSE",
                         quoted_);
    else
      context_.sql.query("TRUNCATE TABLE " + quoted_, quoted_);
  }

  fold fold_;
  row_encoder rows_;
  read_back target_;
  seen_rows seen_;
  std::unordered_map<std::string, std::vector<std::string>> removed_; ///< by key, until the epoch ends
  std::size_t removed_bytes_ = 0;
  key_set written_; ///< keys that flushes of the open epoch have taken
  bool any_written_ = false;
  std::vector<missing_row> missing_;
};

} // namespace

std::unique_ptr<table_writer> make_keyed_writer(target_context& context, const route_ptr& r) {
  return std::make_unique<keyed_writer>(context, r);
}

} // namespace leat::starrocks
