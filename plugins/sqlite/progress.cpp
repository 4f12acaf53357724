#include "plugins/sqlite/progress.hpp"

#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/progress_names.hpp"
#include "plugins/sqlite/table.hpp"
#include "plugins/sqlite/values.hpp"

namespace leat::sqlite {

namespace {

constexpr auto* make_tables = R"(
CREATE TABLE IF NOT EXISTS leat_progress (
  pipeline TEXT NOT NULL,
  target TEXT NOT NULL,
  pipeline_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  commit_lsn TEXT NOT NULL,
  consistent INTEGER NOT NULL,
  committed_at TEXT NOT NULL,
  format INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (pipeline, target)
);
CREATE TABLE IF NOT EXISTS leat_progress_table (
  pipeline TEXT NOT NULL,
  target TEXT NOT NULL,
  last_chunk INTEGER NOT NULL DEFAULT 0,
  snapshot INTEGER NOT NULL DEFAULT 0,
  finished INTEGER NOT NULL DEFAULT 0,
  boundary INTEGER,
  columns TEXT,
  PRIMARY KEY (pipeline, target)
);)";

constexpr std::int64_t newest_format = 2;

bool same_cut(const std::optional<target_progress>& a, const std::optional<target_progress>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a
         || (a->pipeline_id == b->pipeline_id && a->epoch == b->epoch
             && a->position == b->position);
}

std::string describe(const std::optional<target_progress>& p) {
  if (!p) return "no record";
  return "epoch " + std::to_string(p->epoch) + " at " + to_string(p->position) + " of pipeline id "
         + p->pipeline_id;
}

/// The progress tables of a leat of before format 2 have none.
bool has_columns(const database& db) {
  return db.number("SELECT count(*) FROM pragma_table_info('leat_progress_table') WHERE name = "
                   "'columns'")
         != 0;
}

/// Of tables that are there.
std::optional<target_progress> load(const database& db, const std::string& pipeline) {
  auto query = db.prepare("SELECT pipeline_id, epoch, commit_lsn, consistent, format FROM "
                          "leat_progress WHERE pipeline = ?1 AND target = '*'");
  query.bind(1, pipeline);
  if (!query.step()) return std::nullopt;
  const auto where = db.path().string() + ", table leat_progress";
  if (query.number(4) > newest_format)
    throw error(error_kind::sink, "the progress record was written by a newer leat", where,
                "run that version of leat");
  const auto lsn = parse_lsn(query.text(2));
  if (!lsn)
    throw error(error_kind::sink,
                "the progress record holds \"" + query.string(2) + "\" as commit_lsn", where,
                "restore the file from a backup, or remove it and run `leat resnapshot`");
  target_progress p;
  p.pipeline_id = query.string(0);
  p.epoch = static_cast<epoch_id>(query.number(1));
  p.position = commit_lsn{*lsn};
  p.consistent = query.number(3) != 0;

  auto chunks = db.prepare("SELECT target, last_chunk FROM leat_progress_table WHERE pipeline = ?1 "
                           "AND last_chunk > 0");
  chunks.bind(1, pipeline);
  while (chunks.step())
    p.last_chunk[chunks.string(0)] = static_cast<std::uint64_t>(chunks.number(1));

  if (!has_columns(db)) return p;
  auto columns = db.prepare("SELECT target, columns FROM leat_progress_table WHERE pipeline = ?1 "
                            "AND columns IS NOT NULL");
  columns.bind(1, pipeline);
  while (columns.step()) p.columns[columns.string(0)] = columns.string(1);
  return p;
}

} // namespace

std::string seen_table(std::string_view target) { return "leat_seen_" + std::string(target); }

progress_record::progress_record(database& db, std::string pipeline)
    : db_(db), pipeline_(std::move(pipeline)) {
  const auto found =
      db_.number("SELECT count(*) FROM sqlite_schema WHERE name IN ('leat_progress', "
                 "'leat_progress_table')");
  if (found < 2) db_.execute(make_tables);
  if (!has_columns(db_)) db_.execute("ALTER TABLE leat_progress_table ADD COLUMN columns TEXT");
}

std::optional<target_progress> progress_record::read() {
  known_ = load(db_, pipeline_);
  return known_;
}

void progress_record::replace(const target_progress& next) {
  const auto found = load(db_, pipeline_);
  if (!same_cut(found, known_))
    throw error(error_kind::sink,
                "another leat has written the progress of pipeline " + pipeline_ + ": found "
                    + describe(found) + ", left was " + describe(known_),
                db_.path().string() + ", table leat_progress",
                "end the other process; two pipelines in one file need different names");
  const auto lsn = to_string(next.position);
  const auto now = iso_now();
  auto write = db_.prepare(
      "INSERT INTO leat_progress (pipeline, target, pipeline_id, epoch, commit_lsn, consistent, "
      "committed_at, format) VALUES (?1, '*', ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (pipeline, "
      "target) DO "
      "UPDATE SET pipeline_id = excluded.pipeline_id, epoch = excluded.epoch, commit_lsn = "
      "excluded.commit_lsn, consistent = excluded.consistent, committed_at = "
      "excluded.committed_at, "
      "format = excluded.format");
  write.bind(1, pipeline_);
  write.bind(2, next.pipeline_id);
  write.bind(3, static_cast<std::int64_t>(next.epoch));
  write.bind(4, lsn);
  write.bind(5, std::int64_t{next.consistent});
  write.bind(6, now);
  write.bind(7, newest_format);
  write.run();
  write_chunks(next);
  written_ = next;
}

