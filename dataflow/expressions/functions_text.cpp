#include <algorithm>

#include <openssl/evp.h>

#include "dataflow/expressions/base64.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/text_format.hpp"
#include "dataflow/expressions/unicode.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

std::string_view text_of(arguments a, std::size_t i) { return a[i]->text; }
std::int64_t length_of(std::string_view t) {
  return static_cast<std::int64_t>(count_characters(t));
}
std::string_view first_characters(std::string_view t, std::int64_t n) {
  return n <= 0 ? std::string_view() : t.substr(0, bytes_of(t, static_cast<std::size_t>(n)));
}
std::string_view after_characters(std::string_view t, std::int64_t n) {
  return n <= 0 ? t : t.substr(bytes_of(t, static_cast<std::size_t>(n)));
}

void join(datum& out, arguments a, const call_info&) {
  out.own.assign(a[0]->text);
  out.own.append(a[1]->text);
  out.set_built();
}

void append(std::string& out, const datum& d, const sql_type& t) { print_value(t, d, out); }

void concat(datum& out, arguments a, const call_info& c) {
  out.own.clear();
  for (std::size_t i = 0; i < c.arguments.size(); ++i)
    if (!a[i]->null) append(out.own, *a[i], c.arguments[i]);
  out.set_built();
}

void concat_ws(datum& out, arguments a, const call_info& c) {
  if (a[0]->null) return out.set_null();
  out.own.clear();
  bool any = false;
  for (std::size_t i = 1; i < c.arguments.size(); ++i) {
    if (a[i]->null) continue;
    if (any) out.own += a[0]->text;
    any = true;
    append(out.own, *a[i], c.arguments[i]);
  }
  out.set_built();
}

void lower(datum& out, arguments a, const call_info& c) {
  out.set_own(lower_text(text_of(a, 0), c.parameter != 0));
}
void upper(datum& out, arguments a, const call_info& c) {
  out.set_own(upper_text(text_of(a, 0), c.parameter != 0));
}

/// The characters of a set, each with its bytes.
bool holds(std::string_view set, std::string_view character) {
  for (std::size_t at = 0; at < set.size();) {
    const auto n = bytes_of(set.substr(at), 1);
    if (set.substr(at, n) == character) return true;
    at += n;
  }
  return false;
}

std::string_view trim(std::string_view t, std::string_view set, bool left, bool right) {
  while (left && !t.empty()) {
    const auto n = bytes_of(t, 1);
    if (!holds(set, t.substr(0, n))) break;
    t.remove_prefix(n);
  }
  while (right && !t.empty()) {
    std::size_t at = t.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(t[at]) & 0xc0) == 0x80) --at;
    if (!holds(set, t.substr(at))) break;
    t.remove_suffix(t.size() - at);
  }
  return t;
}

template <bool left, bool right>
void trim_set(datum& out, arguments a, const call_info& c) {
  out.set_view(
      trim(a[0]->text, c.arguments.size() > 1 ? a[1]->text : std::string_view(" "), left, right));
}

void substring_from(datum& out, arguments a, const call_info&) {
  out.set_view(after_characters(a[0]->text, a[1]->i - 1));
}

void substring(datum& out, arguments a, const call_info&) {
  const auto from = a[1]->i;
  const auto end = from + a[2]->i;
  if (a[2]->i < 0) throw evaluation_error("22011", "negative substring length not allowed");
  const auto begin = std::max<std::int64_t>(from, 1);
  out.set_view(first_characters(after_characters(a[0]->text, begin - 1), end - begin));
}

void left(datum& out, arguments a, const call_info&) {
  const auto n = a[1]->i;
  out.set_view(first_characters(a[0]->text, n >= 0 ? n : length_of(a[0]->text) + n));
}

void right(datum& out, arguments a, const call_info&) {
  const auto n = a[1]->i;
  out.set_view(after_characters(a[0]->text, n >= 0 ? length_of(a[0]->text) - n : -n));
}

void replace(datum& out, arguments a, const call_info&) {
  const auto t = a[0]->text, from = a[1]->text;
  if (from.empty()) return out.set_view(t);
  std::string made;
  std::size_t at = 0;
  for (;;) {
    const auto found = t.find(from, at);
    made += t.substr(at, found == std::string_view::npos ? found : found - at);
    if (found == std::string_view::npos) break;
    made += a[2]->text;
    at = found + from.size();
  }
  out.set_own(std::move(made));
}

void split_part(datum& out, arguments a, const call_info&) {
  const auto t = a[0]->text, by = a[1]->text;
  auto n = a[2]->i;
  if (n == 0) throw evaluation_error("22023", "field position must not be zero");
  if (t.empty()) return out.set_view({});
  if (by.empty()) return out.set_view(n == 1 || n == -1 ? t : std::string_view());
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const auto found = t.find(by, at);
    parts.push_back(t.substr(at, found == std::string_view::npos ? found : found - at));
    if (found == std::string_view::npos) break;
    at = found + by.size();
  }
  const auto size = static_cast<std::int64_t>(parts.size());
  if (n < 0) n += size + 1;
  out.set_view(n < 1 || n > size ? std::string_view() : parts[static_cast<std::size_t>(n - 1)]);
}

void length(datum& out, arguments a, const call_info&) { out.set(length_of(a[0]->text)); }
void octets(datum& out, arguments a, const call_info&) {
  out.set(static_cast<std::int64_t>(a[0]->text.size()));
}

