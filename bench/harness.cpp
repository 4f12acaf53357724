#include "bench/harness.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace leat::bench {

namespace {

struct process_times {
  pid_t parent = 0;
  double own = 0;
  double with_children = 0;
};

/// /proc/PID/stat: proc(5).
std::optional<process_times> times_of(const std::string& pid) {
  const auto stat = test::read_file("/proc/" + pid + "/stat");
  const auto end = stat.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream rest(stat.substr(end + 1));
  std::string state;
  process_times t;
  rest >> state >> t.parent;
  std::string skipped;
  for (int i = 0; i < 9; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  double children_user = 0;
  double children_system = 0;
  rest >> user >> system >> children_user >> children_system;
  const auto hertz = static_cast<double>(::sysconf(_SC_CLK_TCK));
  t.own = (user + system) / hertz;
  t.with_children = t.own + (children_user + children_system) / hertz;
  return t;
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

} // namespace

measured median_of(std::vector<measured> runs) {
  const auto middle = [&](double measured::*figure) {
    std::vector<double> all;
    for (const auto& r : runs) all.push_back(r.*figure);
    std::ranges::sort(all);
    const auto half = all.size() / 2;
    return all.size() % 2 == 1 ? all[half] : (all[half - 1] + all[half]) / 2;
  };
  return {middle(&measured::wall), middle(&measured::cpu), middle(&measured::server_cpu),
          middle(&measured::rss_mb)};
}

std::pair<measured, measured> middle_pair(const std::vector<measured>& ours,
                                          const std::vector<measured>& theirs) {
  std::vector<std::size_t> order(ours.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return ours[i].wall / theirs[i].wall; });
  const auto middle = order[order.size() / 2];
  return {ours[middle], theirs[middle]};
}

double server_cpu_seconds(const test::pg_server& server) {
  const auto postmaster = server.pid();
  double total = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (!is_number(name)) continue;
    const auto times = times_of(name);
    if (!times) continue;
    if (std::stoi(name) == postmaster || times->parent == postmaster) total += times->with_children;
  }
  return total;
}

double cpu_seconds_of(pid_t pid) {
  const auto times = times_of(std::to_string(pid));
  return times ? times->own : 0;
}

double now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

test::pg_server_options server_for_benchmarks() {
  return {.settings = {{"fsync", "on"},
                       {"autovacuum", "off"},
                       {"shared_buffers", "1GB"},
                       {"max_wal_size", "16GB"},
                       {"checkpoint_timeout", "1h"},
                       {"max_replication_slots", "60"}}};
}

void wait_until(const std::string& what, const std::function<bool()>& holds, double limit) {
  const auto deadline = now_seconds() + limit;
  while (!holds()) {
    if (now_seconds() > deadline) throw std::runtime_error("gave up waiting: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

measured run_peer(const test::pg_server& source, const std::vector<std::string>& command) {
  const auto server_before = server_cpu_seconds(source);
  const auto began = now_seconds();
  const auto done = test::run(command, {}, std::chrono::minutes(10));
  const auto wall = now_seconds() - began;
  if (done.timed_out || done.status.code != 0)
    throw std::runtime_error(command[0] + " failed: " + done.err);
  std::this_thread::sleep_for(std::chrono::milliseconds(200)); // its backend ends a little later
  return {wall, done.status.cpu_seconds, server_cpu_seconds(source) - server_before,
          static_cast<double>(done.status.max_rss_kib) / 1024};
}

} // namespace leat::bench
