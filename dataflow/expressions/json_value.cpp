#include "dataflow/expressions/json_value.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "dataflow/expressions/evaluation_error.hpp"

namespace leat::sql {

namespace {

constexpr int deepest = 1000;

class parser {
 public:
  parser(std::string_view text, bool numbers) : text_(text), numbers_(numbers) {}

  json_value whole() {
    json_value v = value(0);
    spaces();
    if (at_ != text_.size()) bad();
    return v;
  }

 private:
  [[noreturn]] static void bad() {
    throw evaluation_error("22P02", "invalid input syntax for type json");
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void spaces() {
    while (at_ < text_.size()
           && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r'))
      ++at_;
  }
  void expect(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) bad();
    at_ += word.size();
  }

  json_value value(int depth) {
    if (depth > deepest) throw evaluation_error("54001", "the JSON value is nested too deep");
    spaces();
    json_value v;
    const auto begin = at_;
    using kind = json_value::kind;
    switch (peek()) {
    case '{':
      v.what = kind::object;
      object(v, depth);
      break;
    case '[':
      v.what = kind::array;
      array(v, depth);
      break;
    case '"':
      v.what = kind::string;
      v.text = string();
      break;
    case 't':
      v.what = kind::boolean;
      v.truth = true;
      expect("true");
      break;
    case 'f':
      v.what = kind::boolean;
      expect("false");
      break;
    case 'n':
      expect("null");
      break;
    default:
      v.what = kind::number;
      number(v);
    }
    v.raw = text_.substr(begin, at_ - begin);
    if (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(peek())) != 0)) bad();
    return v;
  }

  void object(json_value& v, int depth) {
    ++at_;
    spaces();
    if (peek() == '}') return void(++at_);
    for (;;) {
      spaces();
      if (peek() != '"') bad();
      std::string key = string();
      spaces();
      if (peek() != ':') bad();
      ++at_;
      v.members.emplace_back(std::move(key), value(depth + 1));
      spaces();
      if (peek() == '}') return void(++at_);
      if (peek() != ',') bad();
      ++at_;
    }
  }

  void array(json_value& v, int depth) {
    ++at_;
    spaces();
    if (peek() == ']') return void(++at_);
    for (;;) {
      v.items.push_back(value(depth + 1));
      spaces();
      if (peek() == ']') return void(++at_);
      if (peek() != ',') bad();
      ++at_;
    }
  }

  void digits() {
    if (std::isdigit(static_cast<unsigned char>(peek())) == 0) bad();
    while (std::isdigit(static_cast<unsigned char>(peek())) != 0) ++at_;
  }

  void number(json_value& v) {
    const auto begin = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0')
      ++at_;
    else
      digits();
    if (peek() == '.') {
      ++at_;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
    if (numbers_) v.number = numeric::parse(text_.substr(begin, at_ - begin));
  }

  unsigned hex() {
    unsigned n = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      if (std::isxdigit(static_cast<unsigned char>(c)) == 0) bad();
      n = n * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      ++at_;
    }
    return n;
  }

  static void append_utf8(std::string& out, unsigned c) {
    const auto add = [&](unsigned byte) { out += static_cast<char>(byte); };
    if (c < 0x80) return add(c);
    if (c < 0x800) return add(0xc0 | c >> 6), add(0x80 | (c & 63));
    if (c < 0x10000) return add(0xe0 | c >> 12), add(0x80 | (c >> 6 & 63)), add(0x80 | (c & 63));
    add(0xf0 | c >> 18), add(0x80 | (c >> 12 & 63)), add(0x80 | (c >> 6 & 63)),
        add(0x80 | (c & 63));
  }

  void escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      bad();
    }
    unsigned n = hex();
    if (n == 0) {
      if (numbers_) throw evaluation_error("22P05", "unsupported Unicode escape sequence");
      has_zero_ = true;
    }
    if (n >= 0xdc00 && n <= 0xdfff) bad();
    if (n >= 0xd800 && n <= 0xdbff) {
      if (text_.substr(at_, 2) != "\\u") bad();
      at_ += 2;
      const unsigned low = hex();
      if (low < 0xdc00 || low > 0xdfff) bad();
      n = 0x10000 + ((n - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, n);
  }

  std::string string() {
    std::string out;
    for (++at_;;) {
      if (at_ >= text_.size()) bad();
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) bad();
      ++at_;
      if (c == '"') return out;
      if (c == '\\')
        escape(out);
      else
        out += c;
    }
  }

