#include "dataflow/pipeline_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

/// A directory with pipeline files of its own.
class PipelineFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "leat_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    // Made anew: writing over a file costs a flush of the disk.
    std::filesystem::remove(directory_ / name);
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  pipeline_file load(const std::string& text, const std::vector<std::string>& settings = {}) {
    return load_pipeline_file(write("shop.toml", text), settings);
  }

  /// `what | where | remedy`, the place without this test's directory.
  std::string failure(const std::string& text, const std::vector<std::string>& settings = {}) {
    try {
      load(text, settings);
      return "no error";
    } catch (const error& e) {
      EXPECT_EQ(e.kind(), error_kind::usage);
      std::string where = e.where();
      const std::string prefix = directory_.string() + "/";
      if (where.starts_with(prefix)) where.erase(0, prefix.size());
      return std::string(e.what()) + " | " + where + " | " + e.remedy();
    }
  }

  std::filesystem::path directory_;
};

const std::string pipeline = "[pipeline]\nname = \"shop\"\n";
const std::string source = "[source]\nurl = \"postgresql://leat@localhost/shop\"\n"
                           "tables = [\"public.*\"]\n";
const std::string sink = "[sink.dwh]\nconnector = \"sqlite\"\npath = \"shop.db\"\n";
const std::string good = pipeline + source + sink;

TEST_F(PipelineFile, FillsInTheDefaults) {
  const pipeline_file file = load(good);
  EXPECT_EQ(file.name, "shop");
  EXPECT_EQ(file.state, directory_ / ".leat/shop");
  EXPECT_EQ(file.checkpoint_interval, std::chrono::seconds(1));
  EXPECT_EQ(file.memory, 256U << 20);
  EXPECT_EQ(file.spill, 10ULL << 30);
  EXPECT_EQ(file.source.slot, "leat_shop");
  EXPECT_EQ(file.source.publication, "leat_shop");
  EXPECT_EQ(file.source.mode, snapshot_mode::initial);
  EXPECT_EQ(file.source.chunk_rows, 10000U);
  EXPECT_EQ(file.source.chunk_bytes, 8U << 20);
  EXPECT_EQ(file.source.readers, 2U);
  ASSERT_EQ(file.sinks.size(), 1U);
  EXPECT_EQ(file.sinks[0].path, directory_ / "shop.db");
  EXPECT_EQ(file.sinks[0].atomicity, atomicity::epoch);
  EXPECT_EQ(file.sinks[0].schema_changes, schema_policy::evolve);
  EXPECT_EQ(file.sinks[0].on_nan, value_policy::stop);
  EXPECT_FALSE(file.sinks[0].dead_letter);
  EXPECT_TRUE(file.routes.empty());
  EXPECT_EQ(file.log_level, "info");
  EXPECT_FALSE(file.http_listen);
}

