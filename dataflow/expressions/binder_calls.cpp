#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "dataflow/expressions/binder.hpp"
#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/other_dialects.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat::sql {

namespace {

const sql_type& parameter(const function& f, std::size_t i) {
  return f.parameters[std::min(i, f.parameters.size() - 1)];
}

bool takes(const function& f, std::size_t count) {
  return f.variadic ? count >= f.parameters.size() : count == f.parameters.size();
}

bool accepts(const sql_type& wanted, const sql_type& given) {
  if (wanted == any_type) return true;
  if (wanted == any_array) return given.array;
  return can_cast(given, wanted, cast_context::implicit);
}

/// How well a function fits: exact arguments first, then texts for literals, then short ways.
using fitness = std::tuple<int, int, int>;

std::optional<fitness> fit_of(const function& f, const std::vector<node_ptr>& arguments) {
  if (!takes(f, arguments.size())) return std::nullopt;
  int exact = 0, literals = 0, way = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& wanted = parameter(f, i);
    const auto& given = arguments[i]->type;
    if (!accepts(wanted, given)) return std::nullopt;
    if (arguments[i]->is_unknown())
      literals += is_text(wanted.id) ? 1 : 0;
    else if (given.same_kind(wanted))
      ++exact;
    else if (wanted != any_type && wanted != any_array)
      way -= distance(given, wanted);
    else
      way -= 20;
  }
  return fitness{exact, literals, way};
}

