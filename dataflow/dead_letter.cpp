#include "dataflow/dead_letter.hpp"

#include <algorithm>
#include <utility>

#include "dataflow/append_row.hpp"

namespace leat {

std::string json_string(std::string_view text) {
  constexpr auto* digits = "0123456789abcdef";
  std::string out = "\"";
  for (const auto c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (byte < 0x20)
      ((out += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
    else
      out += c;
  }
  return out + '"';
}

void row_json::add(std::string_view name, std::optional<std::string_view> text) {
  text_ += text_.empty() ? "{" : ",";
  text_ += json_string(name) + ":" + (text ? json_string(*text) : "null");
}

dead_letter letter_of(const route& r, const fold& rows, const fold_entry& e) {
  row_json key;
  for (std::size_t i = 0; i < r.key.size(); ++i)
    key.add(r.columns[r.key[i]].name, rows.key_text(e.key, i));
  row_json row;
  for (const auto& c : r.columns) {
    const auto state = rows.state(e, c.source);
    if (state == cell_state::value)
      row.add(c.name, rows.text(e, c.source));
    else if (state == cell_state::null)
      row.add(c.name, std::nullopt);
  }
  return {r.target, key.text(), row.text(), {}, rows.position_of(e)};
}

dead_letter letter_of(const route& r, const batch& rows, const change& c) {
  const append_row shown(rows, c);
  row_json key;
  for (const auto i : r.key)
    if (const auto* there = shown.at(r.columns[i].source); there != nullptr && there->has_value())
      key.add(r.columns[i].name, rows.text(*there));
  row_json row;
  for (const auto& column : r.columns) {
    const auto* there = shown.at(column.source);
    if (there == nullptr) continue;
    row.add(column.name, there->has_value() ? std::optional(rows.text(*there)) : std::nullopt);
  }
  auto key_text = r.key.empty() ? std::string() : key.text();
  return {r.target, std::move(key_text), row.text(), {}, rows.position_of(c)};
}

dead_letter letter_of(const std::string& target, const table_schema& of, const batch& rows,
                      const change& c, std::string reason) {
  const auto shown = c.new_row == change::no_row ? rows.old_row(c) : rows.new_row(c);
  row_json key;
  row_json row;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (!came(shown[i])) continue;
    const auto& name = of.columns[i].name;
    const auto text = shown[i].has_value() ? std::optional(rows.text(shown[i])) : std::nullopt;
    row.add(name, text);
    if (std::find(of.key.begin(), of.key.end(), i) != of.key.end()) key.add(name, text);
  }
  return {target, of.key.empty() ? std::string() : key.text(), row.text(), std::move(reason),
          rows.position_of(c)};
}

std::string remedy_of_row(const change& c, const std::string& other) {
  return c.kind == change_kind::read
             ? "correct the row at the source, " + other
             : other + " (the change stays in the stream, whatever the row is now)";
}

} // namespace leat
