#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/expression.hpp"
#include "plugins/transforms/columns.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

namespace {

/// "total=price.total::numeric(12,2)": the column total, of a member of a member.
struct field {
  std::string name;
  std::vector<std::string> path;
  std::string type;
};

field parse_field(const std::string& text, const std::string& prefix) {
  field f;
  auto rest = text;
  if (const auto mark = rest.find("::"); mark != std::string::npos) {
    f.type = rest.substr(mark + 2);
    rest.resize(mark);
  }
  if (const auto mark = rest.find('='); mark != std::string::npos) {
    f.name = rest.substr(0, mark);
    rest.erase(0, mark + 1);
  }
  for (std::size_t begin = 0; begin <= rest.size();) {
    const auto end = std::min(rest.find('.', begin), rest.size());
    f.path.push_back(rest.substr(begin, end - begin));
    begin = end + 1;
  }
  if (std::any_of(f.path.begin(), f.path.end(), [](const auto& p) { return p.empty(); }))
    throw error(error_kind::usage, "`" + text + "` is not a member", "fields",
                "write \"city\", \"address.city\" or \"town=address.city::text\"");
  if (!f.name.empty()) return f;
  f.name = prefix;
  for (std::size_t i = 0; i < f.path.size(); ++i) f.name += (i == 0 ? "" : "_") + f.path[i];
  return f;
}

std::string quoted(const std::string& text, char mark) {
  std::string out(1, mark);
  for (const char c : text) out += c == mark ? std::string(2, mark) : std::string(1, c);
  return out + mark;
}

/// The member as PostgreSQL would take it out.
std::string expression_of(const field& f, const column& from) {
  std::string path = "{";
  for (const auto& p : f.path) {
    path += path.size() == 1 ? "\"" : ",\"";
    for (const char c : p)
      path += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    path += '"';
  }
  const bool is_json = from.kind == value_class::json || from.kind == value_class::jsonb;
  auto text =
      quoted(from.name, '"') + (is_json ? "" : "::json") + " #>> " + quoted(path + "}", '\'');
  return f.type.empty() ? text : "(" + text + ")::" + f.type;
}

class flatten final : public transform {
 public:
  flatten(const transform_place& p, std::uint16_t column, bool keep,
          const std::vector<sql::expression_ptr>& fields)
      : place_(p), column_(column), keep_(keep) {
    for (const auto& e : fields) fields_.emplace_back(e);
  }

  void apply(batch& rows) override {
    std::vector<cell> cells;
    std::vector<change> next;
    next.reserve(rows.changes.size());
    for (const auto& c : rows.changes) {
      auto made = c;
      try {
        old_ = true;
        made.old_row = row(rows, c, c.old_row, cells);
        old_ = false;
        made.new_row = row(rows, c, c.new_row, cells);
      } catch (const sql::evaluation_error& failure) {
        refuse_row(place_, rows, c, failure.what(), "correct the transform");
        if (!leaves_key(place_, rows, c, place_.input->key)) continue;
        made.kind = change_kind::remove;
        made.new_row = change::no_row;
      }
      next.push_back(made);
    }
    rows.cells = std::move(cells);
    rows.changes = std::move(next);
  }

 private:
  std::uint32_t row(batch& rows, const change& c, std::uint32_t from, std::vector<cell>& out) {
    if (from == change::no_row) return from;
    const auto first = static_cast<std::uint32_t>(out.size());
    const std::span<const cell> cells{rows.cells.data() + from, place_.input->columns.size()};
    for (std::uint16_t i = 0; i < cells.size(); ++i)
      if (i != column_ || keep_) out.push_back(cells[i]);
    const auto whole = cells[column_];
    for (auto& f : fields_)
      out.push_back(whole.has_value() ? member(rows, c, cells, f)
                                      : batch::make_state(whole.state()));
    return first;
  }

