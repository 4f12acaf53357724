#include "dataflow/options.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "dataflow/option_text.hpp"

namespace leat {
namespace {

using testing::HasSubstr;

std::filesystem::path repository() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

TEST(Options, AreDeclaredOnceEachWithASentence) {
  std::set<std::string> seen;
  for (const option_section& section : option_sections()) {
    EXPECT_FALSE(section.sentence.empty()) << section.name;
    for (const option& declared : section.options) {
      const std::string key = std::string(section.name) + "." + std::string(section.variant) + "."
                              + std::string(declared.name);
      EXPECT_TRUE(seen.insert(key).second) << key;
      EXPECT_TRUE(declared.sentence.ends_with('.')) << key;
      EXPECT_EQ(declared.kind == option_kind::choice,
                !declared.choices.empty() && declared.kind != option_kind::path)
          << key;
    }
  }
}

// LEAT_WRITE_DOCS=1 makes the page anew.
TEST(Options, ReferencePageIsWhatTheDeclarationsSay) {
  const auto path = repository() / "docs/configuration.md";
  if (std::getenv("LEAT_WRITE_DOCS")) std::ofstream(path) << config_reference();
  std::ifstream in(path);
  std::ostringstream page;
  page << in.rdbuf();
  EXPECT_EQ(page.str(), config_reference()) << "run this test with LEAT_WRITE_DOCS=1";
}

TEST(Options, HelpForAKeyNamesTypeBoundsAndDefault) {
  EXPECT_EQ(config_help("checkpoint.interval"), "checkpoint.interval\n"
                                                "  Length of an epoch.\n"
                                                "  type:    duration, 20ms to 1h\n"
                                                "  default: \"1s\"\n");
  EXPECT_THAT(config_help("sink.path"), HasSubstr("Connector sqlite only."));
  EXPECT_EQ(config_help("sink.NAME.path"), config_help("sink.path"));
  EXPECT_THAT(config_help("sink.on_value.nan"), HasSubstr("stop, null, clamp or text"));
  EXPECT_THAT(config_help("route.transform"), HasSubstr("Names of transforms"));
  EXPECT_THAT(config_help("transform.mask.method"), HasSubstr("keep_last"));
}

TEST(Options, HelpForASectionListsItsOptions) {
  const std::string text = config_help("source.snapshot");
  for (const char* name : {"mode", "chunk_rows", "chunk_bytes", "readers", "where"})
    EXPECT_THAT(text, HasSubstr(name));
}

TEST(Options, HelpForASectionListsTheSectionsWithinIt) {
  EXPECT_THAT(config_help("source"), HasSubstr("chunk_rows"));
  EXPECT_THAT(config_help("sink"), HasSubstr("out_of_range"));
}

TEST(Options, HelpForTransformsListsEachTypesOptions) {
  for (const char* key : {"transform", "transform.NAME"})
    for (const char* option : {"timeout: ", "method: ", "salt: "})
      EXPECT_THAT(config_help(key), HasSubstr(option)) << key;
}

TEST(Options, HelpWithoutAKeyListsEverySection) {
  for (const option_section& section : option_sections())
    EXPECT_THAT(config_help(""), HasSubstr("[" + std::string(section.name) + "]"));
}

TEST(Options, HelpForAnUnknownKeySuggestsTheNearest) {
  try {
    config_help("checkpoint.intervall");
    FAIL();
  } catch (const error& e) {
    EXPECT_THAT(e.remedy(), HasSubstr("checkpoint.interval"));
  }
}

TEST(OptionText, ReadsDurationsAndSizesWithTheirUnits) {
  EXPECT_EQ(parse_duration("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("2h"), std::chrono::hours(2));
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("512B"), 512U);
  for (const char* text : {"", "1", "s", "1.5s", "-1s", "1 s", "1S", "1sx", "9223372036854775807h"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const char* text : {"", "1", "1MB", "0x1B", "16777216TiB"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(OptionText, PrintsTheLargestWholeUnit) {
  EXPECT_EQ(format_duration(std::chrono::milliseconds(90'000)), "90s");
  EXPECT_EQ(format_duration(std::chrono::hours(1)), "1h");
  EXPECT_EQ(format_size(64U << 20), "64MiB");
  EXPECT_EQ(format_size(0), "0B");
}

} // namespace
} // namespace leat
