#include <utility>

#include "dataflow/crash_point.hpp"
#include "dataflow/progress_names.hpp"
#include "plugins/starrocks/epoch_loads.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

class multi_table_loads final : public epoch_loads {
 public:
  explicit multi_table_loads(load_services& services)
      : services_(services), record_(services.record),
        lane_(services, {services.api, services.record, services.pipeline, {}},
              [this](const std::string& table) -> label_sequence& { return tests_of(table); }) {}

  /// Whether a commit had come through is what the progress row says: it was part of it.
  std::optional<target_progress> recover() override {
    std::optional<target_progress> found;
    // A commit that came through moves the row, and others may continue from there.
    while (lane_.labels().end_all()) {
      const auto before = record_.base();
      record_.see_commits();
      found = record_.read();
      if (record_.base() == before) break;
    }
    if (services_.letters)
      for (const auto& [target, kept] : record_.tables())
        tests_of(std::string(target_of_record(target))).end_all();
    return found;
  }

  void load(const std::string& table, load_piece rows) override {
    record_.settle_for_rows();
    lane_.load(table, std::move(rows));
  }

  void end_chunk(ended_chunk chunk) override { chunks_.push_back(std::move(chunk)); }

  void bury(const std::string& note, const std::string& reason) override {
    auto& letters = *services_.letters;
    letters.add(note, reason);
    if (letters.bytes() > services_.bytes / 4) send_letters();
  }

  bool has(const std::string& table) const override { return lane_.has(table); }

  void drain(const std::string& table) override {
    if (!has(table)) return;
    record_.check_fence();
    record_.go_ahead();
    send_letters();
    auto outcome = commit_outcome::visible;
    std::string name;
    lane_.finish(
        [&](load_transaction& open) {
          send(open, record_.load_rows(chunks_));
          record_.check_fence();
          name = open.name().label;
          outcome = open.commit();
        },
        false);
    lane_.close();
    if (outcome != commit_outcome::visible)
      retry_later("a load was lost before a statement (label " + name + ")",
                  services_.api.database());
    record_.chunks_written(std::exchange(chunks_, {}));
    crash_point("starrocks_drained");
  }

  /// How long the rows take is no part of how long a commit takes.
  void prepare() override { lane_.wait(); }

  void commit(const target_progress& next) override {
    send_letters();
    auto outcome = commit_outcome::visible;
    std::string name;
    lane_.finish(
        [&](load_transaction& open) {
          send(open, record_.load_rows(next));
          record_.check_fence();
          name = open.name().label;
          outcome = open.commit();
        },
        true);
    lane_.close();
    chunks_.clear();
    if (outcome == commit_outcome::forgotten && is_there(next)) return record_.written(next);
    if (outcome != commit_outcome::visible)
      retry_later("the load of an epoch was lost (label " + name + ")", services_.api.database());
    record_.written(next);
  }

 private:
  static void send(load_transaction& open, const std::vector<progress_record::record_rows>& rows) {
    for (const auto& part : rows) {
      crash_point("starrocks_load");
      open.load(part.table, progress_record::load_headers(), part.body);
    }
  }

  void send_letters() {
    if (services_.letters && !services_.letters->empty())
      load(services_.letters->table(), services_.letters->take());
  }

  bool is_there(const target_progress& next) {
    const auto found = record_.read();
    return found && found->epoch == next.epoch && found->pipeline_id == next.pipeline_id;
  }

  label_sequence& tests_of(const std::string& table) {
    return tests_.try_emplace(table, services_.api, record_, services_.pipeline, table)
        .first->second;
  }

  load_services& services_;
  progress_record& record_;
  std::map<std::string, label_sequence> tests_;
  load_lane lane_;
  std::vector<ended_chunk> chunks_; ///< since the last commit
};

} // namespace

std::unique_ptr<epoch_loads> make_epoch_loads(load_services& services) {
  return std::make_unique<multi_table_loads>(services);
}

} // namespace leat::starrocks
