#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/keyed_state.hpp"
#include "leat/plugin.h"
#include "plugins/shared_objects/call_watch.hpp"
#include "plugins/shared_objects/emitted_rows.hpp"
#include "plugins/shared_objects/library.hpp"

namespace leat::shared_objects {

/// leat's table for plugins. Its functions never throw: what goes wrong in them is kept in the
/// context, and ends the call whatever the plugin gives.
const leat_host& host();

enum class phase : std::uint8_t { none, describe, create, process, flush };

/// A column that describe() declares.
struct declared_column {
  std::optional<std::uint32_t> input; ///< passed on
  std::string name;
  std::string type;
  bool nullable = true;
  bool identity = false;
};

/// What the functions of leat_host work on: one transform in one route. Used by one thread at a
/// time.
struct call_context : leat_context {
  phase now = phase::none;
  std::string message;        ///< of fail()
  std::exception_ptr failure; ///< of a function of leat_host: the first
  const std::map<std::string, std::string>* values = nullptr; ///< options

  // describe
  std::vector<declared_column> columns;
  std::optional<std::vector<std::uint32_t>> key;

  // process, flush
  emitted_rows* emitted = nullptr;
  keyed_state* state = nullptr;
  std::optional<std::string> value; ///< what get() gave last
  std::function<void(std::uint32_t change)> ask;
  std::function<void(std::uint32_t change, const std::string& why)> reject;
};

/// Makes calls of a plugin, and turns all that can go wrong in them into leat::error.
class plugin_calls {
 public:
  /// `where` is the place of errors.
  plugin_calls(const library&, std::string where, std::chrono::milliseconds limit,
               const overdue_handler&);

  void describe(call_context&);
  void* create(call_context&);
  void process(call_context&, void* instance, const leat_batch&);
  void flush(call_context&, void* instance);
  void destroy(void* instance) noexcept;

  [[noreturn]] void fail(const std::string& what, const std::string& remedy) const;

 private:
  template <class Call>
  void run(call_context&, phase, const char* name, Call&&);

  const library& library_;
  std::string where_;
  call_watch watch_;
};

} // namespace leat::shared_objects
