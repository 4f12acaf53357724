#include "plugins/starrocks/encode.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace leat::starrocks {

namespace {

// CSV in a transaction has no quoting: texts with these bytes are refused.
constexpr char csv_column = '\x01';
constexpr char csv_row = '\x02';
constexpr std::string_view csv_null = "\\N";
constexpr std::string_view not_for_csv = "a text that CSV cannot carry: use format = \"json\"";

bool fits_csv(std::string_view text) {
  return text != csv_null && text.find_first_of("\x01\x02") == text.npos;
}

/// Where the JSON string that begins at `begin` ends.
std::size_t end_of_string(std::string_view json, std::size_t begin) {
  auto end = begin + 1;
  while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return end + 1;
}

/// A JSON array as a CSV field has it: in texts a double quote stands twice, and nothing else is
/// escaped (StarRocks, be/src/formats/csv/array_reader.cpp and string_converter.cpp).
std::string csv_list(std::string_view json) {
  std::string list;
  for (std::size_t i = 0; i < json.size();) {
    if (json[i] != '"') {
      if (json[i] != ' ') list += json[i];
      ++i;
      continue;
    }
    const auto end = end_of_string(json, i);
    list += '"';
    for (const char c : nlohmann::json::parse(json.substr(i, end - i)).get<std::string>())
      list += c == '"' ? std::string("\"\"") : std::string(1, c);
    list += '"';
    i = end;
  }
  return list;
}

std::string_view text_of(misfit_kind kind) {
  switch (kind) {
  case misfit_kind::nan:
    return "NaN, which the target column does not hold";
  case misfit_kind::infinity:
    return "an infinity, which the target column does not hold";
  case misfit_kind::out_of_range:
    return "a value beyond the range, length or shape of the target column";
  default:
    return "a text that is not one of the source column's type";
  }
}

} // namespace

bool same_column(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return low(x) == low(y); });
}

std::string quote_identifier(std::string_view name) {
  std::string text = "`";
  for (const char c : name) text += c == '`' ? std::string("``") : std::string(1, c);
  return text + "`";
}

row_encoder::row_encoder(std::vector<load_column> columns, load_format format,
                         value_policies policies, bool with_op)
    : columns_(std::move(columns)), format_(format), policies_(policies), with_op_(with_op) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool bytes = columns_[i].type.form == value_form::bytes;
    has_bytes_ = has_bytes_ || bytes;
    auto& label = labels_.emplace_back(i == 0 ? "" : ",");
    append_json_string(label, bytes ? temporary(i) : columns_[i].name);
    label += ':';
  }
}

/// What the hex of a column is called in a load; no column of the table is.
std::string row_encoder::temporary(std::size_t column) const {
  auto name = "_leat_hex_" + std::to_string(column);
  const auto taken = [&](const load_column& c) { return same_column(c.name, name); };
  while (std::ranges::any_of(columns_, taken)) name += '_';
  return name;
}

void row_encoder::begin(row_op op) {
  if (body_.empty()) body_.reserve(last_bytes_); // growing copies it over and over
  row_start_ = body_.size();
  next_ = 0;
  op_ = op;
  if (format_ == load_format::json) body_ += body_.empty() ? "[{" : ",\n{";
}

void row_encoder::open_cell(std::size_t column) {
  while (next_ < column) null(next_);
  if (format_ == load_format::json) {
    body_ += labels_[column];
  } else if (column != 0) {
    body_ += csv_column;
  }
  next_ = column + 1;
}

/// CSV: appends what cell_ holds as JSON.
std::string_view row_encoder::close_cell() {
  const auto form = columns_[next_ - 1].type.form;
  if (cell_ == "null") {
    body_ += csv_null;
  } else if (form == value_form::array) {
    const auto list = csv_list(cell_);
    if (!fits_csv(list)) return not_for_csv;
    body_ += list;
  } else if (cell_.starts_with('"') && form != value_form::json) {
    const bool plain = cell_.find('\\') == cell_.npos;
    if (!plain) cell_ = '"' + nlohmann::json::parse(cell_).get<std::string>() + '"';
    const auto text = std::string_view(cell_).substr(1, cell_.size() - 2);
    if (!fits_csv(text)) return not_for_csv;
    body_ += text;
  } else {
    body_ += cell_;
  }
  return {};
}

