#include "dataflow/expressions/binder.hpp"

#include <algorithm>
#include <charconv>

#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/parser.hpp"
#include "dataflow/expressions/row_tests.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat::sql {

namespace {

using json = nlohmann::json;

constexpr sql_type boolean{type_id::boolean, false, -1};
constexpr sql_type text_type{type_id::text, false, -1};

std::vector<node_ptr> pair_of(node_ptr a, node_ptr b) {
  std::vector<node_ptr> out;
  out.push_back(std::move(a));
  out.push_back(std::move(b));
  return out;
}

std::vector<node_ptr> list_of(node_ptr a) {
  std::vector<node_ptr> out;
  out.push_back(std::move(a));
  return out;
}

node_ptr tree_of(node_kind kind, const sql_type& type, std::vector<node_ptr> arguments, int place) {
  auto n = std::make_unique<node>();
  n->kind = kind;
  n->type = type;
  n->place = place;
  for (const auto& a : arguments) n->by_bytes = n->by_bytes || (a->by_bytes && is_text(type.id));
  n->arguments = std::move(arguments);
  return n;
}

/// A column's name as an expression has it.
std::string written(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
  });
  if (plain && !name.empty() && (name[0] < '0' || name[0] > '9')) return name;
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// As PostgreSQL's "contains no Vars", which decides what an IN list tests first.
bool reads_nothing(const node& n) {
  return n.kind != node_kind::column && n.kind != node_kind::metadata
         && std::all_of(n.arguments.begin(), n.arguments.end(),
                        [](const auto& a) { return reads_nothing(*a); });
}

/// What the grammar has and a row's expression cannot.
struct refused {
  const char* kind;
  const char* what;
  const char* remedy;
};
constexpr refused not_allowed[] = {
    {"SubLink", "an expression cannot hold a subquery",
     "an expression sees one row; join at the target"},
    {"SQLValueFunction", "the current date, time and user are not the same when a row comes again",
     "leat.commit_time is the time of the change"},
    {"ParamRef", "there are no parameters here", "write the value"},
    {"RowExpr", "leat has no rows as values", "compare the columns one by one"},
    {"GroupingFunc", "an expression over one row cannot group", "group at the target"},
    {"A_Star", "`*` is not a value", "name a column"},
    {"XmlExpr", "leat does not compute with xml", "cast the column to text"},
    {"SetToDefault", "DEFAULT is not a value here", "write the value"},
};

} // namespace

void binder::refuse(const std::string& what, int place, const std::string& remedy) const {
  throw expression_error(what, text_, place, remedy);
}

int binder::place_of(const json& content) const {
  const int location = content.value("location", 0);
  return location <= 0 ? 0 : location - offset_;
}

node_ptr binder::bind(const json& tree) {
  if (!tree.is_object() || tree.size() != 1)
    refuse("leat does not know this construct", 0, "see docs/expressions.md");
  const auto& [kind, content] = *tree.items().begin();
  return bind_any(kind, content);
}

node_ptr binder::bind_any(const std::string& kind, const json& content) {
  if (kind == "ColumnRef") return column(content);
  if (kind == "A_Const") return constant(content);
  if (kind == "TypeCast") {
    const int place = place_of(content.contains("arg") && content.value("location", -1) < 0
                                   ? content.at("typeName")
                                   : content);
    return cast_to(bind(content.at("arg")), type_named(content.at("typeName")), place);
  }
  if (kind == "A_Expr") return operation(content);
  if (kind == "BoolExpr") return logic(content);
  if (kind == "NullTest") return null_test(content);
  if (kind == "BooleanTest") return truth_test(content);
  if (kind == "CaseExpr") return choice(content);
  if (kind == "CoalesceExpr") return first_known(content);
  if (kind == "MinMaxExpr") return extreme(content);
  if (kind == "FuncCall") return function_call(content);
  if (kind == "A_ArrayExpr") return array(content);
  if (kind == "A_Indirection") return element(content);
  if (kind == "CollateClause") return collated(content);
  for (const auto& r : not_allowed)
    if (kind == r.kind) refuse(r.what, place_of(content), r.remedy);
  refuse("leat does not know this construct (" + kind + ")", place_of(content),
         "see docs/expressions.md");
}

