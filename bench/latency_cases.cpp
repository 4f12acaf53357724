#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "bench/cases.hpp"
#include "bench/pipeline.hpp"
#include "bench/steady_load.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::bench {

namespace {

using namespace std::chrono_literals;
using enum goal::kind;

constexpr int transactions_per_second = 1000;

void to_blackhole(const settings& s, report& out, const test::pg_server& source) {
  make_table(source, "lag", steady_load::keys);
  pipeline leat(source, {.name = "lag",
                         .table = "public.lag",
                         .sink = "connector = \"blackhole\"\nreport = \"{dir}/report.json\"",
                         .interval = "1s"});
  leat.prepare();
  std::filesystem::remove(leat.directory() / "report.json");
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  const double seconds = std::max(5.0, 20 * s.scale);
  steady_load updates(source, "lag", transactions_per_second, seconds);
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

void to_sqlite(const settings& s, report& out, const test::pg_server& source) {
  make_table(source, "seen", steady_load::keys);
  source.execute("CREATE TABLE probes (id bigint PRIMARY KEY)");
  pipeline leat(source, {.name = "seen",
                         .table = "public.seen\", \"public.probes",
                         .sink = "connector = \"sqlite\"\npath = \"{dir}/target.db\"",
                         .interval = "100ms"});
  leat.prepare();
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  const double seconds = std::max(5.0, 20 * s.scale);
  steady_load updates(source, "seen", transactions_per_second, seconds + 2);
  std::this_thread::sleep_for(1s);
  const auto cpu_before = cpu_seconds_of(child->pid());
  const auto began = now_seconds();
  test::sqlite_reader target(leat.directory() / "target.db");
  probes p(source, [&] {
    const auto text = target.value("SELECT max(id) FROM probes");
    return text.empty() ? 0 : std::stoul(text);
  });
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
