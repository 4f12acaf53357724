#include "tests/crash/leat_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>

namespace leat::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::uintmax_t inode_of(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

} // namespace

leat_process::leat_process(fs::path binary, fs::path directory, action_log& log)
    : binary_(std::move(binary)), directory_(std::move(directory)), log_(log) {}

process_options leat_process::options(const std::string& crash_point) const {
  process_options result;
  result.environment["LD_PRELOAD"] = LEAT_SYNC_RECORDER;
  result.environment["LEAT_SYNC_RECORD"] = directory_ / "synced";
  if (!crash_point.empty()) result.environment["LEAT_CRASH_POINT"] = crash_point;
  result.out = result.err = directory_ / "leat.log";
  return result;
}

void leat_process::fail(const std::string& what) const {
  const auto said = read_file(directory_ / "leat.log");
  throw torture_failure(what + "; the end of its log:\n"
                        + said.substr(said.size() < 2000 ? 0 : said.size() - 2000));
}

void leat_process::start(const std::string& crash_point) {
  log_.add("leat: start" + (crash_point.empty() ? "" : ", to die at " + crash_point));
  crash_point_ = crash_point;
  process_ = std::make_unique<process>(
      std::vector<std::string>{binary_, "run", directory_ / "shop.toml"}, options(crash_point));
}

void leat_process::kill() {
  if (!running()) return;
  process_->kill();
  process_.reset();
  ++deaths_;
  log_.add("leat: SIGKILL");
}

void leat_process::terminate() {
  if (!running()) return;
  log_.add("leat: SIGTERM");
  process_->signal(SIGTERM);
  const auto status = process_->wait(15s);
  if (!status) fail("leat did not end within 15 s of SIGTERM");
  if (status->signal == SIGKILL && !crash_point_.empty()) return process_.reset();
  if (status->signal == SIGTERM) return process_.reset(); // it had only just started
  if (status->code != 0)
    fail(fmt::format("leat ended with code {}, signal {} after SIGTERM", status->code,
                     status->signal));
  process_.reset();
}

void leat_process::pause() {
  if (!running()) return;
  log_.add("leat: SIGSTOP");
  process_->signal(SIGSTOP);
}

void leat_process::resume() {
  if (!process_) return;
  log_.add("leat: SIGCONT");
  process_->signal(SIGCONT);
}

bool leat_process::running() {
  if (!process_) return false;
  if (process_->running()) return true;
  const auto status = process_->kill();
  process_.reset();
  if (status.signal != SIGKILL || crash_point_.empty())
    fail(fmt::format("leat ended by itself with code {}, signal {}", status.code, status.signal));
  log_.add("leat: died at " + crash_point_);
  ++deaths_;
  return false;
}

void leat_process::catch_up(std::chrono::seconds limit, const std::function<void()>& nudge) {
  log_.add("leat: run --until caught-up");
  process last({binary_, "run", directory_ / "shop.toml", "--until", "caught-up"}, options(""));
  const auto until = std::chrono::steady_clock::now() + limit;
  std::optional<exit_status> status;
  while (!(status = last.wait(300ms)) && std::chrono::steady_clock::now() < until) nudge();
  if (!status) fail(fmt::format("leat did not catch up within {} s", limit.count()));
  if (status->code != 0)
    fail(fmt::format("leat run --until caught-up ended with code {}, signal {}", status->code,
                     status->signal));
  log_.add("leat: caught up");
}

std::uintmax_t leat_process::tear_unsynced(dice& dice) {
  std::map<std::uintmax_t, std::uintmax_t>
      synced; // by inode: files are renamed after they were synced
  std::ifstream record(directory_ / "synced");
  std::uintmax_t inode = 0;
  std::uintmax_t size = 0;
  while (record >> inode >> size) synced[inode] = std::max(synced[inode], size);

  std::uintmax_t torn = 0;
  const auto state = directory_ / "state";
  if (!fs::exists(state)) return 0;
  for (const auto& entry : fs::recursive_directory_iterator(state)) {
    // RocksDB's own diary (LOG) is never read again.
    if (!entry.is_regular_file() || entry.path().filename().string().starts_with("LOG")) continue;
    const auto written = entry.file_size();
    const auto durable = std::min(written, synced[inode_of(entry.path())]);
    if (durable == written) continue;
    const auto left = dice.chance(0.5) ? durable
                                       : durable
                                             + static_cast<std::uintmax_t>(dice.between(
                                                 0, static_cast<int>(written - durable)));
    fs::resize_file(entry.path(), left);
    torn += written - left;
  }
  log_.add(fmt::format("state: {} unsynced bytes torn off", torn));
  return torn;
}

} // namespace leat::test
