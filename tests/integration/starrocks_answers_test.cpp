#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_repeat_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// What servers answer: less than others do, and where else to go.
class StarrocksAnswers : public starrocks_repeat_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  }
  static void answers(const char* style) { cluster().control("/quirk", {{"replies", style}}); }
  /// To every request of the kind.
  static void answer(const char* op, const json& with) {
    cluster().control(
        "/fault",
        {{"op", op}, {"phase", "after"}, {"action", "reply"}, {"argument", with}, {"times", -1}});
  }
};

TEST_P(StarrocksAnswers, OfServersThatSayNoMoreThanTheyMustAreEnough) {
  for (const char* style : {"bare", "lower"}) {
    SCOPED_TRACE(style);
    answers(style);
    begin();
    const auto first = held.epoch;
    write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
    commit(first + 1);
    write(changes().update({1, "c", unchanged}).remove({2, absent, absent}));
    target().prepare();
    restart();
    write(changes().update({1, "c", unchanged}).remove({2, absent, absent}));
    commit(first + 2);
    EXPECT_EQ(items_rows(), "1|c|x");
    write(changes().remove({1, absent, absent}));
    commit(first + 3);
  }
}

TEST_P(StarrocksAnswers, WithoutAnErrorLogEndThePipelineForRowsThatAreRefusedAllTheSame) {
  begin();
  execute("DROP TABLE " + table("items"));
  execute("CREATE TABLE " + table("items")
          + " (id INT NOT NULL, name VARCHAR(5) NULL, body VARCHAR(5) NULL) PRIMARY KEY(id) "
            "DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
  answers("bare");
  write(changes().insert({1, "far too long", "x"}));
  const auto e = error_of([&] { commit(1); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.what(), HasSubstr("too many filtered rows"));
}

TEST_P(StarrocksAnswers, ThatLackTheirStatusAreShownWithWhatTheyLack) {
  first_row();
  answer("begin", {{"Message", "who knows"}});
  second_row();
  const auto e = error_of([&] { commit(2); });
  EXPECT_TRUE(e.transient());
  EXPECT_THAT(e.what(), AllOf(HasSubstr("has no Status"), HasSubstr("who knows")));
  cluster().remove("/fault");
  answer("state", {{"status", "OK"}});
  EXPECT_THAT(error_of([&] { reopen(); }).what(), HasSubstr("has no state"));
  cluster().remove("/fault");
  restart();
  second_row();
  commit(2);
  expect_both_rows();
}

TEST_P(StarrocksAnswers, OfABeThatRedirectsToAHostThatNoFeHasNamedAreNotFollowed) {
  httplib::Server elsewhere;
  std::atomic<int> asked = 0;
  elsewhere.set_pre_routing_handler([&](const httplib::Request&, httplib::Response&) {
    ++asked;
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto port = elsewhere.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { elsewhere.listen_after_bind(); });
  first_row();
  second_row();
  const auto host = "127.0.0.1:" + std::to_string(port);
  cluster().control(
      "/fault",
      {{"node", "be*"}, {"op", "load"}, {"phase", "headers"}, {"action", "redirect:" + host}});
  const auto e = error_of([&] { commit(2); });
  EXPECT_EQ(asked, 0);
  EXPECT_THAT(e.what(), HasSubstr(" redirects to http://" + host + ", which no FE has named"));
  EXPECT_THAT(e.what(), HasSubstr(e.where()));
  elsewhere.stop();
  serving.join();
  restart();
  second_row();
  commit(2);
  expect_both_rows();
}

TEST_P(StarrocksAnswers, OfALeaderThatTheFileDoesNotNameAreFollowed) {
  auto o = options();
  o.starrocks.http = {cluster().http.at(1)};
  ASSERT_NE(cluster().control("/status").at("leader"), "fe2");
  open(o);
  attach_items();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksAnswers,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