/// Names before a column's own.
void binder::check_table(const std::vector<std::string>& names, int place) const {
  const bool table = names.size() < 2 || names[names.size() - 2] == table_.name;
  const bool schema = names.size() < 3 || names[names.size() - 3] == table_.schema;
  if (table && schema && names.size() <= 3) return;
  std::string given = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) given += "." + names[i];
  refuse("`" + given + "` is no column of table " + table_.qualified_name(), place,
         "an expression sees one row of that table: write the column's name alone");
}

void binder::refuse_column(const std::string& name, int place) const {
  std::vector<std::string> known;
  for (const auto& c : table_.columns) known.push_back(c.name);
  const auto near = nearest_names(name, known);
  const auto at = static_cast<std::size_t>(place);
  std::string remedy = near.empty() ? "its columns are " + join_names(known, "and")
                                    : "did you mean " + written(near.front()) + "?";
  if (at < text_.size() && text_[at] == '"')
    remedy += "; a text stands in single quotes: '" + name + "'";
  else if (std::any_of(known.begin(), known.end(), [](const auto& n) { return written(n) != n; }))
    remedy += " (names with capitals or signs need double quotes)";
  refuse("there is no column `" + name + "`", place, remedy);
}

node_ptr binder::column(const json& content) {
  const int place = place_of(content);
  std::vector<std::string> names;
  for (const auto& f : content.at("fields")) {
    if (!f.contains("String")) refuse("`*` is not a value", place, "name a column");
    names.push_back(f.at("String").value("sval", ""));
  }
  if (names.size() == 2 && names[0] == "leat") return metadata(names[1], place);
  check_table(names, place);
  const auto found = table_.find(names.back());
  if (!found) refuse_column(names.back(), place);
  auto n = std::make_unique<node>();
  n->kind = node_kind::column;
  n->column = *found;
  n->type = type_of(table_.columns[*found]);
  n->place = place;
  return n;
}

node_ptr binder::metadata(const std::string& name, int place) const {
  same_at_server_ = false;
  const auto word = [&](const std::string& value) {
    datum d;
    d.set_own(value);
    return make_constant(text_type, d, place);
  };
  if (name == "schema") return word(table_.schema);
  if (name == "table") return word(table_.name);
  constexpr std::pair<const char*, sql_type> columns[] = {
      {"op", text_type},
      {"commit_lsn", text_type},
      {"commit_time", {type_id::timestamptz, false, -1}},
      {"xid", {type_id::int8, false, -1}},
      {"snapshot", boolean}};
  for (std::uint16_t i = 0; i < std::size(columns); ++i) {
    if (name != columns[i].first) continue;
    auto n = std::make_unique<node>();
    n->kind = node_kind::metadata;
    n->column = i;
    n->type = columns[i].second;
    n->place = place;
    return n;
  }
  refuse("there is no leat." + name, place,
         "there are leat.schema, leat.table, leat.op, leat.commit_lsn, leat.commit_time, leat.xid "
         "and leat.snapshot");
}

/// libpg_query 15-4.0.0 leaves negative numbers out of its JSON, so that they look like 0.
int binder::integer(const json& content) const {
  const auto& number = content.at("ival");
  if (number.contains("ival")) return number.at("ival").get<int>();
  auto at = static_cast<std::size_t>(place_of(content));
  if (at >= text_.size() || text_[at] != '-') return 0;
  at = text_.find_first_not_of(" \t\n\r", at + 1);
  int digits = 0;
  const auto read = at == std::string::npos
                        ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                        : std::from_chars(text_.data() + at, text_.data() + text_.size(), digits);
  if (read.ec != std::errc{})
    refuse("leat cannot read this number", place_of(content),
           "write it without spaces and comments");
  return -digits;
}