std::string_view row_encoder::value(std::size_t column, std::string_view text) {
  open_cell(column);
  const auto& c = columns_[column];
  const bool json = format_ == load_format::json;
  if (!json && c.type.form == value_form::text
      && (c.type.limit == 0 || text.size() <= c.type.limit)) {
    if (!fits_csv(text)) return not_for_csv;
    body_ += text;
    return {};
  }
  if (!json) cell_.clear();
  auto& out = json ? body_ : cell_;
  const auto why = append_json(out, c.type, text);
  if (why != misfit_kind::none) {
    const auto problem = apply(policies_.of(why), c, text, why);
    if (!problem.empty()) return problem;
  }
  return json ? std::string_view{} : close_cell();
}

std::string_view row_encoder::apply(value_policy policy, const load_column& c,
                                    std::string_view text, misfit_kind why) {
  auto& out = format_ == load_format::json ? body_ : cell_;
  if (policy == value_policy::null && c.nullable) {
    out += "null";
    return {};
  }
  if (policy == value_policy::clamp && !c.key && append_clamped(out, c.type, text)) return {};
  if (policy == value_policy::text && c.type.form == value_form::json) {
    append_json_string(out, text);
    return {};
  }
  return text_of(why);
}

std::string_view row_encoder::printed(std::size_t column, std::string_view text) {
  open_cell(column);
  const bool json = format_ == load_format::json;
  if (!json) cell_.clear();
  append_printed(json ? body_ : cell_, columns_[column].type, text);
  return json ? std::string_view{} : close_cell();
}

void row_encoder::null(std::size_t column) {
  open_cell(column);
  body_ += format_ == load_format::json ? "null" : csv_null;
}

void row_encoder::placeholder(std::size_t column) {
  if (columns_[column].nullable) return null(column);
  open_cell(column);
  std::string_view text = "0";
  switch (columns_[column].type.form) {
  case value_form::text:
  case value_form::bytes:
    text = "";
    break;
  case value_form::date:
    text = "2000-01-01";
    break;
  case value_form::timestamp:
  case value_form::timestamptz:
    text = "2000-01-01 00:00:00";
    break;
  case value_form::array:
    text = "[]";
    break;
  default:
    break;
  }
  const auto form = columns_[column].type.form;
  const bool bare = form == value_form::array || form == value_form::json || text == "0";
  if (format_ == load_format::json && !bare)
    append_json_string(body_, text);
  else
    body_ += text;
}

void row_encoder::end() {
  while (next_ < columns_.size()) null(next_);
  if (format_ == load_format::json) {
    if (with_op_) body_ += op_ == row_op::remove ? ",\"__op\":1" : ",\"__op\":0";
    body_ += '}';
  } else {
    if (with_op_) {
      body_ += csv_column;
      body_ += op_ == row_op::remove ? '1' : '0';
    }
    body_ += csv_row;
  }
  ++rows_;
  if (keeps_ends_) ends_.push_back(static_cast<std::uint32_t>(body_.size()));
}

void row_encoder::drop() { body_.resize(row_start_); }

std::string row_encoder::take() {
  if (format_ == load_format::json && !body_.empty()) body_ += "]\n";
  rows_ = 0;
  last_bytes_ = body_.size() + body_.size() / 8;
  return std::exchange(body_, {});
}

std::string row_encoder::columns_header() const {
  std::string list;
  std::string derived;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i != 0) list += ',';
    const auto name = quote_identifier(columns_[i].name);
    if (columns_[i].type.form != value_form::bytes) {
      list += name;
      continue;
    }
    list += temporary(i);
    derived += "," + name + "=to_binary(" + temporary(i) + ",'hex')";
  }
  if (with_op_) list += ",__op";
  return list + derived;
}

std::vector<std::pair<std::string, std::string>> row_encoder::headers() const {
  if (format_ == load_format::csv)
    return {{"format", "csv"},
            {"column_separator", "\\x01"},
            {"row_delimiter", "\\x02"},
            {"columns", columns_header()}};
  std::vector<std::pair<std::string, std::string>> all{
      {"format", "json"}, {"strip_outer_array", "true"}, {"ignore_json_size", "true"}};
  // Without it members name the columns themselves, so that no name has to stand in a header.
  if (has_bytes_) all.emplace_back("columns", columns_header());
  return all;
}

} // namespace leat::starrocks
