#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/pg_client.hpp"

namespace leat::test {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class CliCommands : public cli_fixture {
 protected:
  std::string slots() const {
    return source_value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'leat_shop'");
  }
  std::string publications() const { return source_value("SELECT count(*) FROM pg_publication"); }
  /// The output of a command that ends with 0.
  std::string shown(const std::string& command, const std::vector<std::string>& arguments = {}) {
    const auto ended = leat(command, arguments);
    EXPECT_EQ(ended.status.code, done) << ended.err;
    return ended.out;
  }
  void expect_nothing_made() const {
    EXPECT_EQ(slots(), "0");
    EXPECT_EQ(publications(), "0");
    EXPECT_FALSE(fs::exists(state_path()));
    EXPECT_FALSE(fs::exists(lite_path()));
  }
};

TEST_F(CliCommands, CheckOfAGoodPipelineEndsWithZeroAndMakesNothing) {
  EXPECT_THAT(shown("check"), HasSubstr("shop: nothing is wrong"));
  expect_nothing_made();
}

TEST_F(CliCommands, CheckSaysWhatWhereAndTheRemedy) {
  source("CREATE TABLE log (line text)");
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("error: "));
  EXPECT_THAT(checked.out,
              HasSubstr("(\"public\".\"log\")\n"
                        "  remedy: ALTER TABLE \"public\".\"log\" REPLICA IDENTITY FULL;\n"));
  EXPECT_THAT(checked.out, HasSubstr("shop: 2 errors\n"));
  expect_nothing_made();
}

TEST_F(CliCommands, CheckCountsWarningsAndEndsWithZeroWhereThereIsNoError) {
  source("CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY)");
  EXPECT_THAT(shown("check"), HasSubstr("shop: no errors, 1 warning\n"));
  source("CREATE TABLE log (line text)");
  EXPECT_THAT(leat("check").out, HasSubstr("shop: 2 errors, 1 warning\n"));
}

TEST_F(CliCommands, CheckAndRunTakePartitionsAsThePublicationDeliversThem) {
  source("CREATE TABLE sale (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
         "CREATE TABLE sale_1 PARTITION OF sale FOR VALUES FROM (0) TO (10);"
         "CREATE TABLE sale_2 PARTITION OF sale FOR VALUES FROM (10) TO (20);"
         "INSERT INTO sale VALUES (1, 5), (2, 15);"
         "CREATE PUBLICATION leat_shop FOR TABLE item, sale");
  EXPECT_THAT(shown("check"), Not(HasSubstr("error: ")));
  catch_up();
  source("INSERT INTO sale VALUES (3, 6), (4, 16)");
  catch_up();
  expect_same_at_lite("sale_1", "sale_1");
  expect_same_at_lite("sale_2", "sale_2");
}

TEST_F(CliCommands, CheckAsJsonHasTheSameFindings) {
  source("CREATE TABLE log (line text)");
  const auto checked = leat("check", {"--json"});
  EXPECT_EQ(checked.status.code, found_something);
  const auto said = json::parse(checked.out);
  EXPECT_EQ(said.at("ok"), false);
  const auto& first = said.at("findings").at(0);
  EXPECT_EQ(first.at("severity"), "error");
  EXPECT_EQ(first.at("check"), "identity");
  EXPECT_THAT(first.at("remedy").get<std::string>(), HasSubstr("REPLICA IDENTITY FULL;"));
}

TEST_F(CliCommands, WhatCheckPrintsMendsIt) {
  source("CREATE TABLE log (line text)");
  const auto said = json::parse(leat("check", {"--json"}).out);
  for (const auto& f : said.at("findings"))
    if (f.at("remedy").get<std::string>().ends_with("FULL;"))
      source(f.at("remedy").get<std::string>());
  shown("check");
  catch_up();
}

