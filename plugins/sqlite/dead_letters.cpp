#include "plugins/sqlite/dead_letters.hpp"

#include <utility>

namespace leat::sqlite {

dead_letters::dead_letters(database& db, std::string pipeline,
                           const std::optional<std::string>& table)
    : db_(db), pipeline_(std::move(pipeline)) {
  if (!table) return;
  table_ = "main." + quote(*table);
  db.execute("CREATE TABLE IF NOT EXISTS " + table_
             + " (pipeline TEXT, target TEXT, \"key\" TEXT, reason TEXT, \"row\" TEXT, "
               "commit_lsn TEXT, seq INTEGER)");
  insert_ = db.prepare("INSERT INTO " + table_
                       + " (pipeline, target, \"key\", reason, \"row\", commit_lsn, seq) VALUES "
                         "(?, ?, ?, ?, ?, ?, ?)");
}

void dead_letters::add(const dead_letter& letter) {
  const auto lsn = letter.at ? to_string(letter.at->commit) : std::string();
  insert_.bind(1, pipeline_);
  insert_.bind(2, letter.target);
  letter.key.empty() ? insert_.bind_null(3) : insert_.bind(3, letter.key);
  insert_.bind(4, letter.reason);
  insert_.bind(5, letter.row);
  letter.at ? insert_.bind(6, lsn) : insert_.bind_null(6);
  letter.at ? insert_.bind(7, static_cast<std::int64_t>(letter.at->index)) : insert_.bind_null(7);
  insert_.run();
  if (const auto known = keys_.find(letter.target); known != keys_.end())
    known->second.add(letter.key);
}

bool dead_letters::may_hold(const std::string& target, std::vector<std::string_view> texts) {
  return !table_.empty() && keys_of(target).may_hold(std::move(texts));
}

letter_keys& dead_letters::keys_of(const std::string& target) {
  const auto [known, fresh] = keys_.try_emplace(target);
  if (!fresh) return known->second;
  auto select = db_.prepare("SELECT \"key\" FROM " + table_
                            + " WHERE pipeline = ? AND target = ? AND \"key\" NOT NULL LIMIT "
                            + std::to_string(letter_keys::most + 1));
  select.bind(1, pipeline_);
  select.bind(2, target);
  std::size_t found = 0;
  for (; select.step(); ++found) known->second.add(select.text(0));
  if (found > letter_keys::most) known->second.add_all();
  return known->second;
}

} // namespace leat::sqlite
