#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "dataflow/expressions/node.hpp"

namespace leat::sql {

/// Resolves the columns, types, operators and functions of one expression over a table.
class binder {
 public:
  /// `offset`: what locations count from. Both must outlive the binder.
  binder(const std::string& text, int offset, const table_schema& table)
      : text_(text), offset_(offset), table_(table) {}

  /// Throws leat::error of kind usage.
  node_ptr bind(const nlohmann::json& tree);
  sql_type type_named(const nlohmann::json& type_name) const;
  /// A cast that was written down, or is wanted by the pipeline file.
  node_ptr cast_to(node_ptr, const sql_type&, int place) const;
  [[noreturn]] void refuse_cast(const node&, const sql_type& to, int place) const;
  node_ptr condition(node_ptr, const char* of) const;
  /// Nothing that was bound reads `leat.` columns or differs from the server (docs/expressions.md).
  bool same_at_server() const { return same_at_server_; }

  [[noreturn]] void refuse(const std::string& what, int place, const std::string& remedy) const;

 private:
  using json = nlohmann::json;
  int place_of(const json& content) const;
  node_ptr bind_any(const std::string& kind, const json& content);
  node_ptr column(const json&);
  void check_table(const std::vector<std::string>& names, int place) const;
  [[noreturn]] void refuse_column(const std::string& name, int place) const;
  node_ptr metadata(const std::string& name, int place) const;
  int integer(const json& constant) const;
  node_ptr constant(const json&);
  node_ptr operation(const json&);
  node_ptr in_list(const json&, node_ptr left, int place);
  node_ptr among(const json& e, std::vector<node_ptr> values, int place);
  node_ptr over_array(const json&, int place);
  node_ptr between(const json&, int place);
  node_ptr logic(const json&);
  node_ptr null_test(const json&);
  node_ptr truth_test(const json&);
  node_ptr choice(const json&);
  node_ptr first_known(const json&);
  node_ptr extreme(const json&);
  node_ptr function_call(const json&);
  node_ptr array(const json&);
  node_ptr element(const json&);
  node_ptr collated(const json&);

  std::vector<node_ptr> bind_list(const json&);
  node_ptr negated(node_ptr, int place) const;
  /// Both sides in one type that can be compared; refuses what cannot.
  sql_type meet(node_ptr& left, node_ptr& right, std::string_view op, int place) const;
  node_ptr compared(std::string_view op, node_ptr left, node_ptr right, int place) const;
  sql_type unite(std::vector<node_ptr>&, const char* of, int place) const;
  /// As PostgreSQL names the type, also where leat does not look into it.
  std::string type_shown(const node&) const;
  /// The column that has this enum as its type; null for other types.
  const leat::column* enum_column(const sql_type&) const;
  std::optional<sql_type> enum_named(const json& names) const;
  void check_label(const sql_type&, const datum&, int place) const;
  node_ptr label_place_of(node_ptr) const;
  std::string signature(const std::string& name, const std::vector<node_ptr>& arguments,
                        bool is_operator) const;
  void check_order(const sql_type&, bool by_bytes, int place) const;
  node_ptr called(const std::string& name, std::vector<node_ptr> arguments, int place,
                  bool is_operator) const;
  node_ptr joined_arrays(std::vector<node_ptr> arguments, int place) const;
  node_ptr guarded_cast(node_ptr, const sql_type&) const;

  const std::string& text_;
  int offset_;
  const table_schema& table_;
  mutable bool same_at_server_ = true;
};

} // namespace leat::sql
