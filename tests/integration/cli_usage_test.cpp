#include "tests/integration/cli_fixture.hpp"

namespace leat::test {

namespace {

using testing::HasSubstr;
using testing::StartsWith;

finished_process leat(const std::vector<std::string>& arguments) {
  return pipeline_fixture::bare_leat(arguments);
}

void expect_misuse(const std::vector<std::string>& arguments, const std::string& what,
                   const std::string& remedy) {
  expect_error(leat(arguments), usage, what, remedy);
}

/// Words of the command line that are checked against a source.
class CliArguments : public cli_fixture {};

TEST(CliUsage, NoCommandIsAnError) { expect_misuse({}, "subcommand is required", "leat help"); }

TEST(CliUsage, UnknownCommandNamesTheNearest) {
  expect_misuse({"rnu", "shop.toml"}, "there is no command `rnu`", "did you mean `run`?");
  expect_misuse({"frobnicate"}, "there is no command `frobnicate`", "leat help");
}

TEST(CliUsage, CommandsOfLaterVersionsSaySo) {
  for (const auto* name : {"pause", "resume", "add-table", "verify", "import"})
    expect_misuse({name, "shop.toml"}, "not available in this version", "leat help");
}

TEST(CliUsage, UnknownOptionIsAnError) {
  expect_misuse({"run", "shop.toml", "--fast"}, "`run` has no option --fast", "leat help run");
  expect_misuse({"run", "shop.toml", "--untill=now"}, "no option --untill",
                "did you mean --until?");
  expect_misuse({"check", "shop.toml", "--until", "caught-up"}, "--until", "leat help check");
}

TEST(CliUsage, MissingAndSurplusArgumentsAreErrors) {
  expect_misuse({"run"}, "FILE is required", "leat help run");
  expect_misuse({"run", "a.toml", "b.toml"}, "b.toml", "leat help run");
  expect_misuse({"resnapshot", "shop.toml"}, "TABLE is required", "leat help resnapshot");
}

TEST(CliUsage, HelpIsOfAllOfACommandOrOfAKey) {
  EXPECT_THAT(leat({"help"}).out, HasSubstr("resnapshot"));
  EXPECT_THAT(leat({"help", "run"}).out, HasSubstr("--until"));
  EXPECT_THAT(leat({"help", "config"}).out, HasSubstr("interval: duration"));
  EXPECT_THAT(leat({"help", "config", "checkpoint.interval"}).out, HasSubstr("20ms"));
  EXPECT_EQ(leat({"help", "config", "sink.path"}).status.code, done);
}

/// The page holds what `leat help COMMAND` prints, each in a block of its own.
TEST(CliUsage, CommandsPageShowsTheHelpOfEveryCommand) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  const auto page = read_file(root / "docs" / "commands.md");
  for (const auto* command : {"check", "plan", "run", "status", "resnapshot", "drop", "help"})
    EXPECT_THAT(page, HasSubstr("```\n" + leat({"help", command}).out + "```\n")) << command;
}

TEST(CliUsage, HelpOfNothingIsAnError) {
  expect_misuse({"help", "rnu"}, "there is no command `rnu`", "run");
  expect_misuse({"help", "config", "checkpoint.intervall"}, "checkpoint.intervall",
                "checkpoint.interval");
}

TEST(CliUsage, VersionIsOneLine) {
  const auto shown = leat({"version"});
  EXPECT_EQ(shown.status.code, done);
  EXPECT_THAT(shown.out, StartsWith("leat "));
  EXPECT_EQ(leat({"--version"}).out, shown.out);
}

TEST(CliUsage, OutputThatCannotBeWrittenIsAnError) {
  for (const auto* words : {"version", "help", "help run", "help config", "--version"}) {
    const auto ended =
        run({"/bin/sh", "-c", pipeline_fixture::leat_program() + " " + words + " > /dev/full"});
    expect_error(ended, found_something, "could not be written", "room");
  }
}

TEST(CliUsage, ReaderThatHasGoneIsNoError) {
  const auto ended =
      run({"/bin/bash", "-c",
           "set -o pipefail; " + pipeline_fixture::leat_program() + " help config | true"});
  EXPECT_EQ(ended.status.code, done) << ended.err;
  EXPECT_EQ(ended.err, "");
}

TEST_F(CliArguments, UntilNothingIsAnError) {
  expect_run_fails(usage, "--until", "caught-up", {"--until", ""});
  expect_run_fails(usage, "--until", "leat help run", {"--until="});
}

TEST_F(CliArguments, UntilIsCaughtUpOrAnLsn) {
  for (const auto* garbage : {"garbage", "0/", "0/G", "5", "-1/0", "0/123456789"})
    expect_run_fails(usage, garbage, "16/B374D848", {"--until=" + std::string(garbage)});
  EXPECT_FALSE(std::filesystem::exists(state_path())) << "nothing may be made";
  EXPECT_EQ(source_value("SELECT count(*) FROM pg_replication_slots WHERE database = 'source'"),
            "0");
}

TEST_F(CliArguments, UntilAnLsnEndsThere) {
  const auto lsn = source_value("SELECT pg_current_wal_insert_lsn()");
  const auto ended = leat("run", {"--until", lsn});
  EXPECT_EQ(ended.status.code, done) << ended.err;
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "10");
}

