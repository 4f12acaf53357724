#include "bench/cases.hpp"
#include "bench/pipeline.hpp"

namespace leat::bench {

namespace {

struct backlog {
  std::string name;
  std::size_t rows;
  std::size_t rows_each;
  std::size_t note_bytes;
  bool judged_by_cpu;
};

void compare(const settings& s, report& out, const test::pg_server& source, const backlog& b) {
  make_table(source, b.name, 1);
  pipeline leat(source, {.name = b.name,
                         .table = "public." + b.name,
                         .sink = "connector = \"blackhole\"\nreport = \"{dir}/report.json\""});
  leat.prepare();
  leat.keep();
  insert_rows(source, b.name, b.rows, b.rows_each, b.note_bytes);
  const auto end = end_of_backlog(source, b.name);

  std::vector<measured> ours;
  std::vector<measured> theirs;
  for (int i = 0; i < s.runs; ++i) {
    theirs.push_back(run_peer(source, {source.bin() / "pg_recvlogical", "-d", source.conninfo(),
                                       "--slot", leat.copy_slot("peer"), "--start", "--no-loop",
                                       "--endpos", end, "-o", "proto_version=1", "-o",
                                       "publication_names=" + leat.slot(), "-f", "/dev/null"}));
    leat.restore();
    ours.push_back(leat.drain(end));
  }
  const auto [a, p] = middle_pair(ours, theirs);
  const auto rows = static_cast<double>(b.rows);
  using enum goal::kind;
  out.add("stream to blackhole, " + b.name, "pg_recvlogical",
          {{"rows/s", rows / a.wall, rows / p.wall, {ratio_at_least, 0.95}},
           {"CPU-s per million rows", a.cpu / rows * 1e6, p.cpu / rows * 1e6,
            b.judged_by_cpu ? goal{at_most, 1.0} : goal{}},
           {"source server's CPU-s per million rows",
            a.server_cpu / rows * 1e6,
            p.server_cpu / rows * 1e6,
            {ratio_at_most, 1.05}},
           {"peak memory, MB", a.rss_mb, p.rss_mb, {at_most, 100}}});
}

} // namespace

void stream_to_blackhole(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  for (const auto& b : {backlog{"narrow_rows", s.rows(2e6), 1000, 32, true},
                        backlog{"rows_of_1_kb", s.rows(5e5), 1000, 1000, false},
                        backlog{"one_row_transactions", s.rows(4e5), 1, 32, false}})
    compare(s, out, source, b);
}

void snapshot_to_blackhole(const settings& s, report& out) {
  const test::pg_server source(server_for_benchmarks());
  const auto rows = s.rows(4e6);
  make_table(source, "snapshot", rows);
  source.execute("CHECKPOINT");
  pipeline leat(source, {.name = "snapshot",
                         .table = "public.snapshot",
                         .sink = "connector = \"blackhole\"\nreport = \"{dir}/report.json\"",
                         .readers = 1});
  std::vector<measured> ours;
  std::vector<measured> theirs;
  for (int i = 0; i < s.runs; ++i) {
    theirs.push_back(run_peer(
        source, {"sh", "-c", "exec \"$0\" -qX \"$1\" -c 'COPY snapshot TO STDOUT' > /dev/null",
                 source.bin() / "psql", source.conninfo()}));
    ours.push_back(leat.snapshot());
  }
  const auto [a, p] = middle_pair(ours, theirs);
  const auto n = static_cast<double>(rows);
  using enum goal::kind;
  out.add("snapshot to blackhole, 1 reader", "psql COPY TO STDOUT",
          {{"rows/s", n / a.wall, n / p.wall, {ratio_at_least, 0.9}},
           {"CPU-s per million rows", a.cpu / n * 1e6, p.cpu / n * 1e6, {at_most, 0.5}},
           {"source server's CPU-s per million rows",
            a.server_cpu / n * 1e6,
            p.server_cpu / n * 1e6,
            {ratio_at_most, 1.05}},
           {"peak memory, MB", a.rss_mb, p.rss_mb, {at_most, 100}}});
}

} // namespace leat::bench