TEST_F(PipelineFile, ReadsEveryOptionOfTheContract) {
  const pipeline_file file = load(R"(
[pipeline]
name  = "shop"
state = "/var/lib/leat"
[checkpoint]
interval = "20ms"
[limits]
memory = "64MiB"
spill  = "1GiB"
[source]
connector = "postgres"
host = "db"
port = 5433
sslmode = "verify-full"
sslrootcert = "ca.pem"
slot = "s1"
publication = "Продажи"
tables = ["public.*", "!public.audit_*", "crm.accounts"]
[source.snapshot]
mode = "only"
chunk_rows = 7
chunk_bytes = "1MiB"
readers = 4
where = { "public.orders" = "id > 7" }
[sink.z]
connector = "postgres"
url = "postgresql://b/dwh"
schema = "mart"
atomicity = "epoch"
schema_changes = "stop"
on_value = { nan = "null", infinity = "clamp" }
dead_letter = "leat_dead_letter"
[sink.a]
connector = "blackhole"
[[route]]
from = "public.orders"
sink = "z"
to = "o_{schema}_{table}"
columns = ["id", "name"]
key = ["id"]
delete = "soft"
schema_changes = "evolve"
[[route]]
from = ["public.*", "!public.orders"]
sink = "a"
exclude = ["secret"]
mode = "append"
[log]
level = "debug"
format = "json"
[http]
listen = "[::1]:9000"
)");
  EXPECT_EQ(file.state, "/var/lib/leat");
  EXPECT_EQ(file.checkpoint_interval, std::chrono::milliseconds(20));
  EXPECT_EQ(file.memory, 64U << 20);
  EXPECT_EQ(file.spill, 1U << 30);
  EXPECT_THAT(file.source.connection,
              UnorderedElementsAre(Pair("host", "db"), Pair("port", "5433"),
                                   Pair("sslmode", "verify-full"),
                                   Pair("sslrootcert", (directory_ / "ca.pem").string())));
  EXPECT_EQ(file.source.publication, "Продажи");
  EXPECT_THAT(file.source.tables, ElementsAre("public.*", "!public.audit_*", "crm.accounts"));
  EXPECT_EQ(file.source.mode, snapshot_mode::only);
  EXPECT_EQ(file.source.readers, 4U);
  EXPECT_THAT(file.source.where, ElementsAre(Pair("public.orders", "id > 7")));
  ASSERT_EQ(file.sinks.size(), 2U);
  EXPECT_EQ(file.sinks[0].name, "z") << "sinks keep the order of the file";
  EXPECT_THAT(file.sinks[0].connection, ElementsAre(Pair("dbname", "postgresql://b/dwh")));
  EXPECT_EQ(file.sinks[0].schema, "mart");
  EXPECT_EQ(file.sinks[0].atomicity, atomicity::epoch);
  EXPECT_EQ(file.sinks[0].on_nan, value_policy::null);
  EXPECT_EQ(file.sinks[0].on_infinity, value_policy::clamp);
  EXPECT_EQ(file.sinks[0].on_out_of_range, value_policy::stop);
  EXPECT_EQ(file.sinks[0].dead_letter, "leat_dead_letter");
  ASSERT_EQ(file.routes.size(), 2U);
  EXPECT_EQ(file.routes[0].to, "o_{schema}_{table}");
  EXPECT_THAT(*file.routes[0].columns, ElementsAre("id", "name"));
  EXPECT_THAT(*file.routes[0].key, ElementsAre("id"));
  EXPECT_EQ(file.routes[0].removal, delete_mode::soft);
  EXPECT_EQ(file.routes[0].schema_changes, schema_policy::evolve);
  EXPECT_EQ(file.routes[0].place.line, 35U);
  EXPECT_THAT(file.routes[1].from, ElementsAre("public.*", "!public.orders"));
  EXPECT_EQ(file.routes[1].mode, route_mode::append);
  EXPECT_EQ(file.log_level, "debug");
  EXPECT_EQ(file.log_format, "json");
  EXPECT_EQ(file.http_listen, "[::1]:9000");
}

TEST_F(PipelineFile, ListensOnTheDefaultAddressWhenTheHttpSectionIsThere) {
  EXPECT_EQ(load(good + "[http]\n").http_listen, "127.0.0.1:8480");
}

TEST_F(PipelineFile, ReplacesVariables) {
  ::setenv("LEAT_TEST_SECRET", "s3cret", 1);
  const pipeline_file file =
      load(pipeline + source + "password = \"a${LEAT_TEST_SECRET}$${x}$\"\n" + sink);
  EXPECT_EQ(file.source.connection.at("password"), "as3cret${x}$");
}

TEST_F(PipelineFile, ReadsThePasswordFileWithoutItsLastNewline) {
  write("secret", "two\nlines\n\n");
  const pipeline_file file = load(pipeline + source + "password_file = \"secret\"\n" + sink);
  EXPECT_EQ(file.source.connection.at("password"), "two\nlines\n");
}