node_ptr binder::constant(const json& content) {
  const int place = place_of(content);
  datum d;
  if (content.value("isnull", false)) return make_constant({}, d, place);
  if (content.contains("boolval")) {
    d.set(content.at("boolval").value("boolval", false) ? 1 : 0);
    return make_constant(boolean, d, place);
  }
  if (content.contains("ival")) {
    d.set(std::int64_t{integer(content)});
    return make_constant(scalar(type_id::int4), d, place);
  }
  if (content.contains("sval")) {
    d.set_own(content.at("sval").value("sval", ""));
    return make_constant({}, d, place);
  }
  if (!content.contains("fval"))
    refuse("leat has no bit strings", place, "write bytea: '\\x1f'::bytea");
  const std::string digits = content.at("fval").value("fval", "");
  std::int64_t whole = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  if (read.ec == std::errc{} && read.ptr == digits.data() + digits.size()) {
    d.set(whole);
    return make_constant(scalar(type_id::int8), d, place);
  }
  d.set(numeric::parse(digits));
  return make_constant(scalar(type_id::numeric), d, place);
}

node_ptr binder::condition(node_ptr n, const char* of) const {
  if (n->is_unknown()) return guarded_cast(std::move(n), boolean);
  if (n->type.same_kind(boolean)) return n;
  refuse(std::string(of) + " must be boolean, not " + type_shown(*n), n->place,
         "compare it with something");
}

std::vector<node_ptr> binder::bind_list(const json& list) {
  std::vector<node_ptr> out;
  for (const auto& each : list) out.push_back(bind(each));
  return out;
}

node_ptr binder::negated(node_ptr n, int place) const {
  return make_call(negate, boolean, list_of(std::move(n)), place);
}

void binder::check_order(const sql_type& t, bool by_bytes, int place) const {
  if (!is_text(t.id) || by_bytes) return;
  refuse("the order of texts is that of a collation of the server, which leat does not know", place,
         "write COLLATE \"C\" behind one of them, for the order of their bytes");
}

sql_type binder::meet(node_ptr& left, node_ptr& right, std::string_view op, int place) const {
  sql_type common;
  const auto l = left->type.id, r = right->type.id;
  const bool scalars = !left->type.array && !right->type.array;
  if (left->is_unknown())
    common = right->is_unknown() ? text_type : right->type;
  else if (right->is_unknown())
    common = left->type;
  else if (scalars && l != r && is_text(l) && is_text(r))
    common = text_type;
  else if (scalars && l != r && is_number(l) && is_number(r)
           && (l == type_id::float4 || r == type_id::float4))
    common = scalar(type_id::float8);
  else
    common = common_type({left->type, right->type});
  common = common.plain();
  if (common.id == type_id::varchar && !common.array) common = text_type;
  const bool fits =
      (left->is_unknown() || can_cast(left->type, common, cast_context::implicit))
      && (right->is_unknown() || can_cast(right->type, common, cast_context::implicit));
  if (!fits || comparison(common, op) == nullptr)
    refuse("operator does not exist: " + type_shown(*left) + " " + std::string(op) + " "
               + type_shown(*right),
           place,
           common.id == type_id::opaque || common.id == type_id::json
                   || common.id == type_id::enumeration
               ? "cast to a type that both sides can have, for instance x::text"
               : "cast one side: x::" + name_of(left->type));
  left = guarded_cast(std::move(left), common);
  right = guarded_cast(std::move(right), common);
  return common;
}

node_ptr binder::compared(std::string_view op, node_ptr left, node_ptr right, int place) const {
  const bool ordering = op != "=" && op != "<>";
  const auto is_label = [](const node_ptr& n) {
    return n->type.id == type_id::enumeration && !n->type.array;
  };
  const bool labels = ordering && (is_label(left) || is_label(right));
  auto type = meet(left, right, labels ? "=" : op, place);
  if (labels) {
    left = label_place_of(std::move(left));
    right = label_place_of(std::move(right));
    type = left->type;
  }
  if (ordering) check_order(type, left->by_bytes || right->by_bytes, place);
  return make_call(comparison(type, op), boolean, pair_of(std::move(left), std::move(right)),
                   place);
}

