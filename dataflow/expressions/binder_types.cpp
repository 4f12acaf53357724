#include <algorithm>

#include "dataflow/expressions/binder.hpp"
#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/other_dialects.hpp"
#include "dataflow/expressions/parser.hpp"
#include "dataflow/expressions/row_tests.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat::sql {

namespace {

std::string remedy_of_type(const std::string& name) {
  if (const auto instead = instead_of_type(name); !instead.empty())
    return "PostgreSQL's name for it is " + std::string(instead);
  return "types are boolean, smallint, integer, bigint, numeric, real, double precision, text, "
         "varchar, char, bytea, date, time, timestamp, timestamptz, interval, uuid, json, jsonb, "
         "the enums of the table's columns, and arrays of these";
}

} // namespace

std::string binder::type_shown(const node& n) const {
  if (n.type.id == type_id::opaque && n.kind == node_kind::column)
    return table_.columns[n.column].type_name;
  if (const auto* c = enum_column(n.type)) return c->type_name + (n.type.array ? "[]" : "");
  return name_of(n.type);
}

const column* binder::enum_column(const sql_type& type) const {
  if (type.id != type_id::enumeration) return nullptr;
  const auto& all = table_.columns;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.type == type.named; });
  return found == all.end() ? nullptr : &*found;
}

/// The server looks names up elsewhere, where they come without their schema.
std::optional<sql_type> binder::enum_named(const json& names) const {
  for (const auto& c : table_.columns) {
    if (c.labels.empty()) continue;
    const auto full = parse_type_name(c.type_name).tree.at("names");
    if (names == full || (names.size() == 1 && names.back() == full.back())) {
      same_at_server_ = same_at_server_ && names == full;
      return type_of(c);
    }
  }
  return std::nullopt;
}

void binder::check_label(const sql_type& type, const datum& label, int place) const {
  const auto& c = *enum_column(type);
  if (label.null || std::find(c.labels.begin(), c.labels.end(), label.text) != c.labels.end())
    return;
  const std::string given(label.text);
  const auto near = nearest_names(given, c.labels);
  refuse("invalid input value for enum " + c.type_name + ": \"" + given + "\"", place,
         near.empty() ? "its labels are " + join_names(c.labels, "and")
                      : "did you mean '" + near.front() + "'?");
}

node_ptr binder::label_place_of(node_ptr n) const {
  const auto labels =
      std::make_shared<const std::vector<std::string>>(enum_column(n->type)->labels);
  const int place = n->place;
  std::vector<node_ptr> one;
  one.push_back(std::move(n));
  auto out = make_call(label_place, scalar(type_id::int4), std::move(one), place);
  out->labels = labels;
  return out;
}

sql_type binder::type_named(const json& t) const {
  const std::string name = last_name(t.at("names"));
  const int place = place_of(t);
  const auto found = find_type(name);
  if (const auto labels = found ? std::nullopt : enum_named(t.at("names"))) {
    auto out = *labels;
    out.array = t.contains("arrayBounds");
    return out;
  }
  if (!found || t.value("setof", false))
    refuse("leat does not compute with type `" + name + "`", place, remedy_of_type(name));
  sql_type out{*found, t.contains("arrayBounds"), -1};
  if (!t.contains("typmods")) return out;
  std::vector<int> numbers;
  for (const auto& m : t.at("typmods")) {
    if (!m.contains("A_Const") || !m.at("A_Const").contains("ival"))
      refuse("a type's length must be a number", place, "for instance varchar(20)");
    numbers.push_back(integer(m.at("A_Const")));
  }
  const auto within = [&](int n, int least, int most) {
    if (n < least || n > most)
      refuse("the length of type " + name + " must be from " + std::to_string(least) + " to "
                 + std::to_string(most),
             place, "choose another one");
  };
  switch (out.id) {
  case type_id::varchar:
  case type_id::bpchar:
    within(numbers.front(), 1, 10485760);
    out.modifier = numbers.front() + 4;
    return out;
  case type_id::numeric: {
    const int scale = numbers.size() > 1 ? numbers[1] : 0;
    within(numbers.front(), 1, 1000);
    within(scale, -1000, 1000);
    out.modifier = ((numbers.front() << 16) | (scale & 0x7ff)) + 4;
    return out;
  }
  case type_id::time_of_day:
  case type_id::timestamp:
  case type_id::timestamptz:
    within(numbers.front(), 0, 6);
    out.modifier = numbers.front();
    return out;
  default:
    refuse("leat does not take type `" + name + "` with a length or fields", place,
           "leave them out");
  }
}

node_ptr binder::guarded_cast(node_ptr n, const sql_type& to) const {
  const int place = n->place;
  // Leat takes ISO forms only, and reads documents with a library of its own.
  const bool parses = is_text(n->type.id) && !n->is_constant() && !is_text(to.id);
  if (parses && !is_number(to.id)) same_at_server_ = false;
  try {
    auto out = cast(std::move(n), to);
    if (to.id == type_id::enumeration && out->is_constant() && !out->value.null) {
      if (!to.array) check_label(to, out->value, place);
      for (const auto& item : out->value.items) check_label(to, item, place);
    }
    return out;
  } catch (const evaluation_error& e) {
    refuse(e.what(), place,
           to.array ? "an array is written '{a,b}'; to look for an element write 'a' = ANY(x)"
                    : "correct the literal");
  }
}

void binder::refuse_cast(const node& n, const sql_type& to, int place) const {
  const auto* labels = enum_column(to);
  std::string remedy = "cast to text first, where that has a meaning";
  if (labels != nullptr)
    remedy = "literals can be cast to an enum; compare the enum's column as text: x::text";
  else if (n.type.id == type_id::opaque || n.type.id == type_id::enumeration)
    remedy = "such a column can be cast to text only";
  else if (to.id == type_id::boolean && is_number(n.type.id) && !to.array && !n.type.array)
    remedy = "compare it: x <> 0";
  refuse("cannot cast type " + type_shown(n) + " to "
             + (labels != nullptr ? labels->type_name : name_of(to)),
         place, remedy);
}

node_ptr binder::cast_to(node_ptr n, const sql_type& to, int place) const {
  if (!can_cast(n->type, to, cast_context::explicitly)) refuse_cast(*n, to, place);
  auto out = guarded_cast(std::move(n), to);
  out->type.modifier = to.modifier;
  return out;
}

} // namespace leat::sql
