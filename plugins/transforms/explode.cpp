#include <algorithm>
#include <optional>

#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/elements.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

/// Rows by the key of the whole and the element's number. It keeps how many elements went out of
/// each: "3", or "3?" when those are of an array before the last, which was refused.
class explode final : public transform {
 public:
  explode(const transform_place& p, std::uint16_t column)
      : place_(p), column_(column), width_(p.input->columns.size()) {}

  void apply(batch& rows) override {
    std::vector<change> next;
    for (const auto& c : rows.changes) take(rows, c, next);
    rows.changes = std::move(next);
  }

 private:
  /// A row at a time is read, and rows are added behind.
  using row = std::vector<cell>;

  row copy(const batch& rows, std::uint32_t first) const {
    return {rows.cells.begin() + first,
            rows.cells.begin() + first + static_cast<std::ptrdiff_t>(width_)};
  }

  std::string key_of(const batch& rows, const row& cells) const {
    std::string out;
    append_key(out, rows, cells, place_.input->key);
    return out;
  }

  std::optional<std::uint64_t> count_of(const std::string& key) {
    const auto text = place_.state->get(key);
    if (!text) return std::nullopt;
    unknown_ = unknown_ || text->ends_with('?');
    return std::stoull(*text);
  }

  void take(batch& rows, const change& c, std::vector<change>& next) {
    unknown_ = false;
    if (c.kind == change_kind::truncate) {
      place_.state->clear();
      next.push_back(c);
      return;
    }
    if (c.kind == change_kind::remove) {
      const auto old = copy(rows, c.old_row);
      const auto key = key_of(rows, old);
      remove(rows, c, old, 1, count_of(key).value_or(0), next);
      place_.state->erase(key);
      return;
    }
    const auto fresh = copy(rows, c.new_row);
    const auto key = key_of(rows, fresh);
    auto held = count_of(key);
    if (c.kind == change_kind::update && c.old_row != change::no_row) {
      const auto old = copy(rows, c.old_row);
      if (const auto old_key = key_of(rows, old); old_key != key)
        held = move(rows, c, old, old_key, fresh, next);
    }
    const auto whole = fresh[column_];
    if (!came(whole)) return take_unchanged(rows, c, fresh, held, next);
    const auto found = elements_of(rows, whole);
    if (!found && place_.on_error != expression_policy::null) {
      refuse_row(place_, rows, c,
                 "the value of column `" + place_.input->columns[column_].name
                     + "` is not an array",
                 "leave it out with `where`");
      if (held) place_.state->put(key, std::to_string(*held) + "?");
      return;
    }
    const auto elements = found.value_or(element_list{});
    for (std::size_t i = 0; i < elements.size(); ++i) {
      auto made = c;
      made.old_row = change::no_row;
      made.old_kind = old_row_kind::none;
      const auto value =
          elements[i] ? rows.add_value(*elements[i]) : batch::make_state(cell_state::null);
      made.new_row = add(rows, fresh, value, i + 1);
      if (made.kind == change_kind::update && i >= held.value_or(0))
        made.kind = change_kind::insert;
      next.push_back(made);
    }
    remove(rows, c, fresh, elements.size() + 1, held.value_or(0), next);
    place_.state->put(key, std::to_string(elements.size()));
  }

  /// The elements under the old key go; but where the update left the array alone they move.
  std::uint64_t move(batch& rows, const change& c, const row& old, const std::string& old_key,
                     const row& fresh, std::vector<change>& next) {
    const auto held = count_of(old_key).value_or(0);
    const auto whole = fresh[column_];
    place_.state->erase(old_key);
    remove(rows, c, old, 1, held, next);
    unknown_ = !came(whole);
    return 0;
  }

  /// Every element's row changes in the other columns.
  void take_unchanged(batch& rows, const change& c, const row& fresh,
                      std::optional<std::uint64_t> held, std::vector<change>& next) {
    if (unknown_ || !held) {
      if (!place_.ask)
        throw error(error_kind::source, "an update did not bring the array, and it is not known",
                    place_.where, "ALTER TABLE ... REPLICA IDENTITY FULL");
      place_.ask(rows, fresh);
      return;
    }
    for (std::uint64_t i = 1; i <= *held; ++i) {
      auto made = c;
      made.old_row = change::no_row;
      made.old_kind = old_row_kind::none;
      made.new_row = add(rows, fresh, batch::make_state(cell_state::unchanged), i);
      next.push_back(made);
    }
  }

