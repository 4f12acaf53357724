#include "tests/crash/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "tests/crash/action_log.hpp"
#include "tests/crash/observer.hpp"
#include "tests/crash/shaped_routes.hpp"

namespace leat::test {

namespace {

std::string quoted_at_source(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

/// `table` is quoted.
std::string select(const std::string& table, const std::vector<std::string>& columns,
                   const std::string& where = "") {
  return fmt::format("SELECT {} FROM {} {}", fmt::join(columns, ", "), table, where);
}

/// Sorted here, since the two sides may not sort alike.
text_rows sorted(text_rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::string describe(const text_rows& rows) {
  std::string result;
  for (std::size_t i = 0; i < rows.size() && i < 5; ++i) {
    result += "\n     ";
    for (const auto& cell : rows[i]) result += " " + (cell ? cell->substr(0, 60) : "NULL") + " |";
  }
  return result;
}

void compare(const std::string& table, const text_rows& source, const text_rows& target,
             std::string& problems) {
  text_rows missing;
  text_rows surplus;
  std::set_difference(source.begin(), source.end(), target.begin(), target.end(),
                      std::back_inserter(missing));
  std::set_difference(target.begin(), target.end(), source.begin(), source.end(),
                      std::back_inserter(surplus));
  if (missing.empty() && surplus.empty()) return;
  problems +=
      fmt::format("\n  {}: {} rows of {} only at the source:{}\n    {} of {} only at the target:{}",
                  table, missing.size(), source.size(), describe(missing), surplus.size(),
                  target.size(), describe(surplus));
}

/// All that an append target holds of one id of ledger.
struct history {
  int snapshot_rows = 0;
  std::vector<std::tuple<std::uint64_t, long, std::string, long>> changes; ///< lsn, seq, op, n
};

std::map<long, history> read_log(target_reader& reader) {
  std::map<long, history> result;
  for (const auto& row :
       reader.query("SELECT id, n, _leat_op, _leat_lsn, _leat_seq FROM ledger_log")) {
    auto& of_id = result[std::stol(row[0].value())];
    if (row[2] == "r")
      ++of_id.snapshot_rows;
    else
      of_id.changes.emplace_back(parse_lsn(row[3].value()), std::stol(row[4].value()),
                                 row[2].value(), row[1] && row[2] != "d" ? std::stol(*row[1]) : -1);
  }
  for (auto& [id, of_id] : result) std::sort(of_id.changes.begin(), of_id.changes.end());
  return result;
}

using change = std::pair<std::string, long>;

/// What must be wrong with the log of one id, or "". `expected` is the life of the row; where the
/// slot may have begun in its midst the log holds the end of it.
std::string check_history(const history& found, const std::vector<change>& expected, bool whole,
                          bool deleted) {
  std::vector<change> changes;
  for (const auto& [lsn, seq, op, n] : found.changes) changes.emplace_back(op, n);
  const bool is_end = changes.size() <= expected.size()
                      && std::equal(changes.rbegin(), changes.rend(), expected.rbegin());
  std::string text;
  for (const auto& [op, n] : changes) text += fmt::format(" {}{}", op, n);
  if (!is_end || (whole && changes.size() != expected.size()))
    return fmt::format("{} changes expected, found:{}", expected.size(), text);
  if (found.snapshot_rows > 1) return fmt::format("{} snapshot rows", found.snapshot_rows);
  if (found.snapshot_rows == 0 && changes.size() != expected.size() && !deleted)
    return "neither all changes nor a snapshot row, found:" + text;
  return "";
}

void check_ledger(pg_session& source, target_reader& reader, std::string& problems) {
  auto log = read_log(reader);
  int wrong = 0;
  const auto check = [&](const text_row& row, bool deleted) {
    const long id = std::stol(row[0].value());
    std::vector<change> expected = {{"i", 0}};
    for (long n = 1; n <= std::stol(row[1].value()); ++n) expected.emplace_back("u", n);
    if (deleted) expected.emplace_back("d", -1);
    const auto said = check_history(log[id], expected, row[2] == "t", deleted);
    if (!said.empty() && ++wrong <= 5)
      problems += fmt::format("\n  ledger_log, id {}{}: {}", id, deleted ? " (deleted)" : "", said);
    log.erase(id);
  };
  for (const auto& row : source.query("SELECT id, n, whole FROM ledger")) check(row, false);
  for (const auto& row : source.query("SELECT id, n, whole FROM ledger_deleted")) check(row, true);
  for (const auto& [id, ignored] : log)
    if (++wrong <= 5) problems += fmt::format("\n  ledger_log, id {}: never was", id);
  if (wrong > 5) problems += fmt::format("\n  ledger_log: {} ids are wrong in all", wrong);
}

} // namespace

void compare_with_source(pg_session& source, target_reader& reader, const target& target,
                         const std::set<std::string>& without) {
  source.execute("SET timezone = 'UTC'");
  std::string problems;
  for (const auto& table : workload_tables()) {
    if (without.contains(table.name) || !target.takes(table)) continue;
    const auto columns = target.columns(table);
    const auto rows = sorted(source.query(select(quoted_at_source(table.name), columns.source)));
    const auto name = target.name_of(table);
    compare(name, rows, sorted(reader.query(select(target.quoted(name), columns.target))),
            problems);
    if (table.name == "keyed")
      compare("keyed_soft", rows,
              sorted(reader.query(
                  select(target.quoted("keyed_soft"), columns.target, "WHERE NOT _leat_deleted"))),
              problems);
  }
  for (const auto& shaped : shaped_routes(without))
    compare(shaped.target, sorted(source.query(shaped.select)),
            sorted(reader.query("SELECT " + shaped.columns + " FROM " + shaped.target
                                + (shaped.soft() ? " WHERE NOT _leat_deleted" : ""))),
            problems);
  check_ledger(source, reader, problems);
  if (!problems.empty())
    throw torture_failure(target.name() + " differs from the source:" + problems);
}

} // namespace leat::test