TEST_F(PipelineFile, SettingsComeOverTheFile) {
  const pipeline_file file =
      load(good, {"checkpoint.interval=100ms", "sink.dwh.path=x.db", "limits.memory=\"64MiB\"",
                  "source.snapshot.chunk_rows=3", "source.tables=[\"a.b\"]", "http.listen=h:1",
                  "pipeline.name=other", "sink.more.connector=blackhole",
                  "route=[{from = \"a.b\", sink = \"more\"}]"});
  EXPECT_EQ(file.checkpoint_interval, std::chrono::milliseconds(100));
  EXPECT_EQ(file.sinks.at(1).path, directory_ / "x.db");
  EXPECT_EQ(file.memory, 64U << 20);
  EXPECT_EQ(file.source.chunk_rows, 3U);
  EXPECT_THAT(file.source.tables, ElementsAre("a.b"));
  EXPECT_EQ(file.http_listen, "h:1");
  EXPECT_EQ(file.source.slot, "leat_other");
  EXPECT_EQ(file.sinks.at(0).name, "more");
}

TEST_F(PipelineFile, SettingsMayNameKeysWithDotsInQuotes) {
  const pipeline_file file = load(good, {"source.snapshot.where.\"public.a=b\"=id = 7"});
  EXPECT_THAT(file.source.where, ElementsAre(Pair("public.a=b", "id = 7")));
}

TEST_F(PipelineFile, RefusesWrongSettingsByTheirKey) {
  EXPECT_THAT(
      failure(good, {"checkpoint.intervall=1s"}),
      "unknown key `intervall` | --set checkpoint.intervall, checkpoint.intervall | did you "
      "mean `interval`?");
  EXPECT_THAT(failure(good, {"limits.memory=1KiB"}), HasSubstr("| --set limits.memory, limits"));
  EXPECT_THAT(failure(good, {"pipeline.name.x=1"}), HasSubstr("`name` is not a section"));
  EXPECT_THAT(failure(good, {"interval"}), HasSubstr("needs a key and a value | --set interval"));
  for (const char* setting : {".=5", "a.=5", "source..port=5", "\"a.b=5"})
    EXPECT_THAT(failure(good, {setting}), HasSubstr("needs a key and a value")) << setting;
  EXPECT_THAT(failure(good, {"=5"}), HasSubstr("needs a key and a value"));
  EXPECT_THAT(failure(good, {"source.port=hunter2"}), Not(HasSubstr("hunter2")));
  EXPECT_THAT(failure(good, {"limits.memory=\"64MiB\"\nx = 1"}), HasSubstr("not a size"));
}

struct wrong_file {
  const char* name;
  std::string text;
  const char* expected; ///< part of `what | where | remedy`
};

void PrintTo(const wrong_file& file, std::ostream* out) { *out << file.name; }

class WrongFile : public PipelineFile, public testing::WithParamInterface<wrong_file> {};

TEST_P(WrongFile, IsRefusedWithPlaceAndRemedy) {
  EXPECT_THAT(failure(GetParam().text), HasSubstr(GetParam().expected));
}

