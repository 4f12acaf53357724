#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "tests/plugins/exported_symbols.hpp"
#include "tests/plugins/plugin_page.hpp"
#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/sqlite_reader.hpp"

// Plugins in routes of the leat binary, from a PostgreSQL server into SQLite.

namespace leat::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PipelinePlugins : public pipeline_fixture {
 protected:
  PipelinePlugins() {
    text.sinks.erase("pg");
    source("CREATE TABLE people (id int PRIMARY KEY, name text, phone text);"
           "INSERT INTO people SELECT i, 'name ' || i, '03' || i % 3 || '-' || i "
           "FROM generate_series(1, 120) i");
  }

  /// The object beside the pipeline file, which names it by a relative path.
  void take(const std::string& object) {
    const fs::path from = object.starts_with("broken") ? LEAT_BROKEN_PLUGINS : LEAT_EXAMPLE_PLUGINS;
    fs::copy_file(from / object, directory() / object, fs::copy_options::overwrite_existing);
  }

  void through_broken(const std::string& more = "") {
    take("broken_sound.so");
    text.routes = {"from = \"public.people\"\ntransform = \"b\""};
    text.rest = "[transform.b]\nplugin = \"./broken_sound.so\"\n" + more;
  }

  void expect_all_people() const {
    EXPECT_EQ(lite("SELECT id, name, phone FROM people"),
              lite_like(source_rows("SELECT id::text, name, phone FROM people")));
  }
  static text_rows lite_like(text_rows rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  /// A run that the plugin makes fail, naming it; then one of the same file that does not.
  void expect_fails_and_goes_on(const std::string& how, const std::string& message) {
    const auto failed = leat("run", {"--until", "caught-up"}, {{"BROKEN_HOW", how}});
    EXPECT_FALSE(failed.timed_out) << how;
    EXPECT_EQ(failed.status.code, 2) << how << "\n" << failed.err;
    EXPECT_THAT(failed.err, HasSubstr("leat: error: plugin \"broken\" ("));
    EXPECT_THAT(failed.err, HasSubstr(message));
    EXPECT_THAT(failed.err, HasSubstr("\n  remedy: "));
    EXPECT_THAT(failed.out, IsEmpty());
    catch_up();
    expect_all_people();
  }
};

TEST_F(PipelinePlugins, RowsOfSnapshotAndStreamGoThroughAChainOfThem) {
  take("redact.so");
  take("lookup.so");
  std::ofstream(directory() / "cities.csv") << "name 1,Bern\nname 200,Wien\nmoved,Graz\n";
  text.routes = {"from = \"public.people\"\ntransform = [\"city\", \"digits\"]"};
  text.rest = "[transform.digits]\nplugin = \"redact.so\"\ncolumn = \"phone\"\n"
              "[transform.city]\nplugin = \"./lookup.so\"\nfile = \"cities.csv\"\n"
              "column = \"name\"\nadd = \"city\"\n";
  start();
  wait_until_caught_up();
  source("INSERT INTO people VALUES (200, 'name 200', '1a2')");
  source("UPDATE people SET id = 300, name = 'moved' WHERE id = 2");
  source("DELETE FROM people WHERE id BETWEEN 50 AND 60");
  source("UPDATE people SET phone = NULL WHERE id = 3");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(
      lite("SELECT id, name, phone, city FROM people"),
      lite_like(source_rows("SELECT id::text, name, regexp_replace(phone, '[0-9]', '#', 'g'), "
                            "CASE name WHEN 'name 1' THEN 'Bern' WHEN 'name 200' THEN 'Wien' "
                            "WHEN 'moved' THEN 'Graz' END FROM people")));
}

TEST_F(PipelinePlugins, TheFirstTenMinutesOfThePageGoAsItSays) {
  server().create_database("page");
  server().execute(page_block("ten minutes", "sql"), "page");
  auto file = page_block("people.toml", "toml");
  const std::string url = "postgresql://leat@localhost:5432/shop";
  ASSERT_NE(file.find(url), std::string::npos);
  file.replace(file.find(url), url.size(), server().url("page"));
  std::ofstream(directory() / "people.toml") << file;
  build_from_page("initials.cpp", directory());
  process_options there;
  there.directory = directory();
  const auto commands = commands_of(page_block("says what is wrong with it", "sh"));
  EXPECT_EQ(commands.size(), 3u);
  for (auto command : commands) {
    ASSERT_EQ(command.at(0), "leat");
    command[0] = leat_program();
    const auto done = run(command, there);
    EXPECT_EQ(done.status.code, 0) << done.out << done.err;
  }
  EXPECT_EQ(sqlite_reader(directory() / "people.db").query("SELECT id, name, country FROM people"),
            (text_rows{{"1", "AL", "UK"}, {"2", "GH", "US"}, {"3", "n", std::nullopt}}));
}

TEST_F(PipelinePlugins, AChangedTableIsDescribedAnew) {
  take("lookup.so");
  std::ofstream(directory() / "cities.csv") << "name 1,Bern\nnew,Wien\n";
  text.routes = {"from = \"public.people\"\ntransform = \"city\""};
  text.rest = "[transform.city]\nplugin = \"lookup.so\"\nfile = \"cities.csv\"\n"
              "column = \"name\"\nadd = \"city\"\n";
  start();
  wait_until_caught_up();
  source("ALTER TABLE people ADD COLUMN age int");
  source("INSERT INTO people VALUES (200, 'new', '1', 41)");
  source("ALTER TABLE people DROP COLUMN phone");
  source("UPDATE people SET age = 42 WHERE id = 1");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT id, name, city, age FROM people"),
            lite_like(source_rows("SELECT id::text, name, CASE name WHEN 'name 1' THEN 'Bern' "
                                  "WHEN 'new' THEN 'Wien' END, age::text FROM people")));
  EXPECT_THAT(lite_columns("people"), testing::UnorderedElementsAre("id", "name", "city", "age"));
}