TEST_F(CliCommands, CheckNamesAnUnreachableSource) {
  const auto checked =
      leat("check", {"--set", "source.url=postgresql://postgres@/source?host=/nowhere"});
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("/nowhere"));
  EXPECT_THAT(checked.out, HasSubstr("remedy: "));
}

TEST_F(CliCommands, CheckSaysThatAPartitionGoesWithItsRoot) {
  source("CREATE TABLE log (id int PRIMARY KEY) PARTITION BY RANGE (id);"
         "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10)");
  text.tables = R"(["public.log_1"])";
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out,
              HasSubstr("there is no table public.log_1 at the source that can be captured"));
  EXPECT_THAT(checked.out, HasSubstr("a partition goes with its root: name that"));
}

TEST_F(CliCommands, CheckSaysWhyNamesOfObjectsBecomeText) {
  source("CREATE TABLE object (id int PRIMARY KEY, class regclass)");
  text.sinks = {
      {"pg", "connector = \"postgres\"\nurl = \"" + server().url(target_database) + "\""}};
  const auto checked = leat("check");
  EXPECT_THAT(checked.out, HasSubstr("regclass becomes text, since its objects are the source's"));
}

TEST_F(CliCommands, CheckNamesATableThatIsNotThere) {
  text.tables = R"(["public.itme"])";
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("there is no table public.itme at the source"));
  EXPECT_THAT(checked.out, HasSubstr("public.item"));
}

TEST_F(CliCommands, CheckOfARunningPipelineFindsNothing) {
  start();
  wait_until_caught_up();
  EXPECT_THAT(shown("check"), HasSubstr("shop: nothing is wrong"));
  stop();
}

TEST_F(CliCommands, CheckNamesARouteWhoseRowsWouldChange) {
  catch_up();
  text.routes = {"from = \"public.item\"\nexclude = [\"name\"]"};
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("the route to lite/item would now give other rows"));
  expect_run_fails(usage, "the route to lite/item would now give other rows", "resnapshot");
}

TEST_F(CliCommands, PlanShowsRouteDdlKeyLossesAndActors) {
  source("ALTER TABLE item ADD COLUMN price numeric(8,2)");
  const auto plan = shown("plan");
  EXPECT_THAT(plan, HasSubstr("public.item -> lite.item: upsert, delete hard, key id"));
  EXPECT_THAT(plan, HasSubstr("CREATE TABLE \"item\""));
  EXPECT_THAT(plan, HasSubstr("loses: price, numeric(8,2) to TEXT"));
  for (const auto* actor :
       {"supervisor", "coordinator", "source", "router", "chunk readers", "sink lite"})
    EXPECT_THAT(plan, HasSubstr("\n  " + std::string(actor) + ": "));
  expect_nothing_made();
}

TEST_F(CliCommands, PlanAsJsonHasTheSameParts) {
  text.routes = {"from = \"public.item\"\nmode = \"append\"\nto = \"history\""};
  const auto plan = json::parse(shown("plan", {"--json"}));
  EXPECT_EQ(plan.at("tables"), json::array({"public.item"}));
  const auto& route = plan.at("routes").at(0);
  EXPECT_EQ(route.at("target"), "history");
  EXPECT_EQ(route.at("mode"), "append");
  EXPECT_EQ(route.at("key"), json::array({"id"}));
  EXPECT_THAT(route.at("ddl").get<std::string>(), HasSubstr("_leat_op"));
  EXPECT_EQ(route.at("columns").at(0).at("source_type"), "integer");
  EXPECT_EQ(route.at("columns").at(0).at("target_type"), "INTEGER");
  EXPECT_GE(plan.at("actors").size(), 6U);
}

TEST_F(CliCommands, PlanDdlIsWhatRunMakes) {
  const auto plan = json::parse(shown("plan", {"--json"}));
  catch_up();
  const auto made = *lite("SELECT sql FROM sqlite_schema WHERE name = 'item'")[0][0];
  EXPECT_EQ(plan.at("routes").at(0).at("ddl"), made + ";");
}

