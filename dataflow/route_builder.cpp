#include "dataflow/route_builder.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/option_checks.hpp"
#include "dataflow/pipeline_file_check.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route_shape.hpp"
#include "dataflow/table_pattern.hpp"

namespace leat {

namespace {

/// Of SQLite: ASCII letters only.
std::string folded(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string quote(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// In one pass, so that a table called {schema} stays what it is.
std::string expand_target(const std::string& to, const table_schema& table,
                          const std::vector<std::string>& captured, const std::string& where) {
  std::string target;
  for (std::size_t i = 0; i < to.size();) {
    if (to.compare(i, 8, "{schema}") == 0) {
      target += table.schema;
      i += 8;
    } else if (to.compare(i, 7, "{table}") == 0) {
      target += table.name;
      i += 7;
    } else if (to[i] == '{' && i + 2 < to.size() && to[i + 2] == '}' && to[i + 1] >= '1'
               && to[i + 1] <= '9') {
      const auto number = static_cast<std::size_t>(to[i + 1] - '1');
      if (number >= captured.size())
        throw error(error_kind::usage,
                    "table " + table.qualified_name() + ": `to` names " + to.substr(i, 3)
                        + ", and the pattern of `from` that takes the table has "
                        + (captured.empty()       ? "no star"
                           : captured.size() == 1 ? "one star"
                                                  : std::to_string(captured.size()) + " stars"),
                    where, "{1} stands for what the first * of a pattern takes");
      target += captured[number];
      i += 3;
    } else {
      target += to[i++];
    }
  }
  return target;
}

/// What the stars of the pattern that took the table stand for.
std::vector<std::string> captures(const route_options& options, const table_schema& table) {
  std::vector<std::string> out;
  for (const auto& pattern : parse_table_patterns(options.from))
    if (!pattern.excludes() && pattern.fits(table.schema, table.name))
      out = pattern.captures(table.schema, table.name);
  return out;
}

/// The literals '{1}' ... '{9}' with what was captured. Where the pattern has fewer stars they are
/// what SQL makes of them.
std::string with_captures(const std::string& text, const std::vector<std::string>& captured) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto number = i + 2 < text.size() ? static_cast<std::size_t>(text[i + 2] - '1') : 9;
    if (text.compare(i, 2, "'{") != 0 || text.compare(i + 3, 2, "}'") != 0
        || number >= std::min<std::size_t>(captured.size(), 9)) {
      out += text[i++];
      continue;
    }
    out += '\'';
    for (const char c : captured[number]) out += c == '\'' ? std::string("''") : std::string(1, c);
    out += '\'';
    i += 5;
  }
  return out;
}

/// As one writes a column in a SELECT.
bool is_expression(const std::string& name) {
  return name.find_first_of("()*+/|:'") != std::string::npos
         || name.find(" AS ") != std::string::npos || name.find(" as ") != std::string::npos;
}

/// Fills one route; every step may refuse it.
class builder {
 public:
  builder(const route_options& options, const sink_options& sink, const schema_ptr& table,
          const std::string& where, const std::vector<std::string>& unless)
      : options_(options), sink_(sink), where_(where),
        shape_(shape_of(options, table, where, unless)),
        schema_(shape_ ? shaped_schema(*shape_) : table), table_(*schema_) {
    route_.sink = sink.name;
    route_.schema = schema_;
    route_.shape = shape_;
    route_.target = expand_target(options.to, table_, captures(options, table_), where);
    route_.mode = options.mode;
    route_.removal = options.removal;
    route_.schema_changes = options.schema_changes.value_or(sink.schema_changes);
    route_.excluded = options.exclude;
    if (sink.connector == "starrocks")
      route_.made_with =
          std::make_shared<const starrocks_table_options>(options.table.over(sink.starrocks.table));
  }

