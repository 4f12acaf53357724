#include "dataflow/expressions/regular_expression.hpp"

#include <cctype>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/unicode.hpp"

namespace leat::sql {

namespace {

[[noreturn]] void not_shared(std::string_view what) {
  throw evaluation_error("0A000",
                         "leat does not take " + std::string(what) + " in a regular expression");
}

class translation {
 public:
  translation(std::string_view pattern, bool any_case, bool ascii)
      : left_(pattern), any_case_(any_case), ascii_(ascii) {}

  std::string run() {
    if (left_.starts_with("***")) not_shared("a prefix of options");
    while (!left_.empty()) take();
    return std::move(out_);
  }

 private:
  char pop() {
    const char c = left_.front();
    left_.remove_prefix(1);
    return c;
  }

  void take() {
    const char c = pop();
    switch (c) {
    case '\\':
      return escape();
    case '[':
      return bracket();
    case '(':
      return group();
    case '|':
    case '^':
    case '$':
      out_ += c;
      return follows(what::nothing);
    case '*':
    case '+':
    case '?':
      return repeat(std::string(1, c));
    case '{':
      return braces();
    default:
      if (is_foreign(c)) return foreign(c);
      out_ += c;
      return follows(what::atom);
    }
  }

  /// Under COLLATE "C" the letters of ASCII alone have two cases.
  bool is_foreign(char c) const { return ascii_ && any_case_ && static_cast<signed char>(c) < 0; }

  void foreign(char c) {
    out_ += "(?-i:";
    out_ += c;
    while (!left_.empty() && (left_.front() & 0xc0) == 0x80) out_ += pop();
    out_ += ')';
    follows(what::atom);
  }

  void escape() {
    if (left_.empty()) not_shared("a backslash at the end");
    const char c = pop();
    follows(what::atom);
    if (c == 'd' || c == 'D') return void(out_ += {'\\', c});
    if (c == 'w' || c == 's') return void(out_ += "[" + of_letter(c) + "]");
    if (c == 'W' || c == 'S')
      return void(out_ += "[^" + of_letter(static_cast<char>(std::tolower(c))) + "]");
    literal(c);
  }

  void literal(char c) {
    if (std::ispunct(static_cast<unsigned char>(c)) == 0) not_shared(std::string("\\") + c);
    if (c != '_') out_ += '\\';
    out_ += c;
  }

  void group() {
    out_ += '(';
    follows(what::nothing);
    if (!left_.starts_with('?')) return;
    if (!left_.starts_with("?:")) not_shared("(" + std::string(left_.substr(0, 2)));
    out_ += "?:";
    left_.remove_prefix(2);
  }

  void repeat(const std::string& how) {
    if (before_ == what::quantifier && how == "?") not_shared("quantifiers that take the least");
    if (before_ != what::atom) not_shared("a quantifier of nothing");
    out_ += how;
    follows(what::quantifier);
  }

  void braces() {
    if (left_.empty() || std::isdigit(static_cast<unsigned char>(left_.front())) == 0) {
      out_ += "\\{";
      return follows(what::atom);
    }
    const auto end = left_.find('}');
    if (end == std::string_view::npos) not_shared("{ without }");
    repeat("{" + std::string(left_.substr(0, end + 1)));
    left_.remove_prefix(end + 1);
  }

  void bracket() {
    out_ += '[';
    if (left_.starts_with('^')) out_ += pop();
    for (bool first = true;; first = false) {
      if (left_.empty())
        throw evaluation_error("2201B", "invalid regular expression: brackets [] not balanced");
      const char c = pop();
      if (c == ']' && !first) break;
      member(c);
    }
    out_ += ']';
    follows(what::atom);
  }

  void member(char c) {
    if (c == '[') return in_brackets();
    if (is_foreign(c)) not_shared("[] with letters beyond ASCII, ~* and COLLATE \"C\"");
    if (c != '\\') {
      if (c == ']') out_ += '\\';
      out_ += c;
      return;
    }
    if (left_.empty()) not_shared("a backslash at the end");
    const char e = pop();
    if (e == 'w' || e == 's' || e == 'd') return ranges(of_letter(e));
    literal(e);
  }

  /// [:name:], or a bracket as it is.
  void in_brackets() {
    if (left_.starts_with('.') || left_.starts_with('='))
      not_shared("[" + std::string(left_.substr(0, 1)));
    if (!left_.starts_with(':')) return void(out_ += "\\[");
    const auto end = left_.find(":]");
    const auto name = left_.substr(1, end == std::string_view::npos ? end : end - 1);
    const auto known =
        end == std::string_view::npos
            ? std::string()
            : characters_of(any_case_ && (name == "upper" || name == "lower") ? "alpha" : name,
                            ascii_);
    if (known.empty()) not_shared("[:" + std::string(name));
    left_.remove_prefix(end + 2);
    ranges(known);
  }

  void ranges(const std::string& text) {
    if (left_.starts_with('-') && !left_.starts_with("-]"))
      not_shared("a range that begins with a class");
    out_ += text;
  }

  std::string of_letter(char c) const {
    return characters_of(c == 'w' ? "word" : c == 's' ? "space" : "digit", ascii_);
  }

  /// What a quantifier would repeat.
  enum class what { nothing, atom, quantifier };
  void follows(what w) { before_ = w; }

  std::string_view left_;
  bool any_case_;
  bool ascii_;
  std::string out_;
  what before_ = what::nothing;
};

} // namespace

std::string for_re2(std::string_view pattern, bool any_case, bool ascii) {
  return translation(pattern, any_case, ascii).run();
}

} // namespace leat::sql
