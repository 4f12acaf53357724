#include "plugins/postgres/target_evolve.hpp"

#include <algorithm>
#include <vector>

#include "dataflow/schema_diff.hpp"
#include "plugins/postgres/target_statements.hpp"

namespace leat::postgres {

namespace {

class alteration {
 public:
  alteration(target_session& session, const table_place& place, const route& before,
             const route& after)
      : session_(session), table_(place.quoted()), before_(before), after_(after),
        difference_(diff_schemas(*before.schema, *after.schema)),
        wanted_(wanted_columns(after, &session)) {}

  void drop_columns(const real_table& real) {
    for (const auto& c : before_.columns) {
      if (after_of(c) != nullptr || real.find(c.name) == nullptr) continue;
      if (!after_.shares(c.name))
        alter("DROP COLUMN " + quote_identifier(c.name));
      else // Rows of other sources have it still.
        session_.query("UPDATE " + table_ + " AS t SET " + quote_identifier(c.name)
                           + " = NULL WHERE " + own_rows_sql(after_, "t"),
                       table_);
    }
  }

  /// Over names in between, because columns may swap theirs.
  void rename_columns(const real_table& real) {
    std::vector<const target_column*> renamed;
    for (const auto& c : before_.columns) {
      const auto* now = after_of(c);
      if (now == nullptr || now->name == c.name || real.find(c.name) == nullptr) continue;
      alter("RENAME COLUMN " + quote_identifier(c.name) + " TO " + between(renamed.size()));
      renamed.push_back(now);
    }
    for (std::size_t i = 0; i < renamed.size(); ++i)
      alter("RENAME COLUMN " + between(i) + " TO " + quote_identifier(renamed[i]->name));
  }

  void add_or_retype(const real_table& real) {
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const auto* there = real.find(wanted_[i].name);
      if (there == nullptr)
        add(wanted_[i]);
      else if (wanted_[i].source && !holds(there->type, wanted_[i].type))
        retype(wanted_[i]);
    }
  }

  /// Another key than before: the old one goes, with what it demanded of its columns.
  void rekey(const real_table& real) {
    const auto wanted = key_names(after_);
    auto sorted = wanted;
    std::sort(sorted.begin(), sorted.end());
    const bool there = std::find(real.keys.begin(), real.keys.end(), sorted) != real.keys.end();
    if (wanted.empty() || after_.mode == route_mode::append || there) return;
    const auto old = session_.ask(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'p'",
        {table_}, table_);
    if (old.rows() == 1) alter("DROP CONSTRAINT " + quote_identifier(old.text(0, 0)));
    for (const auto& c : real.columns) {
      const bool ours = std::any_of(wanted_.begin(), wanted_.end(), [&](const auto& w) {
        return w.name == c.name && w.source && !w.key;
      });
      if (ours && !c.nullable) alter("ALTER COLUMN " + quote_identifier(c.name) + " DROP NOT NULL");
    }
    alter("ADD PRIMARY KEY (" + quoted_list(wanted) + ")");
  }

 private:
  /// The column of the new route that shows the same source column; null when there is none.
  const target_column* after_of(const target_column& c) const {
    const auto place = difference_.place[c.source];
    const auto at = std::find_if(after_.columns.begin(), after_.columns.end(),
                                 [&](const auto& a) { return place && a.source == *place; });
    return at == after_.columns.end() ? nullptr : &*at;
  }

  static std::string between(std::size_t i) {
    return quote_identifier("_leat_renamed_" + std::to_string(i));
  }

  void alter(const std::string& what) {
    session_.query("ALTER TABLE " + table_ + " " + what, table_);
  }

  void add(const wanted_column& c) {
    alter("ADD COLUMN " + quote_identifier(c.name) + " " + c.type
          + (c.definition.empty() ? "" : " " + c.definition));
  }

  /// The source may have used any expression; its text is what the table's next snapshot brings.
  void retype(const wanted_column& c) {
    const auto name = quote_identifier(c.name);
    const auto change = "ALTER COLUMN " + name + " TYPE " + c.type + " USING " + name;
    session_.query("SAVEPOINT leat_type");
    try {
      alter(change + "::" + c.type);
    } catch (const server_error& e) {
      if (e.sqlstate() != "42846") throw;
      session_.query("ROLLBACK TO leat_type");
      alter(change + "::text::" + c.type);
    }
    session_.query("RELEASE leat_type");
  }

  target_session& session_;
  std::string table_;
  const route& before_;
  const route& after_;
  schema_diff difference_;
  std::vector<wanted_column> wanted_;
};

} // namespace

void evolve(target_session& session, const table_place& place, const route& before,
            const route& after) {
  const auto real = read_table(session, place);
  alteration change(session, place, before, after);
  if (!real) return;
  change.drop_columns(*real);
  change.rename_columns(*real);
  change.add_or_retype(*read_table(session, place));
  change.rekey(*read_table(session, place));
}

} // namespace leat::postgres
