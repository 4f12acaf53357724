#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dataflow/shaping.hpp"
#include "dataflow/transform_chain.hpp"
#include "plugins/transforms/built_in.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// A transform's state in a map.
class map_state : public keyed_state {
 public:
  std::optional<std::string> get(std::string_view key) override {
    const auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  void put(std::string_view key, std::string_view value) override {
    values[std::string(key)] = value;
  }
  void erase(std::string_view key) override { values.erase(std::string(key)); }
  void clear() override { values.clear(); }

  std::map<std::string, std::string, std::less<>> values;
};

/// [transform.NAME] of a built-in type; its name is its type.
class transform_section {
 public:
  explicit transform_section(std::string type) { o_.name = o_.type = std::move(type); }
  transform_section& set(const std::string& option, std::vector<std::string> texts) {
    o_.values[option] = std::move(texts);
    return *this;
  }
  const transform_options& options() const { return o_; }

 private:
  transform_options o_;
};

inline transform_section mask_of(std::vector<std::string> columns, const std::string& method) {
  return transform_section("mask")
      .set("columns", std::move(columns))
      .set("method", {method})
      .set("with", {"*"})
      .set("keep", {"4"});
}
inline transform_section hash_of(std::vector<std::string> columns,
                                 const std::string& salt = "pepper and salt") {
  return transform_section("hash")
      .set("columns", std::move(columns))
      .set("salt", {salt})
      .set("length", {"16"});
}

/// The transforms of one route, on changes that a test makes. What leaves them is a line a change:
/// "i 1|a", "u 1|a <- 1|b" with the old row behind, "d 1|-", "r 1|a", "t"; ~ unchanged, - absent,
/// NULL.
class chain_at_work {
 public:
  chain_at_work(route inner, const std::vector<transform_section>& sections,
                expression_policy on_error = expression_policy::stop) {
    std::vector<named_transform> types;
    for (const auto& s : sections)
      types.push_back({s.options().name, transforms::make_built_in(s.options())});
    plan_ = [types, on_error](route over) {
      return share(plan_transforms(share(std::move(over)), types, on_error));
    };
    route_ = plan_(std::move(inner));
    begin();
  }
  chain_at_work(const schema_ptr& table, const std::vector<transform_section>& sections,
                expression_policy on_error = expression_policy::stop)
      : chain_at_work(route_of(table), sections, on_error) {}

  /// Another version of the table comes; states stay.
  void change_columns(const schema_ptr& table) {
    route_ = plan_(route_of(table));
    begin();
  }

  const route& planned() const { return *route_; }
  std::vector<std::string> columns() const {
    std::vector<std::string> out;
    for (const auto& c : route_->schema->columns) out.push_back(c.name);
    return out;
  }

  std::vector<std::string> run(batch_builder& built) {
    const auto made = transformed(built.build());
    std::vector<std::string> lines;
    if (!made) return lines;
    for (const auto& c : made->changes) {
      std::string line(1, "iudtr"[static_cast<std::size_t>(c.kind)]);
      if (c.new_row != change::no_row) line += " " + text_of(*made, made->new_row(c));
      if (c.old_row != change::no_row)
        line += (c.kind == change_kind::remove ? " " : " <- ") + text_of(*made, made->old_row(c));
      lines.push_back(std::move(line));
    }
    return lines;
  }

  std::vector<std::vector<std::string>> asked() { return chain_->take_asked(); }
  /// "KEY ROW: REASON" of each.
  std::vector<std::string> letters() {
    std::vector<std::string> lines;
    for (const auto& l : chain_->take_letters())
      lines.push_back(l.key + " " + l.row + ": " + l.reason);
    return lines;
  }
  std::size_t keys(std::size_t place) { return states_[place].values.size(); }

 private:
  /// What a sink does to rows of the table.
  batch_ptr transformed(batch_ptr rows) {
    auto changes = all_changes(*rows);
    if (chain_->completes_table()) {
      rows = chain_->complete(*rows, changes);
      if (!rows) return nullptr;
      changes = all_changes(*rows);
    }
    if (const auto& inner = route_->chain->inner; inner->shape) {
      auto shaped = shaping(inner).apply(rows, changes);
      rows = std::move(shaped.rows);
      changes = std::move(shaped.changes);
    }
    return chain_->apply(*rows, changes);
  }

  void begin() {
    chain_ = std::make_unique<transform_chain>(
        route_,
        [this](const route&, std::size_t place, const std::string&) { return &states_[place]; });
  }

  static std::string text_of(const batch& rows, std::span<const cell> cells) {
    std::string out;
    for (const auto& c : cells) {
      if (&c != &cells.front()) out += "|";
      out += c.has_value()                        ? std::string(rows.text(c))
             : c.is_null()                        ? "NULL"
             : c.state() == cell_state::unchanged ? "~"
                                                  : "-";
    }
    return out;
  }

  std::function<route_ptr(route)> plan_;
  route_ptr route_;
  std::map<std::size_t, map_state> states_;
  std::unique_ptr<transform_chain> chain_;
};

} // namespace leat::test