void strpos(datum& out, arguments a, const call_info&) {
  const auto at = a[0]->text.find(a[1]->text);
  out.set(at == std::string_view::npos ? 0 : length_of(a[0]->text.substr(0, at)) + 1);
}

void starts_with(datum& out, arguments a, const call_info&) {
  out.set(a[0]->text.starts_with(a[1]->text) ? 1 : 0);
}

std::string fill(std::string_view with, std::int64_t characters) {
  std::string out;
  while (characters > 0) {
    const auto part = first_characters(with, characters);
    out += part;
    characters -= length_of(part);
  }
  return out;
}

template <bool left_side>
void pad(datum& out, arguments a, const call_info& c) {
  const std::string_view with = c.arguments.size() > 2 ? a[2]->text : std::string_view(" ");
  const auto wanted = std::max<std::int64_t>(a[1]->i, 0);
  if (wanted > 100'000'000) throw evaluation_error("54000", "requested length too large");
  const auto have = length_of(a[0]->text);
  if (have >= wanted || with.empty()) return out.set_view(first_characters(a[0]->text, wanted));
  const auto more = fill(with, wanted - have);
  out.set_own(left_side ? more + std::string(a[0]->text) : std::string(a[0]->text) + more);
}

std::string digest(const EVP_MD* kind, std::string_view bytes) {
  unsigned char buffer[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), buffer, &size, kind, nullptr) != 1)
    throw evaluation_error("XX000", "the digest is not available");
  return {reinterpret_cast<const char*>(buffer), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  print_bytea(out, bytes);
  return out.substr(2);
}

void md5(datum& out, arguments a, const call_info&) {
  out.set_own(hex(digest(EVP_md5(), a[0]->text)));
}
void sha256(datum& out, arguments a, const call_info&) {
  out.set_own(digest(EVP_sha256(), a[0]->text));
}

std::string escaped_bytes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0 || byte >= 0x80) {
      out += '\\';
      out += static_cast<char>('0' + (byte >> 6));
      out += static_cast<char>('0' + (byte >> 3 & 7));
      out += static_cast<char>('0' + (byte & 7));
    } else {
      out += c == '\\' ? std::string("\\\\") : std::string(1, c);
    }
  }
  return out;
}

[[noreturn]] void unknown_encoding(std::string_view name) {
  throw evaluation_error("22023", "unrecognized encoding: \"" + std::string(name) + "\"");
}

void encode(datum& out, arguments a, const call_info&) {
  const auto format = lower_ascii(a[1]->text);
  if (format == "hex") return out.set_own(hex(a[0]->text));
  if (format == "base64") return out.set_own(encode_base64(a[0]->text));
  if (format == "escape") return out.set_own(escaped_bytes(a[0]->text));
  unknown_encoding(a[1]->text);
}

void decode(datum& out, arguments a, const call_info&) {
  const auto format = lower_ascii(a[1]->text);
  if (format == "hex") return out.set_own(parse_bytea("\\x" + std::string(a[0]->text)));
  if (format == "base64") return out.set_own(decode_base64(a[0]->text));
  if (format == "escape") return out.set_own(parse_escaped_bytes(a[0]->text));
  unknown_encoding(a[1]->text);
}

} // namespace

std::vector<function> text_functions() {
  const auto t = scalar(type_id::text), i = scalar(type_id::int4), b = scalar(type_id::boolean),
             y = scalar(type_id::bytea);
  std::vector<function> out = {
      {"||", {t, t}, t, join},
      {"||", {t, any_type}, t, join},
      {"||", {any_type, t}, t, join},
      {"||", {y, y}, y, join},
      {"concat", {any_type}, t, concat, false, true},
      {"concat_ws", {t, any_type}, t, concat_ws, false, true},
      {"lower", {t}, t, lower},
      {"upper", {t}, t, upper},
      {"btrim", {t}, t, trim_set<true, true>},
      {"btrim", {t, t}, t, trim_set<true, true>},
      {"ltrim", {t}, t, trim_set<true, false>},
      {"ltrim", {t, t}, t, trim_set<true, false>},
      {"rtrim", {t}, t, trim_set<false, true>},
      {"rtrim", {t, t}, t, trim_set<false, true>},
      {"left", {t, i}, t, left},
      {"right", {t, i}, t, right},
      {"replace", {t, t, t}, t, replace},
      {"split_part", {t, t, i}, t, split_part},
      {"octet_length", {t}, i, octets},
      {"octet_length", {scalar(type_id::bpchar)}, i, octets},
      {"octet_length", {y}, i, octets},
      {"length", {y}, i, octets},
      {"strpos", {t, t}, i, strpos},
      {"position", {t, t}, i, strpos},
      {"starts_with", {t, t}, b, starts_with},
      {"md5", {t}, t, md5},
      {"md5", {y}, t, md5},
      {"sha256", {y}, y, sha256},
      {"encode", {y, t}, t, encode},
      {"decode", {t, t}, y, decode},
  };
  for (const auto* name : {"substring", "substr"}) {
    out.push_back({name, {t, i}, t, substring_from});
    out.push_back({name, {t, i, i}, t, substring});
  }
  for (const auto* name : {"length", "char_length", "character_length"})
    out.push_back({name, {t}, i, length});
  out.push_back({"lpad", {t, i}, t, pad<true>});
  out.push_back({"lpad", {t, i, t}, t, pad<true>});
  out.push_back({"rpad", {t, i}, t, pad<false>});
  out.push_back({"rpad", {t, i, t}, t, pad<false>});
  return out;
}

} // namespace leat::sql
