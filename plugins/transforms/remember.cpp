#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/remembered_row.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

class remember final : public transform {
 public:
  remember(const transform_place& p, bool before)
      : place_(p), key_(p.input->key), width_(p.input->columns.size()), before_(before) {}

  void apply(batch& rows) override {
    std::vector<change> next;
    next.reserve(rows.changes.size());
    if (before_) widen(rows);
    for (const auto& c : rows.changes) take(rows, c, next);
    rows.changes = std::move(next);
  }

 private:
  using row_cells = std::vector<cell>;

  /// Rows get room for their old values.
  void widen(batch& rows) const {
    std::vector<cell> wide;
    const auto move = [&](std::uint32_t& first) {
      if (first == change::no_row) return;
      const auto to = static_cast<std::uint32_t>(wide.size());
      for (std::size_t i = 0; i < width_; ++i) wide.push_back(rows.cells[first + i]);
      wide.resize(wide.size() + width_, batch::make_state(cell_state::null));
      first = to;
    };
    for (auto& c : rows.changes) {
      move(c.new_row);
      move(c.old_row);
    }
    rows.cells = std::move(wide);
  }

  std::size_t out_width() const { return before_ ? 2 * width_ : width_; }

  std::string key_of(const batch& rows, std::uint32_t first) const {
    std::string out;
    append_key(out, rows, {rows.cells.data() + first, width_}, key_);
    return out;
  }

  void take(batch& rows, change c, std::vector<change>& next) {
    switch (c.kind) {
    case change_kind::truncate:
      place_.state->clear();
      break;
    case change_kind::read:
      // A log gets rows of chunks also where the stream has brought a later one (R11).
      if (place_.mode == route_mode::append && place_.state->get(key_of(rows, c.new_row))) break;
      [[fallthrough]];
    case change_kind::insert:
      // an update that enters the publication's row filter may leave values out
      if (place_.ask && !came_whole(rows, c)) return ask(rows, c, key_of(rows, c.new_row), next);
      store(rows, c.new_row, key_of(rows, c.new_row), rows.transaction_of(c).commit);
      break;
    case change_kind::update:
      return take_update(rows, c, next);
    case change_kind::remove: {
      const auto key = key_of(rows, c.old_row);
      if (const auto known = find(key)) show_old(rows, c, *known);
      place_.state->erase(key);
      break;
    }
    }
    next.push_back(c);
  }

  bool came_whole(const batch& rows, const change& c) const {
    const auto first = rows.cells.begin() + c.new_row;
    return std::all_of(first, first + width_, [](cell v) { return came(v); });
  }

  std::optional<remembered_row> find(const std::string& key) const {
    const auto bytes = place_.state->get(key);
    if (!bytes) return std::nullopt;
    return decode_row(*bytes, *place_.input);
  }

  void take_update(batch& rows, change c, std::vector<change>& next) {
    const auto key = key_of(rows, c.new_row);
    const auto old_key = c.old_row == change::no_row ? key : key_of(rows, c.old_row);
    const bool moved = old_key != key;
    const auto commit = rows.transaction_of(c).commit;
    const auto known = find(old_key);
    // A row of a chunk may be later than this change, and another under its key.
    const bool exact = known && known->high <= commit;
    auto high = commit;
    bool whole = true;
    for (std::size_t i = 0; i < width_; ++i) {
      auto& value = rows.cells[c.new_row + i];
      if (came(value)) continue;
      const bool usable = exact || (known && !moved && place_.mode == route_mode::upsert);
      if (!usable || known->states[i] == cell_state::unchanged) {
        whole = false;
        continue;
      }
      value = cell_of(rows, *known, i);
      high = std::max(high, known->high);
    }
    if (moved) place_.state->erase(old_key);
    if (!whole && place_.ask) return ask(rows, c, key, next);
    store(rows, c.new_row, key, high);
    if (before_)
      for (std::size_t i = 0; i < width_; ++i)
        rows.cells[c.new_row + width_ + i] = batch::make_state(cell_state::unchanged);
    if (exact) show_old(rows, c, *known);
    next.push_back(c);
  }

