#include <fstream>
#include <sstream>

#include "tests/plugins/exported_symbols.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/plugins/plugin_page.hpp"

// What an author needs, and what an object shows of itself.

namespace leat::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::filesystem::path root = LEAT_SOURCE_DIRECTORY;

class PluginPages : public plugin_fixture {
 protected:
  std::filesystem::path build(const std::string& file) {
    return build_from_page(file, there.path());
  }

  static schema_ptr visitors() {
    return table("public.people")
        .column("id", value_class::int4)
        .column("name", value_class::text)
        .column("country", value_class::text)
        .key({"id"})
        .build();
  }

  temp_directory there;
};

TEST_F(PluginPages, TheFirstPluginShortensNames) {
  const auto t = make(build("initials.cpp"), R"({"column": "name"})", visitors());
  auto rows = batch_builder(visitors());
  rows.insert({1, "Ada Lovelace", "UK"}).update({2, unchanged, "US"}).remove({1, absent, absent});
  EXPECT_THAT(lines_of(apply(*t, rows)),
              ElementsAre("insert 1|AL|UK", "update 2|?|US", "remove <- 1|-|-"));
}

TEST_F(PluginPages, ThePluginInCDropsRowsAndRemovesThoseThatStopToCount) {
  const auto t = make(build("abroad.c"), "{}", visitors());
  auto rows = batch_builder(visitors());
  rows.insert({1, "Ada", "UK"})
      .insert({2, "Eve", nullptr})
      .update({1, "Ada", nullptr})
      .update({3, absent, absent}, {4, "Bob", nullptr})
      .remove({1, absent, absent})
      .truncate();
  EXPECT_THAT(lines_of(apply(*t, rows)),
              ElementsAre("insert 1|Ada|UK", "remove <- 1|Ada|~", "remove <- 3|-|-",
                          "remove <- 1|-|-", "truncate"));
}

TEST_F(PluginPages, ThePluginWithStateCountsChanges) {
  const auto type = load(build("versions.cpp"));
  {
    const auto t = make(type, visitors());
    auto rows = batch_builder(visitors());
    rows.insert({1, "Ada", "UK"}).update({1, "Ada", "US"}).insert({2, "Bob", "US"});
    EXPECT_THAT(lines_of(apply(*t, rows)),
                ElementsAre("insert 1|Ada|UK|1", "update 1|Ada|US|2", "insert 2|Bob|US|1"));
  }
  const auto t = make(type, visitors());
  auto rows = batch_builder(visitors());
  rows.update({1, "Ada", "FR"}).remove({2, absent, absent}).insert({2, "Eve", "IT"}).truncate();
  EXPECT_THAT(lines_of(apply(*t, rows)), ElementsAre("update 1|Ada|FR|3", "remove <- 2|-|-|0",
                                                     "insert 2|Eve|IT|1", "truncate"));
  EXPECT_THAT(state.values, IsEmpty());
}

TEST_F(PluginPages, TheHeaderIsC11AndNeedsNothing) {
  std::ofstream(there / "alone.c") << "#include \"leat/plugin.h\"\nint alone;\n";
  process_options o;
  o.environment["CPATH"] = (root / "include").string();
  const auto done = run({LEAT_C_COMPILER, "-std=c11", "-pedantic-errors", "-Wall", "-Wextra",
                         "-Werror", "-fsyntax-only", (there / "alone.c").string()},
                        o);
  EXPECT_EQ(done.status.code, 0) << done.err;
  const auto text = read_file(root / "include/leat/plugin.h");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#include")) continue;
    EXPECT_THAT(line, testing::AnyOf("#include <stddef.h>", "#include <stdint.h>"));
  }
}

TEST_F(PluginPages, APluginExportsItsEntryAlone) {
  for (const auto* name : {"redact.so", "totals.so", "lookup.so"})
    EXPECT_THAT(exported_symbols(examples / name), ElementsAre("T leat_plugin_entry")) << name;
}

} // namespace
} // namespace leat::test
