#include "plugins/shared_objects/host.hpp"

#include <cxxabi.h>

#include <cstdio>

#include "dataflow/error.hpp"

namespace leat::shared_objects {

namespace {

const char* name_of(phase p) {
  switch (p) {
  case phase::none:
    return "no call";
  case phase::describe:
    return "describe";
  case phase::create:
    return "create";
  case phase::process:
    return "process";
  case phase::flush:
    return "flush";
  }
  return "no call";
}

call_context& context_of(leat_context* c) { return *static_cast<call_context*>(c); }

[[noreturn]] void out_of_place(const call_context& c, const char* function) {
  throw std::string("it calls ") + function + "() in " + name_of(c.now)
      + "(), where that is not allowed";
}

void want(bool holds, const call_context& c, const char* function) {
  if (!holds) [[unlikely]]
    out_of_place(c, function);
}

/// Runs what a function of leat_host does; a failure waits until the call comes back, since nothing
/// may be thrown through the plugin.
template <class Body>
int guarded(leat_context* context, Body&& body) {
  auto& c = context_of(context);
  if (c.failure) return -1;
  try {
    return body(c);
  } catch (...) {
    c.failure = std::current_exception();
    return -1;
  }
}

std::string_view bytes(const void* data, size_t size) {
  if (size == 0) return {};
  return {static_cast<const char*>(data), size};
}

bool in_rows(const call_context& c) { return c.now == phase::process || c.now == phase::flush; }

keyed_state& state_of(call_context& c, const char* function) {
  want(in_rows(c), c, function);
  if (c.state == nullptr)
    throw std::string("it calls ") + function + "(), and its table does not say LEAT_KEEPS_STATE";
  return *c.state;
}

void fail(leat_context* context, const char* message) {
  guarded(context, [&](call_context& c) {
    c.message = message == nullptr ? "" : message;
    return 0;
  });
}

const char* option(leat_context* context, const char* name) {
  const auto& values = *context_of(context).values;
  const auto found = values.find(name == nullptr ? "" : name);
  return found == values.end() ? nullptr : found->second.c_str();
}

int pass_column(leat_context* context, uint32_t input) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::describe, c, "pass_column");
    if (input >= c.input->width)
      throw "it passes on column " + std::to_string(input) + ", and its input has "
          + std::to_string(c.input->width);
    c.columns.push_back({input, leat_column_at(c.input, input)->name, {}, true, false});
    return 0;
  });
}

int add_column(leat_context* context, const leat_column* column) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::describe, c, "add_column");
    if (column == nullptr || column->name == nullptr || column->type == nullptr)
      throw std::string("it adds a column without a name or a type");
    c.columns.push_back(
        {std::nullopt, column->name, column->type, column->nullable != 0, column->identity != 0});
    return 0;
  });
}

int set_key(leat_context* context, const uint32_t* columns, uint32_t count) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::describe, c, "set_key");
    c.key.emplace(columns, columns + count);
    return 0;
  });
}

int keep(leat_context* context, uint32_t change) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::process, c, "keep");
    c.emitted->keep(change);
    return 0;
  });
}

int emit(leat_context* context, const leat_emission* e) {
  return guarded(context, [&](call_context& c) {
    want(in_rows(c), c, "emit");
    c.emitted->emit(*e);
    return 0;
  });
}

int reject(leat_context* context, uint32_t change, const char* message) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::process, c, "reject");
    c.reject(change, message == nullptr ? "" : message);
    return 0;
  });
}

int ask(leat_context* context, uint32_t change) {
  return guarded(context, [&](call_context& c) {
    want(c.now == phase::process, c, "ask");
    c.ask(change);
    return 0;
  });
}

int get(leat_context* context, const void* key, size_t key_size, const char** value,
        size_t* value_size) {
  return guarded(context, [&](call_context& c) {
    c.value = state_of(c, "get").get(bytes(key, key_size));
    *value = c.value ? c.value->data() : nullptr;
    *value_size = c.value ? c.value->size() : 0;
    return c.value ? 1 : 0;
  });
}

