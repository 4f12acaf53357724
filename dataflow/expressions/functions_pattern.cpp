#include <map>
#include <memory>
#include <tuple>

#include <re2/re2.h>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/regular_expression.hpp"
#include "dataflow/expressions/text_format.hpp"
#include "dataflow/expressions/unicode.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

[[noreturn]] void ends_in_escape() {
  throw evaluation_error("22025", "LIKE pattern must not end with escape character");
}

/// As like_match.c: % any characters, _ one, \ takes the next as it is.
bool like(std::string_view text, std::string_view pattern) {
  while (!pattern.empty()) {
    if (pattern.front() == '%') {
      while (!pattern.empty() && (pattern.front() == '%' || pattern.front() == '_')) {
        if (pattern.front() == '_') {
          if (text.empty()) return false;
          text.remove_prefix(bytes_of(text, 1));
        }
        pattern.remove_prefix(1);
      }
      if (pattern.empty()) return true;
      if (pattern == "\\") ends_in_escape();
      for (;; text.remove_prefix(bytes_of(text, 1))) {
        if (text.empty()) return false;
        if (like(text, pattern)) return true;
      }
    }
    if (text.empty()) return false;
    if (pattern.front() == '_') {
      text.remove_prefix(bytes_of(text, 1));
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern.front() == '\\') {
      pattern.remove_prefix(1);
      if (pattern.empty()) ends_in_escape();
    }
    if (text.front() != pattern.front()) return false;
    text.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  return text.empty();
}

template <bool wanted>
void like_op(datum& out, arguments a, const call_info&) {
  out.set(like(a[0]->text, a[1]->text) == wanted ? 1 : 0);
}

template <bool wanted>
void ilike_op(datum& out, arguments a, const call_info& c) {
  const bool ascii = c.parameter != 0;
  out.set(like(lower_text(a[0]->text, ascii), lower_text(a[1]->text, ascii)) == wanted ? 1 : 0);
}

const RE2& compiled(std::string_view pattern, bool any_case, bool ascii) {
  thread_local std::map<std::tuple<std::string, bool, bool>, std::unique_ptr<RE2>> cache;
  auto key = std::tuple(std::string(pattern), any_case, ascii);
  if (const auto found = cache.find(key); found != cache.end()) return *found->second;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_longest_match(true);
  options.set_dot_nl(true);
  options.set_case_sensitive(!any_case);
  auto made = std::make_unique<RE2>(for_re2(pattern, any_case, ascii), options);
  if (!made->ok()) throw evaluation_error("2201B", "invalid regular expression: " + made->error());
  if (cache.size() > 64) cache.clear();
  return *cache.emplace(std::move(key), std::move(made)).first->second;
}

template <bool wanted, bool any_case>
void regular(datum& out, arguments a, const call_info& c) {
  const re2::StringPiece text(a[0]->text.data(), a[0]->text.size());
  const auto& re = compiled(a[1]->text, any_case, c.parameter != 0);
  out.set(RE2::PartialMatch(text, re) == wanted ? 1 : 0);
}

void append_replacement(std::string& out, std::string_view with,
                        const std::vector<re2::StringPiece>& groups) {
  const auto group = [&](std::size_t n) {
    if (n < groups.size())
      out.append(groups[n].data() == nullptr ? "" : groups[n].data(), groups[n].size());
  };
  for (std::size_t i = 0; i < with.size(); ++i) {
    if (with[i] != '\\' || i + 1 == with.size()) {
      out += with[i];
      continue;
    }
    const char c = with[++i];
    if (c >= '1' && c <= '9')
      group(static_cast<std::size_t>(c - '0'));
    else if (c == '&')
      group(0);
    else if (c == '\\')
      out += '\\';
    else
      out += '\\', out += c;
  }
}

void regexp_replace(datum& out, arguments a, const call_info& c) {
  bool all = false, any_case = false;
  for (const char f : c.arguments.size() > 3 ? a[3]->text : std::string_view()) {
    if (f == 'g')
      all = true;
    else if (f == 'i')
      any_case = true;
    else
      throw evaluation_error("22023",
                             std::string("leat takes the flags g and i of regexp_replace, not \"")
                                 + f + "\"");
  }
  const auto& re = compiled(a[1]->text, any_case, c.parameter != 0);
  const re2::StringPiece text(a[0]->text.data(), a[0]->text.size());
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(re.NumberOfCapturingGroups()) + 1);
  std::string made;
  std::size_t at = 0, copied = 0;
  while (at <= text.size()
         && re.Match(text, at, text.size(), RE2::UNANCHORED, groups.data(),
                     static_cast<int>(groups.size()))) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    made.append(text.data() + copied, begin - copied);
    append_replacement(made, a[2]->text, groups);
    copied = begin + groups[0].size();
    if (!all) break;
    at = copied;
    if (groups[0].empty()) at += at < text.size() ? bytes_of(a[0]->text.substr(at), 1) : 1;
  }
  made.append(text.data() + copied, text.size() - copied);
  out.set_own(std::move(made));
}

} // namespace

std::vector<function> pattern_functions() {
  const auto t = scalar(type_id::text), b = scalar(type_id::boolean);
  const auto p = scalar(type_id::bpchar); // with its padding, which it has not as text
  return {
      {"~~", {t, t}, b, like_op<true>},
      {"!~~", {t, t}, b, like_op<false>},
      {"~~*", {t, t}, b, ilike_op<true>},
      {"!~~*", {t, t}, b, ilike_op<false>},
      {"~", {t, t}, b, regular<true, false>},
      {"!~", {t, t}, b, regular<false, false>},
      {"~*", {t, t}, b, regular<true, true>},
      {"!~*", {t, t}, b, regular<false, true>},
      {"~~", {p, t}, b, like_op<true>},
      {"!~~", {p, t}, b, like_op<false>},
      {"~~*", {p, t}, b, ilike_op<true>},
      {"!~~*", {p, t}, b, ilike_op<false>},
      {"~", {p, t}, b, regular<true, false>},
      {"!~", {p, t}, b, regular<false, false>},
      {"~*", {p, t}, b, regular<true, true>},
      {"!~*", {p, t}, b, regular<false, true>},
      {"regexp_replace", {t, t, t}, t, regexp_replace},
      {"regexp_replace", {t, t, t, t}, t, regexp_replace},
  };
}

} // namespace leat::sql
