#include "bench/pipeline.hpp"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

namespace leat::bench {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string binary() {
  const char* given = std::getenv("LEAT_BINARY");
  return given != nullptr && *given != 0 ? given : LEAT_BINARY;
}

std::string with_directory(std::string text, const fs::path& directory) {
  for (auto at = text.find("{dir}"); at != std::string::npos; at = text.find("{dir}", at))
    text.replace(at, 5, directory.string());
  return text;
}

} // namespace

pipeline::pipeline(const test::pg_server& source, pipeline_options options)
    : source_(source), options_(std::move(options)) {
  fs::create_directory(directory());
  write_file();
}

void pipeline::write_file() const {
  std::ofstream file(directory() / "pipeline.toml");
  file << "[pipeline]\nname = \"" << options_.name << "\"\nstate = \""
       << (directory() / "state").string() << "\"\n[checkpoint]\ninterval = \"" << options_.interval
       << "\"\n[source]\nconnector = \"postgres\"\nurl = \"" << source_.url() << "\"\ntables = [\""
       << options_.table << "\"]\n[source.snapshot]\nreaders = " << options_.readers
       << "\n[sink.target]\n"
       << with_directory(options_.sink, directory()) << "\n";
}

void pipeline::drop_slot(const std::string& name) const {
  const auto where = " FROM pg_replication_slots WHERE slot_name = '" + name + "'";
  wait_until("slot " + name + " is free",
             [&] { return source_.value("SELECT active" + where) != "t"; });
  source_.execute("SELECT pg_drop_replication_slot(slot_name)" + where);
}

std::string pipeline::copy_slot(const std::string& name) const {
  drop_slot(name);
  source_.execute("SELECT pg_copy_logical_replication_slot('keep_" + options_.name + "', '" + name
                  + "')");
  return name;
}

void pipeline::keep() {
  drop_slot("keep_" + options_.name);
  wait_until("the slot is free", [&] {
    return source_.value("SELECT active FROM pg_replication_slots WHERE slot_name = '" + slot()
                         + "'")
           == "f";
  });
  source_.execute("SELECT pg_copy_logical_replication_slot('" + slot() + "', 'keep_" + options_.name
                  + "')");
  fs::remove_all(directory_ / "kept");
  fs::copy(directory(), directory_ / "kept", fs::copy_options::recursive);
}

void pipeline::restore() {
  copy_slot(slot());
  fs::remove_all(directory());
  fs::copy(directory_ / "kept", directory(), fs::copy_options::recursive);
  fs::remove(directory() / "report.json");
}

std::unique_ptr<test::process> pipeline::start() const {
  test::process_options o;
  o.err = directory() / "log";
  return std::make_unique<test::process>(
      std::vector<std::string>{binary(), "run", directory() / "pipeline.toml"}, o);
}

double pipeline::reported(const std::string& field) const {
  const auto text = test::read_file(directory() / "report.json");
  if (text.empty()) return 0;
  return nlohmann::json::parse(text).at(field).get<double>();
}

measured pipeline::run(const std::string& until, const std::function<void()>& meanwhile) {
  const auto server_before = server_cpu_seconds(source_);
  const auto target_before = options_.target != nullptr ? server_cpu_seconds(*options_.target) : 0;
  const auto began = now_seconds();
  test::process_options o;
  o.err = directory() / "log";
  test::process child({binary(), "run", directory() / "pipeline.toml", "--until", until}, o);
  std::optional<test::exit_status> status;
  while (!(status = child.wait(20ms))) {
    if (now_seconds() - began > 600) child.kill();
    meanwhile();
  }
  auto ended = now_seconds();
  if (status->code != 0)
    throw std::runtime_error("leat failed: " + test::read_file(directory() / "log"));
  if (const auto last = reported("last_us"); last > 0) ended = last / 1e6;
  std::this_thread::sleep_for(200ms); // its backends end a little later
  measured m;
  m.wall = ended - began;
  m.cpu = status->cpu_seconds;
  if (options_.target != nullptr) m.cpu += server_cpu_seconds(*options_.target) - target_before;
  m.server_cpu = server_cpu_seconds(source_) - server_before;
  m.rss_mb = static_cast<double>(status->max_rss_kib) / 1024;
  return m;
}

measured pipeline::drain(const std::string& until) {
  return run(until, [] {});
}

/// An idle source writes its next WAL record up to 15 s later; one that is in use does at once.
measured pipeline::run_caught_up() {
  auto session = source_.session();
  return run("caught-up",
             [&] { session.execute("SELECT pg_logical_emit_message(true, 'bench', '')"); });
}

measured pipeline::snapshot() {
  drop_slot(slot());
  fs::remove_all(directory());
  fs::create_directory(directory());
  write_file();
  return run_caught_up();
}

} // namespace leat::bench