  std::string_view text_;
  bool numbers_;
  bool has_zero_ = false;
  std::size_t at_ = 0;
};

bool scalar(const json_value& v) {
  return v.what != json_value::kind::array && v.what != json_value::kind::object;
}

} // namespace

const json_value* json_value::find(std::string_view key) const {
  const json_value* found = nullptr;
  for (const auto& [name, value] : members)
    if (name == key) found = &value;
  return found;
}

const json_value* json_value::at(std::int64_t index) const {
  if (what != kind::array) return nullptr;
  const auto size = static_cast<std::int64_t>(items.size());
  if (index < 0) index += size;
  return index < 0 || index >= size ? nullptr : &items[static_cast<std::size_t>(index)];
}

json_value parse_json(std::string_view text, bool numbers) { return parser(text, numbers).whole(); }
void check_json(std::string_view text) { parser(text, false).whole(); }

void quote_json(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) >= 0x20) {
        out += c;
      } else {
        char buffer[8];
        std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
        out += buffer;
      }
    }
  }
  out += '"';
}

void print_json(const json_value& v, std::string& out) {
  using kind = json_value::kind;
  switch (v.what) {
  case kind::null:
    out += "null";
    return;
  case kind::boolean:
    out += v.truth ? "true" : "false";
    return;
  case kind::number:
    out += v.number.text();
    return;
  case kind::string:
    return quote_json(v.text, out);
  case kind::array:
    out += '[';
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      if (i != 0) out += ", ";
      print_json(v.items[i], out);
    }
    out += ']';
    return;
  case kind::object:
    break;
  }
  std::vector<const std::pair<std::string, json_value>*> sorted;
  for (const auto& m : v.members) sorted.push_back(&m);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    if (a->first.size() != b->first.size()) return a->first.size() < b->first.size();
    return a->first < b->first;
  });
  out += '{';
  bool any = false;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    // Of one key that comes several times the last counts.
    if (i + 1 < sorted.size() && sorted[i + 1]->first == sorted[i]->first) continue;
    if (any) out += ", ";
    any = true;
    quote_json(sorted[i]->first, out);
    out += ": ";
    print_json(sorted[i]->second, out);
  }
  out += '}';
}

std::string canonical_json(std::string_view text) {
  std::string out;
  print_json(parse_json(text, true), out);
  return out;
}

std::optional<std::string> json_as_text(const json_value& v, bool jsonb) {
  if (v.what == json_value::kind::null) return std::nullopt;
  if (v.what == json_value::kind::string) return v.text;
  if (!jsonb) return std::string(v.raw);
  std::string out;
  print_json(v, out);
  return out;
}

bool json_equal(const json_value& a, const json_value& b) {
  using kind = json_value::kind;
  if (a.what != b.what) return false;
  switch (a.what) {
  case kind::null:
    return true;
  case kind::boolean:
    return a.truth == b.truth;
  case kind::number:
    return a.number.compare(b.number) == 0;
  case kind::string:
    return a.text == b.text;
  case kind::array:
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), json_equal);
  case kind::object:
    break;
  }
  if (a.members.size() != b.members.size()) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&](const auto& m) {
    const auto* other = b.find(m.first);
    return other != nullptr && json_equal(m.second, *other);
  });
}

bool json_contains(const json_value& whole, const json_value& part, bool top) {
  using kind = json_value::kind;
  // An array holds a scalar that is one of its items, but only at the top.
  if (top && whole.what == kind::array && scalar(part))
    return std::any_of(whole.items.begin(), whole.items.end(),
                       [&](const auto& v) { return json_equal(v, part); });
  if (whole.what != part.what) return false;
  if (scalar(whole)) return json_equal(whole, part);
  if (whole.what == kind::object)
    return std::all_of(part.members.begin(), part.members.end(), [&](const auto& m) {
      const auto* mine = whole.find(m.first);
      return mine != nullptr && json_contains(*mine, m.second, false);
    });
  return std::all_of(part.items.begin(), part.items.end(), [&](const auto& wanted) {
    return std::any_of(whole.items.begin(), whole.items.end(),
                       [&](const auto& mine) { return json_contains(mine, wanted, false); });
  });
}

const char* json_type_name(const json_value& v) {
  constexpr const char* names[] = {"null", "boolean", "number", "string", "array", "object"};
  return names[static_cast<int>(v.what)];
}

} // namespace leat::sql
