#include "plugins/postgres/target_dead_letters.hpp"

#include <utility>

namespace leat::postgres {

target_dead_letters::target_dead_letters(std::string pipeline, const std::string& schema,
                                         const std::optional<std::string>& table)
    : pipeline_(std::move(pipeline)), table_(table ? quote_name(schema, *table) : std::string()) {}

void target_dead_letters::open(target_session& session) const {
  if (!kept()) return;
  const auto there = session.ask("SELECT to_regclass($1) IS NOT NULL", {table_});
  if (there.boolean(0, 0)) return;
  session.query("CREATE TABLE IF NOT EXISTS " + table_
                    + " (pipeline text, target text, key json, reason text, \"row\" json, "
                      "commit_lsn pg_lsn, seq bigint, at timestamptz DEFAULT clock_timestamp())",
                table_);
}

bool target_dead_letters::takes(const server_error& e) const {
  const auto& state = e.sqlstate();
  // 22021 is the database's encoding, and 23505 or 23503 other rows.
  const bool of_value = (state.starts_with("22") && state != "22021") || state == "23502"
                        || state == "23514" || state == "P0001";
  return kept() && of_value;
}

void target_dead_letters::write(
    target_session& session, std::size_t first, std::size_t count,
    const std::function<void(std::size_t first, std::size_t count)>& send,
    const std::function<dead_letter(std::size_t)>& letter) {
  if (count == 0) return;
  const auto refused = session.attempt([&] { send(first, count); });
  if (!refused) return;
  if (!takes(*refused)) throw *refused;
  if (count == 1) {
    auto made = letter(first);
    made.reason = refused->what();
    return add(session, made);
  }
  write(session, first, count / 2, send, letter);
  write(session, first + count / 2, count - count / 2, send, letter);
}

void target_dead_letters::add(target_session& session, const dead_letter& letter) {
  const auto optional = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  std::optional<std::string> lsn;
  std::optional<std::string> seq;
  if (letter.at) {
    lsn = to_string(letter.at->commit);
    seq = std::to_string(letter.at->index);
  }
  session.ask("INSERT INTO " + table_
                  + " (pipeline, target, key, reason, \"row\", commit_lsn, seq) VALUES ($1, $2, "
                    "$3::text::json, $4, $5::text::json, $6::text::pg_lsn, $7::text::bigint)",
              {pipeline_, letter.target, optional(letter.key), letter.reason, letter.row, lsn, seq},
              table_);
  if (const auto known = keys_.find(letter.target); known != keys_.end())
    known->second.add(letter.key);
}

const letter_keys& target_dead_letters::keys_of(const std::string& target,
                                                target_session& session) {
  const auto [known, fresh] = keys_.try_emplace(target);
  if (!fresh) return known->second;
  const auto found = session.ask("SELECT key::text FROM " + table_
                                     + " WHERE pipeline = $1 AND target = $2 AND key IS NOT NULL"
                                       " LIMIT "
                                     + std::to_string(letter_keys::most + 1),
                                 {pipeline_, target}, table_);
  for (int row = 0; row < found.rows(); ++row) known->second.add(found.string(row, 0));
  if (static_cast<std::size_t>(found.rows()) > letter_keys::most) known->second.add_all();
  return known->second;
}

} // namespace leat::postgres
