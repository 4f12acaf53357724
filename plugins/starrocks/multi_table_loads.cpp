#include <set>

#include "dataflow/crash_point.hpp"
#include "plugins/starrocks/epoch_loads.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/label_sequence.hpp"

namespace leat::starrocks {

namespace {

class multi_table_loads final : public epoch_loads {
 public:
  multi_table_loads(load_api& api, progress_record& record, std::string pipeline)
      : api_(api), record_(record), labels_(api, record, std::move(pipeline), {}) {}

  /// Whether a commit had come through is what the progress row says: it was part of it.
  std::optional<target_progress> recover() override {
    std::optional<target_progress> found;
    // A commit that came through moves the row, and others may continue from there.
    while (labels_.end_all()) {
      const auto before = record_.base();
      found = record_.read();
      if (record_.base() == before) break;
    }
    return found;
  }

  void load(const std::string& table, const load_api::header_lines& headers,
            std::string_view body) override {
    if (!open_) open_.emplace(labels_.begin());
    crash_point("starrocks_load");
    open_->load(table, headers, body);
    tables_.insert(table);
  }

  bool has(const std::string& table) const override { return tables_.contains(table); }

  void drain(const std::string& table) override {
    if (!has(table)) return;
    record_.check_fence();
    const auto name = open_->name().label;
    const auto outcome = open_->commit();
    close();
    if (outcome != commit_outcome::visible)
      retry_later("a load was lost before a statement (label " + name + ")", api_.database());
  }

  void prepare() override {}

  void commit(const target_progress& next) override {
    for (const auto& part : record_.load_rows(next))
      load(part.table, progress_record::load_headers(), part.body);
    record_.check_fence();
    const auto name = open_->name().label;
    const auto outcome = open_->commit();
    close();
    if (outcome == commit_outcome::forgotten && is_there(next)) return record_.written(next);
    if (outcome != commit_outcome::visible)
      retry_later("the load of an epoch was lost (label " + name + ")", api_.database());
    record_.written(next);
  }

 private:
  void close() {
    open_.reset();
    tables_.clear();
  }

  bool is_there(const target_progress& next) {
    const auto found = record_.read();
    return found && found->epoch == next.epoch && found->pipeline_id == next.pipeline_id;
  }

  load_api& api_;
  progress_record& record_;
  label_sequence labels_;
  std::optional<load_transaction> open_;
  std::set<std::string> tables_;
};

} // namespace

std::unique_ptr<epoch_loads> make_epoch_loads(load_api& api, progress_record& record,
                                              std::string pipeline) {
  return std::make_unique<multi_table_loads>(api, record, std::move(pipeline));
}

} // namespace leat::starrocks