int put(leat_context* context, const void* key, size_t key_size, const void* value,
        size_t value_size) {
  return guarded(context, [&](call_context& c) {
    state_of(c, "put").put(bytes(key, key_size), bytes(value, value_size));
    return 0;
  });
}

int erase(leat_context* context, const void* key, size_t key_size) {
  return guarded(context, [&](call_context& c) {
    state_of(c, "erase").erase(bytes(key, key_size));
    return 0;
  });
}

int clear(leat_context* context) {
  return guarded(context, [&](call_context& c) {
    state_of(c, "clear").clear();
    return 0;
  });
}

constexpr const char* correct_the_plugin = "correct the plugin, or take it out of the route; "
                                           "nothing is lost: the next run goes on from the "
                                           "last checkpoint";

} // namespace

const leat_host& host() {
  static const leat_host table{LEAT_PLUGIN_ABI,
                               LEAT_PLUGIN_REVISION,
                               sizeof(leat_host),
                               fail,
                               option,
                               pass_column,
                               add_column,
                               set_key,
                               keep,
                               emit,
                               reject,
                               ask,
                               get,
                               put,
                               erase,
                               clear};
  return table;
}

plugin_calls::plugin_calls(const library& l, std::string where, std::chrono::milliseconds limit,
                           const overdue_handler& overdue)
    : library_(l), where_(std::move(where)), watch_(l.label(), limit, overdue) {}

void plugin_calls::fail(const std::string& what, const std::string& remedy) const {
  throw error(error_kind::usage, library_.label() + ": " + what, where_, remedy);
}

template <class Call>
void plugin_calls::run(call_context& c, phase p, const char* name, Call&& call) {
  c.now = p;
  c.message.clear();
  c.failure = nullptr;
  int code = 0;
  constexpr const char* catch_it = "exceptions must not leave a plugin: catch them in it";
  try {
    const call_watch::call watched(watch_, name);
    code = call();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& e) {
    fail(std::string(name) + "() threw an exception across the border: " + e.what(), catch_it);
  } catch (...) {
    fail(std::string(name) + "() threw an exception across the border", catch_it);
  }
  c.now = phase::none;
  try {
    if (c.failure) std::rethrow_exception(c.failure);
  } catch (const std::string& wrong) {
    fail("in " + std::string(name) + "(), " + wrong, correct_the_plugin);
  }
  if (code == 0) return;
  const auto why = c.message.empty() ? " with the code " + std::to_string(code) : ": " + c.message;
  fail(name + ("() failed" + why), p == phase::describe || p == phase::create
                                       ? "correct the transform's options, or the plugin"
                                       : correct_the_plugin);
}

void plugin_calls::describe(call_context& c) {
  const auto& table = library_.table();
  if (table.describe != nullptr)
    run(c, phase::describe, "describe", [&] { return table.describe(&c); });
}

void* plugin_calls::create(call_context& c) {
  void* instance = nullptr;
  try {
    run(c, phase::create, "create", [&] { return library_.table().create(&c, &instance); });
  } catch (...) {
    if (instance != nullptr) destroy(instance);
    throw;
  }
  return instance;
}

void plugin_calls::process(call_context& c, void* instance, const leat_batch& rows) {
  run(c, phase::process, "process", [&] { return library_.table().process(&c, instance, &rows); });
}

void plugin_calls::flush(call_context& c, void* instance) {
  const auto& table = library_.table();
  if (table.flush != nullptr)
    run(c, phase::flush, "flush", [&] { return table.flush(&c, instance); });
}

void plugin_calls::destroy(void* instance) noexcept {
  // Who destroys has another failure to tell of, or none at all.
  try {
    const call_watch::call watched(watch_, "destroy");
    library_.table().destroy(instance);
  } catch (...) {
    std::fprintf(stderr, "leat: warning: %s: destroy() threw an exception across the border\n",
                 library_.label().c_str());
  }
}

} // namespace leat::shared_objects
