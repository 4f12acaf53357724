#include "dataflow/route_shape.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "dataflow/error.hpp"
#include "dataflow/planned_transforms.hpp"

namespace leat {

namespace {

template <class Compile>
sql::expression_ptr compiled(const std::string& option, Compile compile) {
  try {
    auto out = compile();
    out->check_constants();
    return out;
  } catch (const error& e) {
    throw error(e.kind(), e.what(), option + ", " + e.where(), e.remedy());
  }
}

/// Precision of a numeric(p,s), whose modifier is p << 16 | s, and 4 more.
std::int32_t precision_of(const column& c) { return (c.modifier - 4) >> 16 & 0xffff; }

/// PostgreSQL's own types of one size, and inet and cidr, which have at most 22 bytes.
constexpr std::array<oid, 22> small_types{18,   19,   24,   27,   28,   29,  600, 601,
                                          603,  628,  650,  718,  774,  829, 869, 2202,
                                          2205, 2206, 3220, 4089, 4096, 5069};

constexpr oid bpchar_type = 1042;
constexpr oid varchar_type = 1043;

/// Values of this column stay in the row, however large the row is: their type has no other
/// storage, or they are never larger than 24 bytes, which TOAST leaves alone (PostgreSQL's
/// heaptoast.c).
bool always_comes(const column& c) {
  if (!c.labels.empty()) return true;
  if (std::find(small_types.begin(), small_types.end(), c.type) != small_types.end()) return true;
  switch (c.kind) {
  case value_class::text:
    // Characters of at most four bytes, behind four of length; the modifier is 4 more than they.
    return (c.type == varchar_type || c.type == bpchar_type) && c.modifier >= 4 && c.modifier <= 9;
  case value_class::numeric:
    return c.modifier >= 4 && precision_of(c) <= 28;
  case value_class::boolean:
  case value_class::int2:
  case value_class::int4:
  case value_class::int8:
  case value_class::object_id:
  case value_class::float4:
  case value_class::float8:
  case value_class::money:
  case value_class::date:
  case value_class::time:
  case value_class::timetz:
  case value_class::timestamp:
  case value_class::timestamptz:
  case value_class::interval:
  case value_class::uuid:
    return true;
  default:
    return false;
  }
}

} // namespace

std::shared_ptr<const route_shape> make_shape(const shape_options& options,
                                              const schema_ptr& table) {
  auto shape = std::make_shared<route_shape>();
  shape->options = options;
  shape->source = table;
  const auto condition = [&](const std::string& text, const char* option) {
    return compiled(option, [&] {
      auto out = sql::expression::compile_condition(text, *table);
      if (out->is_null())
        throw error(error_kind::usage, "the condition is NULL for every row, and takes none",
                    "\"" + text + "\"", "to test for NULL write x IS NULL");
      return out;
    });
  };
  if (!options.where.empty()) shape->where = condition(options.where, "where");
  for (const auto& text : options.unless)
    shape->unless.push_back(condition(text, "where of an earlier route"));
  for (const auto& c : options.computed)
    shape->computed.push_back(compiled(
        "columns." + c.name, [&] { return sql::expression::compile(c.expr, *table, c.type); }));
  return shape;
}

namespace {

void take_type(column& made, const sql::expression& e, const std::vector<column>& columns) {
  if (const auto copied = e.copied_column()) {
    const auto& from = columns[*copied];
    made.type = from.type;
    made.modifier = from.modifier;
    made.type_name = from.type_name;
    made.kind = from.kind;
    made.built_in = from.built_in;
    made.labels = from.labels;
    return;
  }
  made.type = sql::oid_of(e.type());
  made.modifier = e.type().modifier;
  made.type_name = sql::name_of(e.type());
  made.kind = sql::class_of(e.type());
}

} // namespace

schema_ptr shaped_schema(const route_shape& shape) {
  if (shape.computed.empty()) return shape.source;
  auto schema = std::make_shared<table_schema>(*shape.source);
  const auto& columns = shape.source->columns;
  const bool numbered =
      std::all_of(columns.begin(), columns.end(), [](const column& c) { return c.number != 0; });
  for (std::size_t i = 0; i < shape.computed.size(); ++i) {
    const auto& e = *shape.computed[i];
    column made;
    made.name = shape.options.computed[i].name;
    if (shape.source->find(made.name)) made.name += " (computed)";
    take_type(made, e, columns);
    made.identity = !e.reads_change()
                    && std::all_of(e.reads().begin(), e.reads().end(),
                                   [&](auto c) { return columns[c].identity; });
    made.nullable = !e.is_constant();
    made.number = numbered ? static_cast<std::int16_t>(first_computed_number + static_cast<int>(i))
                           : std::int16_t{0};
    schema->columns.push_back(std::move(made));
  }
  return schema;
}

std::vector<std::string> columns_left_out(const route_shape& shape) {
  if (shape.source->identity == replica_identity::full) return {};
  std::set<std::uint16_t> found;
  const auto look = [&](const sql::expression_ptr& e) {
    if (!e) return;
    for (const auto c : e->reads())
      if (!shape.source->columns[c].identity && !always_comes(shape.source->columns[c]))
        found.insert(c);
  };
  look(shape.where);
  for (const auto& e : shape.unless) look(e);
  for (const auto& e : shape.computed) look(e);
  std::vector<std::string> names;
  for (const auto c : found) names.push_back(shape.source->columns[c].name);
  return names;
}

bool may_leave_out(const route& r) {
  const auto& table = *r.source();
  if (table.identity == replica_identity::full) return false;
  const auto columns = read_columns(r);
  return std::any_of(columns.begin(), columns.end(), [&](std::uint16_t c) {
    return !table.columns[c].identity && !always_comes(table.columns[c]);
  });
}

std::string condition_at_source(const std::vector<route_ptr>& routes) {
  std::set<std::string> conditions;
  for (const auto& r : routes) {
    const auto& shape = r->chain ? r->chain->inner->shape : r->shape;
    // What is remembered of a row is needed once it begins to match.
    const bool whole = r->chain && r->chain->completes_table();
    const bool pushed = !whole && shape && shape->where && shape->where->same_at_server()
                        && shape->options.on_error == expression_policy::stop;
    if (!pushed) return {};
    conditions.insert(shape->where->text());
  }
  std::string all;
  // The line break ends a comment.
  for (const auto& each : conditions) all += (all.empty() ? "(" : " OR (") + each + "\n)";
  return all;
}

std::vector<std::uint16_t> read_columns(const route& r) {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < r.columns.size(); ++i)
    for (const auto c : r.origins(i)) out.push_back(c);
  if (!r.shape) return out;
  if (r.shape->where)
    out.insert(out.end(), r.shape->where->reads().begin(), r.shape->where->reads().end());
  for (const auto& e : r.shape->unless) out.insert(out.end(), e->reads().begin(), e->reads().end());
  return out;
}

