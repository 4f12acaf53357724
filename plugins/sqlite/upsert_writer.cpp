#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/fold.hpp"
#include "plugins/sqlite/seen_keys.hpp"
#include "plugins/sqlite/table_writer.hpp"
#include "plugins/sqlite/upsert_statements.hpp"

namespace leat::sqlite {

namespace {

/// New rows are written when this much has come: to keep more of them would fold nothing.
constexpr std::size_t bytes_worth_writing = 4U << 20;

/// Mode upsert with a key: changes are folded, and each key is written once per flush.
class upsert_writer final : public table_writer {
 public:
  upsert_writer(session& s, const route_ptr& r) : table_writer(s, r), fold_(r), seen_(s.db, *r) {
    fold_.set_settled(false);
  }

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    fold_.add(rows, changes);
    if (fold_.mostly_new() && fold_.retained() >= bytes_worth_writing) flush();
  }

  std::size_t buffered() const override { return fold_.empty() ? 0 : fold_.retained(); }

  void flush() override {
    if (fold_.empty()) return;
    begin_writing();
    if (!statements_) statements_.emplace(session_.db, *route_);
    const auto found = keep_moved_rows();
    if (fold_.truncated()) truncate();
    remove_keys(found);
    put_rows(found);
    if (!found.empty()) statements_->forget_moved();
    fold_.clear();
  }

  void became_consistent() override { fold_.set_settled(true); }

  void begin_snapshot(std::uint32_t generation) override {
    note_begun(generation);
    fold_.set_settled(false);
  }

  void finish_snapshot(std::uint32_t generation) override { end_snapshot(generation, true); }
  void give_up_snapshot(std::uint32_t generation) override { end_snapshot(generation, false); }

 private:
  void end_snapshot(std::uint32_t generation, bool whole) {
    fold_.set_settled(true);
    if (!note_finished(generation)) return;
    if (whole) seen_.remove_unseen();
    seen_.drop();
    save_record();
  }

  void forget_statements() override { statements_.reset(); }

  /// A table's first snapshot finds it empty.
  void write_begun() override {
    if (record_.snapshot > 1) seen_.start();
  }

  void columns_changed() override {
    const bool settled = fold_.settled();
    fold_ = fold(route_);
    fold_.set_settled(settled);
    seen_.use(*route_);
  }

