#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/transform.hpp"
#include "plugins/shared_objects/host.hpp"
#include "plugins/shared_objects/schema_view.hpp"

namespace leat::shared_objects {

/// A plugin's section of the pipeline file, checked. Shared by the instances that it leads to.
struct plugin_section {
  plugin_section(const transform_options&, overdue_handler);

  void fill(call_context&) const;

  std::string name; ///< NAME of [transform.NAME]
  std::string json; ///< its options
  std::string directory;
  std::chrono::milliseconds timeout;
  overdue_handler overdue;
  library object;
  std::map<std::string, std::string> values;
};

/// An instance of a plugin in one route.
class running_plugin : public transform {
 public:
  running_plugin(std::shared_ptr<const plugin_section>, const transform_place&);
  ~running_plugin() override;

  void apply(batch& rows) override;
  void flush(batch& rows) override;

 private:
  void show(const batch& rows);
  void leave(batch& rows);
  void reject(const batch& rows, std::uint32_t i, const std::string& why);
  void ask(const batch& rows, std::uint32_t i) const;
  const change& change_of(const batch& rows, std::uint32_t i) const;

  std::shared_ptr<const plugin_section> section_;
  transform_place place_;
  schema_view input_;
  schema_view output_;
  plugin_calls calls_;
  emitted_rows emitted_;
  call_context context_{};
  std::vector<leat_change> shown_;
  /// Columns of the input that are passed on as the output's key; empty: the plugin makes the key.
  std::vector<std::uint16_t> passed_key_;
  void* instance_ = nullptr;
};

} // namespace leat::shared_objects
