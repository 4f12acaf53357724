#include "tests/crash/observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "tests/crash/action_log.hpp"
#include "tests/crash/workload.hpp"

namespace leat::test {

using namespace std::chrono_literals;

namespace {

std::string text(const text_rows& rows) {
  std::string result;
  for (const auto& row : rows)
    for (const auto& cell : row) result += (result.empty() ? "" : ", ") + cell.value_or("NULL");
  return result;
}

long number(const text_row& row, std::size_t column) {
  return std::stol(row.at(column).value_or("0"));
}

} // namespace

std::uint64_t parse_lsn(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::stoull(text);
  return std::stoull(text.substr(0, slash), nullptr, 16) << 32
         | std::stoull(text.substr(slash + 1), nullptr, 16);
}

// Every statement gives rows of one shape, (what, a, b, c), as text: what PostgreSQL, SQLite and
// StarRocks all take, so that several questions can be asked in one statement.
namespace {

const std::string progress_part =
    "SELECT 'progress' AS what, CAST(commit_lsn AS VARCHAR) AS a, "
    "CASE WHEN consistent THEN '1' ELSE '0' END AS b, '' AS c FROM leat_progress "
    "WHERE target = '*' AND pipeline_id <> ''";

const std::string sums_part =
    "SELECT 'total', CAST((SELECT sum(balance) FROM accounts_a) + (SELECT sum(balance) FROM "
    "accounts_b) AS VARCHAR), '', '' UNION ALL "
    "SELECT 'pairs', CAST((SELECT count(*) FROM pairs_left) AS VARCHAR),"
    " CAST((SELECT count(*) FROM pairs_right) AS VARCHAR),"
    " CAST((SELECT count(*) FROM pairs_left l JOIN pairs_right r ON l.id = r.id AND l.value = "
    "r.value) AS VARCHAR)";

const std::string toasted_part =
    "SELECT 'toasted' AS what, CAST(count(*) AS VARCHAR) AS a, '' AS b, '' AS c FROM toasted "
    "WHERE big IS NULL OR mark IS NULL OR substr(big, 1, 32) <> mark";

const std::string counters_part =
    "SELECT 'counters', CAST(c.n AS VARCHAR), CAST(count(j.n) AS VARCHAR),"
    " CAST(max(j.n) AS VARCHAR) FROM counters c JOIN journal j ON j.worker = c.id"
    " GROUP BY c.id, c.n";

const std::string journal_part =
    "SELECT 'journal' AS what, CAST(worker AS VARCHAR) AS a, CAST(count(*) AS VARCHAR) AS b,"
    " CAST(max(n) AS VARCHAR) AS c FROM journal GROUP BY worker";

} // namespace

struct observer::found {
  std::map<std::string, text_rows> rows;

  explicit found(text_rows from) {
    std::sort(from.begin(), from.end());
    for (auto& row : from) rows[row.at(0).value_or("")].push_back(std::move(row));
  }
  text_rows of(const std::string& what) const {
    const auto at = rows.find(what);
    return at == rows.end() ? text_rows{} : at->second;
  }
};

observer::observer(const target& observed, promised_cut cut) : target_(observed), cut_(cut) {}

observer::~observer() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void observer::start() {
  thread_ = std::thread([this] { run(); });
}

void observer::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  check();
}

void observer::check() const {
  if (failed_) throw torture_failure(failure_);
}

void observer::run() {
  std::unique_ptr<target_reader> reader;
  while (!stopping_) {
    try {
      if (!reader) reader = target_.open();
      if (reader) look(*reader);
    } catch (const torture_failure& failure) {
      failure_ = failure.what();
      failed_ = true;
      return;
    } catch (const target_away&) {
      reader.reset();
    } catch (const std::runtime_error& error) {
      failure_ = target_.name() + ": " + error.what();
      failed_ = true;
      return;
    }
    std::this_thread::sleep_for(15ms * target_.slowness());
  }
}

void observer::expect(bool holds, const std::string& what) const {
  if (!holds)
    throw torture_failure("a reader of " + target_.name()
                          + " saw a state the source never had: " + what);
}

void observer::look(target_reader& reader) {
  if (!consistent_) return check_progress(found(reader.query(progress_part)));
  cut_ == promised_cut::all_tables ? look_at_all(reader) : look_at_each(reader);
  ++consistent_reads_;
}

void observer::look_at_all(target_reader& reader) {
  const found seen(reader.query(progress_part + " UNION ALL " + sums_part + " UNION ALL "
                                + toasted_part + " UNION ALL " + counters_part + " UNION ALL "
                                + journal_part));
  check_progress(seen);
  check_sums(seen);
  check_toasted(seen);
  check_counters(seen);
  check_journal(seen);
}

void observer::look_at_each(target_reader& reader) {
  check_progress(found(reader.query(progress_part)));
  check_toasted(found(reader.query(toasted_part)));
  check_journal(found(reader.query(journal_part)));
}

void observer::check_progress(const found& seen) {
  const auto rows = seen.of("progress");
  if (rows.empty()) {
    expect(!has_progress_, "the progress row is gone");
    return;
  }
  expect(rows.size() == 1, "more than one progress row");
  has_progress_ = true;
  const auto lsn = parse_lsn(rows[0][1].value_or("0"));
  expect(lsn >= last_lsn_, fmt::format("commit_lsn went back from {} to {}", last_lsn_, lsn));
  last_lsn_ = lsn;
  const bool now = rows[0][2] == "1";
  // While a table that has joined is read.
  if (consistent_ && !now) ++taken_back_;
  expect(taken_back_ <= workload::late_tables, "consistent was taken back");
  consistent_ = now;
}

void observer::check_sums(const found& seen) {
  const auto total = seen.of("total");
  expect(number(total.at(0), 1) == workload_total, "the sum of all balances is " + text(total));
  const auto pairs = seen.of("pairs").at(0);
  expect(pairs[1] == pairs[2] && pairs[1] == pairs[3],
         "pairs_left, pairs_right, equal ones: " + text({pairs}));
}

void observer::check_toasted(const found& seen) {
  const auto torn = seen.of("toasted");
  expect(number(torn.at(0), 1) == 0, "toasted rows with another row's value: " + text(torn));
}

void observer::check_counters(const found& seen) {
  const auto rows = seen.of("counters");
  expect(rows.size() == workload::workers, "counters of all workers: " + text(rows));
  for (const auto& row : rows)
    expect(row[1] == row[2] && row[1] == row[3],
           "counter, rows and newest row of journal: " + text({row}));
}

/// Rows are only added, and without a gap.
void observer::check_journal(const found& seen) {
  const auto rows = seen.of("journal");
  expect(rows.size() == workload::workers, "journals of all workers: " + text(rows));
  last_counts_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const long n = number(rows[i], 2);
    expect(number(rows[i], 3) == n, "rows and newest row of journal: " + text({rows[i]}));
    expect(n >= last_counts_[i],
           fmt::format("journal {} went back from {} to {} rows", i, last_counts_[i], n));
    last_counts_[i] = n;
  }
}

} // namespace leat::test
