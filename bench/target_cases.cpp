#include <stdexcept>

#include "bench/cases.hpp"
#include "bench/pipeline.hpp"

namespace leat::bench {

namespace {

using enum goal::kind;

constexpr const char* sqlite_sink = "connector = \"sqlite\"\npath = \"{dir}/target.db\"";

/// A subscription of the target server's own on a copy of leat's slot; ends with the object.
class subscription {
 public:
  subscription(const test::pg_server& source, const test::pg_server& target,
               const std::string& publication, const std::string& options)
      : target_(target) {
    target_.execute("CREATE SUBSCRIPTION peer CONNECTION '" + source.conninfo() + "' PUBLICATION "
                        + publication + " WITH (" + options + ")",
                    "peer");
  }
  ~subscription() {
    target_.execute("ALTER SUBSCRIPTION peer DISABLE", "peer");
    target_.execute("ALTER SUBSCRIPTION peer SET (slot_name = NONE)", "peer");
    target_.execute("DROP SUBSCRIPTION peer", "peer");
  }
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

 private:
  const test::pg_server& target_;
};

measured measure_subscription(const test::pg_server& source, const test::pg_server& target,
                              const std::string& publication, const std::string& options,
                              const std::string& done) {
  auto reader = target.session("peer");
  const auto server_before = server_cpu_seconds(source);
  const auto target_before = server_cpu_seconds(target);
  const auto began = now_seconds();
  const subscription s(source, target, publication, options);
  wait_until("the subscription", [&] { return reader.value(done) == "t"; });
  const auto wall = now_seconds() - began;
  return {wall, server_cpu_seconds(target) - target_before,
          server_cpu_seconds(source) - server_before, 0};
}

void sqlite_snapshot(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const auto rows = s.rows(2e6);
  make_table(source, "copied", rows);
  pipeline leat(
      source, {.name = "copied", .table = "public.copied", .sink = sqlite_sink, .interval = "1s"});
  std::vector<measured> ours;
  for (int i = 0; i < s.runs; ++i) ours.push_back(leat.snapshot());
  const auto a = median_of(ours);
  const auto n = static_cast<double>(rows);
  out.add("snapshot into SQLite", "",
          {{"rows/s", n / a.wall, {}, {at_least, 250000}},
           {"CPU-s per million rows", a.cpu / n * 1e6, {}, {}},
           {"peak memory, MB", a.rss_mb, {}, {at_most, 100}}});
}

void sqlite_updates(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const auto rows = s.rows(1e6);
  make_table(source, "updated", 100000);
  pipeline leat(
      source,
      {.name = "updated", .table = "public.updated", .sink = sqlite_sink, .interval = "1s"});
  leat.prepare();
  leat.keep();
  update_rows(source, "updated", rows, 100, 100000);
  const auto end = end_of_backlog(source, "updated");
  std::vector<measured> ours;
  for (int i = 0; i < s.runs; ++i) {
    leat.restore();
    ours.push_back(leat.drain(end));
  }
  const auto a = median_of(ours);
  const auto n = static_cast<double>(rows);
  out.add("updates of 100,000 keys into SQLite", "",
          {{"rows/s", n / a.wall, {}, {at_least, 100000}},
           {"CPU-s per million rows", a.cpu / n * 1e6, {}, {}},
           {"peak memory, MB", a.rss_mb, {}, {at_most, 100}}});
}

/// The target database of leat, as it was when its pipeline was kept.
class kept_target {
 public:
  explicit kept_target(const test::pg_server& server) : server_(server) {
    server_.create_database("leat");
  }
  void keep() const { copy("leat", "kept"); }
  void restore() const { copy("kept", "leat"); }
  std::string sink() const {
    return "connector = \"postgres\"\nurl = \"" + server_.url("leat") + "\"";
  }

