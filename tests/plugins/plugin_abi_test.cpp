#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

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

} // namespace
} // namespace leat::test
