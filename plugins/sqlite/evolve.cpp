#include "plugins/sqlite/evolve.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "dataflow/schema_diff.hpp"
#include "plugins/sqlite/table.hpp"

namespace leat::sqlite {

namespace {

/// Which column of `before` a source column of `after` was.
class origins {
 public:
  origins(const route& before, const route& after)
      : before_(before), diff_(diff_schemas(*before.schema, *after.schema)) {}

  /// The target column that a source column of `after` (index into its schema) was written to.
  const target_column* of(std::uint16_t source) const {
    const auto found = std::find_if(before_.columns.begin(), before_.columns.end(),
                                    [&](const auto& c) { return diff_.place[c.source] == source; });
    return found == before_.columns.end() ? nullptr : &*found;
  }
  bool stays(const target_column& old, const route& after) const {
    const auto place = diff_.place[old.source];
    return place && std::any_of(after.columns.begin(), after.columns.end(), [&](const auto& c) {
             return c.source == *place;
           });
  }

 private:
  const route& before_;
  schema_diff diff_;
};

const found_column* find(const std::vector<found_column>& columns, std::string_view name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const auto& c) { return same_name(c.name, name); });
  return found == columns.end() ? nullptr : &*found;
}

struct renaming {
  std::string from;
  std::string to;
};

struct difference {
  std::vector<renaming> renamed;
  std::vector<wanted_column> added;
  std::vector<std::string> dropped;
  std::vector<std::string> emptied; ///< dropped, and other sources of the table have it still
  bool anew = false;                ///< ALTER TABLE cannot do it
};

bool same_key(const route& before, const route& after, const origins& was) {
  if (before.key.size() != after.key.size()) return false;
  for (std::size_t i = 0; i < after.key.size(); ++i) {
    const auto* from = was.of(after.columns[after.key[i]].source);
    if (!from || from != &before.columns[before.key[i]]) return false;
  }
  return true;
}

difference compare(const route& before, const route& after, const std::vector<found_column>& real) {
  difference d;
  const origins was(before, after);
  const auto wanted = wanted_columns(after);
  auto left = real; // once columns are dropped and renamed
  const auto leave = [&](const std::string& name) {
    return std::erase_if(left, [&](const auto& c) { return same_name(c.name, name); }) != 0;
  };
  for (const auto& c : before.columns) {
    if (was.stays(c, after)) continue;
    if (find(real, c.name) != nullptr && after.shares(c.name))
      d.emptied.push_back(c.name);
    else if (leave(c.name))
      d.dropped.push_back(c.name);
  }
  for (const auto& c : after.columns) {
    const auto* from = was.of(c.source);
    if (from && from->name != c.name && leave(from->name))
      d.renamed.push_back({from->name, c.name});
  }
  for (const auto& r : d.renamed) left.push_back({r.to, find(real, r.from)->type});
  for (std::size_t i = 0; i < after.columns.size(); ++i) {
    const auto* from = was.of(after.columns[i].source);
    const auto* stands = find(left, after.columns[i].name);
    if (!stands) d.added.push_back(wanted[i]);
    const auto type = type_name(wanted[i].kind);
    const bool retyped =
        from && type_name(storage_of(before.schema->columns[from->source].kind)) != type;
    if (retyped && stands && stands->type != type) d.anew = true;
  }
  if (after.mode == route_mode::upsert && !same_key(before, after, was)) d.anew = true;
  return d;
}

/// Names that pass through one another (a to b, b to a) need a place to wait.
std::string waiting(std::string_view kind, std::size_t i) {
  return quote("leat " + std::string(kind) + " " + std::to_string(i));
}

void rename(database& db, const route& r, const std::vector<renaming>& renamed) {
  const auto alter = "ALTER TABLE " + quote(r.target) + " RENAME COLUMN ";
  for (std::size_t i = 0; i < renamed.size(); ++i)
    db.execute(alter + quote(renamed[i].from) + " TO " + waiting("renamed", i));
  for (std::size_t i = 0; i < renamed.size(); ++i)
    db.execute(alter + waiting("renamed", i) + " TO " + quote(renamed[i].to));
}

std::vector<std::string> definitions_on(const database& db, const std::string& table) {
  auto query =
      db.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type IN "
                 "('index', 'trigger') AND sql IS NOT NULL");
  query.bind(1, table);
  std::vector<std::string> definitions;
  while (query.step()) definitions.push_back(query.string(0));
  return definitions;
}

/// The columns carry their new names already.
void make_anew(database& db, const route& after) {
  const auto definitions = definitions_on(db, after.target);
  const auto fresh = "leat new " + after.target;
  db.execute(create_statement(after, fresh));
  std::string names;
  std::string values;
  for (const auto& c : wanted_columns(after)) {
    if (!names.empty()) {
      names += ", ";
      values += ", ";
    }
    names += quote(c.name);
    values += c.kind == storage::text ? "CAST(" + quote(c.name) + " AS TEXT)" : quote(c.name);
  }
  db.execute("INSERT INTO " + quote(fresh) + " (" + names + ") SELECT " + values + " FROM "
             + quote(after.target));
  db.execute("DROP TABLE " + quote(after.target));
  db.execute("ALTER TABLE " + quote(fresh) + " RENAME TO " + quote(after.target));
  for (const auto& definition : definitions) db.execute(definition);
}

} // namespace

void evolve(database& db, const route& before, const route& after) {
  const auto d = compare(before, after, found_columns(db, after.target));
  const auto alter = "ALTER TABLE " + quote(after.target);
  for (std::size_t i = 0; i < d.dropped.size(); ++i) {
    const auto name = quote(d.dropped[i]);
    // A dropped key column goes with the old table; its name may be needed before.
    if (d.anew)
      db.execute(alter + " RENAME COLUMN " + name + " TO " + waiting("dropped", i));
    else
      db.execute(alter + " DROP COLUMN " + name);
  }
  for (const auto& name : d.emptied)
    db.execute("UPDATE " + quote(after.target) + " SET " + quote(name) + " = NULL WHERE "
               + own_rows(after));
  rename(db, after, d.renamed);
  for (const auto& c : d.added)
    db.execute(alter + " ADD COLUMN " + quote(c.name) + " " + std::string(type_name(c.kind)));
  if (d.anew) make_anew(db, after);
}

} // namespace leat::sqlite
