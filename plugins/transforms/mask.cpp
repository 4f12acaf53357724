#include <re2/re2.h>

#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

/// Bytes of the character that begins at `at`.
std::size_t width(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t n = lead < 0x80    ? 1
                        : lead >= 0xf0 ? 4
                        : lead >= 0xe0 ? 3
                        : lead >= 0xc0 ? 2
                                       : 1;
  return std::min(n, text.size() - at);
}

std::size_t length(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); i += width(text, i)) ++n;
  return n;
}

/// All characters but the first and the last so many become `with`. A text that would be shown
/// whole is hidden whole.
void hide(std::string_view text, std::size_t first, std::size_t last, std::string_view with,
          std::string& out) {
  const auto n = length(text);
  if (first + last >= n) first = last = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; at < text.size(); ++i) {
    const auto w = width(text, at);
    out += i < first || i >= n - last ? text.substr(at, w) : with;
    at += w;
  }
}

struct mask_rule {
  std::string method;
  std::string with;
  std::size_t keep = 4;
  std::shared_ptr<const RE2> pattern;
  std::string replacement;
};

class mask final : public value_transform {
 public:
  mask(mask_rule rule, std::vector<std::uint16_t> columns)
      : value_transform(std::move(columns)), rule_(std::move(rule)) {}

 private:
  void make(std::string_view value, std::string& out) override {
    if (rule_.method == "fixed") {
      out = rule_.with;
    } else if (rule_.method == "keep_last") {
      hide(value, 0, rule_.keep, rule_.with, out);
    } else if (rule_.method == "pattern") {
      out = value;
      RE2::GlobalReplace(&out, *rule_.pattern, rule_.replacement);
    } else {
      const auto at = value.rfind('@');
      const auto local = at == std::string_view::npos ? value : value.substr(0, at);
      hide(local, at == std::string_view::npos ? 0 : 1, 0, rule_.with, out);
      if (at != std::string_view::npos) out += value.substr(at);
    }
  }

  mask_rule rule_;
};

class mask_type final : public transform_type {
 public:
  explicit mask_type(const transform_options& o) : columns_(texts_of(o, "columns")) {
    rule_.method = text_of(o, "method");
    rule_.with = text_of(o, "with");
    rule_.keep = std::stoul(text_of(o, "keep"));
    rule_.replacement = text_of(o, "replacement");
    pattern_ = text_of(o, "pattern");
    const bool by_pattern = rule_.method == "pattern";
    if (by_pattern == pattern_.empty())
      throw error(error_kind::usage,
                  by_pattern ? "nothing says what to look for"
                             : "`pattern` has no meaning with method \"" + rule_.method + "\"",
                  "pattern", by_pattern ? "add pattern = \"...\"" : "use method = \"pattern\"");
    if (by_pattern) compile();
  }

  transform_output describe(const transform_input& in) const override {
    return with_texts(in, find_columns(*in.rows, columns_, "columns"));
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<mask>(rule_, find_columns(*p.input, columns_, "columns"));
  }

  std::string text() const override {
    const auto what = "mask " + joined(columns_) + ": ";
    if (rule_.method == "fixed") return what + "\"" + rule_.with + "\"";
    if (rule_.method == "keep_last")
      return what + "all but the last " + std::to_string(rule_.keep) + " by \"" + rule_.with + "\"";
    if (rule_.method == "pattern")
      return what + "/" + pattern_ + "/ by \"" + rule_.replacement + "\"";
    return what + "all but the first and the domain by \"" + rule_.with + "\"";
  }

 private:
  void compile() {
    RE2::Options options(RE2::Quiet);
    rule_.pattern = std::make_shared<const RE2>(pattern_, options);
    if (!rule_.pattern->ok())
      throw error(error_kind::usage, "the expression is not one: " + rule_.pattern->error(),
                  "pattern", "write it in the syntax of RE2");
    std::string wrong;
    if (!rule_.pattern->CheckRewriteString(rule_.replacement, &wrong))
      throw error(error_kind::usage, "the replacement does not fit the expression: " + wrong,
                  "replacement", "\\1 to \\9 stand for its groups, \\0 for all that it found");
  }

  std::vector<std::string> columns_;
  std::string pattern_;
  mask_rule rule_;
};

} // namespace

transform_type_ptr make_mask(const transform_options& o) { return std::make_shared<mask_type>(o); }

} // namespace leat::transforms
