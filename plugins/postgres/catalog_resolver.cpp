#include "plugins/postgres/catalog_resolver.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/table_stamps.hpp"

namespace leat::postgres {

namespace {

constexpr std::chrono::seconds longest_wait{3};

using name_set = std::set<std::string_view>;

name_set identity_names(const table_schema& table) {
  name_set names;
  for (const auto& c : table.columns)
    if (c.identity) names.insert(c.name);
  return names;
}

/// The key of another version of the table, by name; none unless every column of it is there.
std::vector<std::uint16_t> key_by_name(const table_schema& table, const table_schema& other) {
  std::vector<std::uint16_t> key;
  for (const auto at : other.key) {
    const auto found = table.find(other.columns[at].name);
    if (!found) return {};
    key.push_back(*found);
  }
  return key;
}

std::vector<std::uint16_t> flagged_columns(const table_schema& table) {
  std::vector<std::uint16_t> key;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].identity) key.push_back(static_cast<std::uint16_t>(i));
  return key;
}

bool identify_alike(const table_schema& one, const table_schema& other) {
  return one.identity == other.identity && identity_names(one) == identity_names(other);
}

/// The server calls old rows whole that are not.
void take_partial_identity(table_schema& table, const catalog_table& current) {
  if (current.partial_old_rows.empty() || table.identity != replica_identity::full) return;
  table.identity = current.schema->identity;
  for (auto& c : table.columns) {
    const auto at = current.schema->find(c.name);
    c.identity = at && current.schema->columns[*at].identity;
  }
}

/// The version before is asked first: a key does not change its order while its columns stay.
std::vector<std::uint16_t> key_of(const table_schema& table, const table_schema* before,
                                  const table_schema* current) {
  if (table.identity == replica_identity::nothing) return {};
  if (table.identity == replica_identity::full) {
    const auto* source = before != nullptr ? before : current;
    return source == nullptr ? std::vector<std::uint16_t>() : key_by_name(table, *source);
  }
  for (const auto* other : {before, current})
    if (other != nullptr && identify_alike(table, *other)) return key_by_name(table, *other);
  return flagged_columns(table);
}

/// A column of the same name may be another one by now; a type in common is what can be told.
void take_numbers(table_schema& table, const table_schema& other) {
  for (auto& c : table.columns) {
    const auto at = other.find(c.name);
    // One that the catalog has no more, or otherwise by now: nobody knows what it showed.
    c.filled = !at || other.columns[*at].type != c.type || other.columns[*at].filled;
    if (!at || other.columns[*at].type != c.type) continue;
    c.number = other.columns[*at].number;
    c.nullable = other.columns[*at].nullable;
    c.comment = other.columns[*at].comment;
  }
  table.comment = other.comment;
}

/// A column of the same name and type that is another one: when, the stream does not tell.
void mark_made_anew(table_schema& table, const table_schema& before) {
  for (auto& c : table.columns) {
    const auto at = before.find(c.name);
    if (!at || before.columns[*at].type != c.type || before.columns[*at].number == 0) continue;
    c.filled = c.filled || c.number != before.columns[*at].number;
  }
}

bool same_columns(const table_schema& one, const table_schema& other) {
  return std::ranges::equal(one.columns, other.columns, {}, &column::number, &column::number);
}

/// Of two that the stream describes alike.
bool same_version(const table_schema& one, const table_schema& other) {
  return same_columns(one, other) && identify_alike(one, other) && one.stamp == other.stamp;
}

/// As far as a Relation message tells.
bool described_alike(const table_schema& one, const table_schema& other) {
  return std::ranges::equal(one.columns, other.columns, [](const column& a, const column& b) {
    return a.name == b.name && a.type == b.type && a.modifier == b.modifier;
  });
}