TEST_F(PipelinePlugins, ThePlanShowsThem) {
  take("redact.so");
  text.routes = {"from = \"public.people\"\ntransform = \"digits\""};
  text.rest = "[transform.digits]\nplugin = \"redact.so\"\ncolumn = \"phone\"\n";
  const auto planned = leat("plan");
  EXPECT_EQ(planned.status.code, 0) << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("transform plugin redact 1 ("));
  EXPECT_THAT(planned.out, HasSubstr("redact.so) (digits)"));
  const auto checked = leat("check");
  EXPECT_EQ(checked.status.code, 0) << checked.out;
}

TEST_F(PipelinePlugins, CheckAndPlanReportWhatIsWrong) {
  through_broken();
  text.rest = "[transform.b]\nplugin = \"./nowhere.so\"\n";
  auto checked = leat("check");
  EXPECT_EQ(checked.status.code, 1);
  EXPECT_THAT(checked.out, HasSubstr("error: plugin \"nowhere.so\" ("));
  EXPECT_THAT(checked.out, HasSubstr("there is no such file"));
  EXPECT_THAT(checked.out, HasSubstr("shop.toml:"));
  EXPECT_EQ(leat("plan").status.code, 2);

  through_broken("hwo = 1\n");
  checked = leat("check");
  EXPECT_EQ(checked.status.code, 1);
  EXPECT_THAT(checked.out, HasSubstr("has no option `hwo`"));
  EXPECT_THAT(checked.out, HasSubstr("did you mean `how`?"));

  through_broken("how = \"unknown type\"\n");
  checked = leat("check");
  EXPECT_EQ(checked.status.code, 1);
  EXPECT_THAT(checked.out, HasSubstr("column id with the type \"blob\""));
}

TEST_F(PipelinePlugins, OneThatFailsEndsTheRunAndLosesNothing) {
  through_broken();
  expect_fails_and_goes_on("error", "process() failed: the disk is full");
  source("INSERT INTO people VALUES (500, 'five', '5')");
  expect_fails_and_goes_on("throws", "process() threw an exception across the border");
  source("UPDATE people SET name = 'six' WHERE id = 6");
  expect_fails_and_goes_on("wide row", "a row of 4 cells, and its output has 3 columns");
}