TEST_F(CliCommands, StatusBeforeTheFirstRun) {
  EXPECT_EQ(shown("status"), "shop: has never run\n");
  expect_nothing_made();
}

TEST_F(CliCommands, StatusOfARunningPipelineIsForPeople) {
  start();
  wait_until_caught_up();
  const auto status = shown("status");
  EXPECT_THAT(status, HasSubstr("shop: running, epoch "));
  EXPECT_THAT(status, HasSubstr("  public.item: 10 rows read\n"));
  EXPECT_THAT(status, HasSubstr("lag "));
  EXPECT_THAT(status, HasSubstr(", consistent"));
  stop();
}

TEST_F(CliCommands, StatusAsJsonHasTheLag) {
  start();
  wait_until_caught_up();
  source("INSERT INTO item VALUES (11, 'x')");
  wait_until_caught_up();
  const auto now = json::parse(status());
  EXPECT_EQ(now.at("state"), "running");
  EXPECT_EQ(now.at("tables").at(0).at("snapshot"), "finished");
  const auto& sink = now.at("sinks").at(0);
  EXPECT_LT(sink.at("lag_seconds").get<double>(), 30.0);
  EXPECT_LT(sink.at("lag_bytes").get<std::uint64_t>(), 1U << 20);
  stop();
}

TEST_F(CliCommands, StatusSaysHowFarAHeldUpSinkIsBehind) {
  start();
  wait_until_caught_up();
  sqlite_session holder(lite_path());
  holder.execute("BEGIN IMMEDIATE");
  source("INSERT INTO item SELECT i, repeat('x', 1000) FROM generate_series(1000, 2000) i");
  wait_until("no lag is shown", [&] {
    const auto text_now = status();
    if (text_now.empty()) return false;
    const auto sinks = json::parse(text_now).at("sinks");
    return !sinks.empty() && sinks[0].value("lag_bytes", 0) > 1'000'000
           && sinks[0].value("lag_seconds", 0.0) > 0.5;
  });
  holder.execute("ROLLBACK");
  wait_until_caught_up();
  stop();
}

TEST_F(CliCommands, StatusOfAStoppedPipelineComesFromItsState) {
  catch_up();
  const auto status = shown("status");
  EXPECT_THAT(status, HasSubstr("shop: stopped, epoch "));
  EXPECT_THAT(status, HasSubstr("public.item: 10 rows read"));
  EXPECT_THAT(status, HasSubstr("consistent"));
  EXPECT_EQ(json::parse(shown("status", {"--json"})).at("state"), "stopped");
}

TEST_F(CliCommands, StatusIsServedOverHttp) {
  pg_server_options options;
  options.tcp = true;
  int port = 0;
  {
    pg_server borrowed(options);
    port = borrowed.port();
  }
  text.rest = "[http]\nlisten = \"127.0.0.1:" + std::to_string(port) + "\"";
  start();
  fs::remove(state_path() / "leat.sock");
  EXPECT_EQ(json::parse(shown("status", {"--json"})).at("state"), "running");
  EXPECT_THAT(shown("resnapshot", {"public.item"}), HasSubstr("is read anew"));
  stop();
}

TEST_F(CliCommands, StatusWatchesUntilItIsEnded) {
  write_file();
  process watching({leat_program(), "status", directory() / "shop.toml", "--watch"});
  const auto line = std::string("shop: has never run\n");
  wait_until("it does not say it again",
             [&] { return watching.out().find(line, line.size()) != std::string::npos; });
  EXPECT_TRUE(watching.running());
}

TEST_F(CliCommands, RunRepaintsOnATerminal) {
  write_file();
  const auto command = leat_program() + " run " + (directory() / "shop.toml").string();
  process terminal({"script", "-qec", command, "/dev/null"});
  wait_until("nothing is painted over", [&] {
    const auto shown_so_far = terminal.out();
    return shown_so_far.find("A\x1b[J") != std::string::npos
           && shown_so_far.find("lite: epoch ") != std::string::npos;
  });
  terminal.kill();
}