const wrong_file wrong_files[] = {
    {"Empty", "", "the pipeline file is empty | shop.toml | "},
    {"NotUtf8", "[pipeline]\nname = \"\xff\xfe\"\n", "invalid utf-8 sequence | shop.toml:2:8 |"},
    {"NotToml", "[pipeline\n", "| shop.toml:1:10 | the pipeline file must be TOML"},
    {"DuplicateSection", good + "[pipeline]\n",
     "cannot redefine existing table 'pipeline' | shop.toml:9:1"},
    {"DuplicateKey", "[pipeline]\nname = \"a\"\nname = \"b\"\n",
     "cannot redefine existing string 'name' | shop.toml:3:"},
    {"UnknownSection", good + "[sinks.x]\n",
     "unknown section `sinks` | shop.toml:9:2, sinks | did you mean `sink`?"},
    {"UnknownKey", pipeline + "stat = \"x\"\n" + source + sink,
     "unknown key `stat` | shop.toml:3:1, pipeline.stat | did you mean `state`?"},
    {"UnknownKeyBeforeMissingOne", "[pipeline]\nnaem = \"x\"\n",
     "unknown key `naem` | shop.toml:2:1, pipeline.naem | did you mean `name`?"},
    {"UnknownKeyFarFromAll", pipeline + "zzzzzzzzz = 1\n",
     "| `leat help config pipeline` lists the keys"},
    {"UnknownKeyOfATransform", good + "[transform.t]\ntype = \"mask\"\nzzzzzzzzz = 1\n",
     "| `leat help config transform.mask` lists the keys"},
    {"UnknownKeyInline", good + "on_value = { nann = \"stop\" }\n",
     "unknown key `nann` | shop.toml:9:14, sink.dwh.on_value.nann | did you mean `nan`?"},
    {"MissingName", "[pipeline]\n" + source + sink, "`pipeline.name` is missing | shop.toml:1:1"},
    {"MissingPipeline", source + sink, "`pipeline.name` is missing | shop.toml, pipeline.name"},
    {"UpperCaseName", "[pipeline]\nname = \"Shop\"\n",
     "1 to 40 of the characters a-z, 0-9 and _ | shop.toml:2:8, pipeline.name"},
    {"LongName", "[pipeline]\nname = \"" + std::string(41, 'a') + "\"\n",
     "1 to 40 of the characters"},
    {"NameOfWrongType", "[pipeline]\nname = 7\n",
     "expected a string, not an integer | shop.toml:2:8, pipeline.name | write it in quotes"},
    {"SectionIsNoTable", "pipeline = 1\n",
     "`pipeline` must be a section, not an integer | shop.toml:1:12"},
    {"DurationWithoutUnit", good + "[checkpoint]\ninterval = \"5\"\n",
     "this is not a duration | shop.toml:10:12, checkpoint.interval | write a whole number and a "
     "unit (ms, s, m, h)"},
    {"DurationAsNumber", good + "[checkpoint]\ninterval = 5\n",
     "expected a string, not an integer | shop.toml:10:12, checkpoint.interval | write a number "
     "and a unit in quotes, like \"1s\""},
    {"DurationTooShort", good + "[checkpoint]\ninterval = \"19ms\"\n",
     "it must be at least 20ms | shop.toml:10:12"},
    {"DurationTooLong", good + "[checkpoint]\ninterval = \"61m\"\n",
     "it must be at most 1h | shop.toml:10:12"},
    {"DurationOverflow", good + "[checkpoint]\ninterval = \"99999999999999999999h\"\n",
     "this is not a duration"},
    {"SizeWithWrongUnit", good + "[limits]\nmemory = \"64MB\"\n",
     "this is not a size | shop.toml:10:10, limits.memory | write a whole number and a unit (B, "
     "KiB, MiB, GiB, TiB)"},
    {"MemoryTooSmall", good + "[limits]\nmemory = \"63MiB\"\n", "it must be at least 64MiB"},
    {"ChunkOfNoRows", good + "[source.snapshot]\nchunk_rows = 0\n",
     "it must be at least 1 | shop.toml:10:14, source.snapshot.chunk_rows"},
    {"NegativeInteger", good + "[source.snapshot]\nreaders = -1\n", "it must be at least 1 |"},
    {"FractionForInteger", good + "[source.snapshot]\nreaders = 1.5\n",
     "expected an integer, not a number with a fraction"},
    {"UnknownChoice", good + "[log]\nlevel = \"wran\"\n",
     "`level` has no such value | shop.toml:10:9, log.level | did you mean \"warn\"? use trace, "
     "debug, info, warn or error"},
    {"NoTables", pipeline + "[source]\nhost = \"h\"\n" + sink,
     "`source.tables` is missing | shop.toml:3:1, source.tables | Tables to read"},
    {"EmptyTables", pipeline + "[source]\nhost = \"h\"\ntables = []\n" + sink,
     "the list is empty | shop.toml:5:10, source.tables"},
    {"TableWithoutSchema",
     pipeline + "[source]\nhost = \"h\"\ntables = [\"a.b\", \"orders\"]\n" + sink,
     "`orders` is not a table pattern: the schema is missing | shop.toml:5:18"},
    {"TablesOfNumbers", pipeline + "[source]\nhost = \"h\"\ntables = [1]\n" + sink,
     "expected a string in the list, not an integer | shop.toml:5:11"},
    {"NoSource", pipeline + sink, "`source.tables` is missing | shop.toml, source.tables"},
    {"NoServer", pipeline + "[source]\ntables = [\"a.b\"]\n" + sink,
     "nothing says which server to connect to | shop.toml, source"},
    {"UrlAndDatabase", pipeline + source + "dbname = \"x\"\n" + sink,
     "`dbname` cannot stand beside `url` | shop.toml:6:1, source.dbname"},
    {"MissingPasswordFile", pipeline + source + "password_file = \"none\"\n" + sink,
     "the file cannot be read: No such file or directory | shop.toml:6:17, source.password_file"},
    {"PasswordTwice", pipeline + source + "password = \"a\"\npassword_file = \"b\"\n" + sink,
     "`password_file` cannot stand beside `password` | shop.toml:7:1"},
    {"WrongPort", pipeline + source + "port = 70000\n" + sink, "it must be at most 65535"},
    {"UnsetVariable", pipeline + source + "password = \"${LEAT_TEST_UNSET}\"\n" + sink,
     "the environment variable LEAT_TEST_UNSET is not set | shop.toml:6:12, source.password"},
    {"OpenVariable", pipeline + source + "password = \"hunter2${X\"\n" + sink,
     "`${` is not followed by the name of a variable and `}` | shop.toml:6:12"},
    {"SnapshotWhereOfPattern", good + "[source.snapshot]\nwhere = { \"public.*\" = \"true\" }\n",
     "the key must be the name of one table"},
    {"NoSink", pipeline + source, "there is no sink | shop.toml | add a section [sink.NAME]"},
    {"SinkWithoutName", pipeline + source + "[sink]\nconnector = \"sqlite\"\n",
     "sinks have names: `sink.connector` must be a section"},
    {"SinkNameWithDot", pipeline + source + "[sink.\"a/b\"]\nconnector = \"sqlite\"\n",
     "`a/b` cannot be the name of a sink"},
    {"SinkWithoutConnector", pipeline + source + "[sink.x]\npath = \"a\"\n",
     "`sink.x.connector` is missing | shop.toml:6:1"},
    {"UnknownConnector", pipeline + source + "[sink.x]\nconnector = \"sqllite\"\n",
     "did you mean \"sqlite\"?"},
    {"LaterConnector", pipeline + source + "[sink.x]\nconnector = \"kafka\"\n",
     "connector `kafka` is not available in this version | shop.toml:7:13, sink.x.connector"},
    {"SqliteWithoutPath", pipeline + source + "[sink.x]\nconnector = \"sqlite\"\n",
     "sink `x` has no path | shop.toml:6:1, sink.x | add path"},
    {"PathOfPostgres",
     pipeline + source + "[sink.x]\nconnector = \"postgres\"\nhost = \"h\"\npath = \"a\"\n",
     "connector `postgres` has no option `path` | shop.toml:9:1, sink.x.path | take it out; it "
     "belongs to connector sqlite"},
    {"HostOfSqlite", good + "host = \"h\"\n", "connector `sqlite` has no option `host`"},
    {"TableByTableAtSqlite", good + "atomicity = \"table\"\n",
     "connector `sqlite` writes an epoch of all tables in one transaction | shop.toml:6:1, "
     "sink.dwh.atomicity | take it out; \"table\" belongs to connector starrocks"},
    {"TableByTableAtPostgres",
     pipeline + source
         + "[sink.x]\nconnector = \"postgres\"\nhost = \"h\"\natomicity = \"table\"\n",
     "connector `postgres` writes an epoch of all tables in one transaction"},
    {"TwoSinksOneFile", good + "[sink.two]\nconnector = \"sqlite\"\npath = \"./shop.db\"\n",
     "two sinks write to one database file | shop.toml:9:1, sink.two.path"},
    {"SeveralSinksNoRoute", good + "[sink.two]\nconnector = \"blackhole\"\n",
     "there are several sinks and no route | shop.toml |"},
    {"RouteIsNoList", good + "[route]\nfrom = \"a.b\"\n",
     "routes are a list: `route` must not be a section | shop.toml:9:1, route | write [[route]]"},
    {"RouteWithoutFrom", good + "[[route]]\nto = \"x\"\n",
     "`route.from` is missing | shop.toml:9:1, route.from"},
    {"RouteToUnknownSink", good + "[[route]]\nfrom = \"a.b\"\nsink = \"dwj\"\n",
     "there is no sink `dwj` | shop.toml:11:8, route.sink | did you mean `dwh`?"},
    {"RouteWithoutSink",
     good + "[sink.two]\nconnector = \"blackhole\"\n[[route]]\nfrom = \"a.b\"\n",
     "the route does not say which sink it writes to | shop.toml:11:1, route | add sink = \"NAME\" "
     "with one of dwh or two"},
    {"RouteWhere", good + "[[route]]\nfrom = \"a.b\"\nwhere = \"\"\n",
     "shop.toml:11:9, route.where"},
    {"RouteTransform", good + "[[route]]\nfrom = \"a.b\"\ntransform = [\"x\"]\n",
     "there is no transform `x` | shop.toml:11:13, route.transform | add a section [transform.x]"},
    {"MistypedTransform",
     good
         + "[[route]]\nfrom = \"a.b\"\ntransform = [\"mast\"]\n[transform.mask]\ntype = "
           "\"mask\"\ncolumns = [\"a\"]\n",
     "there is no transform `mast` | shop.toml:11:13, route.transform | did you mean `mask`?"},
    {"RouteExpression", good + "[[route]]\nfrom = \"a.b\"\ncolumns = [\"id\", { name = \"x\" }]\n",
     "a computed column needs `expr` | shop.toml:11:18, route.columns"},
    {"TransformWithoutColumns", good + "[transform.mask]\ntype = \"mask\"\n",
     "`transform.mask.columns` is missing | shop.toml:9:1, transform.mask.columns"},
    {"TransformWithoutType", good + "[transform.mask]\ncolumns = [\"a\"]\n",
     "nothing says what the transform does | shop.toml:9:1, transform.mask"},
    {"TransformOfNoType", good + "[transform.m]\ntype = \"maks\"\n",
     "`type` has no such value | shop.toml:10:8, transform.m.type | did you mean \"mask\"?"},
    {"TransformUnknownKey", good + "[transform.m]\ntype = \"mask\"\ncolumn = [\"a\"]\n",
     "unknown key `column` | shop.toml:11:1, transform.m.column | did you mean `columns`?"},
    {"TransformOfPluginAndType",
     good + "[transform.m]\ntype = \"mask\"\ncolumns = [\"a\"]\nplugin = \"./x.so\"\n",
     "unknown key `plugin`"},
    {"UnknownPlaceholder", good + "[[route]]\nfrom = \"a.b\"\nto = \"{tabel}\"\n",
     "only {schema}, {table} and {1}, {2} for what a star of `from` stands for may stand in "
     "braces | shop.toml:11:6, route.to"},
    {"NoColumns", good + "[[route]]\nfrom = \"a.b\"\ncolumns = []\n",
     "the list of columns is empty"},
    {"ColumnsAndExclude",
     good + "[[route]]\nfrom = \"a.b\"\ncolumns = [\"a\"]\nexclude = [\"b\"]\n",
     "`exclude` has no meaning beside a list of columns"},
    {"AppendWithDelete", good + "[[route]]\nfrom = \"a.b\"\nmode = \"append\"\ndelete = \"soft\"\n",
     "`delete` has no meaning in mode append"},
    {"ListenWithoutPort", good + "[http]\nlisten = \"localhost\"\n", "it must be ADDRESS:PORT"},
};

