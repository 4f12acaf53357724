#include "tests/support/pipeline_fixture.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/sqlite_reader.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;

std::string leat_binary() {
  const char* given = std::getenv("LEAT_BINARY");
  return given != nullptr && *given != 0 ? given : LEAT_BINARY;
}

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + quoted(name);
  return out;
}

text_rows sorted(text_rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::string> first_column(const text_rows& rows) {
  std::vector<std::string> out;
  for (const auto& row : rows)
    if (!row[0]->starts_with("_leat_")) out.push_back(*row[0]);
  return out;
}

std::uint64_t lsn_of(const std::string& text) {
  const auto slash = text.find('/');
  return std::stoull(text.substr(0, slash), nullptr, 16) << 32
         | std::stoull(text.substr(slash + 1), nullptr, 16);
}

bool settled(const nlohmann::json& status) {
  const auto finished = [](const auto& t) { return t.at("snapshot") == "finished"; };
  const auto consistent = [](const auto& s) { return s.at("consistent") == true; };
  const auto& tables = status.at("tables");
  const auto& sinks = status.at("sinks");
  return !tables.empty() && std::all_of(tables.begin(), tables.end(), finished)
         && std::all_of(sinks.begin(), sinks.end(), consistent);
}

} // namespace

std::string pipeline_text::render(const std::string& name, const std::string& state,
                                  const std::string& source_url) const {
  std::string out = "[pipeline]\nname = \"" + name + "\"\nstate = \"" + state + "\"\n";
  out += "[checkpoint]\ninterval = \"" + interval + "\"\n";
  out += "[source]\nconnector = \"postgres\"\nurl = \"" + source_url + "\"\ntables = " + tables;
  out += "\n" + source + "\n[source.snapshot]\n" + snapshot + "\n";
  for (const auto& [sink, lines] : sinks) out += "[sink." + sink + "]\n" + lines + "\n";
  for (const auto& lines : routes) out += "[[route]]\n" + lines + "\n";
  return out + rest + "\n";
}

namespace {

std::unique_ptr<pg_server>& shared_server() {
  static std::unique_ptr<pg_server> shared;
  return shared;
}

} // namespace

pg_server& pipeline_fixture::server() {
  if (!shared_server()) shared_server() = std::make_unique<pg_server>();
  return *shared_server();
}

void pipeline_fixture::give_up_server() { shared_server().reset(); }

pipeline_fixture::pipeline_fixture() {
  server().create_database(source_database);
  server().create_database(target_database);
  text.sinks["lite"] = "connector = \"sqlite\"\npath = \"" + lite_path().string() + "\"";
  text.sinks["pg"] = "connector = \"postgres\"\nurl = \"" + server().url(target_database) + "\"";
  text.routes = {"from = \"*.*\"\nsink = \"lite\"", "from = \"*.*\"\nsink = \"pg\""};
}

pipeline_fixture::~pipeline_fixture() {
  if (running_) running_->kill();
  if (HasFailure() && std::getenv("LEAT_KEEP") != nullptr) directory_.keep();
}

std::filesystem::path pipeline_fixture::write_file() const {
  const auto path = directory_ / "shop.toml";
  std::ofstream(path) << text.render("shop", state_path(), server().url(source_database));
  return path;
}

process_options
pipeline_fixture::options(const std::map<std::string, std::string>& environment) const {
  process_options o;
  o.environment = environment;
  return o;
}

std::string pipeline_fixture::leat_program() { return leat_binary(); }