namespace {

/// A column that a transform made may be made of any.
std::vector<std::uint16_t> origins_through_chain(const planned_transforms& chain,
                                                 std::size_t column) {
  const auto& inner = *chain.inner;
  const auto from = chain.origins[column];
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < inner.columns.size(); ++i)
    if (!from || inner.columns[i].source == *from)
      for (const auto c : inner.origins(i)) out.push_back(c);
  return out;
}

} // namespace

const schema_ptr& route::source() const {
  if (shape) return shape->source;
  return chain ? chain->inner->schema : schema;
}

std::vector<std::uint16_t> route::origins(std::size_t i) const {
  if (chain) return origins_through_chain(*chain, columns[i].source);
  const auto from = columns[i].source;
  const auto own = source()->columns.size();
  if (from < own) return {from};
  return shape->computed[from - own]->reads();
}

std::optional<std::vector<std::string>>
route::key_at_source(const std::vector<std::string>& texts) const {
  if (chain) return key_through(*chain->inner, chain->origins, key, texts);
  const auto& wanted = source()->key;
  if (source_key == wanted || wanted.empty()) return texts;
  std::vector<std::string> out;
  for (const auto column : wanted) {
    const auto at = std::find(source_key.begin(), source_key.end(), column);
    if (at == source_key.end()) return std::nullopt;
    out.push_back(texts.at(static_cast<std::size_t>(at - source_key.begin())));
  }
  return out;
}

} // namespace leat