INSTANTIATE_TEST_SUITE_P(PipelineFile, WrongFile, testing::ValuesIn(wrong_files),
                         [](const auto& one) { return one.param.name; });

TEST_F(PipelineFile, NamesTheFileThatIsMissing) {
  try {
    load_pipeline_file(directory_ / "none.toml");
    FAIL();
  } catch (const error& e) {
    EXPECT_STREQ(e.what(), "the pipeline file cannot be read: No such file or directory");
    EXPECT_EQ(e.where(), (directory_ / "none.toml").string());
  }
  EXPECT_THROW(load_pipeline_file(directory_), error);
  EXPECT_THROW(load_pipeline_file("/dev/zero"), error);
}

TEST_F(PipelineFile, KeepsSecretsOutOfMessages) {
  ::setenv("LEAT_TEST_SECRET", "hunter2", 1);
  for (const char* line :
       {"password = hunter2\n", "password = \"hunter2\n", "password = \"hunter2\" x\n",
        "password = [\"hunter2\"]\n", "sslmode = \"${LEAT_TEST_SECRET}\"\n",
        "port = \"${LEAT_TEST_SECRET}\"\n", "password = true_hunter2\n", "password = tru\n",
        "password = \"hunter2${NO\"\n", "password = \"hunter2\"\npassword_file = \"x\"\n"}) {
    const std::string message = failure(pipeline + source + line + sink);
    EXPECT_NE(message, "no error") << line;
    EXPECT_THAT(message, Not(HasSubstr("hunter"))) << line;
    EXPECT_THAT(message, Not(HasSubstr("saw"))) << line;
  }
}

