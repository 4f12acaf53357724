#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/sink.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// A sink with one route, driven as the engine drives it. Errors of the sink come through.
class sink_driver {
 public:
  sink_driver() = default;
  explicit sink_driver(std::unique_ptr<sink> fresh) { open(std::move(fresh)); }

  /// As after a crash: the sink before is thrown away. Gives the progress record that it found.
  const std::optional<target_progress>& open(std::unique_ptr<sink> fresh,
                                             const sink_resources* resources = nullptr);
  void close();

  void attach(route_ptr r);
  void attach(route r) { attach(share(std::move(r))); }
  void change_schema(route_ptr after);
  void change_schema(route after) { change_schema(share(std::move(after))); }

  /// Changes of the attached route's table.
  batch_builder changes() const { return batch_builder(attached_->schema); }
  void write(const batch_ptr& rows);
  void write(batch_builder builder) { write(builder.build()); }
  void flush() { writer_->flush(); }

  /// The record to commit as `epoch`, up to commit `epoch` * 100.
  target_progress progress(epoch_id epoch, bool consistent = true) const;
  /// Ends an epoch; gives the keys of the missing rows.
  std::vector<std::vector<std::string>> commit(epoch_id epoch, bool consistent = true);
  std::vector<std::vector<std::string>> commit_next(bool consistent = true) {
    return commit(held.epoch + 1, consistent);
  }

  sink& target() { return *sink_; }
  writer& route_writer() { return *writer_; }
  const route_ptr& attached() const { return attached_; }

  std::optional<target_progress> opened_with; ///< by the last open()
  target_progress held;                       ///< what the target holds; commits are made from it

 private:
  std::unique_ptr<sink> sink_;
  writer* writer_ = nullptr;
  route_ptr attached_;
};

} // namespace leat::test