  route build(const std::vector<named_transform>& transforms) {
    check_target();
    check_shape();
    choose_columns();
    check_columns();
    choose_key();
    if (!first_completes(route_, transforms)) check_ignored();
    if (transforms.empty()) return std::move(route_);
    transform(transforms);
    check_columns();
    return std::move(route_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const {
    throw error(error_kind::usage, "table " + table_.qualified_name() + ": " + what, where_,
                remedy);
  }

  [[noreturn]] void refuse(const std::string& option, const std::string& what,
                           const std::string& remedy) const {
    throw error(error_kind::usage, "table " + table_.qualified_name() + ": " + what,
                option_place(options_, where_, option), remedy);
  }

  void transform(const std::vector<named_transform>& transforms) {
    try {
      route_ = plan_transforms(std::make_shared<const route>(std::move(route_)), transforms,
                               options_.on_error);
    } catch (const error& e) {
      throw error(e.kind(), "table " + table_.qualified_name() + ": " + e.what(),
                  where_ + ", " + std::string(e.where()), e.remedy());
    }
    const bool keyed = route_.mode == route_mode::upsert && route_.key.empty()
                       && !route_.chain->inner->key.empty();
    if (keyed) refuse("its transforms leave no key", "use mode = \"append\", which needs none");
  }

  void check_target() const {
    const std::string name = folded(route_.target);
    const std::string bare = name.substr(name.rfind('.') + 1);
    const bool reserved = bare.starts_with("leat_progress") || bare.starts_with("_leat_")
                          || bare.starts_with("leat_seen_")
                          || (sink_.dead_letter && name == folded(*sink_.dead_letter));
    if (reserved)
      refuse("the target name `" + route_.target + "` is leat's own",
             "give another name with `to`");
    if (sink_.connector == "sqlite" && name.starts_with("sqlite_"))
      refuse("the target name `" + route_.target + "` is SQLite's own",
             "give another name with `to`");
    if (sink_.connector != "starrocks") return;
    if (const auto wrong = wrong_header_name(route_.target); !wrong.empty())
      refuse("the target name `" + route_.target + "` cannot be one of StarRocks: " + wrong,
             "give another name with `to`");
  }

  static std::shared_ptr<const route_shape> shape_of(const route_options& options,
                                                     const schema_ptr& table,
                                                     const std::string& where,
                                                     const std::vector<std::string>& unless) {
    if (options.where.empty() && options.computed.empty() && unless.empty()) return nullptr;
    const auto captured = captures(options, *table);
    auto computed = options.computed;
    for (auto& c : computed) c.expr = with_captures(c.expr, captured);
    try {
      return make_shape(
          {with_captures(options.where, captured), unless, std::move(computed), options.on_error},
          table);
    } catch (const error& e) {
      throw error(e.kind(), "table " + table->qualified_name() + ": " + e.what(),
                  option_place(options, where, e.where()), e.remedy());
    }
  }

  std::size_t own_columns() const { return route_.source()->columns.size(); }

  /// The same row must be taken, and found, whatever change brings it.
  void check_shape() const {
    check_dead_letters();
    if (!shape_ || route_.mode == route_mode::append) return;
    const auto depends = [](const sql::expression_ptr& e) { return e && e->reads_change(); };
    if (depends(shape_->where)
        || std::any_of(shape_->unless.begin(), shape_->unless.end(), depends))
      refuse("where",
             "`where` reads what belongs to a change and not to a row (leat.op, leat.commit_time, "
             "...)",
             "compare columns, or use mode = \"append\"");
  }

  /// A row that stopped matching stays as it was: values that changed meanwhile would be missed.
  void check_ignored() const {
    const bool stays = shape_ && (shape_->where || !shape_->unless.empty())
                       && route_.removal == delete_mode::ignore
                       && route_.mode == route_mode::upsert;
    if (!stays || !may_leave_out(route_)) return;
    refuse("with `where` and delete = \"ignore\" a row that matches again could keep old values, "
           "since "
           "an UPDATE leaves out large ones that it did not change",
           "ALTER TABLE " + quoted_name(table_)
               + " REPLICA IDENTITY FULL, leave such columns out, or take delete = \"soft\"");
  }

  void check_dead_letters() const {
    if (options_.on_error != expression_policy::dead_letter || sink_.dead_letter) return;
    refuse("on_error", "on_error = \"dead_letter\" needs a table for such rows",
           "add dead_letter = \"leat_dead_letter\" to [sink." + sink_.name
               + "], where its connector has that, or take on_error = \"null\" or \"stop\"");
  }

  std::uint16_t find_column(const std::string& name, const std::string& option) const {
    for (std::size_t i = 0; i < options_.computed.size(); ++i)
      if (options_.computed[i].name == name) return static_cast<std::uint16_t>(own_columns() + i);
    if (const auto found = table_.find(name); found && *found < own_columns()) return *found;
    std::vector<std::string> known;
    for (const column& c : table_.columns) known.push_back(c.name);
    const std::vector<std::string> near = nearest_names(name, known);
    refuse(option, "`" + option + "` names column `" + name + "`, which the table does not have",
           is_expression(name)
               ? "a computed column is { name = \"total\", expr = \"price * amount\" }"
           : near.empty() ? "its columns are " + join_names(known, "and")
                          : "did you mean `" + near.front() + "`?");
  }

  void choose_columns() {
    const std::vector<std::string> wanted =
        options_.columns.value_or(std::vector<std::string>{"*"});
    route_.all_columns = contains(wanted, "*");
    std::set<std::string> seen;
    for (const std::string& name : wanted) {
      if (!seen.insert(name).second)
        refuse("columns", "`columns` names `" + name + "` twice", "name each column once");
      if (name != "*") {
        if (contains(options_.exclude, name))
          refuse("exclude", "`" + name + "` stands in `columns` and in `exclude`",
                 "leave one of them out");
        route_.columns.push_back({name, find_column(name, "columns")});
        continue;
      }
      for (std::uint16_t i = 0; i < own_columns(); ++i) {
        const std::string& each = table_.columns[i].name;
        if (!contains(wanted, each) && !contains(options_.exclude, each))
          route_.columns.push_back({each, i});
      }
    }
  }

  bool has_all_names_of_row_number() const {
    return std::ranges::all_of(std::array{"rowid", "_rowid_", "oid"}, [&](const char* name) {
      return std::ranges::any_of(route_.columns,
                                 [&](const auto& c) { return folded(c.name) == name; });
    });
  }

  void check_columns() const {
    if (route_.columns.empty())
      refuse("no column is left to write",
             "leave the table out: " + toml_pattern(table_.schema, table_.name, true));
    const bool own_columns =
        route_.mode == route_mode::append || route_.removal == delete_mode::soft;
    const bool by_row_number = sink_.connector == "sqlite" && route_.mode == route_mode::upsert
                               && table_.key.empty() && !options_.key;
    if (by_row_number && has_all_names_of_row_number())
      refuse("columns have all of SQLite's names for the row number, by which rows without a key "
             "are found",
             "leave one of the columns rowid, _rowid_ and oid out with `exclude`, or name a `key`");
    std::map<std::string, std::string> seen;
    for (const target_column& c : route_.columns) {
      const std::string name = folded(c.name);
      if (own_columns && name.starts_with("_leat_"))
        refuse("column `" + c.name + "` has the name of a column that leat adds",
               "exclude it, or use mode = \"upsert\" with delete = \"hard\"");
      const auto [same, added] = seen.emplace(name, c.name);
      const bool starrocks = sink_.connector == "starrocks";
      if ((sink_.connector == "sqlite" || starrocks) && !added)
        refuse("columns `" + same->second + "` and `" + c.name + "` are one name to "
                   + (starrocks ? "StarRocks" : "SQLite")
                   + ", which does not tell upper from lower case",
               "exclude one of them");
      if (starrocks && (name == "__op" || name == "__row"))
        refuse("column `" + c.name + "` has a name that StarRocks keeps for itself", "exclude it");
    }
  }

  void choose_key() {
    if (options_.key) {
      for (const std::string& name : *options_.key) take_key(find_column(name, "key"), true);
      check_identity();
      return;
    }
    const bool append = route_.mode == route_mode::append;
    if (table_.key.empty() && !append) return check_without_key();
    for (const std::uint16_t c : table_.key)
      if (!append || column_of(c)) take_key(c, false);
    if (append && route_.key.size() != table_.key.size()) {
      route_.key.clear();
      route_.source_key.clear();
    }
  }

  std::optional<std::uint16_t> column_of(std::uint16_t source) const {
    for (std::uint16_t i = 0; i < route_.columns.size(); ++i)
      if (route_.columns[i].source == source) return i;
    return std::nullopt;
  }

  void take_key(std::uint16_t source, bool from_file) {
    const std::string& name = table_.columns[source].name;
    const auto column = column_of(source);
    if (!column)
      refuse("column `" + name + "` of the " + (from_file ? "route's" : "table's")
                 + " key is not among the columns that are written",
             from_file ? "add it to `columns`"
                       : "add it to `columns`, or use mode = \"append\", which needs no key");
    if (std::count(route_.key.begin(), route_.key.end(), *column) > 0)
      refuse("key", "`key` names `" + name + "` twice", "name each column once");
    route_.key.push_back(*column);
    route_.source_key.push_back(source);
  }

  /// A delete, and an update that moves a row, bring the old values of the replica identity only.
  void check_identity() const {
    for (const std::uint16_t c : route_.source_key)
      if (c >= own_columns() && shape_->computed[c - own_columns()]->reads_change())
        refuse("key",
               "column `" + table_.columns[c].name
                   + "` of the route's key depends on the change and not on the row",
               "take columns that are the same in every change of a row");
    if (table_.identity == replica_identity::full) return;
    for (const std::uint16_t c : route_.source_key)
      if (!table_.columns[c].identity)
        refuse("key",
               "column `" + table_.columns[c].name
                   + "` of the route's key is not part of the replica identity, so deletes do not "
                     "bring it",
               "ALTER TABLE " + quoted_name(table_)
                   + " REPLICA IDENTITY FULL, or take columns of the primary key");
  }

  void check_without_key() const {
    if (options_.on_error == expression_policy::dead_letter)
      refuse(
          "on_error = \"dead_letter\" needs a key, and the table has none: later changes of such a "
          "row could not find it",
          "add a primary key, name unique columns with `key`, or take another on_error");
    if (sink_.connector == "starrocks")
      refuse("it has no key, and a Primary Key table of StarRocks needs one",
             "add a primary key, name unique columns with `key`, or use mode = \"append\"");
    if (table_.identity != replica_identity::full)
      refuse(
          "it has neither a key nor REPLICA IDENTITY FULL, so rows cannot be found at the target",
          "ALTER TABLE " + quoted_name(table_)
              + " REPLICA IDENTITY FULL (if it is partitioned, of every partition as well), add a "
                "primary key, or use mode = \"append\"");
    if (route_.removal == delete_mode::soft)
      refuse("delete = \"soft\" needs a key, and the table has none",
             "add a primary key, name unique columns with `key`, or use delete = \"hard\"");
  }

  const route_options& options_;
  const sink_options& sink_;
  const std::string& where_;
  std::shared_ptr<const route_shape> shape_;
  schema_ptr schema_;
  const table_schema& table_; ///< with the computed columns
  route route_;
};

} // namespace

route build_route(const route_options& options, const sink_options& sink, const schema_ptr& table,
                  const std::string& where, const std::vector<std::string>& unless,
                  const std::vector<named_transform>& transforms) {
  return builder(options, sink, table, where, unless).build(transforms);
}

std::string condition_of(const route_options& options, const table_schema& table) {
  return with_captures(options.where, captures(options, table));
}

std::string target_identity(const route& r, const sink_options& sink) {
  if (sink.connector == "sqlite") return folded(r.target);
  if (sink.connector != "postgres") return r.target;
  // A dot parts schema and table, unless the whole is the source's own name.
  const table_schema& table = *r.schema;
  std::string schema = sink.schema;
  std::string name = r.target;
  const std::size_t dot = name.find('.');
  const bool whole = dot == std::string::npos || dot == 0 || dot + 1 == name.size();
  if (name == table.qualified_name() && name != table.name) {
    schema = table.schema;
    name = table.name;
  } else if (name != table.name && !whole) {
    schema = name.substr(0, dot);
    name = name.substr(dot + 1);
  }
  return quote(schema) + "." + quote(name);
}

std::string quoted_name(const table_schema& table) {
  return quote(table.schema) + "." + quote(table.name);
}

} // namespace leat
