#include "dataflow/expressions/expression.hpp"

#include <algorithm>

#include "dataflow/expressions/binder.hpp"
#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/parser.hpp"
#include "dataflow/expressions/program.hpp"

namespace leat::sql {

namespace {

sql_type wanted_type(const std::string& text, const table_schema& table) {
  const auto parsed = parse_type_name(text);
  return binder(text, parsed.offset, table).type_named(parsed.tree);
}

bool has_no_name(const sql_type& t) {
  return t.id == type_id::unknown || t.id == type_id::enumeration || t.id == type_id::opaque;
}

/// What targets can be told of: a literal, an enum and what leat does not look into is its text.
node_ptr with_known_type(const binder& b, node_ptr n) {
  return has_no_name(n->type) ? b.cast_to(std::move(n), {type_id::text, false, -1}, 0)
                              : std::move(n);
}

} // namespace

/// Makes an expression of a bound tree.
struct expression_factory {
  template <class Finish>
  static std::shared_ptr<expression> make(const std::string& text, const table_schema& table,
                                          Finish finish) {
    const auto parsed = parse_expression(text);
    binder b(text, parsed.offset, table);
    try {
      auto out = std::make_shared<expression>();
      build_program(*simplified(finish(b, b.bind(parsed.tree))), *out);
      out->same_at_server_ = b.same_at_server();
      return out;
    } catch (const constant_error& e) {
      throw expression_error(e.what(), text, e.place, "this part fails for every row");
    }
  }
};

bool expression::is_null() const {
  return steps_.empty() && std::any_of(constants_.begin(), constants_.end(), [&](const auto& c) {
           return c.first == result_ && c.second.null;
         });
}

expression_ptr expression::compile(const std::string& text, const table_schema& table,
                                   const std::string& wanted) {
  std::optional<std::uint16_t> copied;
  auto out = expression_factory::make(text, table, [&](const binder& b, node_ptr n) {
    if (!wanted.empty()) n = b.cast_to(std::move(n), wanted_type(wanted, table), 0);
    if (n->kind == node_kind::column && has_no_name(n->type)) copied = n->column;
    return with_known_type(b, std::move(n));
  });
  out->copied_ = copied;
  out->text_ = text;
  for (const auto& c : table.columns) out->column_types_.push_back(type_of(c));
  return out;
}

expression_ptr expression::compile_condition(const std::string& text, const table_schema& table) {
  auto out = expression_factory::make(text, table, [](const binder& b, node_ptr n) {
    return b.condition(std::move(n), "the condition");
  });
  out->text_ = text;
  for (const auto& c : table.columns) out->column_types_.push_back(type_of(c));
  return out;
}

} // namespace leat::sql
