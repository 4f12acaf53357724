#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/route.hpp"

namespace leat::test {

struct unchanged_cell {};
struct absent_cell {};

/// A cell that an update left alone (R6), and one that is not part of the tuple.
inline constexpr unchanged_cell unchanged;
inline constexpr absent_cell absent;

/// One cell: a text, nullptr for NULL, `unchanged` or `absent`. Numbers become their text.
class value {
 public:
  value(std::string text) : state_(cell_state::value), text_(std::move(text)) {}
  value(const char* text) : value(std::string(text)) {}
  value(int number) : value(std::to_string(number)) {}
  value(std::int64_t number) : value(std::to_string(number)) {}
  value(std::nullptr_t) : state_(cell_state::null) {}
  value(unchanged_cell) : state_(cell_state::unchanged) {}
  value(absent_cell) : state_(cell_state::absent) {}

  cell into(batch& b) const {
    return state_ == cell_state::value ? b.add_value(text_) : batch::make_state(state_);
  }
  cell_state state() const { return state_; }
  const std::string& text() const { return text_; }
  bool operator==(const value&) const = default;

 private:
  cell_state state_;
  std::string text_;
};

using row = std::vector<value>;

/// table("public.items").column("id", value_class::int4).key("id").build()
class table_builder {
 public:
  explicit table_builder(const std::string& qualified_name) {
    const auto dot = qualified_name.find('.');
    schema_.schema = dot == std::string::npos ? "public" : qualified_name.substr(0, dot);
    schema_.name = qualified_name.substr(dot == std::string::npos ? 0 : dot + 1);
    schema_.id = 16384;
  }
  table_builder& id(oid number) { return schema_.id = number, *this; }
  /// Columns get the attnums 1, 2, ... unless one is given.
  table_builder& column(std::string name, value_class kind, std::int16_t number = 0) {
    leat::column c;
    c.name = std::move(name);
    c.kind = kind;
    c.type_name = "type of " + c.name;
    c.number = number != 0 ? number : static_cast<std::int16_t>(schema_.columns.size() + 1);
    schema_.columns.push_back(std::move(c));
    return *this;
  }
  table_builder& enumeration(std::string name, std::vector<std::string> labels) {
    column(std::move(name), value_class::other);
    auto& c = schema_.columns.back();
    c.type = 90000 + static_cast<oid>(schema_.columns.size());
    c.type_name = "public.type_of_" + c.name;
    c.labels = std::move(labels);
    return *this;
  }
  table_builder& key(std::initializer_list<const char*> names) {
    for (const auto* name : names) {
      schema_.key.push_back(schema_.find(name).value());
      schema_.columns[schema_.key.back()].identity = true;
    }
    return *this;
  }
  table_builder& replica_full() { return schema_.identity = replica_identity::full, *this; }
  schema_ptr build() const { return std::make_shared<const table_schema>(schema_); }

 private:
  table_schema schema_;
};

inline table_builder table(const std::string& qualified_name) {
  return table_builder(qualified_name);
}

/// A route that passes a table through, under the table's name and with its key.
inline route route_of(const schema_ptr& schema, route_id id = 0) {
  route r;
  r.id = id;
  r.sink = "test";
  r.target = schema->name;
  r.schema = schema;
  for (std::uint16_t i = 0; i < schema->columns.size(); ++i)
    r.columns.push_back({schema->columns[i].name, i});
  r.key = schema->key;
  r.source_key = schema->key;
  return r;
}

inline route_ptr share(route r) { return std::make_shared<const route>(std::move(r)); }

/// Builds a batch change by change. Changes belong to the last begin(); rows of reads to the last
/// chunk(). Without either there is one transaction at commit 1.
class batch_builder {
 public:
  explicit batch_builder(schema_ptr schema) { made_.tables.push_back(std::move(schema)); }

  batch_builder& begin(std::uint64_t commit, std::int64_t time = 0, std::uint32_t xid = 700) {
    made_.transactions.push_back({xid, commit_lsn{commit}, time});
    next_index_ = 0;
    return *this;
  }
  batch_builder& chunk(std::uint64_t high, std::uint64_t number) {
    made_.transactions.push_back({0, commit_lsn{high}, 0});
    next_index_ = number << 32;
    return *this;
  }
  batch_builder& insert(const row& fresh) { return add(change_kind::insert, fresh); }
  batch_builder& read(const row& fresh) { return add(change_kind::read, fresh); }
  /// The key did not change, and the old row did not come.
  batch_builder& update(const row& fresh) { return add(change_kind::update, fresh); }
  /// The old row came: its key alone (the other cells `absent`), or, with `full`, whole.
  batch_builder& update(const row& old, const row& fresh, old_row_kind kind = old_row_kind::key) {
    return add(change_kind::update, fresh, old, kind);
  }
  batch_builder& remove(const row& old, old_row_kind kind = old_row_kind::key) {
    return add(change_kind::remove, std::nullopt, old, kind);
  }
  batch_builder& truncate() { return add(change_kind::truncate, std::nullopt); }

  batch_ptr build() { return std::make_shared<const batch>(std::move(made_)); }

 private:
  batch_builder& add(change_kind kind, const std::optional<row>& fresh,
                     const std::optional<row>& old = std::nullopt,
                     old_row_kind old_kind = old_row_kind::none) {
    if (made_.transactions.empty()) begin(1);
    change c;
    c.kind = kind;
    c.old_kind = old_kind;
    c.transaction = static_cast<std::uint32_t>(made_.transactions.size() - 1);
    c.index = next_index_++;
    if (fresh) c.new_row = add_row(*fresh);
    if (old) c.old_row = add_row(*old);
    made_.changes.push_back(c);
    return *this;
  }
  std::uint32_t add_row(const row& cells) {
    if (cells.size() != made_.tables[0]->columns.size())
      throw std::logic_error("a row has another number of cells than its table has columns");
    const auto first = static_cast<std::uint32_t>(made_.cells.size());
    for (const auto& v : cells) made_.cells.push_back(v.into(made_));
    return first;
  }

  batch made_;
  std::uint64_t next_index_ = 0;
};

} // namespace leat::test