TEST_F(CliCommands, ResnapshotOfAnUnknownTableIsRefused) {
  start();
  wait_until_caught_up();
  expect_error(leat("resnapshot", {"public.itme"}), usage, "no table public.itme", "leat status");
  stop();
}

TEST_F(CliCommands, ResnapshotReadsTheTableAnew) {
  start();
  wait_until_caught_up();
  EXPECT_THAT(shown("resnapshot", {"public.item"}), HasSubstr("public.item: is read anew"));
  wait_until("the second snapshot does not end", [&] {
    const auto text_now = status();
    if (text_now.empty()) return false;
    const auto table = json::parse(text_now).at("tables").at(0);
    return table.at("generation") == 2 && table.at("snapshot") == "finished";
  });
  wait_until_caught_up();
  expect_same_at_lite("item", "item");
  stop();
}

TEST_F(CliCommands, RunSaysWhereItBeginsWhatIsReadAndHowItEnds) {
  const auto ended = catch_up();
  EXPECT_THAT(ended.err,
              ContainsRegex("running: slot leat_shop from [0-9A-F]+/[0-9A-F]+, 1 table into lite "
                            "\\(sqlite\\)"));
  EXPECT_THAT(ended.err, HasSubstr("public.item: snapshot read, 10 rows"));
  EXPECT_THAT(ended.err, HasSubstr("sink lite is consistent"));
  EXPECT_THAT(ended.err, HasSubstr("ended cleanly; lite: epoch "));
  EXPECT_THAT(catch_up().err, Not(HasSubstr("snapshot read"))) << "it was read by the first run";
  EXPECT_EQ(ended.out, "") << "stdout is for the display";
}

TEST_F(CliCommands, RunThatEndsCleanlyLeavesOneWholeSqliteFile) {
  catch_up();
  EXPECT_FALSE(fs::exists(lite_path().string() + "-wal"));
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "10");
}

TEST_F(CliCommands, JsonLogIsALineOfJsonAnEvent) {
  text.rest = "[log]\nformat = \"json\"\nlevel = \"debug\"";
  source("CREATE TABLE \"We\"\"ird \\ Таблица\" (id int PRIMARY KEY)");
  start();
  wait_until_caught_up();
  source("ALTER TABLE \"We\"\"ird \\ Таблица\" ALTER COLUMN id TYPE bigint");
  source("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = "
         "'leat_shop'");
  wait_until("nothing is said of the lost connection",
             [&] { return log().find("connecting again") != std::string::npos; });
  wait_until_caught_up();
  stop();
  std::istringstream lines(log());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    const auto event = json::parse(line);
    EXPECT_TRUE(event.contains("time") && event.contains("level") && event.contains("message"));
    ++count;
  }
  EXPECT_GE(count, 2);
}

TEST_F(CliCommands, DropAsksFirst) {
  catch_up();
  const auto asked = leat("drop"); // stdin is empty
  EXPECT_THAT(asked.out, HasSubstr("Type the pipeline's name"));
  expect_error(asked, usage, "nothing was dropped", "type shop, or give --yes");
  EXPECT_EQ(slots(), "1");
  EXPECT_TRUE(fs::exists(state_path()));
}

TEST_F(CliCommands, DropRemovesAllButTheTables) {
  catch_up();
  const auto said = shown("drop", {"--yes"});
  EXPECT_THAT(said, HasSubstr("slot leat_shop: dropped"));
  EXPECT_THAT(said, HasSubstr("publication leat_shop: dropped"));
  EXPECT_EQ(slots(), "0");
  EXPECT_EQ(publications(), "0");
  EXPECT_FALSE(fs::exists(state_path()));
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "10");
  EXPECT_EQ(lite("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'leat%'")[0][0], "0");
}