TEST_F(PipelinePlugins, ARowThatItRejectsIsNamed) {
  through_broken();
  const auto failed = leat("run", {"--until", "caught-up"}, {{"BROKEN_HOW", "rejects"}});
  EXPECT_EQ(failed.status.code, 3) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("rejects a row: its phone has no country"));
  EXPECT_THAT(failed.err, HasSubstr("row id = "));
}

TEST_F(PipelinePlugins, RowsThatItRejectsGoToTheDeadLettersOnce) {
  through_broken();
  text.sinks["lite"] += "\ndead_letter = \"bad\"";
  text.routes[0] += "\non_error = \"dead_letter\"";
  source("UPDATE people SET phone = '-' || phone WHERE id IN (7, 9)");
  start({{"BROKEN_HOW", "rejects some"}});
  wait_until_caught_up();
  source("UPDATE people SET id = 700, phone = '-7' WHERE id = 70");
  source("UPDATE people SET phone = '09' WHERE id = 9; INSERT INTO people VALUES (500, 'e', '5')");
  wait_until_caught_up();
  kill();
  start({{"BROKEN_HOW", "rejects some"}});
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT target, \"key\", reason FROM bad"),
            (text_rows{{"people", R"({"id":"7"})", "transform b: its phone is negative"},
                       {"people", R"({"id":"700"})", "transform b: its phone is negative"},
                       {"people", R"({"id":"9"})", "transform b: its phone is negative"}}));
  EXPECT_EQ(
      lite("SELECT id, name, phone FROM people"),
      lite_like(source_rows("SELECT id::text, name, phone FROM people WHERE id NOT IN (7, 700)")));
}

TEST_F(PipelinePlugins, OneThatHangsEndsTheProcessAndLosesNothing) {
  through_broken("timeout = \"300ms\"\n");
  expect_fails_and_goes_on("hangs", "process() has taken longer than 300ms");
  source("INSERT INTO people VALUES (501, 'five', '5')");
  expect_fails_and_goes_on("describe hangs", "describe() has taken longer than 300ms");
  const auto checked = leat("check", {}, {{"BROKEN_HOW", "describe hangs"}});
  EXPECT_FALSE(checked.timed_out);
  EXPECT_EQ(checked.status.code, 2);
  EXPECT_THAT(checked.err, HasSubstr("describe() has taken longer than 300ms"));
}

TEST_F(PipelinePlugins, StandardOutputStaysLeats) {
  through_broken();
  const auto planned = leat("plan", {"--json"}, {{"BROKEN_HOW", "describe prints"}});
  EXPECT_EQ(planned.status.code, 0) << planned.err;
  EXPECT_TRUE(nlohmann::json::accept(planned.out)) << planned.out;
  EXPECT_THAT(planned.err, HasSubstr("printed by a plugin"));
  const auto checked = leat("check", {"--json"}, {{"BROKEN_HOW", "describe prints"}});
  EXPECT_TRUE(nlohmann::json::accept(checked.out)) << checked.out;
  const auto ran = leat("run", {"--until", "caught-up"}, {{"BROKEN_HOW", "prints"}});
  EXPECT_EQ(ran.status.code, 0) << ran.err;
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("printed by a plugin"));
}

/// What a route through `totals` must show after these statements.
class orders_model {
 public:
  explicit orders_model(unsigned seed) : dice_(seed) {}

