#include "plugins/postgres/table_reader.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "plugins/postgres/chunk_planner.hpp"
#include "plugins/postgres/locked_table.hpp"
#include "plugins/postgres/reader_error.hpp"
#include "plugins/postgres/row_reader.hpp"

namespace leat::postgres {

namespace {

std::string lookup(const std::map<oid, std::string>& predicates, const table_schema& table) {
  const auto found = predicates.find(table.id);
  return found == predicates.end() ? "" : found->second;
}

void add_condition(std::string& all, const std::string& condition) {
  if (condition.empty()) return;
  // The line break ends a comment at the end of a predicate from the pipeline file.
  all += (all.empty() ? "(" : " AND (") + condition + "\n)";
}

std::string select_rows(const table_schema& schema, const locked_table& table,
                        const std::string& condition, const key_columns& key) {
  std::string sql = "SELECT ";
  for (const auto& column : schema.columns) {
    if (&column != &schema.columns.front()) sql += ", ";
    sql += quote_identifier(column.name);
  }
  sql += " FROM " + table.from();
  if (!condition.empty()) sql += " WHERE " + condition;
  if (!key.empty()) sql += " ORDER BY " + ordering(key);
  return sql + "; COMMIT";
}

struct known_table {
  locked_table table;
  std::vector<std::uint16_t> key;
  key_columns columns; ///< of `key`
};

class reader final : public table_reader {
 public:
  reader(connection_parameters parameters, snapshot_options options)
      : parameters_(std::move(parameters)), options_(std::move(options)) {}

  visibility_probe probe() override;
  table_description describe(oid table) override;
  chunk_plan plan(const table_schema&) override;
  chunk_result read(const table_schema&, const chunk_bounds&, std::uint64_t storage,
                    const std::string& condition) override;
  chunk_result read_keys(const table_schema&, const std::vector<std::uint16_t>& key,
                         const std::vector<std::vector<std::string>>& keys) override;
  void cancel() noexcept override;

 private:
  using condition_of = std::function<std::string(const locked_table&, const key_columns&)>;

  connection& ready();
  void settle() noexcept;
  void check_cancelled();
  schema_ptr shared(const table_schema&);
  bool compares_bytes(const table_schema&);
  bool columns_match(connection&, const locked_table&, const table_schema&);
  std::optional<locked_table> lock(connection&, const table_schema&);
  bool is_still(const locked_table& now, const locked_table& was, const table_schema&,
                std::optional<std::uint64_t> storage) const;
  chunk_result read_where(const table_schema&, const chunk_bounds&, std::uint64_t storage,
                          const std::string& condition);
  void cut(chunk_result&, const table_schema&, const condition_of&);
  chunk_result read_rows_of(const table_schema&, const chunk_bounds&,
                            std::optional<std::uint64_t> storage,
                            const std::vector<std::uint16_t>& key, bool several,
                            const condition_of&);
  bool read_at_once(chunk_result&, connection&, const table_schema&,
                    std::optional<std::uint64_t> storage, const std::vector<std::uint16_t>& key,
                    bool several, const condition_of&);
  void read_locked(chunk_result&, connection&, const locked_table&, const table_schema&,
                   const std::vector<std::uint16_t>& key, bool several, const condition_of&);
  bool fill(chunk_result&, connection&, const std::string& sql, const table_schema&,
            const std::vector<std::uint16_t>& key, bool several, look_reader);

  /// Runs `work`; what fails leaves a connection that the next call can use, and says which table.
  template <class Work>
  auto guarded(const table_schema* table, Work work);

