#include <set>

#include "dataflow/crash_point.hpp"
#include "plugins/starrocks/epoch_loads.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/label_sequence.hpp"

namespace leat::starrocks {

namespace {

/// The loads of an epoch are prepared one by one; a row with the next progress and their labels then decides
/// that all of them are to be committed, and goes when they are.
class single_table_loads final : public epoch_loads {
 public:
  single_table_loads(load_api& api, progress_record& record, std::string pipeline)
      : api_(api), record_(record), pipeline_(std::move(pipeline)) {}

  std::optional<target_progress> recover() override {
    auto found = finish_pending();
    for (const auto& [target, kept] : record_.tables())
      for (const auto& table : {target, record_.seen_table(target)}) labels_of(table).end_all();
    return found;
  }

  void load(const std::string& table, const load_api::header_lines& headers,
            std::string_view body) override {
    auto& t = tables_[table];
    if (!t.open) t.open.emplace(labels_of(table).begin());
    crash_point("starrocks_load");
    t.open->load(table, headers, body);
    t.prepared = false;
  }

  bool has(const std::string& table) const override {
    const auto t = tables_.find(table);
    return t != tables_.end() && t->second.open;
  }

  void drain(const std::string& table) override {
    if (!has(table)) return;
    record_.check_fence();
    auto& t = tables_[table];
    t.open->prepare();
    const auto name = t.open->name().label;
    const auto outcome = t.open->commit();
    t.open.reset();
    if (outcome != commit_outcome::visible)
      retry_later("a load was lost before a statement (label " + name + ")", api_.database());
  }

  void prepare() override {
    for (auto& [table, t] : tables_) {
      if (!t.open || t.prepared) continue;
      t.open->prepare();
      t.prepared = true;
      crash_point("starrocks_prepared");
    }
  }

  void commit(const target_progress& next) override {
    prepare();
    record_.check_fence();
    pending_epoch epoch{next, {}};
    for (const auto& [table, t] : tables_)
      if (t.open) epoch.loads.push_back(t.open->name());
    if (!epoch.loads.empty()) record_.write_pending(epoch);
    crash_point("starrocks_decided");
    for (auto& [table, t] : tables_) {
      if (!t.open) continue;
      const auto name = t.open->name().label;
      const auto outcome = t.open->commit();
      t.open.reset();
      if (outcome != commit_outcome::visible)
        retry_later("the load of a table was lost (label " + name + ")", api_.database());
      crash_point("starrocks_table_committed");
    }
    record_.write(next);
    record_.written(next);
  }

 private:
  struct table_load {
    std::optional<load_transaction> open;
    bool prepared = false;
  };

  label_sequence& labels_of(const std::string& table) {
    return labels_.try_emplace(table, api_, record_, pipeline_, table).first->second;
  }

  /// Commits what was decided. When a load of it is lost, the epoch is repeated from the one before, which
  /// brings every row again.
  std::optional<target_progress> finish_pending() {
    const auto pending = record_.pending();
    if (!pending) return std::nullopt;
    bool whole = true;
    for (const auto& name : pending->loads) {
      load_transaction load(api_, name, name.table);
      whole = load.finish() == commit_outcome::visible && whole;
    }
    if (!whole) return std::nullopt;
    record_.write(pending->next);
    return record_.read();
  }

  load_api& api_;
  progress_record& record_;
  std::string pipeline_;
  std::map<std::string, label_sequence> labels_;
  std::map<std::string, table_load> tables_;
};

} // namespace

std::unique_ptr<epoch_loads> make_table_loads(load_api& api, progress_record& record,
                                              std::string pipeline) {
  return std::make_unique<single_table_loads>(api, record, std::move(pipeline));
}

} // namespace leat::starrocks
