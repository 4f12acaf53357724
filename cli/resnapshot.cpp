#include <cstdio>
#include <filesystem>

#include "actors/connectors.hpp"
#include "actors/status_server.hpp"
#include "cli/commands.hpp"
#include "dataflow/error.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/table_pattern.hpp"
#include "state/checkpoint_store.hpp"

namespace leat::cli {

namespace {

[[noreturn]] void throw_unknown(const pipeline_file& file, const std::string& table) {
  throw error(error_kind::usage, "the pipeline has no table " + table, file.path.string(),
              "name it as schema.table; `leat status` lists them");
}

/// The table as the newest checkpoint knows it.
oid find_table(const state_store& state, const pipeline_file& file, const std::string& name) {
  const auto epochs = state.epochs();
  const auto newest = epochs.empty() ? std::nullopt : state.load(epochs.back());
  if (newest)
    for (const auto& [id, schema] : newest->schemas)
      if (schema->qualified_name() == name || schema->qualified_name() == named_table(name))
        return id;
  throw_unknown(file, name);
}

void resnapshot_at_next_run(const pipeline_file& file, const std::string& table) {
  if (!std::filesystem::exists(file.state))
    throw error(error_kind::state, "the pipeline has never run", "state " + file.state.string(),
                "start it with `leat run`: its tables are read then");
  const auto state = open_state(file.state, false);
  state->ask_resnapshot(find_table(*state, file, table));
  std::printf("%s: is read anew at the next run\n", table.c_str());
}

} // namespace

int resnapshot(const common_options& o) {
  const auto file = load_checked_file(o.file, o.settings);
  for (const auto& table : o.tables) {
    const auto known = ask_resnapshot(file.state, file.http_listen, table);
    if (!known) {
      resnapshot_at_next_run(file, table);
      continue;
    }
    if (!*known) throw_unknown(file, table);
    std::printf("%s: is read anew under the stream\n", table.c_str());
  }
  return 0;
}

} // namespace leat::cli