TEST_F(CliCommands, DropRemovesWhatARunHadMadeWhenItWasEndedEarly) {
  pg_session writer(server().conninfo(source_database));
  writer.execute("BEGIN; INSERT INTO item VALUES (77)"); // a slot waits for it
  launch();
  wait_until("no publication", [&] { return publications() == "1"; });
  stop();
  writer.execute("ROLLBACK");
  EXPECT_THAT(shown("drop", {"--yes"}), HasSubstr("publication leat_shop: dropped"));
  EXPECT_EQ(publications(), "0");
  EXPECT_EQ(slots(), "0");
}

TEST_F(CliCommands, StatusAndLogNameTheTransactionsThatASlotAndASnapshotWaitFor) {
  pg_session writer(server().conninfo(source_database));
  writer.execute("BEGIN; INSERT INTO item VALUES (77)");
  const auto pid = writer.query("SELECT pg_backend_pid()")[0][0].value();
  const auto who = "waits for open transactions: process " + pid + " of role ";
  launch();
  wait_until("status does not name it",
             [&] { return leat("status").out.find(who) != std::string::npos; });
  EXPECT_THAT(log(), HasSubstr("the slot waits for open transactions: process " + pid));
  writer.execute("COMMIT");
  wait_until_caught_up();
  EXPECT_THAT(shown("status"), Not(HasSubstr("open transactions")));
  writer.execute("BEGIN; INSERT INTO item VALUES (78); PREPARE TRANSACTION 'of ''weird'' name'");
  shown("resnapshot", {"public.item"});
  wait_until("status does not name the prepared one", [&] {
    return shown("status").find("prepared transaction 'of ''weird'' name' of role ")
           != std::string::npos;
  });
  EXPECT_THAT(shown("status"), HasSubstr("public.item: waits for transactions before xid "));
  writer.execute("COMMIT PREPARED 'of ''weird'' name'");
  wait_until_caught_up();
  stop();
}

TEST_F(CliCommands, DropLeavesWhatLeatDidNotMake) {
  source("CREATE PUBLICATION leat_shop FOR TABLE item WITH (publish_via_partition_root = true)");
  catch_up();
  EXPECT_THAT(shown("drop", {"--yes"}), HasSubstr("publication leat_shop: stays"));
  EXPECT_EQ(slots(), "0");
  EXPECT_EQ(publications(), "1");
}

TEST_F(CliCommands, DropWorksWithoutStateAndWithoutSlot) {
  catch_up();
  fs::remove_all(state_path());
  source("SELECT pg_drop_replication_slot('leat_shop')");
  const auto said = shown("drop", {"--yes"});
  EXPECT_THAT(said, HasSubstr("slot leat_shop: was not there"));
  EXPECT_EQ(publications(), "0");
  EXPECT_THAT(shown("drop", {"--yes"}), HasSubstr("publication leat_shop: was not there"));
}

TEST_F(CliCommands, DropOfARunningPipelineIsRefused) {
  start();
  expect_error(leat("drop", {"--yes"}), state_failed, "the pipeline is running", "stop it");
  EXPECT_EQ(slots(), "1");
  stop();
}

TEST_F(CliCommands, DropOfASlotInUseSaysByWhom) {
  catch_up();
  process other({pg_client("pg_recvlogical"), "-d", server().conninfo(source_database), "-S",
                 "leat_shop", "--start", "-o", "proto_version=1", "-o",
                 "publication_names=leat_shop", "-f", "/dev/null"});
  wait_until("the slot is not taken", [&] {
    return source_value("SELECT active FROM pg_replication_slots WHERE slot_name = 'leat_shop'")
           == "t";
  });
  const auto dropped = leat("drop", {"--yes"});
  EXPECT_EQ(dropped.status.code, source_failed);
  EXPECT_THAT(dropped.err, HasSubstr("is active for PID"));
  EXPECT_TRUE(fs::exists(state_path())) << "so that drop can be tried again";
  other.kill();
}

} // namespace

} // namespace leat::test
