#include <re2/re2.h>

#include "dataflow/error.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

/// ASCII letters; others stay.
std::string lower_case(std::string name) {
  for (char& c : name)
    if (upper(c)) c = static_cast<char>(c - 'A' + 'a');
  return name;
}

/// OrderID to order_id, HTTPServer2 to http_server2.
std::string snake_case(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == ' ' || c == '-' || c == '.') {
      if (!out.empty() && out.back() != '_') out += '_';
      continue;
    }
    const bool after_word = i > 0 && (lower(name[i - 1]) || digit(name[i - 1]));
    const bool before_word =
        i > 0 && upper(name[i - 1]) && i + 1 < name.size() && lower(name[i + 1]);
    if (upper(c) && (after_word || before_word) && out.back() != '_') out += '_';
    out += c;
  }
  return lower_case(out);
}

class rename final : public transform {
 public:
  void apply(batch&) override {}
};

class rename_type final : public transform_type {
 public:
  explicit rename_type(const transform_options& o)
      : columns_(texts_of(o, "columns")), case_(text_of(o, "case")),
        pattern_(text_of(o, "pattern")), replacement_(text_of(o, "replacement")) {
    if (case_ == "keep" && pattern_.empty())
      throw error(error_kind::usage, "nothing says what to rename to", "",
                  "add case = \"lower\" or \"snake\", or pattern and replacement");
    if (pattern_.empty()) return;
    compiled_ = std::make_shared<const RE2>(pattern_, RE2::Options(RE2::Quiet));
    if (!compiled_->ok())
      throw error(error_kind::usage, "the expression is not one: " + compiled_->error(), "pattern",
                  "write it in the syntax of RE2");
    std::string wrong;
    if (!compiled_->CheckRewriteString(replacement_, &wrong))
      throw error(error_kind::usage, "the replacement does not fit the expression: " + wrong,
                  "replacement", "\\1 to \\9 stand for its groups, \\0 for all that it found");
  }

  transform_output describe(const transform_input& in) const override {
    auto out = passing_on(in);
    auto rows = std::make_shared<table_schema>(*in.rows);
    if (columns_.empty())
      for (auto& c : rows->columns) c.name = renamed(c.name);
    for (const auto i : find_columns(*in.rows, columns_, "columns"))
      rows->columns[i].name = renamed(rows->columns[i].name);
    out.rows = std::move(rows);
    return out;
  }

  std::unique_ptr<transform> create(const transform_place&) const override {
    return std::make_unique<rename>();
  }

  std::string text() const override {
    std::string out = "rename " + (columns_.empty() ? "all columns" : joined(columns_)) + ":";
    if (compiled_) out += " /" + pattern_ + "/ by \"" + replacement_ + "\"";
    if (case_ != "keep") out += std::string(compiled_ ? "," : "") + " " + case_ + " case";
    return out;
  }

 private:
  std::string renamed(std::string name) const {
    if (compiled_) RE2::GlobalReplace(&name, *compiled_, replacement_);
    return case_ == "lower" ? lower_case(name) : case_ == "snake" ? snake_case(name) : name;
  }

  std::vector<std::string> columns_;
  std::string case_;
  std::string pattern_;
  std::string replacement_;
  std::shared_ptr<const RE2> compiled_;
};

} // namespace

transform_type_ptr make_rename(const transform_options& o) {
  return std::make_shared<rename_type>(o);
}

} // namespace leat::transforms
