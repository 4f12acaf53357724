#include "dataflow/option_checks.hpp"

#include <charconv>
#include <string_view>

#include "dataflow/error.hpp"
#include "dataflow/table_pattern.hpp"

namespace leat {

namespace {

bool is_lower_name(std::string_view name, std::size_t most) {
  constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return !name.empty() && name.size() <= most
         && name.find_first_not_of(characters) == std::string_view::npos;
}

} // namespace

std::string wrong_pipeline_name(const std::string& name) {
  if (is_lower_name(name, 40)) return "";
  return "the name of a pipeline is 1 to 40 of the characters a-z, 0-9 and _";
}

std::string wrong_slot_name(const std::string& name) {
  if (is_lower_name(name, 63)) return "";
  return "the name of a slot is 1 to 63 of the characters a-z, 0-9 and _";
}

std::string wrong_identifier(const std::string& name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > 63) return "the name is longer than PostgreSQL's 63 bytes";
  return "";
}

std::string wrong_if_empty(const std::string& text) {
  return text.empty() ? "the text is empty" : "";
}

std::string wrong_url(const std::string& text) {
  const bool uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
  if (uri || text.find('=') != text.npos) return "";
  return "it is neither postgresql://USER@HOST/DATABASE nor keywords like host=HOST "
         "dbname=DATABASE";
}

std::string wrong_table_pattern(const std::string& text) {
  try {
    table_pattern{text};
    return "";
  } catch (const error& e) {
    return e.what();
  }
}

std::string wrong_table_name(const std::string& text) {
  const std::size_t dot = text.find('.');
  const bool good = dot != std::string::npos && dot > 0 && dot + 1 < text.size()
                    && text.find_first_of("*?") == std::string::npos;
  return good ? "" : "the key must be the name of one table, schema.table";
}

std::string wrong_target_name(const std::string& text) {
  if (text.empty()) return "the name is empty";
  for (std::size_t brace = text.find_first_of("{}"); brace != std::string::npos;
       brace = text.find_first_of("{}", brace)) {
    const std::string_view rest = std::string_view(text).substr(brace);
    const std::size_t known =
        rest.starts_with("{schema}")                                            ? 8
        : rest.starts_with("{table}")                                           ? 7
        : rest.size() > 2 && rest[1] >= '1' && rest[1] <= '9' && rest[2] == '}' ? 3
                                                                                : 0;
    if (known == 0)
      return "only {schema}, {table} and {1}, {2} for what a star of `from` stands for may stand "
             "in braces";
    brace += known;
  }
  return "";
}

std::string wrong_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view port =
      colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool whole = failure == std::errc{} && end == port.data() + port.size();
  if (colon > 0 && whole && number <= 65535) return "";
  return "it must be ADDRESS:PORT, like 127.0.0.1:8480";
}

std::string wrong_http_address(const std::string& text) {
  std::string address = text;
  for (const char* scheme : {"http://", "https://"})
    if (text.starts_with(scheme)) address = text.substr(std::string_view(scheme).size());
  if (address.ends_with('/')) address.pop_back();
  const bool plain = address.find_first_of("/@? \t\r\n") == std::string::npos;
  if (plain && wrong_address(address).empty()) return "";
  return "it must be HOST:PORT, or http:// or https:// and HOST:PORT, like fe1:8030";
}

std::string wrong_header_name(const std::string& text) {
  if (text.empty()) return "the name is empty";
  for (const char c : text)
    if (c < ' ' || c > '~') return "the name has characters that HTTP headers do not carry";
  if (text.front() == ' ' || text.back() == ' ') return "the name begins or ends with a space";
  return text.size() > 256 ? "the name is longer than 256 bytes" : "";
}

} // namespace leat
