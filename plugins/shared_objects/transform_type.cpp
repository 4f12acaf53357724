#include "plugins/shared_objects/transform_type.hpp"

#include <algorithm>
#include <set>

#include "dataflow/error.hpp"
#include "dataflow/expressions/expression.hpp"
#include "plugins/shared_objects/running_plugin.hpp"

namespace leat::shared_objects {

namespace {

/// FNV-1a. Options may hold secrets, so the state keeps this of them.
std::string digest(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(h >> shift) & 15U];
  return out;
}

class plugin_type : public transform_type {
 public:
  explicit plugin_type(std::shared_ptr<const plugin_section> s) : section_(std::move(s)) {}

  transform_output describe(const transform_input&) const override;

  std::unique_ptr<transform> create(const transform_place& place) const override {
    return std::make_unique<running_plugin>(section_, place);
  }

  std::string text() const override {
    const auto& o = section_->object;
    return "plugin " + o.name() + " " + o.version() + " (" + o.path().string() + ")";
  }

  std::string fingerprint() const override {
    const auto& o = section_->object;
    return "plugin " + o.name() + " " + o.version() + " with " + digest(section_->json);
  }

 private:
  column made_column(const declared_column&, const plugin_calls&) const;
  std::vector<std::uint16_t> key_of(const transform_output&, const transform_input&,
                                    const call_context&, const plugin_calls&) const;

  std::shared_ptr<const plugin_section> section_;
};

constexpr const char* correct_describe = "correct describe() of the plugin";

/// A new column gets its type from its name, as a cast in an expression would.
column plugin_type::made_column(const declared_column& declared, const plugin_calls& calls) const {
  sql::sql_type type;
  try {
    type = sql::expression::compile("NULL", table_schema{}, declared.type)->type();
  } catch (const error& e) {
    calls.fail("it describes column " + declared.name + " with the type \"" + declared.type
                   + "\", which leat does not know: " + e.what(),
               "take one of the types that docs/expressions.md names");
  }
  column c;
  c.name = declared.name;
  c.type = sql::oid_of(type);
  c.modifier = type.modifier;
  c.type_name = sql::name_of(type);
  c.kind = sql::class_of(type);
  c.nullable = declared.nullable;
  c.identity = declared.identity;
  return c;
}

std::vector<std::uint16_t> plugin_type::key_of(const transform_output& out,
                                               const transform_input& in, const call_context& c,
                                               const plugin_calls& calls) const {
  std::vector<std::uint16_t> key;
  if (c.key) {
    for (const auto k : *c.key) {
      if (k >= out.rows->columns.size())
        calls.fail("it describes a key with column " + std::to_string(k) + ", and its output has "
                       + std::to_string(out.rows->columns.size()),
                   correct_describe);
      key.push_back(static_cast<std::uint16_t>(k));
    }
    if (std::set<std::uint16_t>(key.begin(), key.end()).size() != key.size())
      calls.fail("it describes a key that has a column twice", correct_describe);
    return key;
  }
  for (const auto k : in.rows->key) {
    const auto& name = in.rows->columns[k].name;
    const auto found = out.rows->find(name);
    if (!found)
      calls.fail("its output has no column " + name
                     + ", which is part of the key, and it describes "
                       "no other key",
                 "keep the column, or set a key in describe()");
    key.push_back(*found);
  }
  return key;
}

transform_output plugin_type::describe(const transform_input& in) const {
  plugin_calls calls(section_->object, "table " + in.rows->qualified_name(), section_->timeout,
                     section_->overdue);
  const schema_view view(in.rows, in.mode == route_mode::append, in.may_leave_out);
  call_context context{};
  section_->fill(context);
  context.input = view.get();
  calls.describe(context);

  transform_output out;
  out.keeps_state = (section_->object.table().flags & LEAT_KEEPS_STATE) != 0;
  auto rows = std::make_shared<table_schema>(*in.rows);
  if (context.columns.empty()) {
    out.from.resize(rows->columns.size());
    for (const auto k : rows->key) out.from[k] = k;
  } else {
    rows->columns.clear();
    std::set<std::string> names;
    for (const auto& declared : context.columns) {
      if (declared.name.empty() || !names.insert(declared.name).second)
        calls.fail("it describes two columns with the name \"" + declared.name + "\"",
                   correct_describe);
      if (declared.input) {
        out.from.push_back(static_cast<std::uint16_t>(*declared.input));
        rows->columns.push_back(in.rows->columns[*declared.input]);
      } else {
        out.from.push_back(std::nullopt);
        rows->columns.push_back(made_column(declared, calls));
      }
    }
  }
  out.rows = rows;
  rows->key = key_of(out, in, context, calls);
  return out;
}

} // namespace

transform_type_ptr make_transform_type(const transform_options& options, overdue_handler overdue) {
  return std::make_shared<plugin_type>(
      std::make_shared<const plugin_section>(options, std::move(overdue)));
}

} // namespace leat::shared_objects
