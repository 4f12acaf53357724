#include "dataflow/merged_routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/progress_names.hpp"
#include "dataflow/route_shape.hpp"
#include "dataflow/schema_diff.hpp"

namespace leat {

namespace {

/// Values whose texts every target compares as the source does.
bool compares_by_text(value_class kind) {
  switch (kind) {
  case value_class::text:
  case value_class::int2:
  case value_class::int4:
  case value_class::int8:
    return true;
  default:
    return false;
  }
}

/// The text of a computed column that is the same for all rows of the source.
std::optional<std::string> constant_text(const sql::expression_ptr& e) {
  if (!e->is_constant() || !compares_by_text(sql::class_of(e->type()))) return std::nullopt;
  sql::evaluation run(e);
  const auto& value = run.run(batch{}, {}, nullptr);
  if (value.null) return std::nullopt;
  std::string text;
  sql::print_value(e->type(), value, text);
  return text;
}

/// Of the key, or in mode append of all columns.
std::vector<own_value> own_rows_of(const route& r) {
  std::vector<own_value> out;
  const auto& inner = r.chain ? *r.chain->inner : r;
  const auto own = inner.source()->columns.size();
  for (std::uint16_t i = 0; i < r.columns.size(); ++i) {
    const bool in_key = std::find(r.key.begin(), r.key.end(), i) != r.key.end();
    if (r.mode == route_mode::upsert && !in_key) continue;
    const auto made = r.columns[i].source;
    const auto source = r.chain ? r.chain->origins[made] : std::optional<std::uint16_t>(made);
    if (!source || *source < own) continue;
    if (auto text = constant_text(inner.shape->computed[*source - own]))
      out.push_back({r.columns[i].name, std::move(*text)});
  }
  return out;
}

std::string table_of(const route& r) { return r.source()->qualified_name(); }

bool told_apart(const route& a, const route& b) {
  return std::any_of(a.own_rows.begin(), a.own_rows.end(), [&](const own_value& mine) {
    return std::any_of(b.own_rows.begin(), b.own_rows.end(), [&](const own_value& theirs) {
      return mine.column == theirs.column && mine.text != theirs.text;
    });
  });
}

std::vector<std::string> key_names(const route& r) {
  std::vector<std::string> names;
  for (const auto k : r.key) names.push_back(r.columns[k].name);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  return fmt::format("({})", fmt::join(names, ", "));
}

const target_column* column_named(const route& r, const std::string& name) {
  const auto at = std::find_if(r.columns.begin(), r.columns.end(),
                               [&](const target_column& c) { return c.name == name; });
  return at == r.columns.end() ? nullptr : &*at;
}

std::string type_of(const route& r, const target_column& c) {
  return r.schema->columns[c.source].type_name;
}

class merge_check {
 public:
  merge_check(const route& a, const route& b, error_kind kind) : a_(a), b_(b), kind_(kind) {}

  void modes() const {
    if (a_.mode == b_.mode && a_.removal == b_.removal) return;
    refuse("differ in `mode` or `delete`", "give both the same");
  }

  void keys() const {
    if (a_.mode == route_mode::append || key_names(a_) == key_names(b_)) return;
    refuse("have other keys, " + listed(key_names(a_)) + " and " + listed(key_names(b_)),
           "give both the same `key`");
  }

  void types() const {
    for (const auto& c : a_.columns) {
      const auto* other = column_named(b_, c.name);
      if (other == nullptr || type_of(a_, c) == type_of(b_, *other)) continue;
      refuse("have column `" + c.name + "` with other types, " + type_of(a_, c) + " and "
                 + type_of(b_, *other),
             "compute it with one type in both: { name, expr, type }");
    }
  }