  static cell cell_of(batch& rows, const remembered_row& known, std::size_t i) {
    return known.states[i] == cell_state::value ? rows.add_value(known.texts[i])
                                                : batch::make_state(known.states[i]);
  }

  /// The key goes away, and its row is read at the source.
  void ask(batch& rows, const change& c, const std::string& key, std::vector<change>& next) {
    place_.state->erase(key);
    place_.ask(rows, rows.new_row(c));
    remove_incomplete(rows, c, next);
  }

  void store(const batch& rows, std::uint32_t first, const std::string& key, commit_lsn high) {
    remembered_row row;
    row.high = high;
    for (std::size_t i = 0; i < width_; ++i) {
      const auto c = rows.cells[first + i];
      row.states.push_back(came(c) ? c.state() : cell_state::unchanged);
      row.texts.emplace_back(c.has_value() ? rows.text(c) : std::string_view{});
    }
    place_.state->put(key, encode(row, *place_.input));
  }

  /// What REPLICA IDENTITY FULL would bring: of use to logs.
  void show_old(batch& rows, change& c, const remembered_row& known) const {
    if (place_.mode != route_mode::append || known.high > rows.transaction_of(c).commit) return;
    const auto first = static_cast<std::uint32_t>(rows.cells.size());
    bool whole = true;
    for (std::size_t i = 0; i < width_; ++i) {
      auto value = cell_of(rows, known, i);
      if (!came(value)) {
        whole = false;
        value = batch::make_state(cell_state::absent);
      }
      rows.cells.push_back(value);
    }
    if (before_) {
      for (std::size_t i = 0; i < width_; ++i) {
        const auto value = rows.cells[first + i];
        rows.cells.push_back(value);
        if (c.new_row != change::no_row)
          rows.cells[c.new_row + width_ + i] =
              came(value) ? value : batch::make_state(cell_state::unchanged);
      }
    }
    c.old_row = first;
    c.old_kind = whole ? old_row_kind::full : old_row_kind::key;
  }

  transform_place place_;
  std::vector<std::uint16_t> key_;
  std::size_t width_;
  bool before_;
};

class remember_type final : public transform_type {
 public:
  explicit remember_type(const transform_options& o) : before_(text_of(o, "before")) {}

  transform_output describe(const transform_input& in) const override {
    if (in.rows->key.empty())
      throw error(error_kind::usage, "rows without a key cannot be remembered", "",
                  "give the table a primary key, and take it into `columns`");
    if (!before_.empty() && in.mode != route_mode::append)
      throw error(error_kind::usage, "`before` has a meaning in mode append only", "before",
                  "take it out, or set mode = \"append\" in the route");
    auto out = passing_on(in);
    out.keeps_state = true;
    out.completes = true;
    if (before_.empty()) return out;
    auto rows = std::make_shared<table_schema>(*in.rows);
    for (auto c : in.rows->columns) {
      c.name = before_ + c.name;
      c.identity = false;
      c.nullable = true;
      c.number = c.number > 0 && c.number < first_made_number
                     ? static_cast<std::int16_t>(c.number + 10000)
                     : std::int16_t{0};
      rows->columns.push_back(std::move(c));
      out.from.emplace_back();
    }
    out.rows = std::move(rows);
    return out;
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<remember>(p, !before_.empty());
  }

  bool completes_table() const override { return before_.empty(); }

  std::string text() const override {
    return before_.empty() ? "remember the last row of each key"
                           : "remember the last row of each key, old values in " + before_ + "*";
  }

 private:
  std::string before_;
};

} // namespace

transform_type_ptr make_remember(const transform_options& o) {
  return std::make_shared<remember_type>(o);
}

} // namespace leat::transforms