 private:
  void copy(const std::string& from, const std::string& to) const {
    server_.execute("DROP DATABASE IF EXISTS " + to + " WITH (FORCE)");
    server_.execute("CREATE DATABASE " + to + " TEMPLATE " + from);
    server_.execute("CHECKPOINT");
  }
  const test::pg_server& server_;
};

void postgres_backlog(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const test::pg_server target(server_for_benchmarks());
  const auto rows = s.rows(4e5);
  make_table(source, "applied", 100000);
  const kept_target kept(target);
  target.create_database("peer");
  pipeline leat(source, {.name = "applied",
                         .table = "public.applied",
                         .sink = kept.sink(),
                         .interval = "200ms",
                         .target = &target});
  leat.prepare();
  leat.keep();
  kept.keep();
  update_rows(source, "applied", rows, 1, 100000);
  const auto end = end_of_backlog(source, "applied");

  std::vector<measured> ours;
  std::vector<measured> theirs;
  for (int i = 0; i < s.runs; ++i) {
    target.execute("DROP TABLE IF EXISTS applied", "peer");
    target.execute("CREATE TABLE applied (id bigint PRIMARY KEY, customer int, amount "
                   "numeric(12,2), state text, note text, at timestamptz); INSERT INTO applied "
                   "SELECT i, i % 9973, i / 100.0, 'open', md5(i::text), now() FROM "
                   "generate_series(1, 100000) i; CHECKPOINT",
                   "peer");
    theirs.push_back(measure_subscription(source, target, leat.slot(),
                                          "create_slot = false, copy_data = false, slot_name = '"
                                              + leat.copy_slot("peer") + "'",
                                          "SELECT state = 'last' FROM applied WHERE id = 1"));
    leat.restore();
    kept.restore();
    ours.push_back(leat.drain(end));
  }
  const auto [a, p] = middle_pair(ours, theirs);
  const auto n = static_cast<double>(rows);
  out.add("one-row transactions into PostgreSQL", "subscription",
          {{"rows/s", n / a.wall, n / p.wall, {ratio_at_least, 4}},
           {"CPU-s per million rows, with the target server",
            a.cpu / n * 1e6,
            p.cpu / n * 1e6,
            {ratio_at_most, 0.5}},
           {"source server's CPU-s per million rows",
            a.server_cpu / n * 1e6,
            p.server_cpu / n * 1e6,
            {}},
           {"peak memory, MB", a.rss_mb, {}, {at_most, 100}}});
}

void postgres_copy(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const test::pg_server target(server_for_benchmarks());
  const auto rows = s.rows(1e6);
  make_table(source, "first", rows);
  const kept_target kept(target);
  target.create_database("peer");
  target.execute("CREATE TABLE first (id bigint PRIMARY KEY, customer int, amount numeric(12,2), "
                 "state text, note text, at timestamptz)",
                 "peer");
  source.execute("CREATE PUBLICATION peer FOR TABLE first");
  kept.keep();
  pipeline leat(source, {.name = "first",
                         .table = "public.first",
                         .sink = kept.sink(),
                         .interval = "1s",
                         .target = &target});
  std::vector<measured> ours;
  std::vector<measured> theirs;
  for (int i = 0; i < s.runs; ++i) {
    target.execute("TRUNCATE first; CHECKPOINT", "peer");
    source.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
                   "slot_name = 'peer'");
    theirs.push_back(
        measure_subscription(source, target, "peer", "slot_name = 'peer'",
                             "SELECT bool_and(srsubstate IN ('s', 'r')) FROM pg_subscription_rel"));
    kept.restore();
    ours.push_back(leat.snapshot());
  }
  const auto [a, p] = middle_pair(ours, theirs);
  const auto n = static_cast<double>(rows);
  out.add("first copy into PostgreSQL", "subscription",
          {{"rows/s", n / a.wall, n / p.wall, {ratio_at_least, 1}},
           {"CPU-s per million rows, with the target server", a.cpu / n * 1e6, p.cpu / n * 1e6, {}},
           {"peak memory, MB", a.rss_mb, {}, {at_most, 100}}});
}

} // namespace

void into_sqlite(const settings& s, report& out) {
  sqlite_snapshot(s, out);
  sqlite_updates(s, out);
}

void into_postgres(const settings& s, report& out) {
  postgres_backlog(s, out);
  postgres_copy(s, out);
}

} // namespace leat::bench
