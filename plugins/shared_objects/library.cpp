#include "plugins/shared_objects/library.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "dataflow/error.hpp"

namespace leat::shared_objects {

namespace {

/// What a table of revision 1 must have.
constexpr std::size_t least_size = offsetof(leat_plugin, destroy) + sizeof(leat_plugin::destroy);

constexpr const char* rebuild = "build the plugin with the leat/plugin.h of this leat";

bool is_name(const char* text) {
  if (text == nullptr || *text == '\0') return false;
  return std::all_of(text, text + std::strlen(text), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string last_load_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "unknown reason" : text;
}

/// What the plugin says of the revisions behind `own`, for the message that refuses it.
std::string what_is_lacking(const leat_plugin& p, std::uint32_t own) {
  std::string out;
  if (p.revisions == nullptr) return out;
  for (auto r = own; r < std::min(p.needs, p.revision); ++r)
    if (p.revisions[r] != nullptr)
      out += (out.empty() ? "" : "; ") + std::string(p.revisions[r]) + " (revision "
             + std::to_string(r + 1) + ")";
  return out;
}

} // namespace

library::library(const std::filesystem::path& path, const leat_host& host,
                 std::chrono::milliseconds limit, const overdue_handler& overdue)
    : path_(path), name_(path.filename().string()) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path_, failed))
    refuse("there is no such file: " + path_.string(),
           "build the plugin, or correct the path; relative ones start at the pipeline file's "
           "directory");
  call_watch watch(label(), limit, overdue);
  void* object = nullptr;
  void* symbol = nullptr;
  {
    const call_watch::call loading(watch, "load");
    object = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  }
  if (object == nullptr)
    refuse("it cannot be loaded: " + last_load_error(),
           "build it as a shared object for this machine, linked with everything that it calls");
  symbol = ::dlsym(object, "leat_plugin_entry");
  if (symbol == nullptr)
    refuse("it is no plugin of leat: it exports no leat_plugin_entry",
           "export the function that leat/plugin.h declares, with C linkage");
  leat_plugin_entry_function entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof entry);
  const leat_plugin* table = nullptr;
  try {
    const call_watch::call entering(watch, "leat_plugin_entry");
    table = entry(&host);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& e) {
    refuse("leat_plugin_entry threw an exception: " + std::string(e.what()),
           "exceptions must not leave a plugin: catch them in it");
  } catch (...) {
    refuse("leat_plugin_entry threw an exception",
           "exceptions must not leave a plugin: catch them in it");
  }
  look_through(table, host);
}

std::string library::label() const { return "plugin \"" + name_ + "\" (" + path_.string() + ")"; }

void library::refuse(const std::string& what, const std::string& remedy) const {
  throw error(error_kind::usage, label() + ": " + what, "plugin", remedy);
}

void library::look_through(const leat_plugin* given, const leat_host& host) {
  if (given == nullptr)
    refuse("leat_plugin_entry gave no table", "ask its author, or take another version of it");
  if (given->abi != host.abi)
    refuse("it is made for version " + std::to_string(given->abi)
               + " of the plugin interface, and this leat has version " + std::to_string(host.abi),
           rebuild);
  if (given->size < least_size || given->revision == 0)
    refuse("its table has " + std::to_string(given->size)
               + " bytes, fewer than any version of leat "
               + "has used: size or revision is not set",
           "set size to sizeof(leat_plugin), and revision to LEAT_PLUGIN_REVISION");
  if (is_name(given->name)) name_ = given->name;
  if (given->needs > host.revision) {
    const auto lacking = what_is_lacking(*given, host.revision);
    refuse("it needs revision " + std::to_string(given->needs)
               + " of the plugin interface, and this leat has revision "
               + std::to_string(host.revision)
               + (lacking.empty() ? "" : "; what is lacking: " + lacking),
           "update leat, or take an older version of the plugin");
  }
  std::memcpy(&table_, given, std::min(given->size, sizeof table_));
  if (!is_name(given->name))
    refuse("its name is not made of a-z, 0-9 and _", "set `name` in its table");
  if (table_.version == nullptr || *table_.version == '\0')
    refuse("it gives no version", "set `version` in its table");
  version_ = table_.version;
  if (table_.create == nullptr || table_.process == nullptr || table_.destroy == nullptr)
    refuse("create, process or destroy is missing", "set all three in its table");
  read_options();
}

void library::read_options() {
  if (table_.option_count == 0) return;
  if (table_.options == nullptr || table_.option_size < sizeof(leat_option))
    refuse("its options are not there", "set options, option_count and option_size in its table");
  const auto* at = reinterpret_cast<const char*>(table_.options);
  for (std::uint32_t i = 0; i < table_.option_count; ++i, at += table_.option_size) {
    leat_option o{};
    std::memcpy(&o, at, sizeof o);
    if (!is_name(o.name) || o.kind > LEAT_OPTION_ANY)
      refuse("its option number " + std::to_string(i)
                 + " has no name of a-z, 0-9 and _, or no kind",
             "correct its options");
    options_.push_back({o.name, o.kind, o.required != 0});
  }
}

} // namespace leat::shared_objects
