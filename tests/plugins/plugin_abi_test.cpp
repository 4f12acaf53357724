#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "leat/plugin.h"

// Plugins that were built once have to run for ever: what is in the tables stays where it is, and
// new members come behind. Whoever changes a number here breaks them.

namespace leat::test {
namespace {

static_assert(sizeof(void*) == 8, "the offsets are those of 64-bit machines");

TEST(PluginAbi, TheTableOfAPluginStaysAsItIs) {
  EXPECT_EQ(offsetof(leat_plugin, abi), 0u);
  EXPECT_EQ(offsetof(leat_plugin, revision), 4u);
  EXPECT_EQ(offsetof(leat_plugin, needs), 8u);
  EXPECT_EQ(offsetof(leat_plugin, flags), 12u);
  EXPECT_EQ(offsetof(leat_plugin, size), 16u);
  EXPECT_EQ(offsetof(leat_plugin, revisions), 24u);
  EXPECT_EQ(offsetof(leat_plugin, name), 32u);
  EXPECT_EQ(offsetof(leat_plugin, version), 40u);
  EXPECT_EQ(offsetof(leat_plugin, options), 48u);
  EXPECT_EQ(offsetof(leat_plugin, option_size), 56u);
  EXPECT_EQ(offsetof(leat_plugin, option_count), 64u);
  EXPECT_EQ(offsetof(leat_plugin, describe), 72u);
  EXPECT_EQ(offsetof(leat_plugin, create), 80u);
  EXPECT_EQ(offsetof(leat_plugin, process), 88u);
  EXPECT_EQ(offsetof(leat_plugin, flush), 96u);
  EXPECT_EQ(offsetof(leat_plugin, destroy), 104u);
}

TEST(PluginAbi, TheTableOfLeatStaysAsItIs) {
  EXPECT_EQ(offsetof(leat_host, abi), 0u);
  EXPECT_EQ(offsetof(leat_host, revision), 4u);
  EXPECT_EQ(offsetof(leat_host, size), 8u);
  EXPECT_EQ(offsetof(leat_host, fail), 16u);
  EXPECT_EQ(offsetof(leat_host, option), 24u);
  EXPECT_EQ(offsetof(leat_host, pass_column), 32u);
  EXPECT_EQ(offsetof(leat_host, add_column), 40u);
  EXPECT_EQ(offsetof(leat_host, set_key), 48u);
  EXPECT_EQ(offsetof(leat_host, keep), 56u);
  EXPECT_EQ(offsetof(leat_host, emit), 64u);
  EXPECT_EQ(offsetof(leat_host, reject), 72u);
  EXPECT_EQ(offsetof(leat_host, ask), 80u);
  EXPECT_EQ(offsetof(leat_host, get), 88u);
  EXPECT_EQ(offsetof(leat_host, put), 96u);
  EXPECT_EQ(offsetof(leat_host, erase), 104u);
  EXPECT_EQ(offsetof(leat_host, clear), 112u);
}

TEST(PluginAbi, WhatPassesTheBorderStaysAsItIs) {
  EXPECT_EQ(offsetof(leat_context, output), 48u);
  EXPECT_EQ(offsetof(leat_batch, width), 28u);
  EXPECT_EQ(offsetof(leat_change, xid), 48u);
  EXPECT_EQ(offsetof(leat_column, identity), 32u);
  EXPECT_EQ(offsetof(leat_schema, may_leave_out), 52u);
  // The plugin makes these, and they have no size of their own: they cannot grow.
  EXPECT_EQ(sizeof(leat_cell), 8u);
  EXPECT_EQ(sizeof(leat_value), 16u);
  EXPECT_EQ(sizeof(leat_emission), 32u);
  EXPECT_EQ(LEAT_OTHER, 21);
}

TEST(PluginAbi, ACellOfTheEngineIsOneOfAPlugin) {
  for (const auto s :
       {cell_state::null, cell_state::value, cell_state::unchanged, cell_state::absent})
    for (const std::uint32_t size : {0U, 1U, 77U, (1U << 30) - 1}) {
      cell ours;
      ours.offset = 0xdeadbeef;
      ours.size = size & 0x3fffffffU;
      ours.state_bits = static_cast<std::uint32_t>(s) & 3U;
      leat_cell theirs;
      std::memcpy(&theirs, &ours, sizeof theirs);
      EXPECT_EQ(theirs.offset, 0xdeadbeef);
      EXPECT_EQ(leat_size(theirs), size);
      EXPECT_EQ(leat_state(theirs), static_cast<std::uint32_t>(s));
    }
}

/// What crosses the border in a leat to come: the members that a plugin of today knows, and others
/// behind them.
struct host_to_come : leat_host {
  void (*later[4])(leat_context*);
};
struct context_to_come : leat_context {
  void* later[4];
  std::vector<std::string>* emitted;
};
struct change_to_come : leat_change {
  std::uint64_t later[3];
};
struct column_to_come : leat_column {
  std::uint64_t later[2];
};

int note_emission(leat_context* c, const leat_emission* e) {
  std::string row = std::to_string(e->kind);
  for (std::uint32_t i = 0; i < e->width; ++i)
    row += "|" + std::string(e->new_row[i].data, e->new_row[i].size);
  static_cast<context_to_come*>(c)->emitted->push_back(row);
  return 0;
}

TEST(PluginAbi, APluginOfTodayRunsInALeatToCome) {
  void* const object = ::dlopen(LEAT_EXAMPLE_PLUGINS "/redact.so", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(object, nullptr) << ::dlerror();
  const auto entry =
      reinterpret_cast<leat_plugin_entry_function>(::dlsym(object, "leat_plugin_entry"));
  ASSERT_NE(entry, nullptr);
  host_to_come host{};
  host.abi = LEAT_PLUGIN_ABI;
  host.revision = LEAT_PLUGIN_REVISION + 7;
  host.size = sizeof host;
  host.fail = [](leat_context*, const char* why) { ADD_FAILURE() << why; };
  host.option = [](leat_context*, const char*) { return "phone"; };
  host.emit = note_emission;
  const auto& plugin = *entry(&host);
  EXPECT_LE(plugin.needs, host.revision);

  column_to_come columns[2]{};
  columns[0].name = "id";
  columns[1].name = "phone";
  leat_schema schema{};
  schema.columns = columns;
  schema.column_size = sizeof columns[0];
  schema.width = 2;
  std::vector<std::string> emitted;
  context_to_come context{};
  context.host = &host;
  context.input = context.output = &schema;
  context.emitted = &emitted;
  void* instance = nullptr;
  ASSERT_EQ(plugin.create(&context, &instance), 0);

  const std::string bytes = "1030-52x7";
  const auto at = [](std::uint32_t offset, std::uint32_t size) {
    return leat_cell{offset, size | std::uint32_t{LEAT_VALUE} << 30};
  };
  const leat_cell cells[] = {at(0, 1), at(1, 5), at(6, 1), at(7, 2)};
  change_to_come changes[2]{};
  for (int i = 0; i < 2; ++i) changes[i].new_row = cells + 2 * i, changes[i].kind = LEAT_INSERT;
  leat_batch batch{};
  batch.bytes = bytes.data();
  batch.changes = changes;
  batch.change_size = sizeof changes[0];
  batch.count = 2;
  batch.width = 2;
  EXPECT_EQ(plugin.process(&context, instance, &batch), 0);
  plugin.destroy(instance);
  EXPECT_THAT(emitted, testing::ElementsAre("0|1|###-#", "0|2|x#"));
}

} // namespace
} // namespace leat::test