  void names() const {
    for (const auto& c : a_.columns)
      if (column_named(b_, c.name) == nullptr)
        refuse("do not give the same columns: " + table_of(b_) + " has no `" + c.name + "`",
               "name in `columns` those that both have, or leave it out with `exclude`");
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const {
    throw error(kind_,
                "tables " + table_of(a_) + " and " + table_of(b_) + ", which end at one target `"
                    + a_.target + "`, " + what,
                kind_ == error_kind::usage ? "" : "table " + table_of(a_), remedy);
  }

  const route& a_;
  const route& b_;
  error_kind kind_;
};

/// A metadata column, or two, that differ between the tables.
std::string telling_expression(const route& a, const route& b) {
  if (a.source()->name == b.source()->name) return "leat.schema";
  return a.source()->schema == b.source()->schema ? "leat.table"
                                                  : "leat.schema || '.' || leat.table";
}

std::string one_target(const route& a, const route& b) {
  return "tables " + table_of(a) + " and " + table_of(b) + " end at one target `" + b.target
         + "` of sink " + a.sink;
}

constexpr const char* other_names =
    "give them different names, for instance to = \"{schema}_{table}\"";

[[noreturn]] void refuse_untold(const route& a, const route& b) {
  const bool append = a.mode == route_mode::append;
  std::string key;
  for (const auto c : a.source()->key) key += ", \"" + a.source()->columns[c].name + "\"";
  throw error(
      error_kind::usage,
      one_target(a, b) + ", and no column" + (append ? "" : " of its key")
          + " tells their rows apart",
      "",
      other_names + std::string("; or merge them: columns = [\"*\", { name = \"source\", expr = \"")
          + telling_expression(a, b) + "\" }]" + (append ? "" : ", key = [\"source\"" + key + "]"));
}

void check_pair(const route& a, const route& b) {
  if (a.source()->id == b.source()->id)
    throw error(error_kind::usage, one_target(a, b), "",
                "give one of the routes another `to`, or make them one with OR");
  if (a.target != b.target) throw error(error_kind::usage, one_target(a, b), "", other_names);
  if (a.mode == route_mode::upsert && (a.key.empty() || b.key.empty()))
    throw error(error_kind::usage,
                one_target(a, b) + ", and " + table_of(a.key.empty() ? a : b) + " has no key", "",
                "name unique columns with `key`, or use mode = \"append\"");
  const merge_check pair(a, b, error_kind::usage);
  pair.modes();
  if (!told_apart(a, b)) refuse_untold(a, b);
  pair.keys();
  pair.types();
}

std::vector<std::string> columns_of(const std::vector<const route*>& routes) {
  std::vector<std::string> out;
  for (const auto* r : routes)
    for (const auto& c : r->columns)
      if (std::find(out.begin(), out.end(), c.name) == out.end()) out.push_back(c.name);
  return out;
}

[[noreturn]] void stop(const route& before, const std::string& what) {
  throw error(
      error_kind::source, what, "table " + table_of(before) + " to " + before.target,
      "leave the table out of `tables` and run once; when all tables of the target are alike "
      "again, take it in again and run: its rows are read anew");
}

} // namespace

void merge_routes(const std::vector<std::shared_ptr<route>>& routes, bool fresh) {
  for (const auto& r : routes) r->own_rows = own_rows_of(*r);
  for (std::size_t i = 0; i < routes.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      check_pair(*routes[j], *routes[i]);
      if (!fresh) continue;
      merge_check(*routes[j], *routes[i], error_kind::usage).names();
      merge_check(*routes[i], *routes[j], error_kind::usage).names();
    }
  for (const auto& r : routes) {
    std::vector<const route*> others;
    for (const auto& other : routes)
      if (other != r) others.push_back(other.get());
    for (const auto* other : others) r->beside.push_back(other->id);
    r->shared = columns_of(others);
    r->record = record_of(r->target, table_of(*r));
  }
}

route_ptr evolve_merged_route(const route_ptr& next, const route& before,
                              const std::vector<const route*>& others) {
  if (own_rows_of(*next) != before.own_rows)
    stop(before,
         "the table was renamed, and its rows at the target are told from others' by its name");
  const auto diff = diff_schemas(*before.schema, *next->schema);
  for (const auto& c : before.columns) {
    const auto place = diff.place[c.source];
    if (!place) continue;
    const auto now = std::find_if(next->columns.begin(), next->columns.end(),
                                  [&](const target_column& n) { return n.source == *place; });
    if (now == next->columns.end()) continue;
    if (now->name != c.name)
      stop(before, "column " + c.name + " was renamed to " + now->name
                       + ", and other tables end at the same target");
    if (type_of(*next, *now) != type_of(before, c))
      stop(before, "column " + c.name + " is " + type_of(*next, *now) + " now and was "
                       + type_of(before, c) + ", and other tables end at the same target");
  }
  for (const auto* other : others) merge_check(*next, *other, error_kind::source).types();
  auto out = std::make_shared<route>(*next);
  out->beside = before.beside;
  out->own_rows = before.own_rows;
  out->shared = columns_of(others);
  return out;
}

bool route::shares(const std::string& column) const {
  return std::find(shared.begin(), shared.end(), column) != shared.end();
}

} // namespace leat
