#include "plugins/starrocks/progress.hpp"

#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dataflow/progress_names.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/table.hpp"
#include "plugins/starrocks/values.hpp"

namespace leat::starrocks {

namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr int format_version = 2;
constexpr const char* progress_table = "leat_progress";
constexpr const char* tables_table = "leat_progress_table";
constexpr const char* every_target = "*";
constexpr const char* next_target = "*next";
constexpr const char* session_target = "*session";
constexpr const char* labels_target = "*labels";
constexpr const char* ahead_target = "*ahead";

const char* const progress_insert = " (pipeline, target, pipeline_id, epoch, commit_lsn, "
                                    "consistent, committed_at, format, pending) "
                                    "VALUES ";
const char* const tables_insert =
    " (pipeline, target, table_name, last_chunk, snapshot, finished, `columns`, becoming) VALUES ";

std::vector<wanted_column> progress_columns() {
  return {own_column("pipeline", "VARCHAR(40)", true), own_column("target", "VARCHAR(80)", true),
          own_column("pipeline_id", "VARCHAR(64)"),    own_column("epoch", "BIGINT"),
          own_column("commit_lsn", "VARCHAR(17)"),     own_column("consistent", "BOOLEAN"),
          own_column("committed_at", "DATETIME"),      own_column("format", "INT"),
          own_column("pending", "VARCHAR(1048576)")};
}

std::vector<wanted_column> tables_columns() {
  return {own_column("pipeline", "VARCHAR(40)", true),
          own_column("target", "VARCHAR(80)", true),
          own_column("table_name", "VARCHAR(1024)"),
          own_column("last_chunk", "BIGINT"),
          own_column("snapshot", "BIGINT"),
          own_column("finished", "BIGINT"),
          own_column("columns", "VARCHAR(1048576)"),
          own_column("becoming", "VARCHAR(1048576)")};
}

/// A key of leat_progress_table is bounded; a longer name ends in a digest.
std::string record_name(const std::string& target) {
  constexpr std::size_t longest = 60;
  constexpr std::size_t most_kept = 40;
  if (target.size() <= longest) return target;
  return fmt::format("{}#{:016x}", utf8_prefix(target, most_kept),
                     XXH3_64bits(target.data(), target.size()));
}

std::uint64_t number(const std::string& text) { return text.empty() ? 0 : std::stoull(text); }

std::map<std::string, std::uint64_t> numbers_of(const std::vector<ended_chunk>& chunks) {
  std::map<std::string, std::uint64_t> numbers;
  for (const auto& c : chunks) numbers[c.target] = std::max(numbers[c.target], c.chunk);
  return numbers;
}

bool truth(const std::string& text) { return text == "1" || text == "true"; }

} // namespace

