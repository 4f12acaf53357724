#include "tests/crash/observer.hpp"

#include <fmt/format.h>

#include <chrono>

#include "tests/crash/action_log.hpp"

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

observer::observer(const target& observed) : target_(observed) {}

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
    } catch (const pg_failure&
                 failure) { // a target that restarts; but a refused statement is a wrong table
      reader.reset();
      if (!failure.sqlstate.empty() && !failure.sqlstate.starts_with("57P") && has_progress_) {
        failure_ = target_.name() + ": " + failure.what();
        failed_ = true;
        return;
      }
    } catch (const std::runtime_error& error) {
      failure_ = target_.name() + ": " + error.what();
      failed_ = true;
      return;
    }
    std::this_thread::sleep_for(15ms);
  }
}

void observer::expect(bool holds, const std::string& what) const {
  if (!holds)
    throw torture_failure("a reader of " + target_.name()
                          + " saw a state the source never had: " + what);
}

void observer::look(target_reader& reader) {
  reader.begin();
  check_progress(reader);
  if (consistent_) {
    check_invariants(reader);
    check_counters(reader);
    ++consistent_reads_;
  }
  reader.end();
}

void observer::check_progress(target_reader& reader) {
  const auto rows = reader.query("SELECT commit_lsn, CASE WHEN consistent THEN 1 ELSE 0 END FROM "
                                 "leat_progress WHERE pipeline_id <> ''");
  if (rows.empty()) {
    expect(!has_progress_, "the progress row is gone");
    return;
  }
  expect(rows.size() == 1, "more than one progress row");
  has_progress_ = true;
  const auto lsn = parse_lsn(rows[0][0].value_or("0"));
  expect(lsn >= last_lsn_, fmt::format("commit_lsn went back from {} to {}", last_lsn_, lsn));
  last_lsn_ = lsn;
  const bool now = rows[0][1] == "1";
  expect(now || !consistent_, "consistent was taken back");
  consistent_ = now;
}

void observer::check_invariants(target_reader& reader) {
  const auto total = reader.query(
      "SELECT (SELECT sum(balance) FROM accounts_a) + (SELECT sum(balance) FROM accounts_b)");
  expect(number(total[0], 0) == workload_total, "the sum of all balances is " + text(total));

  const auto pairs =
      reader.query("SELECT (SELECT count(*) FROM pairs_left), (SELECT count(*) FROM pairs_right),"
                   " (SELECT count(*) FROM pairs_left l JOIN pairs_right r ON l.id = r.id AND "
                   "l.value = r.value)");
  expect(pairs[0][0] == pairs[0][1] && pairs[0][0] == pairs[0][2],
         "pairs_left, pairs_right, equal ones: " + text(pairs));

  const auto torn = reader.query("SELECT count(*) FROM toasted WHERE big IS NULL OR mark IS NULL "
                                 "OR substr(big, 1, 32) <> mark");
  expect(torn[0][0] == "0", "toasted rows with another row's value: " + text(torn));
}

void observer::check_counters(target_reader& reader) {
  const auto rows = reader.query(
      "SELECT c.n, count(j.n), max(j.n) FROM counters c JOIN journal j ON j.worker = c.id"
      " GROUP BY c.id, c.n ORDER BY c.id");
  expect(rows.size() == workload::workers, "counters of all workers: " + text(rows));
  last_counters_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const long n = number(rows[i], 0);
    expect(number(rows[i], 1) == n && number(rows[i], 2) == n,
           "counter, rows and newest row of journal: " + text({rows[i]}));
    expect(n >= last_counters_[i],
           fmt::format("counter {} went back from {} to {}", i, last_counters_[i], n));
    last_counters_[i] = n;
  }
}

} // namespace leat::test
