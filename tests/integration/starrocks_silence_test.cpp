#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "plugins/starrocks/load_api.hpp"
#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

/// Servers that take a connection and never answer. The limits are shorter here than leat's.
class StarrocksSilence : public starrocks_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
    begin();
    close();
  }

  /// Of the follower first.
  static starrocks::http_settings settings() {
    starrocks::http_settings s;
    s.frontends = {cluster().http.at(1), cluster().http.at(0)};
    s.user = cluster().user;
    s.password = cluster().password;
    s.redirect_timeout = milliseconds{500};
    s.continue_timeout = milliseconds{1000};
    return s;
  }
  static void hang(const char* node, const char* op, const char* phase) {
    cluster().control(
        "/fault",
        {{"node", node}, {"op", op}, {"phase", phase}, {"action", "hang"}, {"times", -1}});
  }
  static std::string last_asked() {
    const auto wire = cluster().control("/wire?since=0").at("wire");
    for (auto w = wire.rbegin(); w != wire.rend(); ++w)
      if (w->at("op") == "state") return w->at("node");
    return "none";
  }
  starrocks::load_reply load() {
    return api_.load(name_, "items", {{"format", "json"}, {"strip_outer_array", "true"}},
                     R"([{"id": 1, "name": "a", "body": "x", "__op": 0}])");
  }
  /// Longer than any limit here, shorter than leat's own.
  ~StarrocksSilence() override {
    EXPECT_LT(std::chrono::steady_clock::now() - begun_, seconds{45});
  }

  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  starrocks::http_client http_{settings()};
  starrocks::load_api api_{http_, database_};
  starrocks::load_name name_{"silence_" + database_, "items"};
};

TEST_F(StarrocksSilence, OfAnFeThatIsAskedHasAnotherOneAskedFromThenOn) {
  hang("fe2", "*", "accept");
  EXPECT_EQ(api_.state("nothing"), starrocks::load_state::unknown);
  EXPECT_TRUE(api_.begin(name_).ok());
  EXPECT_TRUE(load().ok());
}

TEST_F(StarrocksSilence, OfAnFeThatIsToRedirectALoadEndsItAndLeavesTheFe) {
  EXPECT_TRUE(api_.begin(name_).ok());
  hang("fe2", "load", "headers");
  const auto e = error_of([&] { load(); });
  EXPECT_TRUE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("no answer in time"));
  cluster().remove("/wire");
  EXPECT_EQ(api_.state(name_.label), starrocks::load_state::prepare);
  EXPECT_EQ(last_asked(), "fe");
}

TEST_F(StarrocksSilence, OfABeThatIsToTakeALoadEndsIt) {
  EXPECT_TRUE(api_.begin(name_).ok());
  hang("be*", "load", "headers");
  const auto e = error_of([&] { load(); });
  EXPECT_TRUE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("no answer in time"));
}

TEST_F(StarrocksSilence, OfAMysqlPortHasAnotherOneTried) {
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(listen(silent, 8), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&at), &size), 0);
  auto s = sql_settings();
  s.servers.insert(s.servers.begin(), "127.0.0.1:" + std::to_string(ntohs(at.sin_port)));
  s.connect_timeout = seconds{1};
  starrocks::mysql_client sql(s);
  EXPECT_EQ(sql.query("SELECT 1 AS one").text(0, "one"), "1");
  ::close(silent);
}

} // namespace
} // namespace leat::test
