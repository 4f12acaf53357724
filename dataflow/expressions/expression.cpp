#include "dataflow/expressions/expression.hpp"

#include "dataflow/expressions/binder.hpp"
#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/parser.hpp"
#include "dataflow/expressions/program.hpp"

namespace leat::sql {

namespace {

node_ptr without_unknown(const binder& b, node_ptr n) {
  return n->is_unknown() ? b.cast_to(std::move(n), {type_id::text, false, -1}, 0) : std::move(n);
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

expression_ptr expression::compile(const std::string& text, const table_schema& table,
                                   const std::string& wanted) {
  auto out = expression_factory::make(text, table, [&](const binder& b, node_ptr n) {
    if (wanted.empty()) return without_unknown(b, std::move(n));
    return b.cast_to(std::move(n), b.type_named(parse_type_name(wanted)), 0);
  });
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
