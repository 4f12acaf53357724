#include <algorithm>
#include <cstring>

#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/digests.hpp"
#include "plugins/transforms/remembered_row.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

constexpr std::size_t digest_size = 8;
constexpr std::size_t entry_size = 2 + digest_size;
constexpr std::string_view columns_key; ///< no row's key is empty

/// What it keeps of a key: the digests of the chosen columns as they went out last, after their
/// names. One compares with the last of the same key only, so that 64 bits are plenty.
class dedup final : public transform {
 public:
  dedup(const transform_place& p, std::vector<std::uint16_t> columns)
      : place_(p), columns_(std::move(columns)), names_(kept_names(*p.input)) {
    forget_dropped_columns();
  }

  void apply(batch& rows) override {
    std::erase_if(rows.changes, [&](const change& c) { return !passes(rows, c); });
  }

 private:
  bool passes(const batch& rows, const change& c) {
    switch (c.kind) {
    case change_kind::truncate:
      clear();
      return true;
    case change_kind::remove:
      place_.state->erase(key_of(rows, rows.old_row(c)));
      return true;
    case change_kind::insert:
    case change_kind::read: // a snapshot shows which rows there are
      place_.state->put(key_of(rows, rows.new_row(c)), digests(rows, rows.new_row(c), {}));
      return true;
    case change_kind::update:
      break;
    }
    const auto key = key_of(rows, rows.new_row(c));
    const bool moved = c.old_row != change::no_row && key_of(rows, rows.old_row(c)) != key;
    if (moved) place_.state->erase(key_of(rows, rows.old_row(c)));
    const auto before = moved ? std::nullopt : place_.state->get(key);
    auto now = digests(rows, rows.new_row(c), before.value_or(""));
    if (before && *before == now && now.size() == entry_size * columns_.size()) return false;
    place_.state->put(key, now);
    return true;
  }

  /// A column that comes again under its name has other values at the target.
  void forget_dropped_columns() {
    const auto now = column_list();
    const auto before = place_.state->get(columns_key).value_or("");
    if (before == now) return;
    for (std::size_t at = 0; at + 1 < before.size();) {
      const auto end = before.find('\0', at + 1);
      if (now.find(before.substr(at, end + 1 - at)) == now.npos) return clear();
      at = end;
    }
    place_.state->put(columns_key, now);
  }

  void clear() {
    place_.state->clear();
    place_.state->put(columns_key, column_list());
  }

  /// Each name between two zeros, which no name holds.
  std::string column_list() const {
    std::string out(1, '\0');
    for (const auto i : columns_) out += place_.input->columns[i].name + '\0';
    return out;
  }

  std::string key_of(const batch& rows, std::span<const cell> row) const {
    std::string out;
    append_key(out, rows, row, place_.input->key);
    return out;
  }

  /// `before`: for the columns that did not come.
  std::string digests(const batch& rows, std::span<const cell> row, std::string_view before) {
    std::string out;
    for (const auto i : columns_) {
      const auto c = row[i];
      char name[2];
      std::memcpy(name, &names_[i], sizeof name);
      if (came(c)) {
        scratch_.assign(c.has_value() ? "v" : "n");
        if (c.has_value()) scratch_ += rows.text(c);
        out.append(name, sizeof name);
        out += sha256(scratch_).substr(0, digest_size);
        continue;
      }
      for (std::size_t at = 0; at + entry_size <= before.size(); at += entry_size)
        if (std::memcmp(before.data() + at, name, sizeof name) == 0)
          out += before.substr(at, entry_size);
    }
    return out;
  }

  transform_place place_;
  std::vector<std::uint16_t> columns_;
  std::vector<std::uint16_t> names_;
  std::string scratch_;
};

class dedup_type final : public transform_type {
 public:
  explicit dedup_type(const transform_options& o) : columns_(texts_of(o, "columns")) {}

  transform_output describe(const transform_input& in) const override {
    if (in.rows->key.empty())
      throw error(error_kind::usage, "rows without a key cannot be compared with their last", "",
                  "give the table a primary key, and take it into `columns`");
    chosen(*in.rows);
    auto out = passing_on(in);
    out.keeps_state = true;
    return out;
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<dedup>(p, chosen(*p.input));
  }

  std::string text() const override {
    return columns_.empty() ? "dedup: drop updates that change nothing"
                            : "dedup: drop updates that change nothing in " + joined(columns_);
  }

 private:
  std::vector<std::uint16_t> chosen(const table_schema& rows) const {
    if (!columns_.empty()) return find_columns(rows, columns_, "columns");
    std::vector<std::uint16_t> all;
    for (std::uint16_t i = 0; i < rows.columns.size(); ++i) all.push_back(i);
    return all;
  }

  std::vector<std::string> columns_;
};

} // namespace

transform_type_ptr make_dedup(const transform_options& o) {
  return std::make_shared<dedup_type>(o);
}

} // namespace leat::transforms