void progress_record::write_chunks(const target_progress& next) {
  for (const auto& [target, chunk] : next.last_chunk) {
    if (known_) {
      const auto old = known_->last_chunk.find(target);
      if (old != known_->last_chunk.end() && old->second == chunk) continue;
    }
    auto write = db_.prepare(
        "INSERT INTO leat_progress_table (pipeline, target, last_chunk) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (pipeline, target) DO UPDATE SET last_chunk = excluded.last_chunk");
    write.bind(1, pipeline_);
    write.bind(2, target);
    write.bind(3, static_cast<std::int64_t>(chunk));
    write.run();
  }
}

std::optional<table_record> progress_record::table(std::string_view target) const {
  auto query = db_.prepare(
      "SELECT last_chunk, snapshot, finished, boundary, columns FROM leat_progress_table "
      "WHERE pipeline = ?1 AND target = ?2");
  query.bind(1, pipeline_);
  query.bind(2, target);
  if (!query.step()) return std::nullopt;
  table_record record;
  record.last_chunk = static_cast<std::uint64_t>(query.number(0));
  record.snapshot = static_cast<std::uint32_t>(query.number(1));
  record.finished = static_cast<std::uint32_t>(query.number(2));
  if (!query.is_null(3)) record.boundary = query.number(3);
  if (!query.is_null(4)) record.columns = query.string(4);
  return record;
}

std::optional<target_progress> look_at_progress(const database& db, const std::string& pipeline) {
  if (!table_exists(db, "leat_progress") || !table_exists(db, "leat_progress_table"))
    return std::nullopt;
  return load(db, pipeline);
}

namespace {

/// Of the records of a target table, the pipeline of the first that the condition holds for.
std::optional<std::string> owner(const database& db, const char* condition,
                                 const std::string& pipeline, std::string_view target) {
  std::string sql = "SELECT pipeline FROM leat_progress_table WHERE ";
  sql += condition;
  sql += " AND (target = ?2 OR substr(target, 1, length(?3)) = ?3)";
  auto query = db.prepare(sql);
  const auto of_several = record_prefix(target);
  query.bind(1, pipeline);
  query.bind(2, target);
  query.bind(3, of_several);
  if (!query.step()) return std::nullopt;
  return query.string(0);
}

} // namespace

bool owns_some_of(const database& db, const std::string& pipeline, std::string_view target) {
  return owner(db, "pipeline = ?1", pipeline, target).has_value();
}

std::optional<std::string> other_owner(const database& db, const std::string& pipeline,
                                       std::string_view target) {
  if (!table_exists(db, "leat_progress_table")) return std::nullopt;
  return owner(db, "pipeline <> ?1", pipeline, target);
}

bool progress_record::owns_some_of(std::string_view target) const {
  return sqlite::owns_some_of(db_, pipeline_, target);
}

std::optional<std::string> progress_record::other_owner(std::string_view target) const {
  return sqlite::other_owner(db_, pipeline_, target);
}

void progress_record::set_snapshot(std::string_view target, const table_record& record) {
  auto write = db_.prepare("INSERT INTO leat_progress_table (pipeline, target, snapshot, finished, "
                           "boundary) VALUES (?1, ?2, "
                           "?3, ?4, ?5) ON CONFLICT (pipeline, target) DO UPDATE SET snapshot = "
                           "excluded.snapshot, finished = "
                           "excluded.finished, boundary = excluded.boundary");
  write.bind(1, pipeline_);
  write.bind(2, target);
  write.bind(3, std::int64_t{record.snapshot});
  write.bind(4, std::int64_t{record.finished});
  if (record.boundary)
    write.bind(5, *record.boundary);
  else
    write.bind_null(5);
  write.run();
}

void progress_record::set_columns(std::string_view target, const std::string& columns) {
  auto write = db_.prepare(
      "UPDATE leat_progress_table SET columns = ?3 WHERE pipeline = ?1 AND target = ?2");
  write.bind(1, pipeline_);
  write.bind(2, target);
  write.bind(3, columns);
  write.run();
}

void progress_record::forget() {
  std::vector<std::string> targets;
  auto query = db_.prepare("SELECT target FROM leat_progress_table WHERE pipeline = ?1");
  query.bind(1, pipeline_);
  while (query.step()) targets.push_back(query.string(0));

  db_.execute("BEGIN IMMEDIATE");
  for (const auto& target : targets)
    db_.execute("DROP TABLE IF EXISTS " + quote(seen_table(target)));
  for (const auto* table : {"leat_progress", "leat_progress_table"}) {
    auto remove = db_.prepare("DELETE FROM " + quote(table) + " WHERE pipeline = ?1");
    remove.bind(1, pipeline_);
    remove.run();
  }
  const auto left =
      db_.number("SELECT (SELECT count(*) FROM leat_progress) + (SELECT count(*) FROM "
                 "leat_progress_table)");
  if (left == 0) db_.execute("DROP TABLE leat_progress; DROP TABLE leat_progress_table;");
  db_.execute("COMMIT");
  known_.reset();
}

} // namespace leat::sqlite
