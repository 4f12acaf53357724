#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bench/cases.hpp"
#include "bench/pipeline.hpp"
#include "bench/sink_hole.hpp"
#include "bench/steady_load.hpp"
#include "plugins/starrocks/mysql_client.hpp"
#include "tests/support/starrocks_double.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::bench {

namespace {

using namespace std::chrono_literals;
using enum goal::kind;

/// The StarRocks double of the tests.
class cluster {
 public:
  int port(const char* name) const { return double_.port(name); }
  starrocks::mysql_client session() const {
    starrocks::mysql_settings s;
    s.servers = double_.mysql();
    s.user = "root";
    return starrocks::mysql_client(s);
  }
  void order(const std::string& path, const nlohmann::json& what) const {
    double_.control(path, what);
  }
  /// Lines of a sink into it, through the FE at `http`.
  std::string sink(const std::string& database, int http, const char* format) const {
    return "connector = \"starrocks\"\nhttp = [\"127.0.0.1:" + std::to_string(http)
           + "\"]\nmysql = [\"" + double_.mysql().front()
           + "\"]\nuser = \"root\"\npassword = \"\"\ndatabase = \"" + database + "\"\nformat = \""
           + format + "\"\ntable = { properties = { replication_num = \"1\" } }";
  }

 private:
  test::temp_directory directory_;
  test::starrocks_double double_{directory_.path()};
};

void snapshots(const settings& s, report& out, const test::pg_server& source,
               const cluster& double_, const char* format) {
  const sink_hole hole(double_.port("fe"));
  const auto rows = s.rows(2e6);
  const std::string table = std::string("copied_") + format;
  make_table(source, table, rows);
  source.execute("CHECKPOINT");
  std::vector<measured> ours;
  for (int i = 0; i < s.runs; ++i) {
    const auto name = table + std::to_string(i);
    pipeline leat(source, {.name = name,
                           .table = "public." + table,
                           .sink = double_.sink(name, hole.port(), format),
                           .interval = "1s"});
    const auto before = hole.rows();
    ours.push_back(leat.snapshot());
    if (hole.rows() - before != rows)
      throw std::runtime_error("the sink-hole counted " + std::to_string(hole.rows() - before)
                               + " rows of " + std::to_string(rows));
  }
  source.execute("DROP TABLE " + table);
  const auto a = median_of(ours);
  const auto n = static_cast<double>(rows);
  out.add(std::string("snapshot into a StarRocks sink-hole, ") + format, "",
          {{"rows/s", n / a.wall, {}, {at_least, 200000}},
           {"CPU-s per million rows", a.cpu / n * 1e6, {}, {}},
           {"peak memory, MB", a.rss_mb, {}, {}}});
}

/// The same backlog into the hole and into blackhole, in turn.
void streams(const settings& s, report& out, const test::pg_server& source, const cluster& double_,
             const char* format) {
  const sink_hole hole(double_.port("fe"));
  const auto rows = s.rows(1e6);
  std::vector<measured> ours;
  std::vector<measured> blackholes;
  for (int i = 0; i < s.runs; ++i) {
    const auto name = std::string("flow_") + format + std::to_string(i);
    make_table(source, name, 1);
    pipeline leat(source, {.name = name,
                           .table = "public." + name,
                           .sink = double_.sink(name, hole.port(), format),
                           .interval = "1s"});
    pipeline blackhole(source, {.name = name + "b",
                                .table = "public." + name,
                                .sink = "connector = \"blackhole\"\nreport = \"{dir}/report.json\"",
                                .interval = "1s"});
    leat.prepare();
    blackhole.prepare();
    std::filesystem::remove(blackhole.directory() / "report.json");
    insert_rows(source, name, rows, 1000, 32);
    const auto end = end_of_backlog(source, name);
    blackholes.push_back(blackhole.drain(end));
    const auto began = now_seconds();
    auto ours_now = leat.drain(end);
    ours_now.wall = hole.last() - began; // as blackhole tells when its last row came
    ours.push_back(ours_now);
    source.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
    source.execute("DROP TABLE " + name);
  }
  const auto [a, b] = middle_pair(ours, blackholes);
  const auto n = static_cast<double>(rows);
  out.add(std::string("stream into a StarRocks sink-hole, ") + format, "leat into blackhole",
          {{"rows/s", n / a.wall, n / b.wall, {ratio_at_least, 0.9}},
           {"CPU-s per million rows", a.cpu / n * 1e6, b.cpu / n * 1e6, {}},
           {"peak memory, MB", a.rss_mb, b.rss_mb, {}}});
}

void visible(const settings& s, report& out, const test::pg_server& source,
             const cluster& double_) {
  make_table(source, "seen", steady_load::keys);
  source.execute("CREATE TABLE probes (id bigint PRIMARY KEY)");
  pipeline leat(source, {.name = "seen",
                         .table = "public.seen\", \"public.probes",
                         .sink = double_.sink("seen", double_.port("fe"), "json"),
                         .interval = "1s"});
  leat.prepare();
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  const double seconds = std::max(10.0, 30 * s.scale);
  steady_load updates(source, "seen", 1000, seconds + 2);
  std::this_thread::sleep_for(1s);
  auto reader = double_.session();
  probes p(source, [&] {
    const auto found = reader.query("SELECT max(id) AS id FROM seen.probes").rows.at(0).at(0);
    return found ? std::stoul(*found) : 0;
  });
  p.run(seconds);
  updates.wait();
  child->signal(SIGTERM);
  const auto status = child->wait(30s);
  out.add(
      "1,000 transactions/s, visible in the StarRocks double, epochs of 1 s", "",
      {{"p50 from commit, ms", p.quantile(0.5), {}, {}},
       {"p99, ms", p.quantile(0.99), {}, {at_most, 1500}},
       {"peak memory, MB", static_cast<double>(status ? status->max_rss_kib : 0) / 1024, {}, {}}});
}

/// No BE takes a load while changes keep coming; then they do again, and everything arrives.
void stopped_backends(const settings& s, report& out, const test::pg_server& source,
                      const cluster& double_) {
  make_table(source, "held", 1);
  pipeline leat(source, {.name = "held",
                         .table = "public.held",
                         .sink = double_.sink("held", double_.port("fe"), "json"),
                         .interval = "1s"});
  leat.prepare();
  const auto child = leat.start();
  std::this_thread::sleep_for(2s);
  double_.order("/node", {{"be0", "crash"}, {"be1", "crash"}});
  const auto until = now_seconds() + std::max(20.0, 120 * s.scale);
  std::size_t inserted = 0;
  while (now_seconds() < until) {
    source.execute("INSERT INTO held SELECT i, 1, 1, 'open', repeat('n', 1000), now() FROM "
                   "generate_series("
                   + std::to_string(2 + inserted) + ", " + std::to_string(5001 + inserted) + ") i");
    inserted += 5000;
    std::this_thread::sleep_for(500ms);
  }
  double_.order("/node", {{"be0", "start"}, {"be1", "start"}});
  auto reader = double_.session();
  const auto began = now_seconds();
  wait_until("everything arrived", [&] {
    std::this_thread::sleep_for(500ms);
    return reader.query("SELECT count(*) AS n FROM held.held").text(0, "n")
           == std::to_string(inserted + 1);
  });
  const auto caught_up = now_seconds() - began;
  child->signal(SIGTERM);
  const auto status = child->wait(30s);
  out.add("both BEs away, 10,000 rows of 1 KB a second", "",
          {{"s without BEs", std::max(20.0, 120 * s.scale), {}, {}},
           {"peak memory, MB",
            static_cast<double>(status ? status->max_rss_kib : 0) / 1024,
            {},
            {at_most, 256 + 64}},
           {"s until all had arrived", caught_up, {}, {}}});
}

} // namespace

void into_starrocks(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const cluster double_;
  for (const char* format : {"json", "csv"}) {
    snapshots(s, out, source, double_, format);
    streams(s, out, source, double_, format);
  }
}

void starrocks_latency(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const cluster double_;
  visible(s, out, source, double_);
  stopped_backends(s, out, source, double_);
}

} // namespace leat::bench
