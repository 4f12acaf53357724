#include "plugins/transforms/columns.hpp"

#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat::transforms {

namespace {

constexpr oid text_type = 25;

} // namespace

std::vector<std::string> texts_of(const transform_options& o, const std::string& option) {
  const auto found = o.values.find(option);
  return found == o.values.end() ? std::vector<std::string>{} : found->second;
}

std::string text_of(const transform_options& o, const std::string& option) {
  const auto all = texts_of(o, option);
  return all.empty() ? "" : all.front();
}

std::uint16_t find_column(const table_schema& rows, const std::string& name,
                          const std::string& option) {
  if (const auto found = rows.find(name)) return *found;
  std::vector<std::string> known;
  for (const auto& c : rows.columns) known.push_back(c.name);
  const auto near = nearest_names(name, known);
  throw error(error_kind::usage, "there is no column `" + name + "`", option,
              near.empty() ? "the columns are " + join_names(known, "and")
                           : "did you mean `" + near.front() + "`?");
}

std::vector<std::uint16_t> find_columns(const table_schema& rows,
                                        const std::vector<std::string>& names,
                                        const std::string& option) {
  std::vector<std::uint16_t> out;
  for (const auto& name : names) out.push_back(find_column(rows, name, option));
  return out;
}

transform_output passing_on(const transform_input& in) {
  transform_output out;
  out.rows = in.rows;
  for (std::uint16_t i = 0; i < in.rows->columns.size(); ++i) out.from.emplace_back(i);
  return out;
}

transform_output with_texts(const transform_input& in, const std::vector<std::uint16_t>& columns) {
  auto out = passing_on(in);
  auto rows = std::make_shared<table_schema>(*in.rows);
  for (const auto i : columns) {
    auto& c = rows->columns[i];
    c.type = text_type;
    c.modifier = -1;
    c.type_name = "text";
    c.kind = value_class::text;
    c.built_in = true;
    c.labels.clear();
    out.from[i].reset();
  }
  out.rows = std::move(rows);
  return out;
}

void value_transform::apply(batch& rows) {
  const auto row = [&](std::uint32_t first) {
    if (first == change::no_row) return;
    for (const auto i : columns_) {
      auto& c = rows.cells[first + i];
      if (!c.has_value()) continue;
      in_.assign(rows.text(c));
      out_.clear();
      make(in_, out_);
      c = rows.add_value(out_);
    }
  };
  for (const auto& c : rows.changes) {
    row(c.new_row);
    if (c.old_row != c.new_row) row(c.old_row);
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "" : ", ") + n;
  return out;
}

} // namespace leat::transforms