  std::string describe(std::uint32_t key) const {
    std::string text = "(";
    const auto texts = fold_.key(key);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) text += ", ";
      text += route_->columns[route_->key[i]].name + " = " + std::string(texts[i]);
    }
    return text + ")";
  }

  void bind_key(statement& s, std::uint32_t key) const {
    for (std::size_t i = 0; i < route_->key.size(); ++i)
      bind_cell(s, route_->key[i] + 1, route_->key[i], cell_state::value, fold_.key_text(key, i),
                [&] { return describe(key); });
  }

  /// Cells that did not come are no parameters of their statements.
  void bind_row(statement& s, const fold_entry& e) const {
    const auto row = [&] { return describe(e.key); };
    for (std::size_t i = 0; i < route_->columns.size(); ++i) {
      const auto source = route_->columns[i].source;
      const auto state = fold_.state(e, source);
      if (state != cell_state::value && state != cell_state::null) continue;
      const auto text = state == cell_state::value ? fold_.text(e, source) : std::string_view{};
      bind_cell(s, static_cast<int>(i) + 1, i, state, text, row);
    }
    for (std::size_t i = 0; i < route_->key.size(); ++i)
      if (fold_.state(e, route_->source_key[i]) != cell_state::value)
        bind_cell(s, route_->key[i] + 1, route_->key[i], cell_state::value,
                  fold_.key_text(e.key, i), row);
    if (route_->removal == delete_mode::soft)
      s.bind(statements_->deleted_parameter(), std::int64_t{e.deleted});
  }

  column_set came(const fold_entry& e) const {
    column_set set(route_->columns.size(), '0');
    for (std::size_t i = 0; i < set.size(); ++i) {
      const auto state = fold_.state(e, route_->columns[i].source);
      if (state == cell_state::value || state == cell_state::null) set[i] = '1';
    }
    for (const auto k : route_->key) set[k] = '1';
    return set;
  }

  /// Rows that moved entries stand on, kept aside before anything is written: the numbers of the
  /// entries whose row was there, ascending.
  std::vector<std::uint32_t> keep_moved_rows() {
    std::vector<std::uint32_t> found;
    const auto entries = fold_.entries();
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (entries[i].kind != fold_kind::moved || lacks_a_change(entries[i], entries[i].base))
        continue;
      auto& keep = statements_->keep_moved();
      bind_key(keep, entries[i].base);
      keep.bind(statements_->moved_parameter(), std::int64_t{i});
      keep.run();
      if (session_.db.changes() > 0) found.push_back(i);
    }
    return found;
  }

  void truncate() {
    const auto table = "main." + quote(route_->target);
    const auto own = own_rows(*route_);
    session_.db.execute(route_->removal == delete_mode::soft
                            ? "UPDATE " + table + " SET _leat_deleted = 1 WHERE _leat_deleted = 0"
                                  + (own.empty() ? "" : " AND " + own)
                            : "DELETE FROM " + table + (own.empty() ? "" : " WHERE " + own));
  }

  void remove_keys(const std::vector<std::uint32_t>& found) {
    const auto entries = fold_.entries();
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      const auto& e = entries[i];
      const bool lost =
          e.kind == fold_kind::lost
          || (e.kind == fold_kind::moved && !std::binary_search(found.begin(), found.end(), i));
      if (!lost && e.kind != fold_kind::removed) continue;
      auto& remove = statements_->remove();
      bind_key(remove, e.key);
      remove.run();
      if (lost && !e.deleted) report_missing(e.key);
    }
  }

  /// What the target has under the key is from before a change that was refused.
  bool lacks_a_change(const fold_entry& e, std::uint32_t key) {
    return !e.deleted && session_.letters.may_hold(route_->target, fold_.key(key));
  }

  void report_missing(std::uint32_t key) { session_.missing.add(route_->id, fold_.key_texts(key)); }

  /// Upserts in key order: neighbours share pages of the B-tree.
  void put_rows(const std::vector<std::uint32_t>& found) {
    for (const auto i : in_key_order()) {
      const auto& e = fold_.entries()[i];
      if (e.kind == fold_kind::removed || e.kind == fold_kind::lost) continue;
      bool there = true;
      // A key whose row was refused is at the source all the same.
      session_.letters.guard([&] { there = put_row(e, i, found); },
                             [&] { return letter_of(*route_, fold_, e); });
      if (there && !e.deleted) seen_.add([&](statement& s) { bind_key(s, e.key); });
    }
  }

  /// False when the row's other cells are not there.
  bool put_row(const fold_entry& e, std::uint32_t number, const std::vector<std::uint32_t>& found) {
    if (e.kind == fold_kind::partial) return update(e);
    if (e.kind == fold_kind::moved) return put_moved(e, number, found);
    put(statements_->upsert(), e);
    return true;
  }

  void put(statement& s, const fold_entry& e) {
    bind_row(s, e);
    s.run();
  }

  bool update(const fold_entry& e) {
    if (lacks_a_change(e, e.key)) {
      report_missing(e.key);
      return true;
    }
    put(statements_->partial(came(e), e.deleted), e);
    if (session_.db.changes() > 0 || e.deleted) return true;
    report_missing(e.key);
    return false;
  }

  bool put_moved(const fold_entry& e, std::uint32_t number,
                 const std::vector<std::uint32_t>& found) {
    if (!std::binary_search(found.begin(), found.end(), number)) return false;
    auto& s = statements_->upsert_moved(came(e));
    s.bind(statements_->moved_parameter(), std::int64_t{number});
    put(s, e);
    return true;
  }

  std::vector<std::uint32_t> in_key_order() const {
    const auto entries = fold_.entries();
    std::vector<std::uint32_t> order(entries.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    if (kinds_[route_->key[0]] == storage::integer)
      sort_by_number(order);
    else
      std::sort(order.begin(), order.end(), [&](auto a, auto b) {
        return fold_.key_text(entries[a].key, 0) < fold_.key_text(entries[b].key, 0);
      });
    return order;
  }

  void sort_by_number(std::vector<std::uint32_t>& order) const {
    std::vector<std::pair<std::int64_t, std::uint32_t>> numbered;
    numbered.reserve(order.size());
    for (const auto i : order) {
      const auto text = fold_.key_text(fold_.entries()[i].key, 0);
      std::int64_t value = 0;
      // A text that is no number is refused when it is bound.
      std::from_chars(text.data(), text.data() + text.size(), value);
      numbered.emplace_back(value, i);
    }
    if (!std::is_sorted(numbered.begin(), numbered.end()))
      std::sort(numbered.begin(), numbered.end());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = numbered[i].second;
  }

  fold fold_;
  seen_keys seen_;
  std::optional<upsert_statements> statements_;
};

} // namespace

std::unique_ptr<table_writer> make_upsert_writer(session& s, const route_ptr& r) {
  return std::make_unique<upsert_writer>(s, r);
}

} // namespace leat::sqlite