std::string now_text() {
  return datetime_text(
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
}

progress_record::progress_record(mysql_client& sql, std::string pipeline, std::string database)
    : sql_(sql), pipeline_(std::move(pipeline)), database_(std::move(database)),
      table_(quoted_table(database_, progress_table)),
      tables_table_(quoted_table(database_, tables_table)) {
  std::random_device device;
  nonce_ = fmt::format("{:08x}{:08x}", device(), device());
}

void progress_record::claim(const starrocks_table_options& options) {
  starrocks_table_options own;
  own.buckets = 1;
  own.properties = options.properties;
  try {
    sql_.query(create_table_sql(database_, progress_table, progress_columns(), own), table_);
  } catch (const leat::error& e) {
    // The first table of all: who starts this should not have to find it in the log.
    if (!is_about_replicas(e.what())) throw;
    refuse(e.what(), e.where(), e.remedy());
  }
  sql_.query(create_table_sql(database_, tables_table, tables_columns(), own), tables_table_);
  add_missing_columns();
  write_session();
}

void progress_record::see_commits() { write_session(); }

/// A statement may have succeeded before its row is seen: the fence would take the word of the
/// process before for another leat's.
void progress_record::write_session() {
  const auto before = session();
  insert_session();
  const auto until = steady_clock::now() + timeouts::visible;
  while (before != nonce_ && session() == before) {
    if (steady_clock::now() > until)
      retry_later("a row that was written is not visible yet", table_,
                  "see that the BEs are alive and not behind with publishing");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::string progress_record::session() {
  const auto rows = sql_.query("SELECT pipeline_id FROM " + table_
                                   + " WHERE pipeline = " + mysql_client::quote(pipeline_)
                                   + " AND target = " + mysql_client::quote(session_target),
                               table_);
  return rows.empty() ? std::string() : rows.text(0, "pipeline_id");
}

void progress_record::insert_session() {
  sql_.query("INSERT INTO " + table_
                 + " (pipeline, target, pipeline_id, committed_at, format) VALUES ("
                 + mysql_client::quote(pipeline_) + ", " + mysql_client::quote(session_target)
                 + ", " + mysql_client::quote(nonce_) + ", " + mysql_client::quote(now_text())
                 + ", " + std::to_string(format_version) + ")",
             table_);
}

/// Of a table that a leat of before format 2 has made.
void progress_record::add_missing_columns() {
  const auto real = read_table(sql_, database_, tables_table);
  for (const auto& c : tables_columns()) {
    if (real && real->find(c.name) != nullptr) continue;
    sql_.query("ALTER TABLE " + tables_table_ + " ADD COLUMN " + column_definition(c),
               tables_table_);
    wait_for_alter(sql_, database_, tables_table);
  }
}

bool progress_record::exists(const std::string& table) {
  return !sql_.query("SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = "
                     + mysql_client::quote(database_)
                     + " AND TABLE_NAME = " + mysql_client::quote(table))
              .empty();
}

std::optional<target_progress> progress_record::look() {
  if (!exists(progress_table) || !exists(tables_table)) return std::nullopt;
  return read();
}

std::optional<target_progress> progress_record::read() {
  settle();
  known_ = decided_ = false;
  expected_epoch_ = 0;
  expected_id_.clear();
  found_.reset();
  pending_.reset();
  pending_chunks_.clear();
  ahead_ = position_ = {};
  read_tables();
  const auto rows = sql_.query(
      "SELECT target, pipeline_id, epoch, commit_lsn, consistent, format, pending FROM " + table_
          + " WHERE pipeline = " + mysql_client::quote(pipeline_) + " ORDER BY target",
      table_);
  for (std::size_t i = 0; i < rows.rows.size(); ++i) read_row(rows, i);
  if (pending_ && pending_->next.epoch <= expected_epoch_) pending_.reset();
  return found_;
}

void progress_record::read_row(const sql_rows& rows, std::size_t i) {
  const auto target = rows.text(i, "target");
  if (number(rows.text(i, "format")) > format_version)
    refuse("the progress row is of a newer leat (format " + rows.text(i, "format") + ")", table_,
           "run the newer leat");
  if (target == labels_target) {
    labels_base_ = number(rows.text(i, "epoch"));
    const auto span = json::parse(rows.text(i, "pending"), nullptr, false);
    if (!span.is_object()) return;
    labels_ = {span.at("ended").get<std::uint32_t>(), span.at("used").get<std::uint32_t>()};
  }
  const commit_lsn position{parse_lsn(rows.text(i, "commit_lsn")).value_or(0)};
  if (target == ahead_target) ahead_ = position;
  if (target != every_target && target != next_target) return;
  target_progress p;
  p.pipeline_id = rows.text(i, "pipeline_id");
  p.epoch = number(rows.text(i, "epoch"));
  p.position = position;
  p.consistent = truth(rows.text(i, "consistent"));
  for (const auto& [name, record] : tables_) {
    // The table's writer ends what is under way.
    const auto& columns = record.becoming.empty() ? record.columns : record.becoming;
    if (!columns.empty()) p.columns[name] = columns;
  }
  if (target == every_target) {
    for (const auto& [name, record] : tables_)
      if (record.last_chunk != 0) p.last_chunk[name] = record.last_chunk;
    known_ = true;
    expected_id_ = p.pipeline_id;
    expected_epoch_ = p.epoch;
    position_ = p.position;
    found_ = std::move(p);
    return;
  }
  decided_ = true;
  const auto parsed = json::parse(rows.text(i, "pending"), nullptr, false);
  if (!parsed.is_object()) return;
  for (const auto& [name, chunk] : parsed.at("chunks").items())
    p.last_chunk[name] = chunk.get<std::uint64_t>();
  for (const auto& c : parsed.value("ended", json::array()))
    pending_chunks_.push_back(
        {c.at(0).get<std::string>(), c.at(1).get<std::string>(), c.at(2).get<std::uint64_t>(),
         commit_lsn{c.at(3).get<std::uint64_t>()}, c.at(4).get<std::uint64_t>()});
  pending_ = pending_epoch{std::move(p), {}, {}};
  for (const auto& load : parsed.at("loads"))
    pending_->loads.push_back({load.at(0).get<std::string>(), load.at(1).get<std::string>()});
}

void progress_record::read_tables() {
  tables_.clear();
  noted_.clear();
  urgent_ = false;
  // look() meets tables of format 1, which have less columns.
  const auto real = read_table(sql_, database_, tables_table);
  const bool tells_columns = real && real->find("becoming") != nullptr;
  const auto rows = sql_.query("SELECT target, table_name, last_chunk, snapshot, finished"
                                   + std::string(tells_columns ? ", `columns`, becoming" : "")
                                   + " FROM " + tables_table_ + " WHERE pipeline = "
                                   + mysql_client::quote(pipeline_) + " ORDER BY table_name",
                               tables_table_);
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const auto name = rows.text(i, "table_name");
    // One that was cut amid a character has another key.
    if (tables_.contains(name) && rows.text(i, "target") != record_name(name)) continue;
    auto& record = tables_[name];
    record.table = name;
    record.last_chunk = number(rows.text(i, "last_chunk"));
    record.snapshot = static_cast<std::uint32_t>(number(rows.text(i, "snapshot")));
    record.finished = static_cast<std::uint32_t>(number(rows.text(i, "finished")));
    if (!tells_columns) continue;
    record.columns = rows.text(i, "columns");
    record.becoming = rows.text(i, "becoming");
  }
}

void progress_record::check_fence() {
  const auto until = steady_clock::now() + timeouts::other_sessions;
  while (true) {
    const auto rows =
        sql_.query("SELECT target, pipeline_id, epoch FROM " + table_
                       + " WHERE pipeline = " + mysql_client::quote(pipeline_) + " ORDER BY target",
                   table_);
    std::string session;
    std::string id;
    epoch_id epoch = 0;
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      if (rows.text(i, "target") == session_target) session = rows.text(i, "pipeline_id");
      if (rows.text(i, "target") != every_target) continue;
      id = rows.text(i, "pipeline_id");
      epoch = number(rows.text(i, "epoch"));
    }
    const bool ours = session == nonce_;
    if (ours && epoch == expected_epoch_ && id == expected_id_) break;
    // A follower may not have heard of the last commit yet.
    const bool behind = epoch < expected_epoch_ || session.empty();
    if (!behind || steady_clock::now() > until)
      refuse("another leat has written to the targets of pipeline \"" + pipeline_ + "\"", table_,
             "see that only one leat runs this pipeline, with one state directory; then run again");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  fresh_ = true;
}

void progress_record::await_fresh() {
  // No row of the record tells: but where a statement is done at the leader, the follower has
  // caught up when it answers.
  if (std::exchange(went_ahead_, false)) write_ahead();
  if (!fresh_) check_fence();
}

void progress_record::go_ahead(commit_lsn until) {
  ahead_ = std::max(ahead_, until);
  write_ahead();
  went_ahead_ = true;
}

void progress_record::write_ahead() {
  auto at = at_base();
  at.position = ahead_;
  insert_row(at, ahead_target, {});
}

std::vector<table_record>
progress_record::changed_tables(const std::map<std::string, std::uint64_t>& chunks) const {
  std::vector<table_record> changed;
  for (const auto& [target, chunk] : chunks) {
    auto record = table(target);
    if (record.last_chunk == chunk) continue;
    record.table = target;
    record.last_chunk = chunk;
    changed.push_back(std::move(record));
  }
  return changed;
}

load_api::header_lines progress_record::load_headers() {
  return {{"format", "json"}, {"strip_outer_array", "true"}, {"ignore_json_size", "true"}};
}

std::vector<progress_record::record_rows>
progress_record::load_rows(const target_progress& next) const {
  const json row{{"pipeline", pipeline_},
                 {"target", every_target},
                 {"pipeline_id", next.pipeline_id},
                 {"epoch", next.epoch},
                 {"commit_lsn", to_string(next.position)},
                 {"consistent", next.consistent},
                 {"committed_at", now_text()},
                 {"format", format_version},
                 {"pending", nullptr},
                 {"__op", 0}};
  std::vector<record_rows> all{{progress_table, json::array({row}).dump() + "\n"}};
  const auto changed = changed_tables(next.last_chunk);
  if (!changed.empty()) all.push_back(rows_of(changed));
  return all;
}

std::vector<progress_record::record_rows>
progress_record::load_rows(const std::vector<ended_chunk>& chunks) const {
  const auto changed = changed_tables(numbers_of(chunks));
  return changed.empty() ? std::vector<record_rows>{} : std::vector{rows_of(changed)};
}

progress_record::record_rows
progress_record::rows_of(const std::vector<table_record>& tables) const {
  auto list = json::array();
  for (const auto& t : tables)
    list.push_back({{"pipeline", pipeline_},
                    {"target", record_name(t.table)},
                    {"table_name", t.table},
                    {"last_chunk", t.last_chunk},
                    {"snapshot", t.snapshot},
                    {"finished", t.finished},
                    {"columns", t.columns},
                    {"becoming", t.becoming},
                    {"__op", 0}});
  return {tables_table, list.dump() + "\n"};
}

std::string progress_record::row_values(const target_progress& next, const std::string& target,
                                        const std::string& pending) const {
  return "(" + mysql_client::quote(pipeline_) + ", " + mysql_client::quote(target) + ", "
         + mysql_client::quote(next.pipeline_id) + ", " + std::to_string(next.epoch) + ", "
         + mysql_client::quote(to_string(next.position)) + ", "
         + (next.consistent ? "TRUE" : "FALSE") + ", " + mysql_client::quote(now_text()) + ", "
         + std::to_string(format_version) + ", "
         + (pending.empty() ? "NULL" : mysql_client::quote(pending)) + ")";
}

std::string progress_record::table_values(const table_record& t) const {
  return "(" + mysql_client::quote(pipeline_) + ", " + mysql_client::quote(record_name(t.table))
         + ", " + mysql_client::quote(t.table) + ", " + std::to_string(t.last_chunk) + ", "
         + std::to_string(t.snapshot) + ", " + std::to_string(t.finished) + ", "
         + mysql_client::quote(t.columns) + ", " + mysql_client::quote(t.becoming) + ")";
}

target_progress progress_record::at_base() const {
  target_progress at;
  at.pipeline_id = expected_id_;
  at.epoch = expected_epoch_;
  return at;
}

void progress_record::insert_row(const target_progress& at, const char* target,
                                 const std::string& pending) {
  sql_.query("INSERT INTO " + table_ + progress_insert + row_values(at, target, pending), table_);
}

void progress_record::write(const target_progress& next) {
  // The chunks first: the row that follows says that they are there.
  insert_tables(changed_tables(next.last_chunk));
  sql_.query("INSERT INTO " + table_ + progress_insert + row_values(next, every_target, {}) + ", "
                 + row_values(next, next_target, {}),
             table_);
}

void progress_record::write_pending(const pending_epoch& epoch) {
  auto loads = json::array();
  for (const auto& load : epoch.loads) loads.push_back({load.label, load.table});
  auto chunks = json::object();
  for (const auto& [name, chunk] : epoch.next.last_chunk) chunks[name] = chunk;
  auto ended = json::array();
  for (const auto& c : epoch.chunks)
    ended.push_back({c.table, c.target, c.chunk, static_cast<std::uint64_t>(c.high), c.first_seq});
  const json text{{"loads", loads}, {"chunks", chunks}, {"ended", ended}};
  insert_row(epoch.next, next_target, text.dump());
}

void progress_record::write_pending(const std::vector<ended_chunk>& chunks) {
  write_pending(pending_epoch{at_base(), {}, chunks});
}

void progress_record::chunks_written(const std::vector<ended_chunk>& chunks) {
  for (const auto& t : changed_tables(numbers_of(chunks))) tables_[t.table] = t;
}

bool progress_record::is_there(const ended_chunk& c) {
  if (c.high == commit_lsn{}) return false;
  const auto real = read_table(sql_, database_, c.table);
  if (!real || real->find("_leat_op") == nullptr) return false; // made anew since, as another kind
  constexpr auto most_rows = std::uint64_t{1} << 32;
  return !sql_.query("SELECT _leat_seq FROM " + quoted_table(database_, c.table)
                     + " WHERE _leat_lsn = " + mysql_client::quote(to_string(c.high))
                     + " AND _leat_op = 'r' AND _leat_seq >= " + std::to_string(c.first_seq)
                     + " AND _leat_seq < " + std::to_string(c.first_seq + most_rows) + " LIMIT 1")
              .empty();
}

bool progress_record::find_pending_chunks() {
  if (pending_chunks_.empty()) return false;
  see_commits();
  std::vector<ended_chunk> there;
  for (const auto& c : pending_chunks_)
    if (c.chunk > table(c.target).last_chunk && is_there(c)) there.push_back(c);
  const auto changed = changed_tables(numbers_of(there));
  insert_tables(changed);
  return !changed.empty();
}

label_span progress_record::labels() const {
  return labels_base_ == expected_epoch_ ? labels_ : label_span{};
}

void progress_record::use_labels(std::uint32_t used) {
  labels_ = {labels().ended, used};
  labels_base_ = expected_epoch_;
  const json text{{"ended", labels_.ended}, {"used", labels_.used}};
  insert_row(at_base(), labels_target, text.dump());
}

void progress_record::labels_ended() {
  const auto used = labels().used;
  labels_ = {used, used};
  labels_base_ = expected_epoch_;
}

void progress_record::written(const target_progress& next) {
  expected_id_ = next.pipeline_id;
  expected_epoch_ = next.epoch;
  position_ = next.position;
  known_ = true;
  fresh_ = false;
  for (const auto& t : changed_tables(next.last_chunk)) tables_[t.table] = t;
}

void progress_record::insert_tables(const std::vector<table_record>& tables) {
  if (tables.empty()) return;
  std::string values;
  for (const auto& t : tables) values += (values.empty() ? "" : ", ") + table_values(t);
  sql_.query("INSERT INTO " + tables_table_ + tables_insert + values, tables_table_);
}

void progress_record::note(table_record record) {
  urgent_ = true;
  note_for_later(std::move(record));
}

void progress_record::note_for_later(table_record record) {
  noted_.insert(record.table);
  tables_[record.table] = std::move(record);
}

void progress_record::settle() {
  if (noted_.empty()) return;
  std::vector<table_record> records;
  for (const auto& target : noted_) records.push_back(tables_.at(target));
  insert_tables(records);
  noted_.clear();
  urgent_ = false;
}

table_record progress_record::table(const std::string& target) const {
  const auto found = tables_.find(target);
  if (found != tables_.end()) return found->second;
  table_record none;
  none.table = target;
  return none;
}

bool progress_record::owns_some_of(const std::string& target) const {
  return std::any_of(tables_.begin(), tables_.end(),
                     [&](const auto& t) { return is_record_of(t.first, target); });
}

std::optional<std::string> progress_record::other_owner(const std::string& target) {
  if (!exists(tables_table)) return std::nullopt;
  const auto rows = sql_.query("SELECT pipeline, table_name FROM " + tables_table_
                                   + " WHERE pipeline <> " + mysql_client::quote(pipeline_),
                               tables_table_);
  for (std::size_t i = 0; i < rows.rows.size(); ++i)
    if (is_record_of(rows.text(i, "table_name"), target)) return rows.text(i, "pipeline");
  return std::nullopt;
}

void progress_record::note_columns(const std::string& target, const std::string& columns,
                                   const std::string& becoming) {
  auto record = table(target);
  record.columns = columns;
  record.becoming = becoming;
  note(std::move(record));
}

std::string progress_record::seen_table(const std::string& target) const {
  const auto text = pipeline_ + '\n' + target;
  return fmt::format("leat_seen_{:016x}", XXH3_64bits(text.data(), text.size()));
}

void progress_record::drop_side_table(const std::string& target) {
  const auto side = seen_table(target);
  sql_.query("DROP TABLE IF EXISTS " + quoted_table(database_, side), side);
}

void progress_record::drop_left_tables() {
  const auto found =
      sql_.query("SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = "
                     + mysql_client::quote(database_) + " AND TABLE_NAME LIKE 'leat_seen%'",
                 "information_schema.tables");
  std::set<std::string> there;
  for (const auto& row : found.rows) there.insert(row[0].value_or(""));
  for (const auto& [target, record] : tables_)
    if (record.snapshot == 0 && there.contains(seen_table(target))) drop_side_table(target);
}

void progress_record::forget() {
  const bool progress = exists(progress_table);
  const bool tables = exists(tables_table);
  const auto of_pipeline = " WHERE pipeline = " + mysql_client::quote(pipeline_);
  if (tables) {
    read_tables();
    for (const auto& [target, record] : tables_) drop_side_table(target);
    sql_.query("DELETE FROM " + tables_table_ + of_pipeline, tables_table_);
  }
  if (!progress) return;
  sql_.query("DELETE FROM " + table_ + of_pipeline, table_);
  if (!sql_.query("SELECT pipeline FROM " + table_ + " LIMIT 1", table_).empty()) return;
  sql_.query("DROP TABLE " + table_, table_);
  if (tables) sql_.query("DROP TABLE " + tables_table_, tables_table_);
}

} // namespace leat::starrocks