/// By the server's locale there, or by other code than PostgreSQL's here.
bool differs_from_server(std::string_view name) {
  static constexpr std::array<std::string_view, 10> names{
      "lower", "upper", "~~*", "!~~*", "~", "!~", "~*", "!~*", "regexp_replace", "timezone"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool joins_arrays(const std::string& name, const std::vector<node_ptr>& arguments) {
  return name == "||" && arguments.size() == 2
         && (arguments[0]->type.array || arguments[1]->type.array);
}

bool is_real(const node_ptr& n) { return n->type.id == type_id::float4 && !n->type.array; }
bool is_other_number(const node_ptr& n) {
  return is_number(n->type.id) && n->type.id != type_id::float4 && !n->type.array;
}

std::string remedy_of_types(const std::vector<node_ptr>& arguments) {
  const bool as_text = std::any_of(arguments.begin(), arguments.end(), [](const node_ptr& n) {
    return n->type.id == type_id::enumeration || n->type.id == type_id::opaque;
  });
  return as_text ? "cast it to text: x::text"
                 : "cast the arguments; docs/expressions.md lists the forms that there are";
}

} // namespace

std::string binder::signature(const std::string& name, const std::vector<node_ptr>& arguments,
                              bool is_operator) const {
  if (is_operator && arguments.size() == 2)
    return type_shown(*arguments[0]) + " " + name + " " + type_shown(*arguments[1]);
  std::string out = name + (is_operator ? " " : "(");
  for (std::size_t i = 0; i < arguments.size(); ++i)
    out += (i == 0 ? "" : ", ") + type_shown(*arguments[i]);
  return is_operator ? out : out + ")";
}

node_ptr binder::called(const std::string& name, std::vector<node_ptr> arguments, int place,
                        bool is_operator) const {
  if (differs_from_server(name)) same_at_server_ = false;
  if (joins_arrays(name, arguments)) return joined_arrays(std::move(arguments), place);
  // A real beside another number becomes double precision, PostgreSQL's preferred type.
  const bool arithmetic = is_operator && arguments.size() == 2;
  if (arithmetic
      && ((is_real(arguments[0]) && is_other_number(arguments[1]))
          || (is_real(arguments[1]) && is_other_number(arguments[0]))))
    for (auto& a : arguments) a = guarded_cast(std::move(a), scalar(type_id::float8));
  // A literal takes the type of the other side first.
  const bool document = std::any_of(arguments.begin(), arguments.end(), [](const node_ptr& n) {
    return n->type.id == type_id::jsonb && !n->type.array;
  });
  if (arithmetic && (name != "||" || document) && name != "->" && name != "->>"
      && arguments[0]->is_unknown() != arguments[1]->is_unknown()) {
    const std::size_t literal = arguments[0]->is_unknown() ? 0 : 1;
    const auto& other = arguments[1 - literal]->type;
    const bool exact = std::any_of(functions().begin(), functions().end(), [&](const function& f) {
      return f.name == name && f.parameters.size() == 2 && f.parameters[0].same_kind(other)
             && f.parameters[1].same_kind(other);
    });
    if (exact) arguments[literal] = guarded_cast(std::move(arguments[literal]), other.plain());
  }
  const function* best = nullptr;
  std::optional<fitness> best_fit;
  bool known = false;
  for (const auto& f : functions()) {
    if (f.name != name) continue;
    known = true;
    const auto fit = fit_of(f, arguments);
    if (!fit || (best_fit && *fit <= *best_fit)) continue;
    best = &f;
    best_fit = fit;
  }
  if (best == nullptr) {
    if (known)
      refuse((is_operator ? "operator does not exist: " : "leat has no form ")
                 + signature(name, arguments, is_operator),
             place, remedy_of_types(arguments));
    std::vector<std::string> names;
    for (const auto& f : functions()) names.emplace_back(f.name);
    const auto near = nearest_names(name, names);
    const auto instead = is_operator ? instead_of_operator(name) : instead_of_function(name);
    refuse("leat has no " + std::string(is_operator ? "operator" : "function") + " " + name, place,
           !instead.empty()              ? "write " + std::string(instead)
           : near.empty() || is_operator ? "docs/expressions.md lists what there is"
                                         : "did you mean " + near.front() + "?");
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& wanted = parameter(*best, i);
    if (wanted == any_array) continue;
    if (wanted != any_type)
      arguments[i] = guarded_cast(std::move(arguments[i]), wanted);
    else if (arguments[i]->is_unknown() || name == "||")
      arguments[i] = guarded_cast(std::move(arguments[i]), scalar(type_id::text));
  }
  auto result = best->result;
  if (result == any_array) result = arguments.front()->type.plain();
  const bool by_bytes = std::any_of(arguments.begin(), arguments.end(),
                                    [](const node_ptr& n) { return n->by_bytes; });
  auto out = make_call(best->run, result, std::move(arguments), place, best->strict);
  out->parameter = by_bytes ? 1 : 0;
  return out;
}

/// Items take the type that both sides have in common; a literal, or NULL, is an array of it.
node_ptr binder::joined_arrays(std::vector<node_ptr> arguments, int place) const {
  const bool left = arguments[0]->type.array || arguments[0]->is_unknown();
  const bool right = arguments[1]->type.array || arguments[1]->is_unknown();
  std::vector<sql_type> items;
  for (const auto& a : arguments)
    if (!a->is_unknown()) items.push_back(a->type.element().plain());
  const auto item = common_type(items);
  if (item.id == type_id::opaque)
    refuse("operator does not exist: " + signature("||", arguments, true), place,
           "cast the arguments; docs/expressions.md lists what there is");
  const sql_type whole{item.id, true, -1, item.named};
  arguments[0] = guarded_cast(std::move(arguments[0]), left ? whole : item);
  arguments[1] = guarded_cast(std::move(arguments[1]), right ? whole : item);
  return make_call(array_concatenation(left, right), whole, std::move(arguments), place, false);
}

node_ptr binder::function_call(const json& e) {
  const int place = place_of(e);
  const std::string name = e.at("funcname").back().at("String").value("sval", "");
  if (e.contains("over"))
    refuse("window functions need more than one row", place, "compute it at the target");
  if (const auto why = refusal_of(name); !why.empty())
    refuse("function " + name + " cannot be used: " + std::string(why), place,
           "docs/expressions.md lists what there is");
  for (const char* more :
       {"agg_star", "agg_order", "agg_filter", "agg_distinct", "agg_within_group"})
    if (e.contains(more))
      refuse("aggregates need more than one row", place, "compute it at the target");
  if (e.contains("func_variadic"))
    refuse("leat has no VARIADIC", place, "write the arguments one by one");
  auto arguments = e.contains("args") ? bind_list(e.at("args")) : std::vector<node_ptr>{};
  return called(name, std::move(arguments), place, false);
}

} // namespace leat::sql
