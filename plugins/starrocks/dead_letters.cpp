#include "plugins/starrocks/dead_letters.hpp"

#include <xxhash.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "plugins/starrocks/progress.hpp"
#include "plugins/starrocks/table.hpp"

namespace leat::starrocks {

namespace {

constexpr std::size_t longest_reason = 8192;

} // namespace

void dead_letters::make(mysql_client& sql, const std::string& database,
                        const starrocks_table_options& options) const {
  starrocks_table_options own;
  own.buckets = 1;
  own.properties = options.properties;
  const std::vector<wanted_column> columns{own_column("pipeline", "VARCHAR(40)", true),
                                           own_column("id", "VARCHAR(32)", true),
                                           own_column("target", "VARCHAR(1024)"),
                                           own_column("key", "JSON"),
                                           own_column("reason", "VARCHAR(65533)"),
                                           own_column("row", "JSON"),
                                           own_column("commit_lsn", "VARCHAR(17)"),
                                           own_column("seq", "BIGINT"),
                                           own_column("at", "DATETIME")};
  sql.query(create_table_sql(database, table_, columns, own), quoted_table(database, table_));
}

std::string dead_letters::note(const dead_letter& letter) {
  auto text = "\"target\":" + json_string(letter.target)
              + ",\"key\":" + (letter.key.empty() ? "null" : letter.key) + ",\"row\":" + letter.row;
  if (letter.at)
    text += ",\"commit_lsn\":\"" + to_string(letter.at->commit)
            + "\",\"seq\":" + std::to_string(letter.at->index);
  else
    text += ",\"commit_lsn\":null,\"seq\":null";
  return text;
}

void dead_letters::add(std::string_view note, std::string_view reason) {
  const auto digest = XXH3_128bits(note.data(), note.size());
  rows_ += rows_.empty() ? "[" : ",\n";
  rows_ += fmt::format("{{\"pipeline\":{},\"id\":\"{:016x}{:016x}\",", json_string(pipeline_),
                       digest.high64, digest.low64);
  rows_ += note;
  rows_ += ",\"reason\":" + json_string(utf8_prefix(reason, longest_reason)) + ",\"at\":\""
           + now_text() + "\",\"__op\":0}";
}

void dead_letters::note_key(std::string_view note) {
  const auto letter = nlohmann::json::parse("{" + std::string(note) + "}", nullptr, false);
  if (letter.is_object() && letter.at("key").is_object())
    keys_[letter.at("target").get<std::string>()].all.add(letter.at("key").dump());
}

const letter_keys& dead_letters::keys_of(const std::string& target, mysql_client& sql,
                                         const std::string& database) {
  auto& known = keys_[target];
  if (std::exchange(known.asked, true)) return known.all;
  const auto table = quoted_table(database, table_);
  const auto found =
      sql.query("SELECT `key` FROM " + table + " WHERE pipeline = " + mysql_client::quote(pipeline_)
                    + " AND target = " + mysql_client::quote(target) + " LIMIT "
                    + std::to_string(letter_keys::most + 1),
                table);
  if (found.rows.size() > letter_keys::most) known.all.add_all();
  for (const auto& row : found.rows)
    if (row[0]) known.all.add(*row[0]);
  return known.all;
}

load_piece dead_letters::take() {
  load_piece piece{progress_record::load_headers(), std::exchange(rows_, {}), {}, {}, {}};
  piece.body += "]\n";
  return piece;
}

} // namespace leat::starrocks
