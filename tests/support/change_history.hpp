#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// A small table that lives through random changes, told as PostgreSQL tells them: values that an
/// update leaves alone do not come (R6), keys move, swap and come back, tables are truncated. Keeps
/// what each target must hold, applied one by one.
class change_history {
 public:
  struct kept_row {
    std::array<std::optional<std::string>, 3> cells; ///< name, body, note
    bool deleted = false;                            ///< delete_mode::soft
    bool operator==(const kept_row&) const = default;
  };
  using contents = std::map<int, kept_row>;

  change_history(std::uint32_t seed, delete_mode removal, bool full_identity)
      : random_(seed), removal_(removal), full_(full_identity) {}

  static schema_ptr schema() {
    return table("public.t")
        .column("id", value_class::int4)
        .column("name", value_class::text)
        .column("body", value_class::text)
        .column("note", value_class::text)
        .key({"id"})
        .build();
  }

  const contents& expected() const { return target_; }

  void step(batch_builder& out) {
    const auto dice = below(100);
    if (dice < 25)
      insert(out);
    else if (dice < 55)
      update(out);
    else if (dice < 70)
      move(out);
    else if (dice < 80)
      swap(out);
    else if (dice < 98)
      remove(out);
    else
      truncate(out);
  }

 private:
  static constexpr int most_keys = 8;

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  std::optional<int> some_key() {
    if (live_.empty()) return std::nullopt;
    return std::next(live_.begin(), below(static_cast<int>(live_.size())))->first;
  }
  std::optional<int> free_key() {
    const auto id = 1 + below(most_keys);
    return live_.contains(id) ? std::nullopt : std::optional(id);
  }
  std::optional<std::string> fresh() {
    if (below(8) == 0) return std::nullopt;
    return "v" + std::to_string(++counter_);
  }

  static value cell_of(const std::optional<std::string>& text) {
    return text ? value(*text) : value(nullptr);
  }
  row whole(int id, const kept_row& r) const {
    return {id, cell_of(r.cells[0]), cell_of(r.cells[1]), cell_of(r.cells[2])};
  }
  row old_row(int id, const kept_row& r) const {
    if (full_) return whole(id, r);
    return {id, absent, absent, absent};
  }
  old_row_kind old_kind() const { return full_ ? old_row_kind::full : old_row_kind::key; }

  void insert(batch_builder& out) {
    const auto id = free_key();
    if (!id) return;
    const kept_row r{{fresh(), fresh(), fresh()}, false};
    out.insert(whole(*id, r));
    live_[*id] = r;
    target_[*id] = r;
  }

  void update(batch_builder& out) {
    if (const auto id = some_key()) change(out, *id, *id);
  }

  void move(batch_builder& out) {
    const auto from = some_key();
    const auto to = free_key();
    if (from && to) change(out, *from, *to);
  }

  void swap(batch_builder& out) {
    const auto a = some_key();
    const auto b = some_key();
    if (!a || !b || *a == *b) return;
    change(out, *a, -1);
    change(out, *b, *a);
    change(out, -1, *b);
  }

  void change(batch_builder& out, int from, int to) {
    const auto before = live_.at(from);
    auto after = before;
    row told{to, unchanged, unchanged, unchanged};
    // Only the toasted columns can be left out: body and note.
    after.cells[0] = below(2) == 0 ? before.cells[0] : fresh();
    told[1] = cell_of(after.cells[0]);
    for (std::size_t i = 1; i < 3; ++i) {
      if (before.cells[i] && below(2) == 0) continue;
      after.cells[i] = fresh();
      told[i + 1] = cell_of(after.cells[i]);
    }
    if (from == to && !full_)
      out.update(told);
    else
      out.update(old_row(from, before), told, old_kind());
    live_.erase(from);
    live_[to] = after;
    if (from != to) let_go(from);
    target_[to] = after;
  }

  void let_go(int id) {
    if (removal_ == delete_mode::soft)
      target_.at(id).deleted = true;
    else
      target_.erase(id);
  }

  void remove(batch_builder& out) {
    const auto id = some_key();
    if (!id) return;
    out.remove(old_row(*id, live_.at(*id)), old_kind());
    live_.erase(*id);
    if (removal_ != delete_mode::ignore) let_go(*id);
  }

  void truncate(batch_builder& out) {
    out.truncate();
    live_.clear();
    if (removal_ == delete_mode::hard) target_.clear();
    if (removal_ == delete_mode::soft)
      for (auto& [id, r] : target_) r.deleted = true;
  }

  std::mt19937 random_;
  delete_mode removal_;
  bool full_;
  int counter_ = 0;
  contents live_;
  contents target_;
};

} // namespace leat::test