  cell member(batch& rows, const change& c, std::span<const cell> cells, sql::evaluation& f) {
    try {
      const auto& d = f.run(rows, cells, &c);
      if (d.null) return batch::make_state(cell_state::null);
      text_.clear();
      sql::print_value(f.of().type(), d, text_);
    } catch (const sql::evaluation_error&) {
      if (place_.on_error == expression_policy::null) return batch::make_state(cell_state::null);
      const bool found_by_all = place_.mode == route_mode::upsert && place_.input->key.empty();
      // What cannot be made of an old row did not go out when it was new.
      if (old_ && !found_by_all) return batch::make_state(cell_state::absent);
      throw;
    }
    return rows.add_value(text_);
  }

  transform_place place_;
  std::uint16_t column_;
  bool keep_;
  std::vector<sql::evaluation> fields_;
  std::string text_;
  bool old_ = false; ///< the row at hand is an old one
};

class flatten_type final : public transform_type {
 public:
  explicit flatten_type(const transform_options& o)
      : column_(text_of(o, "column")), keep_(text_of(o, "keep") == "true") {
    const auto given = o.values.find("prefix");
    const auto prefix = given == o.values.end() ? column_ + "_" : text_of(o, "prefix");
    for (const auto& f : texts_of(o, "fields")) {
      fields_.push_back(parse_field(f, prefix));
      shown_.push_back(f);
    }
  }

  transform_output describe(const transform_input& in) const override {
    const auto from = find_column(*in.rows, column_, "column");
    const auto compiled_fields = compiled(*in.rows, from);
    for (const auto k : in.rows->key)
      if (k == from && !keep_)
        throw error(error_kind::usage, "column `" + column_ + "` is part of the key", "column",
                    "set keep = true");
    auto rows = std::make_shared<table_schema>(*in.rows);
    rows->columns.clear();
    rows->key.clear();
    transform_output out;
    for (std::uint16_t i = 0; i < in.rows->columns.size(); ++i) {
      if (i == from && !keep_) continue;
      for (const auto k : in.rows->key)
        if (k == i) rows->key.push_back(static_cast<std::uint16_t>(rows->columns.size()));
      rows->columns.push_back(in.rows->columns[i]);
      out.from.emplace_back(i);
    }
    if (in.rows->key.size() == rows->key.size()) rows->key = in_order(*in.rows, from);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto& type = compiled_fields[i]->type();
      column made;
      made.name = fields_[i].name;
      made.type = sql::oid_of(type);
      made.modifier = type.modifier;
      made.type_name = sql::name_of(type);
      made.kind = sql::class_of(type);
      made.identity = in.rows->columns[from].identity;
      rows->columns.push_back(std::move(made));
      out.from.emplace_back();
    }
    out.rows = std::move(rows);
    return out;
  }

  std::unique_ptr<transform> create(const transform_place& p) const override {
    const auto from = find_column(*p.input, column_, "column");
    return std::make_unique<flatten>(p, from, keep_, compiled(*p.input, from));
  }

  std::string text() const override {
    return "flatten " + column_ + " into " + joined(shown_) + (keep_ ? ", and keep it" : "");
  }

  std::string fingerprint() const override {
    std::string names;
    for (const auto& f : fields_) names += " " + f.name;
    return text() + ":" + names;
  }

 private:
  std::vector<std::uint16_t> in_order(const table_schema& rows, std::uint16_t from) const {
    std::vector<std::uint16_t> key;
    for (const auto k : rows.key)
      key.push_back(static_cast<std::uint16_t>(!keep_ && k > from ? k - 1 : k));
    return key;
  }

  std::vector<sql::expression_ptr> compiled(const table_schema& rows, std::uint16_t from) const {
    std::vector<sql::expression_ptr> out;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      try {
        out.push_back(
            sql::expression::compile(expression_of(fields_[i], rows.columns[from]), rows, {}));
      } catch (const error& e) {
        throw error(e.kind(), e.what(), "fields, " + shown_[i], e.remedy());
      }
    }
    return out;
  }

  std::string column_;
  bool keep_;
  std::vector<field> fields_;
  std::vector<std::string> shown_;
};

} // namespace

transform_type_ptr make_flatten(const transform_options& o) {
  return std::make_shared<flatten_type>(o);
}

} // namespace leat::transforms
