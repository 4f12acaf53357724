// Reads a table of 100-byte rows by chunks, as a snapshot does, from a private server, beside COPY
// by psql. Usage: snapshot_read_bench [million rows]

#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "plugins/postgres/table_reader.hpp"
#include "tests/support/pg_server.hpp"

namespace {

using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point began) {
  return std::chrono::duration<double>(clock_type::now() - began).count();
}

double cpu_seconds(int who) {
  rusage used{};
  getrusage(who, &used);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void print(const std::string& what, double rows, double wall, double cpu) {
  std::printf("%-28s %10.0f rows/s %8.2f s %10.3f CPU-s per million rows\n", what.c_str(),
              rows / wall, wall, cpu / (rows / 1e6));
}

void read_by_chunks(const leat::test::pg_server& server, const std::string& name, double rows) {
  auto reader = leat::postgres::make_table_reader(server.parameters(), {});
  const auto id = std::stoul(server.value("SELECT '" + name + "'::regclass::oid"));
  const auto schema = reader->describe(static_cast<leat::oid>(id)).schema;
  const auto planning = clock_type::now();
  const auto plan = reader->plan(*schema);
  std::printf("%-28s %10zu chunks %7.0f ms\n", (name + ": plan").c_str(), plan.chunks.size(),
              seconds_since(planning) * 1e3);
  const auto began = clock_type::now();
  const auto before = cpu_seconds(RUSAGE_SELF);
  std::uint64_t read = 0;
  for (const auto& bounds : plan.chunks) {
    const auto chunk = reader->read(*schema, bounds, plan.storage);
    if (chunk.failure != leat::chunk_failure::none) std::abort();
    read += chunk.rows.rows;
  }
  if (static_cast<double>(read) != rows) std::abort();
  print(name + ": leat, 1 reader", rows, seconds_since(began), cpu_seconds(RUSAGE_SELF) - before);
}

void copy_by_psql(const leat::test::pg_server& server, const std::string& name, double rows) {
  const auto began = clock_type::now();
  const auto before = cpu_seconds(RUSAGE_CHILDREN);
  const auto command =
      "psql '" + server.conninfo() + "' -qc 'COPY " + name + " TO STDOUT' > /dev/null";
  if (std::system(command.c_str()) != 0) std::abort();
  print(name + ": psql COPY", rows, seconds_since(began), cpu_seconds(RUSAGE_CHILDREN) - before);
}

} // namespace

int main(int argc, char** argv) {
  const double rows = (argc > 1 ? std::atof(argv[1]) : 2) * 1e6;
  const auto count = std::to_string(static_cast<long>(rows));
  leat::test::pg_server server({.settings = {{"shared_buffers", "1GB"}, {"autovacuum", "off"}}});
  server.execute(
      "CREATE TABLE integers (id bigint PRIMARY KEY, a int, b text, c timestamptz, "
      "d numeric(12,2), e text); INSERT INTO integers SELECT i, i % 1000, 'customer ' || "
      "i, '2024-01-01'::timestamptz + i * interval '1 s', i / 100.0, md5(i::text) FROM "
      "generate_series(1, "
      + count
      + ") i; CREATE TABLE uuids (id uuid PRIMARY KEY, a int, b text); INSERT INTO uuids "
        "SELECT gen_random_uuid(), i, md5(i::text) || md5(i::text) FROM "
        "generate_series(1, "
      + count + ") i");
  server.execute("VACUUM ANALYZE");
  for (const auto* table : {"integers", "uuids"}) {
    copy_by_psql(server, table, rows);
    read_by_chunks(server, table, rows);
  }
}
