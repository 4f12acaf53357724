#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "dataflow/schema_diff.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/table_writer.hpp"

namespace leat::starrocks {

namespace {

class alteration {
 public:
  alteration(target_context& context, const std::string& table, const route& before,
             const route& after)
      : context_(context), table_(table), quoted_(quoted_table(context.database(), table)),
        before_(before), after_(after), difference_(diff_schemas(*before.schema, *after.schema)),
        old_(wanted_columns(before, context.traits)), new_(wanted_columns(after, context.traits)) {}

  void run() {
    check_key();
    for (const auto& c : old_) {
      if (!c.source || after_of(c) != nullptr || real().find(c.name) == nullptr) continue;
      if (!after_.shares(c.name))
        alter("DROP COLUMN " + quote_identifier(c.name));
      else // Rows of other sources have it still.
        context_.sql.query("UPDATE " + quoted_ + " SET " + quote_identifier(c.name)
                               + " = NULL WHERE " + own_rows(after_),
                           quoted_);
    }
    rename();
    for (const auto& c : new_) {
      const auto there = real();
      const auto* column = there.find(c.name);
      if (column == nullptr)
        alter("ADD COLUMN " + column_definition(c));
      else if (c.source && !holds(column->type, c.type.sql))
        alter("MODIFY COLUMN " + column_definition(c, *column));
    }
  }

  route_ptr between() const {
    const auto names = renamed();
    const auto taken = [&](const std::string& name) {
      return std::ranges::any_of(names, [&](const auto& n) { return same_column(n.first, name); });
    };
    if (std::ranges::none_of(names, [&](const auto& n) { return taken(n.second); })) return nullptr;
    auto made = before_;
    for (std::size_t i = 0; i < made.columns.size(); ++i)
      if (taken(made.columns[i].name)) made.columns[i].name = "_leat_renamed_" + std::to_string(i);
    return std::make_shared<const route>(std::move(made));
  }

 private:
  real_table real() {
    const auto found = read_table(context_.sql, context_.database(), table_);
    if (!found) throw lost_table(after_, quoted_);
    return *found;
  }

  /// The column of the new route that shows the same source column; null when there is none.
  const wanted_column* after_of(const wanted_column& c) const {
    const auto place = difference_.place[*c.source];
    const auto at = std::find_if(new_.begin(), new_.end(),
                                 [&](const auto& a) { return place && a.source == *place; });
    return at == new_.end() ? nullptr : &*at;
  }

  /// StarRocks cannot alter the columns of a primary key.
  void check_key() const {
    for (const auto& c : old_) {
      if (!c.key || !c.source) continue;
      const auto* now = after_of(c);
      if (now != nullptr && now->key && holds(c.type.sql, now->type.sql)) continue;
      refuse(
          "the key of the source table has changed, and StarRocks cannot change the key of a table",
          quoted_, "DROP TABLE " + quoted_ + ", then `leat resnapshot`");
    }
  }

  /// Columns that have another name, and its new one.
  std::vector<std::pair<std::string, std::string>> renamed() const {
    std::vector<std::pair<std::string, std::string>> names;
    for (const auto& c : old_) {
      if (!c.source) continue;
      const auto* now = after_of(c);
      if (now != nullptr && !same_column(now->name, c.name)) names.emplace_back(c.name, now->name);
    }
    return names;
  }

  void rename() {
    for (const auto& [from, to] : renamed())
      if (real().find(from) != nullptr) rename(from, to);
  }

  void rename(const std::string& from, const std::string& to) {
    const auto& server = context_.traits;
    if (std::tie(server.major, server.minor, server.patch) < std::tuple{3U, 3U, 2U})
      refuse("column " + from + " is " + to
                 + " at the source now, and StarRocks before 3.3.2 renames none",
             quoted_, "DROP TABLE " + quoted_ + ", then `leat resnapshot`");
    alter("RENAME COLUMN " + quote_identifier(from) + " TO " + quote_identifier(to));
  }

  void alter(const std::string& what) {
    wait_for_alter(context_.sql, context_.database(), table_);
    context_.sql.query("ALTER TABLE " + quoted_ + " " + what, quoted_);
    wait_for_alter(context_.sql, context_.database(), table_);
  }

  target_context& context_;
  std::string table_;
  std::string quoted_;
  const route& before_;
  const route& after_;
  schema_diff difference_;
  std::vector<wanted_column> old_;
  std::vector<wanted_column> new_;
};

} // namespace

void evolve(target_context& context, const std::string& table, const route& before,
            const route& after) {
  alteration(context, table, before, after).run();
}

route_ptr between(target_context& context, const std::string& table, const route& before,
                  const route& after) {
  return alteration(context, table, before, after).between();
}

bool same_comments(const route& before, const route& after) {
  const auto comments = [](const route& r) {
    std::map<std::string_view, std::string_view> all{{"", r.schema->comment}};
    for (std::size_t i = 0; i < r.columns.size(); ++i)
      all[r.columns[i].name] = r.source_column(i).comment;
    return all;
  };
  return comments(before) == comments(after);
}

/// The target is asked what it has: after a restart nobody knows what the comments were. A key's
/// cannot be changed, and those of several sources would take turns.
void follow_comments(target_context& context, const std::string& table, const route& r) {
  if (!r.own_rows.empty()) return;
  const auto quoted = quoted_table(context.database(), table);
  const auto of_table = " WHERE TABLE_SCHEMA = " + mysql_client::quote(context.database())
                        + " AND TABLE_NAME = " + mysql_client::quote(table);
  // One that the server refuses is not worth the pipeline.
  const auto alter = [&](const std::string& what) {
    if (context.sql.attempt("ALTER TABLE " + quoted + " " + what, quoted)) return;
    wait_for_alter(context.sql, context.database(), table);
  };
  const auto shown =
      context.sql.query("SELECT TABLE_COMMENT FROM information_schema.tables" + of_table, quoted);
  const auto wanted = comment_literal(r.schema->comment, longest_table_comment);
  if (!shown.empty() && context.traits.has_new_comments()
      && comment_literal(shown.text(0, "TABLE_COMMENT"), longest_table_comment) != wanted)
    alter("COMMENT = " + wanted);
  const auto real = read_table(context.sql, context.database(), table);
  const auto columns = context.sql.query(
      "SELECT COLUMN_NAME, COLUMN_COMMENT FROM information_schema.columns" + of_table, quoted);
  for (const auto& c : wanted_columns(r, context.traits)) {
    const auto* there = real && !c.key && c.source ? real->find(c.name) : nullptr;
    for (std::size_t i = 0; there != nullptr && i < columns.rows.size(); ++i) {
      const auto text = comment_literal(c.comment, longest_column_comment);
      if (!same_column(columns.text(i, "COLUMN_NAME"), c.name)) continue;
      if (comment_literal(columns.text(i, "COLUMN_COMMENT"), longest_column_comment) == text)
        continue;
      alter("MODIFY COLUMN " + quote_identifier(c.name) + " " + there->type
            + (there->nullable ? " NULL" : " NOT NULL") + default_clause(*there) + " COMMENT "
            + text);
    }
  }
}

} // namespace leat::starrocks
