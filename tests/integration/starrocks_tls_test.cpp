#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugins/starrocks/http_client.hpp"
#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A certificate for `name` that signs itself, and its key.
struct certificate {
  certificate(const temp_directory& directory, const std::string& file, const std::string& name)
      : path(directory / (file + ".pem")), key(directory / (file + ".key")) {
    const auto made = run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                           "/CN=leat test", "-addext", "subjectAltName=" + name, "-keyout",
                           key.string(), "-out", path.string(), "-days", "2"});
    if (made.status.code != 0) throw std::runtime_error("openssl req: " + made.err);
  }
  std::filesystem::path path;
  std::filesystem::path key;
};

/// Doubles of its own, which speak TLS on all ports.
class StarrocksTls : public ::testing::Test {
 protected:
  static const temp_directory& directory() {
    static const temp_directory one;
    return one;
  }
  static const certificate& right() {
    static const certificate one(directory(), "right", "IP:127.0.0.1");
    return one;
  }
  static const certificate& other() {
    static const certificate one(directory(), "other", "DNS:fe.example");
    return one;
  }
  static const starrocks_cluster& secure() {
    static const starrocks_cluster one({"--tls-cert", right().path, "--tls-key", right().key});
    return one;
  }
  static const starrocks_cluster& elsewhere() {
    static const starrocks_cluster one({"--tls-cert", other().path, "--tls-key", other().key});
    return one;
  }

  sink_options options(const starrocks_cluster& at) const {
    sink_options o;
    o.name = "dwh";
    o.connector = "starrocks";
    o.connection = {{"user", at.user}, {"password", ""}};
    for (const auto& a : at.http) o.starrocks.http.push_back("https://" + a);
    o.starrocks.mysql = at.mysql;
    static int databases = 0;
    o.starrocks.database = "secure_" + std::to_string(++databases);
    o.starrocks.table.properties = {{"replication_num", "1"}};
    return o;
  }
  /// Writes a row, as the engine does.
  static void write_row(const sink_options& o) {
    const auto sink = starrocks::make_sink("shop", o);
    sink->open();
    const auto schema = starrocks_source("items", {{"id", value_class::int4, "integer"}});
    auto& writer = sink->attach(share(route_of(schema)));
    const auto rows = batch_builder(schema).insert({1}).build();
    writer.write(rows, all_changes(*rows));
    sink->prepare();
    target_progress next;
    next.pipeline_id = "id";
    next.epoch = 1;
    sink->commit(next);
    sink->forget();
  }
  static leat::error error_of(const sink_options& o) {
    return test::error_of([&] { write_row(o); });
  }
};

TEST_F(StarrocksTls, EverythingGoesOverItWhereTheAuthorityIsKnown) {
  auto o = options(secure());
  o.starrocks.ca_file = right().path;
  write_row(o);
  bool be = false;
  const auto seen = secure().control("/wire?since=0");
  for (const auto& w : seen.at("wire"))
    be = be || (w.at("op") == "load" && w.at("node").get<std::string>().starts_with("be"));
  EXPECT_TRUE(be);
}

TEST_F(StarrocksTls, AnUnknownAuthorityEndsItOnBothPorts) {
  auto o = options(secure());
  const auto mysql = error_of(o);
  EXPECT_FALSE(mysql.transient()) << mysql.brief();
  EXPECT_THAT(mysql.what(), HasSubstr("over TLS"));
  EXPECT_THAT(mysql.remedy(), HasSubstr("ca_file"));
  o.starrocks.mysql_tls = false;
  const auto http = error_of(o);
  EXPECT_FALSE(http.transient()) << http.brief();
  EXPECT_THAT(http.what(), HasSubstr("certificate"));
  EXPECT_THAT(http.remedy(), HasSubstr("ca_file"));
}

TEST_F(StarrocksTls, ACertificateOfAnotherNameEndsItOnBothPorts) {
  auto o = options(elsewhere());
  o.starrocks.ca_file = other().path;
  EXPECT_THAT(error_of(o).what(), HasSubstr("over TLS"));
  o.starrocks.mysql_tls = false;
  EXPECT_THAT(error_of(o).what(), HasSubstr("certificate"));
}

TEST_F(StarrocksTls, TheCheckCanBeTurnedOff) {
  auto o = options(secure());
  o.starrocks.tls_verify = false;
  write_row(o);
}

TEST_F(StarrocksTls, AServerThatSpeaksNoneIsNotSpokenToOpenly) {
  auto o = options(starrocks_cluster::shared());
  o.connection["password"] = "s3cret";
  const auto e = error_of(o);
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.what(), HasSubstr("over TLS"));
  EXPECT_THAT(e.remedy(), HasSubstr("mysql_tls"));
  EXPECT_THAT(e.brief() + e.remedy(), Not(HasSubstr("s3cret")));
}

/// An FE that sends loads on to `location`.
class redirecting_fe {
 public:
  redirecting_fe(const certificate& own, const std::string& location)
      : server_(own.path.c_str(), own.key.c_str()) {
    server_.Get(".*", [location](const httplib::Request&, httplib::Response& reply) {
      reply.status = 307;
      reply.set_header("Location", location);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    serving_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~redirecting_fe() {
    server_.stop();
    serving_.join();
  }
  std::string address() const { return "https://127.0.0.1:" + std::to_string(port_); }

 private:
  httplib::SSLServer server_;
  int port_ = 0;
  std::thread serving_;
};

TEST_F(StarrocksTls, ARedirectOutOfItIsNotFollowed) {
  httplib::Server open;
  std::atomic<int> asked = 0;
  open.Get(".*", [&](const httplib::Request&, httplib::Response&) { ++asked; });
  const auto port = open.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { open.listen_after_bind(); });
  const redirecting_fe fe(right(), "http://127.0.0.1:" + std::to_string(port) + "/api/x");
  starrocks::http_settings settings;
  settings.frontends = {fe.address()};
  settings.user = "leat";
  settings.password = "s3cret";
  settings.ca_file = right().path;
  starrocks::http_client client(settings);
  starrocks::http_request request;
  request.method = "GET";
  request.target = "/api/x";
  try {
    client.send(request);
    ADD_FAILURE() << "it was followed";
  } catch (const leat::error& e) {
    EXPECT_FALSE(e.transient());
    EXPECT_THAT(e.what(), HasSubstr("without TLS"));
  }
  EXPECT_EQ(asked, 0);
  open.stop();
  serving.join();
}

} // namespace
} // namespace leat::test