  void remove(batch& rows, const change& c, const row& of, std::uint64_t from, std::uint64_t to,
              std::vector<change>& next) {
    for (auto i = from; i <= to; ++i) {
      auto gone = c;
      gone.kind = change_kind::remove;
      gone.new_row = change::no_row;
      gone.old_kind = old_row_kind::key;
      auto key = of;
      for (std::uint16_t k = 0; k < key.size(); ++k)
        if (std::find(place_.input->key.begin(), place_.input->key.end(), k)
            == place_.input->key.end())
          key[k] = batch::make_state(cell_state::absent);
      gone.old_row = add(rows, key, batch::make_state(cell_state::absent), i);
      next.push_back(gone);
    }
  }

  std::uint32_t add(batch& rows, const row& cells, cell element, std::uint64_t number) {
    const auto first = static_cast<std::uint32_t>(rows.cells.size());
    rows.cells.insert(rows.cells.end(), cells.begin(), cells.end());
    rows.cells[first + column_] = element;
    rows.cells.push_back(rows.add_value(std::to_string(number)));
    return first;
  }

  /// None when the value is no array.
  std::optional<element_list> elements_of(const batch& rows, cell whole) const {
    if (whole.is_null()) return element_list{};
    const bool sql = place_.input->columns[column_].kind == value_class::array;
    return sql ? array_elements(rows.text(whole)) : json_elements(rows.text(whole));
  }

  transform_place place_;
  std::uint16_t column_;
  std::size_t width_;
  bool unknown_ = false; ///< elements that are known are not those of the array before the change
};

constexpr oid box_array = 1020;

class explode_type final : public transform_type {
 public:
  explicit explode_type(const transform_options& o)
      : column_(text_of(o, "column")), index_(text_of(o, "index")) {
    if (index_.empty()) index_ = column_ + "_index";
  }

  transform_output describe(const transform_input& in) const override {
    const auto from = find_column(*in.rows, column_, "column");
    if (in.mode == route_mode::append)
      throw error(
          error_kind::usage, "a change cannot be several rows in mode append", "",
          "use mode = \"upsert\", or take the array apart at the target: the log has it whole");
    if (in.rows->key.empty())
      throw error(error_kind::usage, "elements of rows without a key cannot be found again", "",
                  "give the table a primary key, and take it into `columns`");
    for (const auto k : in.rows->key)
      if (k == from)
        throw error(error_kind::usage, "column `" + column_ + "` is part of the key", "column",
                    "take another column");
    const auto kind = in.rows->columns[from].kind;
    const bool fits = kind == value_class::array || kind == value_class::json
                      || kind == value_class::jsonb || kind == value_class::text;
    if (!fits)
      throw error(error_kind::usage,
                  "column `" + column_ + "` is " + in.rows->columns[from].type_name
                      + ", which is no array",
                  "column", "take a column of an array, json, jsonb or text");
    // The one type of PostgreSQL whose elements are not parted by commas.
    if (in.rows->columns[from].type == box_array)
      throw error(error_kind::usage,
                  "column `" + column_ + "` is box[], whose elements have commas within", "column",
                  "take another column, or take the array apart at the target");
    auto out = with_texts(in, {from});
    auto rows = std::make_shared<table_schema>(*out.rows);
    rows->columns[from].nullable = true;
    column index;
    index.name = index_;
    index.type = 23;
    index.type_name = "integer";
    index.kind = value_class::int4;
    index.identity = true;
    index.nullable = false;
    rows->key.push_back(static_cast<std::uint16_t>(rows->columns.size()));
    rows->columns.push_back(std::move(index));
    out.from.emplace_back();
    out.rows = std::move(rows);
    out.keeps_state = true;
    return out;
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<explode>(p, find_column(*p.input, column_, "column"));
  }

  std::string text() const override { return "explode " + column_ + ", numbered by " + index_; }

 private:
  std::string column_;
  std::string index_;
};

} // namespace

transform_type_ptr make_explode(const transform_options& o) {
  return std::make_shared<explode_type>(o);
}

} // namespace leat::transforms