node_ptr binder::operation(const json& e) {
  const std::string kind = e.value("kind", "AEXPR_OP");
  const int place = place_of(e);
  std::string op = last_name(e.at("name"));
  if (op == "!=") op = "<>";
  if (kind == "AEXPR_BETWEEN" || kind == "AEXPR_NOT_BETWEEN") return between(e, place);
  if (kind == "AEXPR_IN") return in_list(e, bind(e.at("lexpr")), place);
  if (kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") return over_array(e, place);
  if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT" || kind == "AEXPR_NULLIF") {
    auto left = bind(e.at("lexpr"));
    auto right = bind(e.at("rexpr"));
    const bool both_unknown = left->is_unknown() && right->is_unknown();
    const auto type = meet(left, right, "=", place);
    if (kind == "AEXPR_NULLIF")
      return make_call(null_if, both_unknown ? text_type : type,
                       pair_of(std::move(left), std::move(right)), place, false);
    return make_call(kind == "AEXPR_DISTINCT" ? is_distinct : is_not_distinct, boolean,
                     pair_of(std::move(left), std::move(right)), place, false);
  }
  const bool plain = kind == "AEXPR_OP" || kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE";
  if (kind == "AEXPR_SIMILAR")
    refuse("leat does not take SIMILAR TO", place, "write a regular expression: a ~ '^(pattern)$'");
  if (!plain)
    refuse("leat does not know this operator (" + kind + ")", place, "see docs/expressions.md");
  std::vector<node_ptr> sides;
  if (e.contains("lexpr")) sides.push_back(bind(e.at("lexpr")));
  sides.push_back(bind(e.at("rexpr")));
  const bool compares = std::any_of(std::begin(array_operators), std::end(array_operators),
                                    [&](const char* o) { return op == o; });
  if (compares && sides.size() == 2)
    return compared(op, std::move(sides[0]), std::move(sides[1]), place);
  return called(op, std::move(sides), place, true);
}

node_ptr binder::in_list(const json& e, node_ptr left, int place) {
  const bool negative = last_name(e.at("name")) == "<>";
  auto items = bind_list(e.at("rexpr").at("List").at("items"));
  std::vector<node_ptr> choices;
  // The server looks through those that read nothing first, where there are several.
  const auto is_fixed = [](const node_ptr& n) { return reads_nothing(*n); };
  if (std::count_if(items.begin(), items.end(), is_fixed) > 1) {
    std::vector<node_ptr> fixed;
    fixed.push_back(std::move(left));
    for (auto& n : items)
      if (is_fixed(n)) fixed.push_back(std::move(n));
    std::erase(items, nullptr);
    choices.push_back(among(e, std::move(fixed), place));
  }
  for (auto& n : items) choices.push_back(compared("=", bind(e.at("lexpr")), std::move(n), place));
  auto out = choices.size() == 1 ? std::move(choices.front())
                                 : tree_of(node_kind::any_of, boolean, std::move(choices), place);
  return negative ? negated(std::move(out), place) : std::move(out);
}

/// The first of them is looked for.
node_ptr binder::among(const json& e, std::vector<node_ptr> values, int place) {
  for (std::size_t i = 1; i < values.size(); ++i) {
    auto copy = bind(e.at("lexpr"));
    auto probe = make_constant(values[i]->type, {}, values[i]->place);
    meet(copy, probe, "=", place);
  }
  const auto type = unite(values, "IN", place);
  if (comparison(type, "=") == nullptr)
    refuse("type " + type_shown(*values.front()) + " cannot be compared", place,
           "cast it to text: x::text IN (...)");
  return make_call(in_values, boolean, std::move(values), place, false);
}