TEST_F(CliArguments, SetIsCheckedLikeTheFile) {
  expect_run_fails(usage, "checkpoint.intervall", "did you mean `interval`?",
                   {"--set", "checkpoint.intervall=1s"});
  expect_run_fails(usage, "checkpoint.interval", "", {"--set", "checkpoint.interval=1ms"});
  expect_run_fails(usage, "--set", "", {"--set", "nonsense"});
}

/// A file that is wrong, and what is said of it.
struct wrong_file {
  const char* name;
  const char* content;
  const char* what;
};

/// Each command says the same, and before it touches anything.
class CliFile : public testing::TestWithParam<wrong_file> {};

constexpr const char* good_head =
    "[pipeline]\nname = \"shop\"\n[source]\nurl = \"postgresql:///x\"\n";

TEST_P(CliFile, IsRefusedWithItsPlace) {
  const temp_directory directory;
  const auto path = directory / "wrong.toml";
  std::string content = GetParam().content;
  if (const auto at = content.find("%HEAD%"); at != std::string::npos)
    content.replace(at, 6, good_head);
  write(path, content);
  for (const auto* command : {"check", "plan", "run", "status", "drop"}) {
    const auto ended = leat({command, path});
    expect_error(ended, usage, GetParam().what, "");
    EXPECT_THAT(ended.err, HasSubstr("wrong.toml")) << command;
    EXPECT_EQ(ended.out, "") << command;
  }
}

constexpr wrong_file wrong_files[] = {
    {"empty", "", "pipeline"},
    {"binary", "\x01\x02\xff\xfe", "wrong.toml"},
    {"syntax", "[pipeline\nname = 1", "wrong.toml:1"},
    {"unknown_section", "%HEAD%tables = [\"*.*\"]\n[sinks.a]\nconnector = \"sqlite\"\n", "sinks"},
    {"unknown_key", "%HEAD%tabels = [\"*.*\"]\n", "tabels"},
    {"wrong_type", "%HEAD%tables = 5\n", "tables"},
    {"bad_pattern", "%HEAD%tables = [\"orders\"]\n[sink.a]\nconnector = \"blackhole\"\n", "orders"},
    {"bad_name", "[pipeline]\nname = \"No Good\"\n", "a-z, 0-9 and _"},
    {"out_of_bounds", "%HEAD%tables = [\"*.*\"]\n[checkpoint]\ninterval = \"1ms\"\n", "interval"},
    {"no_unit", "%HEAD%tables = [\"*.*\"]\n[limits]\nmemory = \"256\"\n", "memory"},
    {"unset_variable",
     "[pipeline]\nname = \"shop\"\n[source]\ntables = [\"*.*\"]\nurl = \"${LEAT_TEST_UNSET}\"\n",
     "LEAT_TEST_UNSET"},
    {"no_sink", "%HEAD%tables = [\"*.*\"]\n", "sink"},
    {"later_connector", "%HEAD%tables = [\"*.*\"]\n[sink.a]\nconnector = \"kafka\"\n", "kafka"},
    {"unknown_connector", "%HEAD%tables = [\"*.*\"]\n[sink.a]\nconnector = \"sqllite\"\n",
     "sink.a.connector"},
    {"unknown_sink",
     "%HEAD%tables = [\"*.*\"]\n[sink.a]\nconnector = \"blackhole\"\n[[route]]\nfrom = "
     "\"*.*\"\nsink = "
     "\"b\"\n",
     "b"},
    {"sink_not_named",
     "%HEAD%tables = [\"*.*\"]\n[sink.a]\nconnector = \"blackhole\"\n[sink.b]\nconnector = "
     "\"blackhole\"\n",
     "sink"},
    {"twice", "[pipeline]\nname = \"shop\"\nname = \"shop\"\n", "name"},
};

INSTANTIATE_TEST_SUITE_P(Wrong, CliFile, testing::ValuesIn(wrong_files),
                         [](const auto& wrong) { return wrong.param.name; });

TEST(CliUsage, FileThatCannotBeReadIsNamed) {
  expect_misuse({"run", "/nowhere/shop.toml"}, "/nowhere/shop.toml", "path");
  expect_misuse({"run", "/tmp"}, "/tmp", "");
}

TEST_F(CliArguments, PlanThatCannotBeIsRefused) {
  text.tables = R"(["public.itme"])";
  expect_run_fails(usage, "there is no table public.itme", "public.item");
  expect_error(leat("plan"), usage, "there is no table public.itme", "public.item");
  text.tables = R"(["public.*"])";
  text.routes = {R"(from = "public.item"
key = ["nmae"])"};
  expect_run_fails(usage, "nmae", "");
}

} // namespace

} // namespace leat::test
