#include "plugins/sqlite/dead_letters.hpp"

#include <utility>

namespace leat::sqlite {

dead_letters::dead_letters(database& db, std::string pipeline,
                           const std::optional<std::string>& table)
    : db_(db), pipeline_(std::move(pipeline)) {
  if (!table) return;
  const auto name = "main." + quote(*table);
  db.execute("CREATE TABLE IF NOT EXISTS " + name
             + " (pipeline TEXT, target TEXT, \"key\" TEXT, reason TEXT, \"row\" TEXT, "
               "commit_lsn TEXT, seq INTEGER)");
  insert_ = db.prepare("INSERT INTO " + name
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
}

} // namespace leat::sqlite
