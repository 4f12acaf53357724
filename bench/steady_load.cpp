#include "bench/steady_load.hpp"

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>

namespace leat::bench {

steady_load::steady_load(const test::pg_server& source, const std::string& table,
                         int transactions_per_second, double seconds)
    : pgbench_({source.bin() / "pgbench", "-n", "-f", script(table), "-M", "prepared", "-c", "4",
                "-j", "1", "-R", std::to_string(transactions_per_second), "-T",
                std::to_string(static_cast<int>(seconds)), source.conninfo()}) {}

std::string steady_load::script(const std::string& table) {
  const auto path = directory_ / "update.sql";
  std::ofstream(path) << "\\set id random(1, " << keys << ")\nUPDATE " << table
                      << " SET amount = amount + 1 WHERE id = :id;\n";
  return path;
}

probes::probes(const test::pg_server& source, std::function<std::size_t()> visible)
    : source_(source.session()), visible_(std::move(visible)) {}

void probes::run(double seconds) {
  const auto until = now_seconds() + seconds;
  double next = now_seconds();
  while (now_seconds() < until) {
    if (now_seconds() >= next) {
      commit();
      next += 0.02;
    }
    look();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

double probes::quantile(double q) {
  std::ranges::sort(lags_);
  if (lags_.empty()) return 0;
  const auto at = static_cast<std::size_t>(q * static_cast<double>(lags_.size()));
  return lags_[std::min(lags_.size() - 1, at)];
}

void probes::commit() {
  const auto number = committed_.size() + 1;
  source_.execute("INSERT INTO probes VALUES (" + std::to_string(number) + ")");
  committed_.push_back(now_seconds());
}

void probes::look() {
  const auto visible = visible_();
  const auto now = now_seconds();
  while (lags_.size() < visible && lags_.size() < committed_.size())
    lags_.push_back((now - committed_[lags_.size()]) * 1000);
}

} // namespace leat::bench
