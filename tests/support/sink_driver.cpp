#include "tests/support/sink_driver.hpp"

namespace leat::test {

const std::optional<target_progress>& sink_driver::open(std::unique_ptr<sink> fresh,
                                                        const sink_resources* resources) {
  close();
  opened_with.reset();
  held = {};
  sink_ = std::move(fresh);
  opened_with = sink_->open();
  if (resources != nullptr) sink_->use(*resources);
  if (opened_with) held = *opened_with;
  return opened_with;
}

void sink_driver::close() {
  writer_ = nullptr;
  sink_.reset();
}

void sink_driver::attach(route_ptr r) {
  attached_ = std::move(r);
  writer_ = &sink_->attach(attached_);
}

void sink_driver::change_schema(route_ptr after) {
  writer_->flush();
  attached_ = std::move(after);
  writer_->change_schema(attached_);
}

void sink_driver::write(const batch_ptr& rows) { writer_->write(rows, all_changes(*rows)); }

target_progress sink_driver::progress(epoch_id epoch, bool consistent) const {
  auto p = held;
  p.pipeline_id = "id-of-shop";
  p.epoch = epoch;
  p.position = commit_lsn{epoch * 100};
  p.consistent = consistent;
  return p;
}

std::vector<std::vector<std::string>> sink_driver::commit(epoch_id epoch, bool consistent) {
  std::vector<std::vector<std::string>> keys;
  for (auto& [id, lost] : sink_->prepare())
    keys.insert(keys.end(), lost.keys.begin(), lost.keys.end());
  const auto next = progress(epoch, consistent);
  sink_->commit(next);
  held = next;
  return keys;
}

} // namespace leat::test