TEST_F(PipelineFile, AnyDamageIsAnErrorWithAPlaceOrAnotherFile) {
  const std::string whole = good
                            + "on_value = { nan = \"null\" }\n[[route]]\nfrom = [\"public.*\"]\n"
                            + "key = [\"id\"]\n[source.snapshot]\nwhere = { \"a.b\" = \"x\" }\n"
                            + "[limits]\nmemory = \"64MiB\"\n[checkpoint]\ninterval = \"1s\"\n";
  ASSERT_EQ(failure(whole), "no error");
  const std::string alphabet = "[]{}=\"'\n.,#$\\ a0-\xff\x01*!";
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  std::size_t refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string text = whole;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      const std::size_t kind = below(3);
      if (kind == 0) text.erase(at, 1 + below(12));
      if (kind == 1) text.insert(at, 1, alphabet[below(alphabet.size())]);
      if (kind == 2) text.insert(at, text.substr(below(text.size()), below(30)));
    }
    try {
      load(text);
    } catch (const error& e) {
      ++refused;
      ASSERT_EQ(e.kind(), error_kind::usage);
      ASSERT_FALSE(e.where().empty()) << text;
    }
  }
  EXPECT_GT(refused, 300U);
}

TEST_F(PipelineFile, ResolvesPathsFromTheFileNotFromTheWorkingDirectory) {
  write("shop.toml", good);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  const pipeline_file file = load_pipeline_file("shop.toml");
  std::filesystem::current_path(before);
  EXPECT_EQ(file.sinks.at(0).path, directory_ / "shop.db");
}

} // namespace
} // namespace leat