node_ptr binder::over_array(const json& e, int place) {
  std::string op = last_name(e.at("name"));
  if (op == "!=") op = "<>";
  const auto* const known = std::find_if(std::begin(array_operators), std::end(array_operators),
                                         [&](const char* o) { return op == o; });
  if (known == std::end(array_operators))
    refuse("leat does not know " + op + " ANY", place,
           "with ANY and ALL stand =, <>, <, <=, > and >=; join others by OR");
  auto left = bind(e.at("lexpr"));
  auto right = bind(e.at("rexpr"));
  if (right->is_unknown())
    right = guarded_cast(std::move(right),
                         left->is_unknown() ? sql_type{type_id::text, true, -1}
                                            : sql_type{left->type.id, true, -1, left->type.named});
  if (!right->type.array)
    refuse("ANY and ALL need an array, not " + type_shown(*right), place, "for a list use IN");
  auto item = make_constant(right->type.element().plain(), {}, right->place);
  const auto type = meet(left, item, op, place);
  const sql_type wanted{type.id, true, -1, type.named};
  if (!right->type.same_kind(wanted)) right = guarded_cast(std::move(right), wanted);
  if (op != "=" && op != "<>") check_order(type, left->by_bytes || right->by_bytes, place);
  auto out =
      make_call(over_items, boolean, pair_of(std::move(left), std::move(right)), place, false);
  out->parameter =
      (known - std::begin(array_operators)) + (e.value("kind", "") == "AEXPR_OP_ALL" ? 8 : 0);
  return out;
}

node_ptr binder::between(const json& e, int place) {
  const bool negative = e.value("kind", "") == "AEXPR_NOT_BETWEEN";
  const auto& bounds = e.at("rexpr").at("List").at("items");
  std::vector<node_ptr> sides;
  sides.push_back(compared(negative ? "<" : ">=", bind(e.at("lexpr")), bind(bounds[0]), place));
  sides.push_back(compared(negative ? ">" : "<=", bind(e.at("lexpr")), bind(bounds[1]), place));
  return tree_of(negative ? node_kind::any_of : node_kind::all_of, boolean, std::move(sides),
                 place);
}

node_ptr binder::logic(const json& e) {
  const std::string kind = e.value("boolop", "AND_EXPR");
  std::vector<node_ptr> sides;
  for (const auto& each : e.at("args"))
    sides.push_back(condition(bind(each), kind == "NOT_EXPR"  ? "the argument of NOT"
                                          : kind == "OR_EXPR" ? "the argument of OR"
                                                              : "the argument of AND"));
  if (kind == "NOT_EXPR") return negated(std::move(sides.front()), place_of(e));
  return tree_of(kind == "OR_EXPR" ? node_kind::any_of : node_kind::all_of, boolean,
                 std::move(sides), place_of(e));
}

node_ptr binder::null_test(const json& e) {
  const bool negative = e.value("nulltesttype", "IS_NULL") == "IS_NOT_NULL";
  return make_call(negative ? is_not_null : is_null, boolean, list_of(bind(e.at("arg"))),
                   place_of(e), false);
}

node_ptr binder::truth_test(const json& e) {
  const std::string kind = e.value("booltesttype", "IS_TRUE");
  auto out = make_call(is_truth, boolean, list_of(condition(bind(e.at("arg")), "what is tested")),
                       place_of(e), false);
  out->parameter = (kind.ends_with("TRUE")      ? 1
                    : kind.ends_with("UNKNOWN") ? 2
                                                : 0)
                   + (kind.starts_with("IS_NOT") ? 4 : 0);
  return out;
}

sql_type binder::unite(std::vector<node_ptr>& nodes, const char* of, int place) const {
  std::vector<sql_type> types;
  for (const auto& n : nodes) types.push_back(n->type);
  const auto common = common_type(types);
  const bool opaque = std::all_of(types.begin(), types.end(),
                                  [](const auto& t) { return t.id == type_id::opaque; });
  if (common.id == type_id::opaque && !opaque) {
    std::string names;
    for (const auto& n : nodes)
      if (!n->is_unknown()) names += (names.empty() ? "" : ", ") + type_shown(*n);
    refuse(std::string(of) + " types do not go together: " + names, place, "cast them to one type");
  }
  for (auto& n : nodes) n = guarded_cast(std::move(n), common);
  return common;
}