finished_process pipeline_fixture::bare_leat(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{leat_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run(words);
}

finished_process
pipeline_fixture::leat_on(const std::filesystem::path& file, const std::string& command,
                          const std::vector<std::string>& arguments,
                          const std::map<std::string, std::string>& environment) const {
  std::vector<std::string> words{leat_binary(), command, file};
  words.insert(words.end(), arguments.begin(), arguments.end());
  process child(words, options(environment));
  const auto deadline = std::chrono::steady_clock::now() + limit();
  finished_process out;
  for (;;) {
    if (const auto status = child.wait(100ms)) {
      out.status = *status;
      break;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      out.status = child.kill();
      out.timed_out = true;
      break;
    }
    if (command == "run") nudge();
  }
  out.out = child.out();
  out.err = child.err();
  return out;
}

finished_process pipeline_fixture::catch_up() const {
  auto run = leat("run", {"--until", "caught-up"});
  EXPECT_FALSE(run.timed_out) << run.err;
  EXPECT_EQ(run.status.code, 0) << run.err;
  return run;
}

void pipeline_fixture::run_shipped(const std::string& name, const std::string& sink,
                                   const std::map<std::string, std::string>& environment) const {
  const auto file = std::filesystem::path(LEAT_SOURCE_DIRECTORY) / "configs" / name;
  const auto run =
      leat_on(file, "run",
              {"--until", "caught-up", "--set", "source.url=" + server().url(source_database),
               "--set", "sink." + sink + ".path=" + lite_path().string(), "--set",
               "pipeline.state=" + state_path().string(), "--set", "checkpoint.interval=50ms"},
              environment);
  EXPECT_FALSE(run.timed_out) << run.err;
  EXPECT_EQ(run.status.code, 0) << run.err;
}

void pipeline_fixture::launch(const std::map<std::string, std::string>& environment) {
  auto o = options(environment);
  o.err = directory_ / ("log-" + std::to_string(++runs_));
  running_ =
      std::make_unique<process>(std::vector<std::string>{leat_binary(), "run", write_file()}, o);
}

void pipeline_fixture::start(const std::map<std::string, std::string>& environment) {
  launch(environment);
  wait_until("the pipeline does not start", [&] {
    return !running_->running() || status().find(R"("state":"running")") != std::string::npos;
  });
}

void pipeline_fixture::wait_until_caught_up() {
  const auto target = lsn_of(source_value("SELECT pg_current_wal_insert_lsn()"));
  wait_until("the pipeline does not catch up", [&] {
    nudge();
    if (!running_->running()) {
      ADD_FAILURE() << "the pipeline ended";
      return true;
    }
    const auto text_now = status();
    if (text_now.empty()) return false;
    const auto now = nlohmann::json::parse(text_now);
    return now.at("state") == "running" && settled(now)
           && lsn_of(now.at("confirmed_lsn").get<std::string>()) >= target;
  });
}

finished_process pipeline_fixture::wait_until_ended() {
  finished_process out;
  const auto ended = running_->wait(limit());
  out.timed_out = !ended;
  out.status = ended ? *ended : running_->kill();
  running_.reset();
  out.err = log();
  EXPECT_FALSE(out.timed_out) << out.err;
  return out;
}

void pipeline_fixture::stop() {
  running_->signal(SIGTERM);
  EXPECT_EQ(wait_until_ended().status.code, 0) << log();
}

void pipeline_fixture::kill() {
  running_->kill();
  running_.reset();
}

void pipeline_fixture::signal(int number) const { running_->signal(number); }

void pipeline_fixture::nap() { std::this_thread::sleep_for(20ms); }

/// An idle server writes what a snapshot has seen only after up to 15 s; a commit makes it.
void pipeline_fixture::nudge() const {
  source("SELECT pg_logical_emit_message(true, 'nudge', '')");
}

std::string pipeline_fixture::status() const {
  const auto shown =
      run({leat_binary(), "status", directory_ / "shop.toml", "--json"}, options({}));
  if (shown.status.code != 0) return "";
  const auto parsed = nlohmann::json::parse(shown.out, nullptr, false);
  return parsed.is_discarded() ? "" : parsed.dump();
}

std::string pipeline_fixture::log() const {
  return read_file(directory_ / ("log-" + std::to_string(runs_)));
}

text_rows pipeline_fixture::lite(const std::string& sql) const {
  return sorted(sqlite_reader(lite_path()).query(sql));
}

text_rows pipeline_fixture::pg(const std::string& sql) const {
  return sorted(server().query(sql, target_database));
}

std::vector<std::string> pipeline_fixture::source_columns(const std::string& table) const {
  return first_column(source_rows("SELECT attname FROM pg_attribute WHERE attrelid = '"
                                  + quoted(table)
                                  + "'::regclass AND attnum > 0 AND NOT attisdropped"
                                    " ORDER BY attname COLLATE \"C\""));
}

std::vector<std::string> pipeline_fixture::lite_columns(const std::string& table) const {
  return first_column(lite("SELECT name FROM pragma_table_info('" + table + "') ORDER BY name"));
}

std::vector<std::string> pipeline_fixture::pg_columns(const std::string& table) const {
  return first_column(pg("SELECT attname FROM pg_attribute WHERE attrelid = '" + quoted(table)
                         + "'::regclass AND attnum > 0 AND NOT attisdropped"));
}

void pipeline_fixture::expect_same(const std::string& table, const std::string& target) const {
  expect_same_at_lite(table, target);
  expect_same_at_pg(table, target);
}

void pipeline_fixture::expect_same_at_lite(const std::string& table,
                                           const std::string& target) const {
  const auto columns = source_columns(table);
  ASSERT_EQ(lite_columns(target), columns) << log();
  const auto list = quoted(columns) + " FROM ";
  EXPECT_EQ(lite("SELECT " + list + quoted(target)),
            sorted(source_rows("SELECT " + list + quoted(table))))
      << table << " differs at sqlite\n"
      << log();
}

void pipeline_fixture::expect_same_at_pg(const std::string& table,
                                         const std::string& target) const {
  const auto columns = source_columns(table);
  ASSERT_EQ(pg_columns(target), columns) << log();
  const auto list = quoted(columns) + " FROM ";
  EXPECT_EQ(pg("SELECT " + list + quoted(target)),
            sorted(source_rows("SELECT " + list + quoted(table))))
      << table << " differs at postgres\n"
      << log();
}

void pipeline_fixture::expect_select(const std::string& sql, const std::string& target,
                                     const std::string& columns) const {
  const auto wanted = sorted(source_rows(sql));
  const auto found = lite("SELECT " + columns + " FROM " + target);
  EXPECT_TRUE(found == wanted) << sql << ": " << found.size() << " rows, not " << wanted.size()
                               << "\n"
                               << log();
}

} // namespace leat::test
