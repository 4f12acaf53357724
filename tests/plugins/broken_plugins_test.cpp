#include <atomic>
#include <condition_variable>
#include <fstream>
#include <thread>

#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/temp_directory.hpp"

// What leat says of a plugin that is not as it should be. Each message names the plugin.

namespace leat::test {
namespace {

using testing::HasSubstr;

class BrokenPlugins : public plugin_fixture {
 protected:
  error loading(const std::string& what) {
    return error_of([&] { load(broken / ("broken_" + what + ".so")); });
  }
  void expect_refused(const std::string& what, const std::string& because,
                      const std::string& remedy) {
    const auto e = loading(what);
    EXPECT_EQ(e.kind(), error_kind::usage);
    EXPECT_THAT(e.what(), HasSubstr("broken_" + what + ".so"));
    EXPECT_THAT(e.what(), HasSubstr(because));
    EXPECT_EQ(e.where(), "plugin");
    EXPECT_THAT(e.remedy(), HasSubstr(remedy));
  }

  transform_type_ptr sound(const std::string& how,
                           std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    return load(broken / "broken_sound.so", R"({"how": ")" + how + "\"}", limit);
  }
  void expect_describe_fails(const std::string& how, const std::string& because) {
    const auto e = error_of([&] { sound(how)->describe({people(), route_mode::upsert, false}); });
    EXPECT_EQ(e.kind(), error_kind::usage);
    EXPECT_THAT(e.what(), HasSubstr("plugin \"broken\" ("));
    EXPECT_THAT(e.what(), HasSubstr(because));
    EXPECT_EQ(e.where(), "table public.people");
    EXPECT_FALSE(e.remedy().empty());
  }
  error processing(const std::string& how) {
    const auto t = make(sound(how), people());
    auto rows = batch_builder(people());
    rows.insert({1, "Ada", "030"}).insert({2, "Bob", "040"});
    return error_of([&] { apply(*t, rows); });
  }
  void expect_process_fails(const std::string& how, const std::string& because) {
    const auto e = processing(how);
    EXPECT_EQ(e.kind(), error_kind::usage);
    EXPECT_FALSE(e.transient());
    EXPECT_THAT(e.what(), HasSubstr("plugin \"broken\" ("));
    EXPECT_THAT(e.what(), HasSubstr(because));
    EXPECT_EQ(e.where(), "transform tested of public.people to people");
    EXPECT_FALSE(e.remedy().empty());
  }
};

TEST_F(BrokenPlugins, AFileThatIsNotThere) {
  expect_refused("nothing", "there is no such file", "relative ones start at the pipeline file's");
}

TEST_F(BrokenPlugins, AFileThatIsNoSharedObject) {
  const temp_directory there;
  std::ofstream(there / "text.so") << "not ELF";
  const auto e = error_of([&] { load(there / "text.so"); });
  EXPECT_THAT(e.what(), HasSubstr("it cannot be loaded: "));
  EXPECT_THAT(e.what(), HasSubstr("text.so"));
}

TEST_F(BrokenPlugins, ASharedObjectThatIsNoPlugin) {
  expect_refused("no_symbol", "it exports no leat_plugin_entry", "C linkage");
}

TEST_F(BrokenPlugins, ASharedObjectThatCallsWhatNobodyHas) {
  expect_refused("undefined_symbol", "undefined symbol", "linked with everything that it calls");
}

TEST_F(BrokenPlugins, AnotherVersionOfTheInterface) {
  expect_refused("wrong_abi", "version 2 of the plugin interface, and this leat has version 1",
                 "build the plugin");
}

TEST_F(BrokenPlugins, ANewerPluginTellsWhatThisLeatLacks) {
  const auto e = loading("needs_newer");
  EXPECT_THAT(e.what(), HasSubstr("needs revision 3 of the plugin interface, and this leat has "
                                  "revision 1; what is lacking: windows (revision 2); joins "
                                  "(revision 3)"));
  EXPECT_THAT(e.what(), HasSubstr("plugin \"broken\""));
  EXPECT_THAT(e.remedy(), HasSubstr("update leat"));
}

TEST_F(BrokenPlugins, ANewerPluginThatNeedsNothingNewRuns) {
  const auto t = make(load(broken / "broken_of_tomorrow.so"), people());
  auto rows = batch_builder(people());
  rows.insert({1, "Ada", "030"});
  EXPECT_THAT(lines_of(apply(*t, rows)), testing::ElementsAre("insert 1|Ada|030"));
}

TEST_F(BrokenPlugins, ATableThatIsNotOne) {
  expect_refused("no_table", "gave no table", "");
  expect_refused("no_size", "its table has 0 bytes", "sizeof(leat_plugin)");
  expect_refused("no_process", "create, process or destroy is missing", "set all three");
  expect_refused("bad_name", "its name is not made of", "set `name`");
}

TEST_F(BrokenPlugins, AnExceptionOfTheEntry) {
  expect_refused("throws_at_entry", "threw an exception: out of the entry", "catch them");
}

TEST_F(BrokenPlugins, OptionsThatItDoesNotHave) {
  const auto object = broken / "broken_sound.so";
  auto e = error_of([&] { load(object, R"({"hwo": "x"})"); });
  EXPECT_THAT(e.what(), HasSubstr("has no option `hwo`"));
  EXPECT_EQ(e.remedy(), "did you mean `how`?");
  e = error_of([&] { load(object, R"({"count": "x"})"); });
  EXPECT_THAT(e.what(), HasSubstr("`count` of plugin \"broken\""));
  EXPECT_THAT(e.what(), HasSubstr("is an integer"));
  e = error_of([&] { load(examples / "redact.so"); });
  EXPECT_THAT(e.what(), HasSubstr("needs the option `column`"));
}

TEST_F(BrokenPlugins, DescriptionsThatMakeNoSense) {
  expect_describe_fails("describe fails", "describe() failed: no such table wanted");
  expect_describe_fails("describe throws", "threw an exception across the border: out of describe");
  expect_describe_fails("unknown type", "column id with the type \"blob\"");
  expect_describe_fails("no name", "adds a column without a name or a type");
  expect_describe_fails("same name twice", "two columns with the name \"id\"");
  expect_describe_fails("no key", "no column id, which is part of the key");
  expect_describe_fails("key beyond", "a key with column 9, and its output has 3");
  expect_describe_fails("passes beyond", "passes on column 9, and its input has 3");
  expect_describe_fails("emits in describe", "calls keep() in describe()");
}

TEST_F(BrokenPlugins, AnInstanceThatCannotBeMade) {
  const auto e = error_of([&] { make(sound("create fails"), people()); });
  EXPECT_THAT(e.what(), HasSubstr("create() failed with the code 3"));
}

TEST_F(BrokenPlugins, CallsThatFail) {
  expect_process_fails("throws", "process() threw an exception across the border: out of process");
  expect_process_fails("throws a number", "process() threw an exception across the border");
  expect_process_fails("error code", "process() failed with the code 42");
  expect_process_fails("error", "process() failed: the disk is full");
}

TEST_F(BrokenPlugins, RowsThatCannotBe) {
  expect_process_fails("narrow row", "a row of 2 cells, and its output has 3 columns");
  expect_process_fails("wide row", "a row of 4 cells, and its output has 3 columns");
  expect_process_fails("no such change", "keeps change 2, and the batch has 2");
  expect_process_fails("from no change", "emits a row from change 2, and the batch has 2");
  expect_process_fails("no such kind", "a row of kind 9");
  expect_process_fails("null key", "emits a row without a value in column id");
  expect_process_fails("half a key", "emits an old row without a value in column id");
  expect_process_fails("remove without old", "has a row too few or too many for its kind");
  expect_process_fails("drops a column", "keeps a row, and its output has other columns");
}

TEST_F(BrokenPlugins, RowsThatHaveNoPlace) {
  expect_process_fails("out of order", "a row of change 0 behind one of change 1");
  expect_process_fails("reads", "emits a LEAT_READ of a change that is none");
  const auto t = make(sound("twice"), people(), route_mode::append);
  auto rows = batch_builder(people());
  rows.insert({1, "Ada", "030"});
  EXPECT_THAT(error_of([&] { apply(*t, rows); }).what(),
              HasSubstr("emits two rows of change 0, and the route appends"));
}

TEST_F(BrokenPlugins, FunctionsOutOfPlace) {
  expect_process_fails("state unasked", "calls put(), and its table does not say LEAT_KEEPS_STATE");
  expect_process_fails("describes in process", "calls pass_column() in process()");
  const auto t = make(sound("keeps in flush"), people());
  EXPECT_THAT(error_of([&] { flush(*t); }).what(), HasSubstr("calls keep() in flush()"));
}

TEST_F(BrokenPlugins, ARowInFlushHasNoPlaceInARouteThatAppends) {
  const auto upsert = make(sound("emits in flush"), people());
  EXPECT_THAT(lines_of(flush(*upsert)), testing::ElementsAre("insert 1|~|~"));
  const auto append = make(sound("emits in flush"), people(), route_mode::append);
  EXPECT_THAT(error_of([&] { flush(*append); }).what(), HasSubstr("and the route appends"));
}

TEST_F(BrokenPlugins, ARejectedRowIsNamed) {
  const auto e = processing("rejects");
  EXPECT_EQ(e.kind(), error_kind::source);
  EXPECT_THAT(e.what(), HasSubstr("plugin \"broken\" ("));
  EXPECT_THAT(e.what(), HasSubstr("rejects a row: its phone has no country"));
  EXPECT_EQ(e.where(), "transform tested of public.people to people, row id = 1");
}

TEST_F(BrokenPlugins, RowsThatAreRejectedBecomeLettersAndTheKeysTheyLeaveGo) {
  on_error = expression_policy::dead_letter;
  const auto t = make(sound("rejects some"), people());
  auto rows = batch_builder(people());
  rows.insert({1, "Ada", "-1"}).insert({2, "Eve", "2"});
  rows.update({2, absent, absent}, {3, "Eve", "-2"}).insert({4, "Bob", "4"});
  rows.update({4, "Bob", "-4"});
  EXPECT_THAT(lines_of(apply(*t, rows)),
              testing::ElementsAre("insert 2|Eve|2", "remove <- 2|-|-", "insert 4|Bob|4"));
  EXPECT_THAT(letters, testing::ElementsAre("1: its phone is negative", "3: its phone is negative",
                                            "4: its phone is negative"));
}

TEST_F(BrokenPlugins, ARowCanBeAskedForAgain) {
  const auto t = make(sound("asks"), people());
  auto rows = batch_builder(people());
  rows.update({5, "Ada", unchanged});
  EXPECT_THAT(lines_of(apply(*t, rows)), testing::IsEmpty());
  EXPECT_THAT(asked, testing::ElementsAre("5"));
}

TEST_F(BrokenPlugins, ACallThatTakesTooLongIsToldOfAndAShortOneIsNot) {
  std::mutex mutex;
  std::condition_variable told;
  std::string overdue;
  on_overdue = [&](const std::string& what) {
    const std::scoped_lock lock(mutex);
    overdue = what;
    told.notify_all();
  };
  const auto quick = make(sound("naps", std::chrono::seconds(30)), people());
  auto rows = batch_builder(people());
  rows.insert({1, "Ada", "030"});
  apply(*quick, rows);
  EXPECT_EQ(overdue, "");

  // A thread that nobody waits for: what it uses stays.
  auto* const slow = make(sound("hangs", std::chrono::milliseconds(10)), people()).release();
  std::thread([slow] {
    auto more = batch_builder(people());
    more.insert({1, "Ada", "030"});
    apply(*slow, more);
  }).detach();
  std::unique_lock lock(mutex);
  told.wait_for(lock, std::chrono::seconds(30), [&] { return !overdue.empty(); });
  EXPECT_THAT(overdue, HasSubstr("plugin \"broken\""));
  EXPECT_THAT(overdue, HasSubstr("process"));
}

} // namespace
} // namespace leat::test
