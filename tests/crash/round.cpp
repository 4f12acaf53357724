#include "tests/crash/round.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <utility>

#include "tests/crash/comparison.hpp"
#include "tests/crash/observer.hpp"
#include "tests/crash/shaped_routes.hpp"
#include "tests/crash/starrocks_target.hpp"

namespace leat::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* database = "torture";

using targets = std::vector<std::unique_ptr<target>>;

std::string quoted(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

void write_pipeline(const fs::path& directory, const pg_server& source, const targets& sinks,
                    const std::set<std::string>& without, const std::string& plugins, dice& dice) {
  std::string excluded;
  for (const auto& table : without) excluded += fmt::format(", '!public.{}'", quoted(table));
  // The catalog is looked at every thirty epochs: a short one lets late tables join.
  const int interval = dice.between(20, dice.chance(0.6) ? 35 : 200);
  int slowness = 1;
  for (const auto& sink : sinks) slowness = std::max(slowness, sink->slowness());
  // An epoch costs a slow target its time however short it is: with larger chunks the snapshot ends
  // while there still is trouble.
  const int longer = std::min(slowness, 2);
  std::ofstream file(directory / "shop.toml");
  file << fmt::format(R"([pipeline]
name = "torture"
state = "{}"
[checkpoint]
interval = "{}ms"
[limits]
memory = "{}MiB"
[source]
connector = "postgres"
url = "{}"
tables = ["public.*"{}]
[source.snapshot]
chunk_rows = {}
readers = {}
[log]
level = "debug"
)",
                      (directory / "state").string(), interval * longer,
                      dice.pick<int>({64, 128, 256}), source.url(database), excluded,
                      dice.between(15, 300) * slowness * longer, dice.between(1, 3));
  file << shaped_transforms(plugins);
  for (const auto& sink : sinks) {
    file << "[sink." << sink->name() << "]\n" << sink->options();
    const auto route = [&](const std::string& from, const std::string& rest) {
      file << fmt::format("[[route]]\nsink = \"{}\"\nfrom = [{}]\n{}\n", sink->name(), from, rest);
    };
    std::vector<std::string> tables{"'public.late_*'"};
    for (const auto& table : workload_tables()) {
      if (without.contains(table.name) || !sink->takes(table)) continue;
      if (table.name.starts_with("late_")) continue;
      const auto pattern = fmt::format("'public.{}'", quoted(table.name));
      if (sink->name_of(table) == table.name)
        tables.push_back(pattern);
      else
        route(pattern, fmt::format("to = \"{}\"", sink->name_of(table)));
    }
    route(fmt::format("{}", fmt::join(tables, ", ")), "");
    route("\"public.ledger\"", "to = \"ledger_log\"\nmode = \"append\"");
    route("\"public.keyed\"", "to = \"keyed_soft\"\ndelete = \"soft\"");
    for (const auto& shaped : shaped_routes(without)) {
      std::string from;
      for (const auto& table : shaped.tables)
        from += fmt::format("{}\"public.{}\"", from.empty() ? "" : ", ", table);
      route(from, fmt::format("to = \"{}\"\n{}", shaped.target, shaped.lines));
    }
  }
}

class round {
 public:
  round(const round_options& options, pg_server& source, const target_servers& servers,
        const fs::path& directory)
      : options_(options), source_(source), directory_(directory), dice_(options.seed),
        log_(directory / "actions.log"),
        truncates_(dice_.chance(0.5) || !is_starrocks(options.second)),
        workload_(source, database, options.seed,
                  {.truncates = truncates_, .slowness = is_starrocks(options.second) ? 4 : 1}),
        leat_(options.leat, directory, log_) {
    source_.create_database(database);
    sinks_.push_back(make_sqlite_target("one", directory / "one.db"));
    sinks_.push_back(second(servers));
    write_pipeline(directory, source, sinks_, options.without, options.plugins, dice_);
  }

  void explain() const {
    for (const auto& sink : sinks_) sink->explain(directory_);
  }

  round_report run() {
    round_times times;
    workload_.fill();
    for (const auto& sink : sinks_)
      observers_.push_back(std::make_unique<observer>(*sink, promised(*sink)));
    for (const auto& observer : observers_) observer->start();
    times.making = lap();
    workload_.start();
    trouble();
    workload_.stop();
    log_.add(fmt::format("workload: stopped, {} transactions, {} refused", workload_.committed(),
                         workload_.refused()));
    if (workload_.committed() < 20) throw torture_failure("the workload did not get through");
    times.trouble = lap();
    catch_up();
    times.catching_up = lap();
    auto report = compare();
    times.comparing = lap();
    report.times = times;
    return report;
  }

