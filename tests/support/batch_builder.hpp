#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
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

  cell into(batch& b) const;
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
  explicit table_builder(const std::string& qualified_name);
  table_builder& id(oid number) { return schema_.id = number, *this; }
  /// Columns get the attnums 1, 2, ... unless one is given.
  table_builder& column(std::string name, value_class kind, std::int16_t number = 0);
  table_builder& enumeration(std::string name, std::vector<std::string> labels);
  table_builder& key(std::initializer_list<const char*> names);
  table_builder& replica_full() { return schema_.identity = replica_identity::full, *this; }
  schema_ptr build() const;

 private:
  table_schema schema_;
};

inline table_builder table(const std::string& qualified_name) {
  return table_builder(qualified_name);
}

/// A route that passes a table through, under the table's name and with its key.
route route_of(const schema_ptr& schema, route_id id = 0);

route_ptr share(route r);

/// Builds a batch change by change. Changes belong to the last begin(); rows of reads to the last
/// chunk(). Without either there is one transaction at commit 1.
class batch_builder {
 public:
  explicit batch_builder(schema_ptr schema);
  batch_builder(const batch_builder&); // not inline: every test would compile a batch's
  ~batch_builder();

  batch_builder& begin(std::uint64_t commit, std::int64_t time = 0, std::uint32_t xid = 700);
  batch_builder& chunk(std::uint64_t high, std::uint64_t number);
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

  batch_ptr build();

 private:
  batch_builder& add(change_kind kind, const std::optional<row>& fresh,
                     const std::optional<row>& old = std::nullopt,
                     old_row_kind old_kind = old_row_kind::none);
  std::uint32_t add_row(const row& cells);

  batch made_;
  std::uint64_t next_index_ = 0;
};

} // namespace leat::test
