#include "plugins/postgres/target_progress.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "dataflow/progress_names.hpp"
#include "plugins/postgres/target_errors.hpp"

namespace leat::postgres {

namespace {

constexpr const char* every_target = "*";
constexpr std::uint64_t format_version = 2;

constexpr const char* row_columns =
    " (pipeline text, target text, pipeline_id text NOT NULL, epoch bigint NOT NULL, "
    "commit_lsn pg_lsn NOT NULL, consistent boolean NOT NULL, committed_at timestamptz NOT NULL, "
    "format integer NOT NULL, PRIMARY KEY (pipeline, target))";

constexpr const char* table_columns =
    " (pipeline text, target text, last_chunk bigint NOT NULL DEFAULT 0, "
    "snapshot bigint NOT NULL DEFAULT 0, finished bigint NOT NULL DEFAULT 0, columns text, "
    "PRIMARY KEY (pipeline, target))";

bool exists(target_session& session, const std::string& table) {
  return session.ask("SELECT to_regclass($1) IS NOT NULL", {table}, table).boolean(0, 0);
}

/// Asked for first: CREATE TABLE IF NOT EXISTS needs a right even when there is nothing to do.
void make_table(target_session& session, const std::string& table, const char* columns) {
  if (!exists(session, table))
    session.query("CREATE TABLE IF NOT EXISTS " + table + columns, table);
}

/// Of a table that a leat of before format 2 has made. Asked for first, as in make_table().
void add_columns_column(target_session& session, const std::string& table) {
  const auto there = session.ask("SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = "
                                 "$1::regclass AND attname = 'columns' AND NOT attisdropped)",
                                 {table}, table);
  if (!there.boolean(0, 0))
    session.query("ALTER TABLE " + table + " ADD COLUMN IF NOT EXISTS columns text", table);
}

} // namespace

target_progress_record::target_progress_record(std::string pipeline, std::string schema)
    : pipeline_(std::move(pipeline)), schema_(std::move(schema)),
      table_(quote_name(schema_, "leat_progress")),
      tables_table_(quote_name(schema_, "leat_progress_table")) {}

void target_progress_record::make_tables(target_session& session) {
  make_table(session, table_, row_columns);
  make_table(session, tables_table_, table_columns);
  add_columns_column(session, tables_table_);
  // The row is what sinks lock, so that it has to be there before the first commit.
  session.ask("INSERT INTO " + table_
                  + " VALUES ($1, $2, '', 0, '0/0', false, now(), $3) "
                    "ON CONFLICT DO NOTHING",
              {pipeline_, every_target, std::to_string(format_version)}, table_);
}

void target_progress_record::report_holder(target_session& session, const server_error& e) {
  session.query("ROLLBACK");
  const auto holders =
      session.ask("SELECT string_agg(DISTINCT pid::text, ', ') FROM pg_locks WHERE "
                  "relation = $1::regclass AND mode = 'RowShareLock' AND granted",
                  {table_});
  const auto pids = holders.is_null(0, 0) ? std::string("unknown") : holders.string(0, 0);
  throw server_error(
      error_kind::sink, e.sqlstate(),
      "another transaction holds the progress row of pipeline \"" + pipeline_ + "\" (backend "
          + pids + ")",
      table_ + " at " + session.where(),
      "wait for it, or stop the other leat; a backend that its client left behind is "
      "ended by SELECT pg_terminate_backend("
          + pids + ")",
      error_retry::transient);
}

/// A sink that lost its connection in COMMIT may have left a backend that is still at it. Its
/// outcome is known when it lets go of the row.
void target_progress_record::lock_row(target_session& session) {
  session.query("BEGIN", table_);
  session.ask("SELECT 1 FROM " + table_ + " WHERE pipeline = $1 AND target = $2 FOR UPDATE",
              {pipeline_, every_target}, table_);
}

std::optional<target_progress> target_progress_record::open(target_session& session) {
  session.query("SET lock_timeout = '10s'");
  try {
    make_tables(session);
    lock_row(session);
  } catch (const server_error& e) {
    if (e.sqlstate() != "55P03") throw;
    report_holder(session, e);
  }
  auto found = read(session);
  session.query("COMMIT; SET lock_timeout = 0", table_);
  return found;
}

std::optional<target_progress> target_progress_record::look(target_session& session) {
  if (!exists(session, table_) || !exists(session, tables_table_)) return std::nullopt;
  const auto row = session.ask("SELECT 1 FROM " + table_ + " WHERE pipeline = $1 AND target = $2",
                               {pipeline_, every_target}, table_);
  if (row.rows() == 0) return std::nullopt;
  return read(session);
}

std::optional<target_progress> target_progress_record::read(target_session& session) {
  const auto row =
      session.ask("SELECT pipeline_id, epoch, commit_lsn - '0/0'::pg_lsn, consistent, format FROM "
                      + table_ + " WHERE pipeline = $1 AND target = $2",
                  {pipeline_, every_target}, table_);
  if (row.rows() != 1)
    refuse("another leat has removed the progress row of pipeline \"" + pipeline_ + "\"", table_,
           "run again");
  if (row.number(0, 4) > format_version)
    refuse("the progress row is of a newer leat (format " + row.string(0, 4) + ")", table_,
           "run the newer leat");
  // look() meets tables of format 1, which have no column of that name.
  const auto tables =
      session.ask("SELECT target, last_chunk, snapshot, finished, coalesce(to_jsonb(t) ->> "
                  "'columns', '') FROM "
                      + tables_table_ + " t WHERE pipeline = $1",
                  {pipeline_}, tables_table_);
  tables_.clear();
  for (int i = 0; i < tables.rows(); ++i)
    tables_[tables.string(i, 0)] = {
        tables.number(i, 1), static_cast<std::uint32_t>(tables.number(i, 2)),
        static_cast<std::uint32_t>(tables.number(i, 3)), tables.string(i, 4)};
  expected_id_ = row.string(0, 0);
  expected_epoch_ = row.number(0, 1);
  known_ = !expected_id_.empty();
  if (!known_) return std::nullopt;
  target_progress found{
      expected_id_, expected_epoch_, commit_lsn{row.number(0, 2)}, row.boolean(0, 3), {}, {}};
  for (const auto& [target, record] : tables_) {
    if (record.last_chunk != 0) found.last_chunk[target] = record.last_chunk;
    if (!record.columns.empty()) found.columns[target] = record.columns;
  }
  return found;
}

void target_progress_record::send_fence(target_session& session) {
  session.send(
      "SELECT pipeline_id, epoch FROM " + table_
          + " WHERE pipeline = $1 AND target = $2 FOR UPDATE",
      {pipeline_, every_target},
      [this](const result& row) {
        const bool same = row.rows() == 1 && row.text(0, 0) == expected_id_
                          && row.number(0, 1) == expected_epoch_;
        if (same) return;
        refuse("another leat has written to the targets of pipeline \"" + pipeline_ + "\"", table_,
               "see that only one leat runs this pipeline, with one state directory; then "
               "run again");
      },
      table_);
}

void target_progress_record::send(target_session& session, const target_progress& next) {
  session.send(
      "UPDATE " + table_
          + " SET pipeline_id = $3, epoch = $4, commit_lsn = $5, consistent = $6, "
            "committed_at = clock_timestamp(), format = $7 WHERE pipeline = $1 AND target = "
            "$2 AND pipeline_id = $8 AND epoch = $9",
      {pipeline_, every_target, next.pipeline_id, std::to_string(next.epoch),
       to_string(next.position), next.consistent ? "true" : "false", std::to_string(format_version),
       expected_id_, std::to_string(expected_epoch_)},
      [this](const result& row) {
        if (row.affected() != 1)
          refuse("the progress row of pipeline \"" + pipeline_ + "\" is gone or another's", table_,
                 "see that only one leat runs this pipeline, then run again");
      },
      table_);
  for (const auto& [target, chunk] : next.last_chunk) {
    const auto have = tables_.find(target);
    if (have != tables_.end() && have->second.last_chunk == chunk) continue;
    session.send("INSERT INTO " + tables_table_
                     + " AS t (pipeline, target, last_chunk) VALUES ($1, $2, $3) ON CONFLICT "
                       "(pipeline, target) DO UPDATE SET last_chunk = excluded.last_chunk",
                 {pipeline_, target, std::to_string(chunk)}, {}, tables_table_);
  }
}

void target_progress_record::written(const target_progress& next) {
  expected_id_ = next.pipeline_id;
  expected_epoch_ = next.epoch;
  known_ = true;
  for (const auto& [target, chunk] : next.last_chunk) tables_[target].last_chunk = chunk;
}

std::optional<std::string> target_progress_record::other_owner(target_session& session,
                                                               const std::string& target) {
  if (!exists(session, tables_table_)) return std::nullopt;
  const auto found = session.ask("SELECT pipeline FROM " + tables_table_
                                     + " WHERE pipeline <> $1 AND (target = $2 OR "
                                       "starts_with(target, $3)) LIMIT 1",
                                 {pipeline_, target, record_prefix(target)});
  if (found.rows() == 0) return std::nullopt;
  return found.string(0, 0);
}

void target_progress_record::own(target_session& session, const std::string& target,
                                 const std::string& columns) {
  session.ask("INSERT INTO " + tables_table_
                  + " (pipeline, target, columns) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
              {pipeline_, target, columns}, tables_table_);
  tables_.try_emplace(target, table_record{.columns = columns});
}

bool target_progress_record::owns_some_of(const std::string& target) const {
  return known_ && std::any_of(tables_.begin(), tables_.end(), [&](const auto& t) {
           return is_record_of(t.first, target);
         });
}

table_record target_progress_record::table(const std::string& target) const {
  const auto found = tables_.find(target);
  return found == tables_.end() ? table_record{} : found->second;
}

void target_progress_record::send_snapshot(target_session& session, const std::string& target,
                                           const table_record& record) {
  session.send(
      "UPDATE " + tables_table_
          + " SET snapshot = $3, finished = $4 WHERE pipeline = $1 AND target = $2",
      {pipeline_, target, std::to_string(record.snapshot), std::to_string(record.finished)}, {},
      tables_table_);
}

void target_progress_record::send_columns(target_session& session, const std::string& target,
                                          const std::string& columns) {
  session.send("UPDATE " + tables_table_ + " SET columns = $3 WHERE pipeline = $1 AND target = $2",
               {pipeline_, target, columns}, {}, tables_table_);
}

void target_progress_record::forget_in(target_session& session, const std::string& table) {
  if (!exists(session, table)) return;
  session.ask("DELETE FROM " + table + " WHERE pipeline = $1", {pipeline_}, table);
  const auto others = session.query("SELECT EXISTS (SELECT FROM " + table + ")", table);
  if (!others.boolean(0, 0)) session.query("DROP TABLE " + table, table);
}

std::string target_progress_record::seen_table(const std::string& target) const {
  const auto text = pipeline_ + '\n' + target;
  return quote_name(schema_,
                    fmt::format("leat_seen_{:016x}", XXH3_64bits(text.data(), text.size())));
}

void target_progress_record::forget(target_session& session) {
  session.query("BEGIN");
  if (exists(session, tables_table_)) {
    const auto targets = session.ask("SELECT target FROM " + tables_table_ + " WHERE pipeline = $1",
                                     {pipeline_}, tables_table_);
    for (int i = 0; i < targets.rows(); ++i)
      session.query("DROP TABLE IF EXISTS " + seen_table(targets.string(i, 0)));
  }
  forget_in(session, table_);
  forget_in(session, tables_table_);
  session.query("COMMIT");
}

} // namespace leat::postgres
