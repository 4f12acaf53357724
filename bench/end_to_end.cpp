// What the leat binary does in a second and for how much CPU, beside PostgreSQL's own clients on
// the same work, each against private servers. Prints a table in Markdown.

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>

#include "bench/cases.hpp"

int main(int argc, char** argv) {
  using namespace leat::bench;
  const std::map<std::string, void (*)(const settings&, report&)> cases = {
      {"stream", stream_to_blackhole},
      {"snapshot", snapshot_to_blackhole},
      {"sqlite", into_sqlite},
      {"postgres", into_postgres},
      {"latency", latency},
      {"starrocks", into_starrocks},
      {"starrocks_latency", starrocks_latency},
  };
  settings s;
  CLI::App app("leat end to end, beside its peers");
  app.add_option("--scale", s.scale, "factor on every number of rows")->check(CLI::PositiveNumber);
  app.add_option("--runs", s.runs, "runs of each; medians are shown")->check(CLI::Range(1, 99));
  app.add_option(
      "CASE", s.cases,
      "stream, snapshot, sqlite, postgres, latency, starrocks, starrocks_latency; all without one");
  CLI11_PARSE(app, argc, argv);
  if (s.cases.empty())
    s.cases = {"stream",  "snapshot",  "sqlite",           "postgres",
               "latency", "starrocks", "starrocks_latency"};
  for (const auto& name : s.cases)
    if (!cases.contains(name)) {
      std::fprintf(stderr, "no such case: %s\n", name.c_str());
      return 2;
    }
  try {
    report out;
    for (const auto& name : s.cases) cases.at(name)(s, out);
    std::printf("\n%d figures missed their goal\n", out.missed());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