/// What the version before knew of a type that has been dropped since.
bool take_type(column& c, const table_schema* before) {
  if (before == nullptr) return false;
  for (const auto& known : before->columns) {
    if (known.type != c.type || known.modifier != c.modifier) continue;
    c.type_name = known.type_name;
    c.kind = known.kind;
    c.labels = known.labels;
    c.built_in = known.built_in;
    return true;
  }
  return false;
}

} // namespace

catalog_resolver::catalog_resolver(connection_parameters parameters, std::string publication)
    : parameters_(std::move(parameters)), publication_(std::move(publication)) {}

void catalog_resolver::remember(schema_ptr table) {
  versions_[table->id] = {table_schema{}, table};
}

schema_ptr catalog_resolver::complete(table_schema from_stream, std::uint32_t xid) {
  const auto known = versions_.find(from_stream.id);
  const auto before = known == versions_.end() ? nullptr : known->second.complete;
  const bool again = before && known->second.from_stream == from_stream;
  try {
    await_end_of(xid);
    auto resolved = resolve(from_stream, before.get(), again);
    if (again && same_version(*resolved, *before)) return before;
    versions_[from_stream.id] = {std::move(from_stream), resolved};
    return resolved;
  } catch (const server_error& failure) {
    if (failure.transient()) connection_.reset();
    throw;
  }
}

schema_ptr catalog_resolver::resolve(table_schema table, const table_schema* before, bool again) {
  describe_types(table, before);
  const auto found = find_table(server(), types_, table.id);
  const auto* current = found ? found->schema.get() : nullptr;
  // Ahead of the stream, which will tell.
  if (again && current != nullptr && !described_alike(table, *current)) current = nullptr;
  if (found) take_partial_identity(table, *found);
  for (const auto* other : {before, current})
    if (other != nullptr) take_numbers(table, *other);
  if (before != nullptr) mark_made_anew(table, *before);
  auto stamps = read_stamps(server(), publication_, {table.id});
  if (const auto stamp = stamps.find(table.id); stamp != stamps.end())
    table.stamp = std::move(stamp->second);
  table.key = key_of(table, before, current);
  return std::make_shared<const table_schema>(std::move(table));
}

connection& catalog_resolver::server() {
  if (!connection_) connection_ = std::make_unique<connection>(parameters_, connection_use::query);
  return *connection_;
}

/// A transaction keeps the lock of its number until others see what it did.
void catalog_resolver::await_end_of(std::uint32_t xid) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + longest_wait;
  for (auto pause = 1ms; std::chrono::steady_clock::now() < deadline;
       pause = std::min(2 * pause, 50ms)) {
    const auto held =
        server().query("SELECT FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND"
                       " transactionid = $1::pg_catalog.xid AND granted AND mode = 'ExclusiveLock'",
                       {std::to_string(xid)});
    if (held.rows() == 0) return;
    std::this_thread::sleep_for(pause);
  }
}

void catalog_resolver::describe_types(table_schema& table, const table_schema* before) {
  const auto unknown = [this](const column& c) { return !types_.knows(c.type); };
  const auto has_labels = [this](const column& c) { return !types_.labels(c.type).empty(); };
  if (std::any_of(table.columns.begin(), table.columns.end(), unknown))
    types_ = type_catalog::load(server());
  else if (std::any_of(table.columns.begin(), table.columns.end(), has_labels))
    types_.read_labels(server());
  for (auto& c : table.columns) {
    if (unknown(c) && take_type(c, before)) continue;
    c.kind = types_.classify(c.type);
    c.built_in = types_.built_in(c.type);
    c.labels = types_.labels(c.type);
    c.type_name = types_.knows(c.type) && !c.built_in && c.modifier >= 0
                      ? modified_name(c)
                      : types_.format(c.type, c.modifier);
  }
}

std::string catalog_resolver::modified_name(const column& c) {
  return server()
      .query("SELECT pg_catalog.format_type($1, $2)",
             {std::to_string(c.type), std::to_string(c.modifier)})
      .string(0, 0);
}

} // namespace leat::postgres
