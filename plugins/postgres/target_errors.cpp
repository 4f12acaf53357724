#include "plugins/postgres/target_errors.hpp"

#include <array>

namespace leat::postgres {

namespace {

struct known_state {
  std::string_view state;
  std::string_view remedy;
};

/// "%" stands for the table.
constexpr std::array<known_state, 17> remedies{{
    {"23505",
     "another unique index or constraint of % refuses a row that the source holds: drop it, "
     "or make the constraint DEFERRABLE INITIALLY DEFERRED"},
    {"23502", "the source holds NULL there: ALTER TABLE % ALTER COLUMN ... DROP NOT NULL"},
    {"23503", "drop the foreign key of %, or make it DEFERRABLE INITIALLY DEFERRED"},
    {"23514", "drop the CHECK constraint of %, or the domain's: the source holds such rows"},
    {"23P01", "drop the EXCLUDE constraint of %: the source holds such rows"},
    {"22001", "the column of % is too short for the source's value: widen it with ALTER TABLE"},
    {"22003", "the column of % is too small for the source's value: widen it with ALTER TABLE"},
    {"22P02", "the target's type does not take the source's value: change the column of % to text"},
    {"22007", "the target's type does not take the source's value: change the column of % to text"},
    {"22008", "the target's type does not take the source's value: change the column of % to text"},
    {"25006",
     "let the role write: the target is a standby, or default_transaction_read_only is on"},
    {"42501",
     "grant the role what is missing: GRANT SELECT, INSERT, UPDATE, DELETE ON % TO <role>; "
     "GRANT USAGE, CREATE ON SCHEMA ... TO <role>; changing columns needs the table's owner"},
    {"42P01", "somebody dropped % while leat was running: `leat resnapshot` makes it again"},
    {"42703",
     "somebody changed the columns of % while leat was running: `leat check` compares them"},
    {"42804",
     "somebody changed the columns of % while leat was running: `leat check` compares them"},
    {"53100", "make room on the target's disk; leat tries again"},
    {"22021", "the target's database has another encoding than the source's: use one with UTF8"},
}};

/// Beyond what any connection may try again: resources that others hold for a while.
bool may_pass(std::string_view state) {
  return state.substr(0, 2) == "53" || state == "58030" || state == "25P03" || state == "57P05";
}

constexpr std::string_view no_such_table = "42P01";

bool is_record(std::string_view table) {
  return table.ends_with("\"leat_progress\"") || table.ends_with("\"leat_progress_table\"");
}

std::string remedy_for(std::string_view state, std::string_view table) {
  if (state == no_such_table && is_record(table))
    return "somebody dropped leat's record of what is committed: restore the target from a backup, "
           "or begin anew: `leat drop`, empty the target's tables, run";
  for (const auto& known : remedies) {
    if (known.state != state) continue;
    std::string text(known.remedy);
    for (auto at = text.find('%'); at != std::string::npos; at = text.find('%', at + table.size()))
      text.replace(at, 1, table.empty() ? "the table" : table);
    return text;
  }
  return {};
}

} // namespace

server_error target_error(const server_error& e, std::string_view table) {
  auto remedy = remedy_for(e.sqlstate(), table);
  if (remedy.empty()) remedy = e.remedy();
  const bool again = e.transient() || may_pass(e.sqlstate());
  auto where = table.empty() ? e.where() : std::string(table) + " at " + e.where();
  return {error_kind::sink,  e.sqlstate(),
          e.what(),          std::move(where),
          std::move(remedy), again ? error_retry::transient : error_retry::permanent};
}

void refuse(std::string what, std::string where, std::string remedy) {
  throw error(error_kind::sink, std::move(what), std::move(where), std::move(remedy));
}

} // namespace leat::postgres