  /// A statement at the source. The first five rows stay, so that no group ever ends.
  std::string next() {
    if (last_ < 5 || dice_() % 3 == 0) {
      const order made{last_ < 5 ? last_ : pick(5), pick(1000)};
      orders_[++last_] = made;
      count(made, 1);
      return "INSERT INTO orders VALUES (" + std::to_string(last_) + ", '" + name(made) + "', "
             + std::to_string(made.cents) + ")";
    }
    const auto id = 1 + pick(last_);
    const auto found = orders_.find(id);
    if (found == orders_.end()) return "SELECT 1";
    const auto where = " WHERE id = " + std::to_string(id);
    auto& o = found->second;
    count(o, -1);
    if (id > 5 && dice_() % 4 == 0) {
      orders_.erase(found);
      return "DELETE FROM orders" + where;
    }
    if (id > 5) o.customer = pick(5);
    o.cents = pick(1000);
    count(o, 1);
    return "UPDATE orders SET customer = '" + name(o) + "', cents = " + std::to_string(o.cents)
           + where;
  }

  text_rows totals() const {
    text_rows out;
    for (const auto& [customer, t] : totals_)
      out.push_back(
          {customer, std::to_string(t.rows), std::to_string(t.cents), std::to_string(t.changes)});
    return out;
  }

 private:
  struct order {
    int customer = 0;
    int cents = 0;
  };
  struct total {
    int rows = 0;
    int cents = 0;
    int changes = 0;
  };
  int pick(int below) { return static_cast<int>(dice_() % static_cast<unsigned>(below)); }
  static std::string name(const order& o) { return "customer " + std::to_string(o.customer); }
  void count(const order& o, int sign) {
    auto& t = totals_[name(o)];
    t.rows += sign;
    t.cents += sign * o.cents;
    ++t.changes;
  }

  std::mt19937 dice_;
  int last_ = 0;
  std::map<int, order> orders_;
  std::map<std::string, total> totals_;
};

class PipelineTotals : public PipelinePlugins {
 protected:
  PipelineTotals() {
    source("CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, cents int NOT NULL)");
    take("totals.so");
    text.tables = R"(["public.orders"])";
    text.routes = {"from = \"public.orders\"\nto = \"totals\"\ntransform = \"sum\""};
    text.rest = "[transform.sum]\nplugin = \"./totals.so\"\ngroup = \"customer\"\n"
                "amount = \"cents\"\n";
  }
};

/// A change that came twice, or not at all, would be counted so for ever.
TEST_F(PipelineTotals, AreRightAfterKillsAtAnyMoment) {
  text.interval = "20ms";
  start();
  wait_until_caught_up();
  orders_model model(11);
  std::mt19937 dice(12);
  for (int rounds = std::getenv("LEAT_TEST_FULL") == nullptr ? 6 : 100; rounds > 0; --rounds) {
    auto session = server().session(source_database);
    for (int n = 0; n < 80; ++n) session.execute(model.next());
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 60));
    for (int n = 0; n < 20; ++n) session.execute(model.next());
    kill();
    start();
  }
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT customer, rows, total, changes FROM totals"), model.totals());
}

/// Also those that the instance still has in memory when the state begins anew.
TEST_F(PipelineTotals, BeginAnewWithASnapshotOfTheTable) {
  text.interval = "1s";
  orders_model model(13);
  const auto change = [&] {
    for (int n = 0; n < 60; ++n) source(model.next());
  };
  change();
  start();
  wait_until_caught_up();
  change();
  const auto asked = leat("resnapshot", {"public.orders"});
  EXPECT_EQ(asked.status.code, 0) << asked.err;
  change();
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT customer, rows, total FROM totals"),
            lite_like(source_rows("SELECT customer, count(*)::text, sum(cents)::text FROM orders "
                                  "GROUP BY customer")));
}

/// Objects and types that it shares with libraries have to be exported, and weak symbols of
/// templates are; functions do not, and nothing of its own.
TEST_F(PipelinePlugins, TheBinaryExportsNothingOfItsOwn) {
  const auto symbols = exported_symbols(leat_program());
  EXPECT_FALSE(symbols.empty());
  for (const auto& symbol : symbols) {
    EXPECT_FALSE(symbol.starts_with("T ")) << symbol;
    EXPECT_EQ(symbol.find("leat"), std::string::npos) << symbol;
  }
}

} // namespace
} // namespace leat::test
