#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/json_value.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

bool is_jsonb(const call_info& c) { return c.arguments[0].id == type_id::jsonb; }

void give(datum& out, const json_value* v) {
  if (v == nullptr) return out.set_null();
  out.set_own(std::string(v->raw));
}

void give_text(datum& out, const json_value* v, bool jsonb) {
  auto text = v == nullptr ? std::nullopt : json_as_text(*v, jsonb);
  if (!text) return out.set_null();
  out.set_own(std::move(*text));
}

template <bool text>
void member(datum& out, arguments a, const call_info& c) {
  const auto whole = parse_json(a[0]->text, is_jsonb(c));
  const auto* v = whole.find(a[1]->text);
  text ? give_text(out, v, is_jsonb(c)) : give(out, v);
}

template <bool text>
void item(datum& out, arguments a, const call_info& c) {
  const auto whole = parse_json(a[0]->text, is_jsonb(c));
  // jsonb keeps a scalar as an array of one.
  const bool lone = is_jsonb(c) && whole.what != json_value::kind::array
                    && whole.what != json_value::kind::object;
  const auto* v = lone && (a[1]->i == 0 || a[1]->i == -1) ? &whole : whole.at(a[1]->i);
  text ? give_text(out, v, is_jsonb(c)) : give(out, v);
}

const json_value* step(const json_value& v, std::string_view name) {
  if (v.what == json_value::kind::object) return v.find(name);
  if (v.what != json_value::kind::array || name.empty()) return nullptr;
  std::int64_t n = 0;
  const bool minus = name.front() == '-';
  const auto digits = minus ? name.substr(1) : name;
  if (digits.empty() || digits.size() > 9
      || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return nullptr;
  for (const char c : digits) n = n * 10 + (c - '0');
  return v.at(minus ? -n : n);
}

template <bool text>
void path(datum& out, arguments a, const call_info& c) {
  const auto whole = parse_json(a[0]->text, is_jsonb(c));
  const json_value* v = &whole;
  for (const auto& name : a[1]->items) {
    v = name.null ? nullptr : step(*v, name.text);
    if (v == nullptr) break;
  }
  text ? give_text(out, v, is_jsonb(c)) : give(out, v);
}

void type_name(datum& out, arguments a, const call_info&) {
  out.set_view(json_type_name(parse_json(a[0]->text, false)));
}

void contains(datum& out, arguments a, const call_info&) {
  out.set(json_contains(parse_json(a[0]->text, true), parse_json(a[1]->text, true)) ? 1 : 0);
}
void contained(datum& out, arguments a, const call_info&) {
  out.set(json_contains(parse_json(a[1]->text, true), parse_json(a[0]->text, true)) ? 1 : 0);
}

bool is_empty(const json_value& v) { return v.items.empty() && v.members.empty(); }

/// Of `[1, 2]` "1, 2"; of `{"a": 1}` too; of a scalar, or of an object beside an array, itself.
std::string_view inner(const json_value& v, bool whole) {
  const bool container = v.what == json_value::kind::array || v.what == json_value::kind::object;
  return whole || !container ? v.raw : v.raw.substr(1, v.raw.size() - 2);
}

/// Two objects become one, in which the right one's members win; all else becomes an array.
void concatenate(datum& out, arguments a, const call_info&) {
  using kind = json_value::kind;
  const auto left = parse_json(a[0]->text, true);
  const auto right = parse_json(a[1]->text, true);
  const auto is_object = [](const json_value& v) { return v.what == kind::object; };
  const auto is_scalar = [&](const json_value& v) {
    return !is_object(v) && v.what != kind::array;
  };
  const bool same_kind = is_object(left) == is_object(right);
  if (same_kind && !is_scalar(left) && is_empty(left) && !is_scalar(right))
    return out.set_own(std::string(right.raw));
  if (same_kind && !is_scalar(right) && is_empty(right) && !is_scalar(left))
    return out.set_own(std::string(left.raw));
  const bool objects = is_object(left) && is_object(right);
  std::string text(objects ? "{" : "[");
  const auto first = inner(left, !objects && is_object(left));
  const auto second = inner(right, !objects && is_object(right));
  text += first;
  if (!first.empty() && !second.empty()) text += ", ";
  text += second;
  text += objects ? "}" : "]";
  out.set_own(objects ? canonical_json(text) : std::move(text));
}

} // namespace

std::vector<function> json_functions() {
  const auto t = scalar(type_id::text), i = scalar(type_id::int4), b = scalar(type_id::boolean);
  const sql_type names{type_id::text, true, -1};
  std::vector<function> out;
  for (const auto id : {type_id::json, type_id::jsonb}) {
    const auto j = scalar(id);
    out.push_back({"->", {j, t}, j, member<false>});
    out.push_back({"->", {j, i}, j, item<false>});
    out.push_back({"->>", {j, t}, t, member<true>});
    out.push_back({"->>", {j, i}, t, item<true>});
    out.push_back({"#>", {j, names}, j, path<false>});
    out.push_back({"#>>", {j, names}, t, path<true>});
  }
  const auto j = scalar(type_id::jsonb);
  out.push_back({"json_typeof", {scalar(type_id::json)}, t, type_name});
  out.push_back({"jsonb_typeof", {j}, t, type_name});
  out.push_back({"@>", {j, j}, b, contains});
  out.push_back({"<@", {j, j}, b, contained});
  out.push_back({"||", {j, j}, j, concatenate});
  return out;
}

} // namespace leat::sql
