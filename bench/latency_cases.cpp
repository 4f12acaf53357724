#include <signal.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "bench/cases.hpp"
#include "bench/pipeline.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::bench {

namespace {

using namespace std::chrono_literals;
using enum goal::kind;

constexpr int transactions_per_second = 1000;
constexpr int keys = 100000;

/// One-row transactions at a steady rate, by pgbench, while the object lives or until its time is
/// over.
class load {
 public:
  load(const test::pg_server& source, const std::string& table, double seconds)
      : pgbench_({source.bin() / "pgbench", "-n", "-f", script(source, table), "-M", "prepared",
                  "-c", "4", "-j", "1", "-R", std::to_string(transactions_per_second), "-T",
                  std::to_string(static_cast<int>(seconds)), source.conninfo()}) {}

  void wait() { pgbench_.wait(std::chrono::minutes(10)); }

 private:
  std::string script(const test::pg_server&, const std::string& table) {
    const auto path = directory_ / "update.sql";
    std::ofstream(path) << "\\set id random(1, " << keys << ")\nUPDATE " << table
                        << " SET amount = amount + 1 WHERE id = :id;\n";
    return path;
  }

  test::temp_directory directory_;
  test::process pgbench_;
};

void to_blackhole(const settings& s, report& out, const test::pg_server& source) {
  make_table(source, "lag", keys);
  pipeline leat(source, {.name = "lag",
                         .table = "public.lag",
                         .sink = "connector = \"blackhole\"\nreport = \"{dir}/report.json\"",
                         .interval = "1s"});
  leat.prepare();
  std::filesystem::remove(leat.directory() / "report.json");
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  const double seconds = std::max(5.0, 20 * s.scale);
  load updates(source, "lag", seconds);
  std::this_thread::sleep_for(1s);
  const auto cpu_before = cpu_seconds_of(child->pid());
  const auto began = now_seconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds - 2));
  const auto cores = (cpu_seconds_of(child->pid()) - cpu_before) / (now_seconds() - began);
  updates.wait();
  child->signal(SIGTERM);
  const auto status = child->wait(30s);
  out.add("1,000 transactions/s to blackhole", "",
          {{"p50 from commit, ms", leat.reported("p50_us") / 1000, {}, {at_most, 2}},
           {"p99, ms", leat.reported("p99_us") / 1000, {}, {at_most, 10}},
           {"p99.9, ms", leat.reported("p999_us") / 1000, {}, {}},
           {"cores used", cores, {}, {at_most, 0.1}},
           {"peak memory, MB",
            static_cast<double>(status ? status->max_rss_kib : 0) / 1024,
            {},
            {at_most, 100}}});
}

/// Commits numbered rows and watches them become visible at the target.
class probes {
 public:
  probes(const test::pg_server& source, const std::filesystem::path& target)
      : source_(source.session()), target_(target) {}

  void run(double seconds) {
    const auto until = now_seconds() + seconds;
    double next = now_seconds();
    while (now_seconds() < until) {
      if (now_seconds() >= next) {
        commit();
        next += 0.02;
      }
      look();
      std::this_thread::sleep_for(1ms);
    }
  }
  double quantile(double q) {
    std::ranges::sort(lags_);
    if (lags_.empty()) return 0;
    return lags_[std::min(lags_.size() - 1,
                          static_cast<std::size_t>(q * static_cast<double>(lags_.size())))];
  }

 private:
  void commit() {
    const auto number = committed_.size() + 1;
    source_.execute("INSERT INTO probes VALUES (" + std::to_string(number) + ")");
    committed_.push_back(now_seconds());
  }
  void look() {
    const auto text = target_.value("SELECT max(id) FROM probes");
    const auto visible = text.empty() ? 0 : std::stoul(text);
    const auto now = now_seconds();
    while (lags_.size() < visible && lags_.size() < committed_.size())
      lags_.push_back((now - committed_[lags_.size()]) * 1000);
  }

  test::pg_session source_;
  test::sqlite_reader target_;
  std::vector<double> committed_;
  std::vector<double> lags_; ///< ms
};

void to_sqlite(const settings& s, report& out, const test::pg_server& source) {
  make_table(source, "seen", keys);
  source.execute("CREATE TABLE probes (id bigint PRIMARY KEY)");
  pipeline leat(source, {.name = "seen",
                         .table = "public.seen\", \"public.probes",
                         .sink = "connector = \"sqlite\"\npath = \"{dir}/target.db\"",
                         .interval = "100ms"});
  leat.prepare();
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  const double seconds = std::max(5.0, 20 * s.scale);
  load updates(source, "seen", seconds + 2);
  std::this_thread::sleep_for(1s);
  const auto cpu_before = cpu_seconds_of(child->pid());
  const auto began = now_seconds();
  probes p(source, leat.directory() / "target.db");
  p.run(seconds);
  const auto cores = (cpu_seconds_of(child->pid()) - cpu_before) / (now_seconds() - began);
  updates.wait();
  child->signal(SIGTERM);
  child->wait(30s);
  out.add("1,000 transactions/s, visible in SQLite, epochs of 100 ms", "",
          {{"p50 from commit, ms", p.quantile(0.5), {}, {}},
           {"p99, ms", p.quantile(0.99), {}, {at_most, 250}},
           {"cores used", cores, {}, {}}});
}

} // namespace

void latency(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  to_blackhole(s, out, source);
  to_sqlite(s, out, source);
}

} // namespace leat::bench