node_ptr binder::choice(const json& e) {
  // PostgreSQL looks at the default's type first.
  std::vector<node_ptr> conditions, results;
  results.push_back(e.contains("defresult") ? bind(e.at("defresult"))
                                            : make_constant({}, {}, place_of(e)));
  for (const auto& each : e.at("args")) {
    const auto& when = each.at("CaseWhen");
    auto test = bind(when.at("expr"));
    conditions.push_back(e.contains("arg")
                             ? compared("=", bind(e.at("arg")), std::move(test), place_of(when))
                             : condition(std::move(test), "WHEN"));
    results.push_back(bind(when.at("result")));
  }
  const auto type = unite(results, "CASE", place_of(e));
  std::vector<node_ptr> parts;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    parts.push_back(std::move(conditions[i]));
    parts.push_back(std::move(results[i + 1]));
  }
  parts.push_back(std::move(results.front()));
  return tree_of(node_kind::choice, type, std::move(parts), place_of(e));
}

node_ptr binder::first_known(const json& e) {
  auto nodes = bind_list(e.at("args"));
  const auto type = unite(nodes, "COALESCE", place_of(e));
  return tree_of(node_kind::first_known, type, std::move(nodes), place_of(e));
}

node_ptr binder::extreme(const json& e) {
  const bool most = e.value("op", "IS_GREATEST") == "IS_GREATEST";
  auto nodes = bind_list(e.at("args"));
  const auto type = unite(nodes, most ? "GREATEST" : "LEAST", place_of(e));
  if (comparison(type, "<") == nullptr)
    refuse("leat knows no greatest and least of type " + type_shown(*nodes.front()), place_of(e),
           "cast them, or write CASE");
  check_order(type,
              std::any_of(nodes.begin(), nodes.end(), [](const auto& n) { return n->by_bytes; }),
              place_of(e));
  return make_call(most ? greatest : least, type, std::move(nodes), place_of(e), false);
}

node_ptr binder::array(const json& e) {
  if (!e.contains("elements"))
    refuse("an empty ARRAY[] has no type", place_of(e), "write '{}'::integer[]");
  auto nodes = bind_list(e.at("elements"));
  auto type = unite(nodes, "ARRAY", place_of(e));
  if (type.array || type.id == type_id::opaque || type.id == type_id::enumeration)
    refuse("leat has one-dimensional arrays of scalars only", place_of(e),
           "take one dimension, and cast what is no common type to text");
  type.array = true;
  type.modifier = -1;
  return make_call(make_array, type, std::move(nodes), place_of(e), false);
}

node_ptr binder::element(const json& e) {
  auto whole = bind(e.at("arg"));
  const int place = whole->place;
  const auto& steps = e.at("indirection");
  const bool one = steps.size() == 1 && steps[0].contains("A_Indices")
                   && !steps[0].at("A_Indices").value("is_slice", false);
  if (!whole->type.array || !one)
    refuse("only one element of an array can be taken like this", place, "for json use -> and ->>");
  auto index = bind(steps[0].at("A_Indices").at("uidx"));
  if (!index->is_unknown()
      && !can_cast(index->type, scalar(type_id::int4), cast_context::explicitly))
    refuse("the index must be an integer", index->place, "cast it");
  index = guarded_cast(std::move(index), scalar(type_id::int4));
  const auto type = whole->type.element();
  return make_call(array_item, type, pair_of(std::move(whole), std::move(index)), place);
}

node_ptr binder::collated(const json& e) {
  const std::string name = last_name(e.at("collname"));
  if (name != "C" && name != "POSIX")
    refuse("leat knows the collation \"C\" only", place_of(e),
           "write COLLATE \"C\", for the order of the bytes");
  auto n = bind(e.at("arg"));
  if (n->is_unknown()) n = guarded_cast(std::move(n), text_type);
  if (!is_text(n->type.id))
    refuse("collations are not supported by type " + name_of(n->type), place_of(e),
           "leave COLLATE out");
  n->by_bytes = true;
  return n;
}

} // namespace leat::sql