 private:
  /// Seconds since it was last called, or since the round began.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - std::exchange(lap_began_, now);
    return passed.count();
  }

  /// An idle source tells of its position every 15 s alone, which is no part of this test.
  void catch_up() {
    auto session = source_.session(database);
    leat_.catch_up(options_.catch_up, [&] {
      session.execute("SELECT pg_logical_emit_message(true, 'nudge', '')");
      for (const auto& sink : sinks_) sink->attend();
    });
    for (const auto& sink : sinks_) sink->quiet();
  }

  std::unique_ptr<target> second(const target_servers& servers) const {
    switch (options_.second) {
    case second_target::postgres:
      return make_postgres_target("two", *servers.postgres, "copy");
    case second_target::starrocks_epoch:
    case second_target::starrocks_table:
      return make_starrocks_target("two", *servers.starrocks, fmt::format("copy_{}", options_.seed),
                                   options_.second == second_target::starrocks_epoch
                                       ? starrocks_mode::epoch
                                       : starrocks_mode::table,
                                   options_.seed, options_.server_version);
    case second_target::sqlite:
      break;
    }
    return make_sqlite_target("two", directory_ / "two.db");
  }

  /// TRUNCATE is not part of the epoch's transaction at StarRocks.
  promised_cut promised(const target& sink) const {
    const bool apart = truncates_ && is_starrocks(options_.second) && &sink == sinks_.back().get();
    return apart ? promised_cut::each_table : sink.cut();
  }

  void trouble() {
    chaos chaos(leat_, source_, database, sinks_, log_, options_.seed, options_.chaos);
    const auto end = std::chrono::steady_clock::now() + options_.time;
    leat_.start();
    auto next = std::chrono::steady_clock::now() + chaos.pause(options_.time);
    while (std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(10ms);
      watch();
      if (!options_.trouble || std::chrono::steady_clock::now() < next) continue;
      chaos.act();
      next = std::chrono::steady_clock::now() + chaos.pause(options_.time);
    }
    if (!options_.trouble || dice_.chance(0.3)) {
      chaos.calm(); // else it may take its whole ten seconds
      leat_.terminate();
    } else {
      leat_.kill();
    }
    workload_.end();
    chaos.calm();
  }

  void watch() {
    leat_.running();
    for (const auto& sink : sinks_) sink->attend();
    bool all = true;
    for (const auto& observer : observers_) {
      observer->check();
      all = all && observer->has_progress();
    }
    if (all) workload_.slot_is_kept();
  }

  round_report compare() {
    std::vector<std::future<void>> compared;
    for (std::size_t i = 0; i < sinks_.size(); ++i)
      compared.push_back(std::async(std::launch::async, [this, i] { compare(i); }));
    for (auto& each : compared) each.wait();
    for (auto& each : compared) each.get();
    round_report report{.transactions = workload_.committed(), .deaths = leat_.deaths()};
    for (const auto& observer : observers_) report.consistent_reads += observer->consistent_reads();
    for (const auto& sink : sinks_) report.faults += sink->struck();
    return report;
  }

  /// In a thread of each sink.
  void compare(std::size_t i) {
    const auto reader = sinks_[i]->open();
    if (!reader) throw torture_failure(sinks_[i]->name() + " has no progress table");
    wait_until_seen(*observers_[i], *sinks_[i], *reader);
    observers_[i]->stop();
    auto source = source_.session(database);
    compare_with_source(source, *reader, *sinks_[i], options_.without);
  }

  /// caught-up promises `consistent`.
  static void wait_until_seen(const observer& observer, const target& sink, target_reader& reader) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!observer.consistent()) {
      observer.check();
      if (std::chrono::steady_clock::now() > deadline)
        throw torture_failure(
            sink.name() + " is not consistent though leat has caught up: " + progress(reader));
      std::this_thread::sleep_for(10ms);
    }
  }

  static std::string progress(target_reader& reader) {
    const auto row = reader
                         .query("SELECT epoch, commit_lsn, consistent, committed_at FROM "
                                "leat_progress WHERE target = '*'")
                         .at(0);
    return fmt::format("epoch {}, commit_lsn {}, consistent {}, committed at {}",
                       row[0].value_or(""), row[1].value_or(""), row[2].value_or(""),
                       row[3].value_or(""));
  }

  std::chrono::steady_clock::time_point lap_began_ = std::chrono::steady_clock::now();
  const round_options& options_;
  pg_server& source_;
  fs::path directory_;
  dice dice_;
  action_log log_;
  bool truncates_;
  targets sinks_;
  std::vector<std::unique_ptr<observer>> observers_;
  workload workload_;
  leat_process leat_;
};

} // namespace

round_report run_round(const round_options& options, pg_server& source,
                       const target_servers& servers, const fs::path& directory) {
  round one(options, source, servers, directory);
  try {
    const auto report = one.run();
    if (options.keep) one.explain();
    return report;
  } catch (const std::exception&) {
    one.explain();
    throw;
  }
}

} // namespace leat::test
