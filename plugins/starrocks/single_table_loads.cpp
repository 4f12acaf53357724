#include <algorithm>
#include <utility>

#include "dataflow/crash_point.hpp"
#include "dataflow/progress_names.hpp"
#include "plugins/starrocks/epoch_loads.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

/// The loads of an epoch are prepared one by one; a row with the next progress and their labels
/// then decides that all of them are to be committed, and goes when they are.
class single_table_loads final : public epoch_loads {
 public:
  explicit single_table_loads(load_services& services)
      : services_(services), record_(services.record) {}

  std::optional<target_progress> recover() override {
    auto found = finish_pending();
    for (const auto& [target, kept] : record_.tables())
      for (const auto& table : {std::string(target_of_record(target)), record_.seen_table(target)})
        labels_of(table).end_all();
    if (services_.letters) labels_of(services_.letters->table()).end_all();
    // Without an epoch that is whole, some of its loads may be there.
    if (!found && record_.find_pending_chunks()) found = record_.read();
    return found;
  }

  void load(const std::string& table, load_piece rows) override {
    record_.settle_for_rows();
    lane_of(table).load(table, std::move(rows));
  }

  void end_chunk(ended_chunk chunk) override { chunks_.push_back(std::move(chunk)); }

  void bury(const std::string& note, const std::string& reason) override {
    auto& letters = *services_.letters;
    letters.add(note, reason);
    if (letters.bytes() > services_.bytes / 4) load(letters.table(), letters.take());
  }

  bool has(const std::string& table) const override {
    const auto t = lanes_.find(table);
    return t != lanes_.end() && t->second->has(table);
  }

  void drain(const std::string& table) override {
    if (!has(table)) return;
    record_.check_fence();
    auto& lane = *lanes_.at(table);
    prepare(lane);
    if (!lane.is_open()) return lane.close();
    record_.go_ahead();
    const bool ends = std::any_of(chunks_.begin(), chunks_.end(),
                                  [&](const ended_chunk& c) { return c.table == table; });
    if (ends) record_.write_pending(chunks_);
    lane.commit_soon();
    end_commit(lane, "a load was lost before a statement");
    crash_point("starrocks_drained");
  }

  void prepare() override {
    for (auto& [table, lane] : lanes_)
      if (!is_of_letters(table)) lane->prepare_soon();
    for (auto& [table, lane] : lanes_)
      if (!is_of_letters(table)) prepare(*lane);
    if (!services_.letters) return;
    // Those of rows that the server has refused just now among them.
    auto& letters = *services_.letters;
    if (!letters.empty()) load(letters.table(), letters.take());
    prepare(lane_of(letters.table()));
  }

  void commit(const target_progress& next) override {
    prepare();
    record_.check_fence();
    pending_epoch epoch{next, {}, std::exchange(chunks_, {})};
    for (const auto& [table, lane] : lanes_)
      if (lane->is_open()) epoch.loads.push_back(lane->name());
    if (!epoch.loads.empty()) record_.write_pending(epoch);
    crash_point("starrocks_decided");
    for (auto& [table, lane] : lanes_)
      if (lane->is_open()) lane->commit_soon();
    for (auto& [table, lane] : lanes_)
      if (lane->is_open()) end_commit(*lane, "the load of a table was lost");
    record_.write(next);
    record_.written(next);
  }

 private:
  label_sequence& labels_of(const std::string& table) { return lane_of(table).labels(); }

  load_lane& lane_of(const std::string& table) {
    auto& lane = lanes_[table];
    if (!lane)
      lane = std::make_unique<load_lane>(
          services_, label_sequence(services_.api, record_, services_.pipeline, table),
          [this](const std::string& t) -> label_sequence& { return labels_of(t); });
    return *lane;
  }

  bool is_of_letters(const std::string& table) const {
    return services_.letters && services_.letters->table() == table;
  }

  static void prepare(load_lane& lane) {
    if (!lane.is_open() || lane.is_prepared()) return;
    lane.prepare();
    crash_point("starrocks_prepared");
  }

  void end_commit(load_lane& lane, const char* otherwise) {
    if (lane.end_commit() != commit_outcome::visible)
      retry_later(std::string(otherwise) + " (label " + lane.name().label + ")",
                  services_.api.database());
    lane.close();
    crash_point("starrocks_table_committed");
  }

  /// Commits what was decided. When a load of it is lost, the epoch is repeated from the one
  /// before, which brings every row again.
  std::optional<target_progress> finish_pending() {
    const auto pending = record_.pending();
    if (!pending) return std::nullopt;
    bool whole = true;
    for (const auto& name : pending->loads) {
      load_transaction load(services_.api, name, name.table);
      whole = load.finish() == commit_outcome::visible && whole;
    }
    if (!whole) {
      record_.go_ahead(pending->next.position);
      return std::nullopt;
    }
    record_.write(pending->next);
    return record_.read();
  }

  load_services& services_;
  progress_record& record_;
  std::map<std::string, std::unique_ptr<load_lane>> lanes_;
  std::vector<ended_chunk> chunks_; ///< of the open epoch
};

} // namespace

std::unique_ptr<epoch_loads> make_table_loads(load_services& services) {
  return std::make_unique<single_table_loads>(services);
}

} // namespace leat::starrocks