  connection_parameters parameters_;
  snapshot_options options_;
  std::mutex guard_; ///< over connection_ being replaced, against cancel()
  std::unique_ptr<connection> connection_;
  std::atomic<bool> cancelled_ = false;
  std::optional<type_catalog> types_;
  std::map<oid, schema_ptr> shared_;
  std::map<oid, known_table> known_; ///< as they were at their last chunks
  std::map<oid, bool> compares_bytes_;
};

constexpr std::string_view query_canceled = "57014";
constexpr std::string_view data_exception = "22"; ///< class of division by zero and the like

connection& reader::ready() {
  check_cancelled();
  if (connection_) {
    // Twice: the first call may take the server's farewell, the second finds the end of the stream.
    PQconsumeInput(connection_->raw());
    PQconsumeInput(connection_->raw());
    const bool usable =
        !connection_->lost() && PQtransactionStatus(connection_->raw()) == PQTRANS_IDLE;
    if (usable) return *connection_;
  }
  auto fresh = std::make_unique<connection>(parameters_, connection_use::query);
  fresh->query("SET lock_timeout = " + std::to_string(options_.lock_timeout.count()));
  prepare_locking(*fresh);
  {
    const std::lock_guard lock(guard_);
    connection_.swap(fresh);
  }
  check_cancelled();
  return *connection_;
}

/// Ends a transaction that a failure left open; a connection that cannot even do that goes.
void reader::settle() noexcept {
  if (!connection_) return;
  auto* raw = connection_->raw();
  if (!connection_->lost()) {
    if (PQtransactionStatus(raw) == PQTRANS_IDLE) return;
    PGresult* ended = PQexec(raw, "ROLLBACK");
    const bool done = PQresultStatus(ended) == PGRES_COMMAND_OK;
    PQclear(ended);
    if (done) return;
  }
  const std::lock_guard lock(guard_);
  connection_.reset();
}

void reader::check_cancelled() {
  if (cancelled_.exchange(false))
    throw server_error(error_kind::source, std::string(query_canceled), "cancelled", "", "",
                       error_retry::transient);
}

void reader::cancel() noexcept {
  cancelled_ = true;
  const std::lock_guard lock(guard_);
  if (connection_) connection_->cancel();
}

template <class Work>
auto reader::guarded(const table_schema* table, Work work) {
  try {
    return work(ready());
  } catch (const server_error& e) {
    settle();
    if (e.sqlstate() == query_canceled) cancelled_ = false;
    if (table == nullptr || !connection_) throw;
    throw_explained(*connection_, e, *table, options_.where.contains(table->id),
                    options_.lock_timeout);
  } catch (const leat::error&) {
    settle();
    throw;
  }
}

schema_ptr reader::shared(const table_schema& schema) {
  auto& known = shared_[schema.id];
  if (!known || *known != schema) known = std::make_shared<const table_schema>(schema);
  return known;
}

std::optional<locked_table> reader::lock(connection& c, const table_schema& schema) {
  auto table = lock_table(c, schema);
  if (table && table->hides_rows) throw_rows_hidden(c, *table);
  return table;
}

/// A column list of the publication, or generated columns that it publishes, make the two differ
/// rightly; the catalog's view of the publication tells.
bool reader::columns_match(connection& c, const locked_table& table, const table_schema& schema) {
  if (table.has_columns(schema, true)) return true;
  if (!table.has_columns(schema, false)) return false;
  if (!types_) types_ = type_catalog::load(c);
  const auto published = find_table(c, *types_, schema.id, options_.publication);
  return published && table.has_columns(*published->schema, false)
         && std::equal(schema.columns.begin(), schema.columns.end(),
                       published->schema->columns.begin(), published->schema->columns.end(),
                       [](const column& a, const column& b) { return a.name == b.name; });
}

visibility_probe reader::probe() {
  return guarded(nullptr, [](connection& c) {
    // 3 is the first xid there is; its age gives the next one, which nothing else tells without
    // taking an xid.
    const auto r = c.query("SELECT pg_current_snapshot()::text, " + std::string(snapshot_high)
                           + ", (3 + age('3'::xid)::int8) & 4294967295");
    auto point = point_of(c, r, 0);
    visibility_probe probe;
    probe.seen = std::move(point.seen);
    probe.high = point.high;
    probe.next_xid = probe.seen.widen(static_cast<std::uint32_t>(r.number(0, 2)));
    return probe;
  });
}

table_description reader::describe(oid table) {
  return guarded(nullptr, [&](connection& c) {
    types_ = type_catalog::load(c);
    table_description out;
    if (const auto found = find_table(c, *types_, table, options_.publication))
      out.schema = found->schema;
    const auto high = c.query("SELECT " + std::string(snapshot_high));
    out.high = wal_lsn{parse_lsn(high.text(0, 0)).value_or(0)};
    return out;
  });
}

chunk_plan reader::plan(const table_schema& schema) {
  return guarded(&schema, [&](connection& c) {
    chunk_plan plan;
    const auto table = lock(c, schema);
    if (!table) {
      plan.table_gone = true;
      return plan;
    }
    std::string predicate;
    add_condition(predicate, lookup(options_.where, schema));
    add_condition(predicate, lookup(options_.row_filter, schema));
    // Key columns that are not there any more make one chunk, whose read says columns_changed.
    const auto key = table->key_of(c, schema, schema.key).value_or(key_columns{});
    const auto type = key.empty() ? 0 : schema.columns[schema.key.front()].type;
    plan =
        plan_chunks(c, *table, key, type, predicate, {options_.chunk_rows, options_.chunk_bytes});
    c.query("COMMIT");
    return plan;
  });
}

/// A table whose columns are told by the publication has to ask for them.
bool reader::is_still(const locked_table& now, const locked_table& was, const table_schema& schema,
                      std::optional<std::uint64_t> storage) const {
  return now.id == schema.id && !now.hides_rows && now.partitioned == was.partitioned
         && now.has_columns(schema, true) && (!storage || *storage == now.storage);
}

/// Lock, look and rows in one message, so that neither side waits for the other in between: on the
/// guess that the table is still what it was at its last chunk. False, with nothing read, when not.
bool reader::read_at_once(chunk_result& out, connection& c, const table_schema& schema,
                          std::optional<std::uint64_t> storage,
                          const std::vector<std::uint16_t>& key, bool several,
                          const condition_of& condition) {
  const auto found = known_.find(schema.id);
  if (found == known_.end() || found->second.key != key) return false;
  const auto& [was, known_key, columns] = found->second;
  locked_table now;
  const auto look = [&](const result* row) -> std::optional<wal_lsn> {
    if (row != nullptr) {
      now.take_look(c, *row, 0);
      return std::nullopt;
    }
    check_cancelled();
    out.rows.seen = now.seen;
    out.rows.high = now.high;
    if (!is_still(now, was, schema, storage)) return std::nullopt;
    return now.high;
  };
  const auto sql = lock_and_look(was.schema, was.name) + "; "
                   + select_rows(schema, was, condition(was, columns), columns);
  try {
    if (fill(out, c, sql, schema, key, several, look)) return true;
  } catch (const server_error& e) {
    if (e.transient()) throw;
  }
  settle();
  known_.erase(found);
  const auto bounds = out.rows.bounds;
  out = {};
  out.rows.bounds = bounds;
  return false;
}

void reader::read_locked(chunk_result& out, connection& c, const locked_table& table,
                         const table_schema& schema, const std::vector<std::uint16_t>& key,
                         bool several, const condition_of& condition) {
  const auto columns = table.key_of(c, schema, key).value();
  fill(out, c, select_rows(schema, table, condition(table, columns), columns), schema, key, several,
       nullptr);
  known_[schema.id] = {table, key, columns};
}

/// A last chunk that is open above may grow by what is inserted until its bounds are in a
/// checkpoint. Its bytes bound it: cut by its rows too, it might never be small enough.
bool bounds_rows(const chunk_bounds& b) {
  return b.number != 0 && (b.lower.empty() || !b.upper.empty());
}

bool reader::fill(chunk_result& out, connection& c, const std::string& sql,
                  const table_schema& schema, const std::vector<std::uint16_t>& key, bool several,
                  look_reader look) {
  row_request request;
  request.schema = shared(schema);
  request.high = out.rows.high;
  request.look = std::move(look);
  request.first_index = out.rows.bounds.number << 32;
  if (several) request.max_bytes = options_.chunk_bytes * 2;
  if (several && bounds_rows(out.rows.bounds)) request.max_rows = options_.chunk_rows * 2;
  if (schema.key.empty() && options_.spill)
    request.spool = out.rows.spooled = std::make_shared<batch_spool>(options_.spill);
  auto rows = read_rows(c, sql, request);
  if (rows.unwanted) return false;
  if (rows.too_large) {
    out.failure = chunk_failure::too_large;
    if (out.rows.bounds.number == 0) return true;
    out.splits = {halfway_key(rows, key)};
    out.rows.rows = rows.rows; // until it was given up
    return true;
  }
  out.rows.batches = std::move(rows.batches);
  out.rows.rows = rows.rows;
  out.rows.bytes = rows.bytes;
  return true;
}

chunk_result reader::read_rows_of(const table_schema& schema, const chunk_bounds& bounds,
                                  std::optional<std::uint64_t> storage,
                                  const std::vector<std::uint16_t>& key, bool several,
                                  const condition_of& condition) {
  chunk_result out;
  out.rows.bounds = bounds;
  try {
    guarded(&schema, [&](connection& c) {
      if (read_at_once(out, c, schema, storage, key, several, condition)) return settle();
      const auto table = lock(c, schema);
      if (!table) {
        out.failure = chunk_failure::table_gone;
        return;
      }
      out.rows.seen = table->seen;
      out.rows.high = table->high;
      check_cancelled();
      if (!columns_match(c, *table, schema))
        out.failure = chunk_failure::columns_changed;
      else if (storage && *storage != table->storage)
        out.failure = chunk_failure::rewritten;
      else
        read_locked(out, c, *table, schema, key, several, condition);
      settle();
    });
  } catch (const server_error& e) {
    if (e.sqlstate() != query_canceled) throw;
    out = {};
    out.rows.bounds = bounds;
    out.failure = chunk_failure::disconnected;
  }
  return out;
}

/// Under a nondeterministic collation the server's = is not leat's.
bool reader::compares_bytes(const table_schema& schema) {
  const auto known = compares_bytes_.find(schema.id);
  if (known != compares_bytes_.end()) return known->second;
  const bool answer = guarded(&schema, [&](connection& c) {
    return c
        .query("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
               " JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation"
               " WHERE a.attrelid = $1 AND NOT a.attisdropped AND NOT c.collisdeterministic)",
               {std::to_string(schema.id)})
        .boolean(0, 0);
  });
  return compares_bytes_[schema.id] = answer;
}

/// Where the server cannot compute the condition for some row, leat says of which, or finds that
/// the row is not asked for that part of it.
chunk_result reader::read(const table_schema& schema, const chunk_bounds& bounds,
                          std::uint64_t storage, const std::string& condition) {
  if (condition.empty() || !compares_bytes(schema)) return read_where(schema, bounds, storage, {});
  try {
    return read_where(schema, bounds, storage, condition);
  } catch (const server_error& e) {
    if (!e.sqlstate().starts_with(data_exception)) throw;
    return read_where(schema, bounds, storage, {});
  }
}

chunk_result reader::read_where(const table_schema& schema, const chunk_bounds& bounds,
                                std::uint64_t storage, const std::string& condition) {
  const auto condition_of_all = [&](const locked_table&, const key_columns& key) {
    std::string all;
    if (!bounds.lower.empty()) add_condition(all, at_least(key, bounds.lower));
    if (!bounds.upper.empty()) add_condition(all, below(key, bounds.upper));
    add_condition(all, lookup(options_.where, schema));
    add_condition(all, lookup(options_.row_filter, schema));
    add_condition(all, condition);
    return all;
  };
  auto out =
      read_rows_of(schema, bounds, storage, schema.key, !schema.key.empty(), condition_of_all);
  if (out.failure == chunk_failure::too_large) cut(out, schema, condition_of_all);
  return out;
}

/// Into parts of half the rows that came until it was given up: a chunk may have that many. One
/// that is many times too large is thus cut at once, for each cut waits for a checkpoint.
void reader::cut(chunk_result& out, const table_schema& schema, const condition_of& condition) {
  guarded(&schema, [&](connection& c) {
    const auto table = lock(c, schema);
    const auto key = table ? table->key_of(c, schema, schema.key) : std::nullopt;
    if (key) {
      auto bounds = counted_bounds(c, *table, *key, condition(*table, *key), out.rows.rows / 2);
      if (!bounds.empty()) out.splits = std::move(bounds);
    }
    settle();
  });
}

/// The predicate of the pipeline file chooses which rows a snapshot begins with; a row that the
/// stream brought is the target's whatever it says.
chunk_result reader::read_keys(const table_schema& schema, const std::vector<std::uint16_t>& key,
                               const std::vector<std::vector<std::string>>& keys) {
  chunk_bounds bounds;
  return read_rows_of(schema, bounds, std::nullopt, key, keys.size() > 1,
                      [&](const locked_table& table, const key_columns& columns) {
                        std::string all;
                        add_condition(all, one_of(columns, quote_identifier(table.name), keys));
                        add_condition(all, lookup(options_.row_filter, schema));
                        return all;
                      });
}

} // namespace

std::unique_ptr<table_reader> make_table_reader(const connection_parameters& parameters,
                                                snapshot_options options) {
  return std::make_unique<reader>(parameters, std::move(options));
}

} // namespace leat::postgres
