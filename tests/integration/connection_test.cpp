#include "plugins/postgres/connection.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>

#include "plugins/postgres/replication_connection.hpp"
#include "tests/support/pipeline_fixture.hpp"

namespace leat::postgres {
namespace {

using test::text_rows;

/// What libpq and the server make of what the user says of a connection.
class Connection : public test::pipeline_fixture {
 protected:
  static std::string url(const std::string& query) {
    const auto base = server().url(source_database);
    return base + (base.find('?') == std::string::npos ? "?" : "&") + query;
  }
  static connection made(const std::string& dbname) {
    return {{{"dbname", dbname}}, connection_use::query};
  }
  static std::string in_use(connection& c, const std::string& keyword) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(PQconninfo(c.raw()),
                                                                             &PQconninfoFree);
    for (const auto* part = parts.get(); part->keyword != nullptr; ++part)
      if (keyword == part->keyword) return part->val == nullptr ? "" : part->val;
    return "no such keyword";
  }
  static std::string shown(connection& c, const std::string& setting) {
    return c.query("SHOW " + setting).string(0, 0);
  }
};

TEST_F(Connection, TakesTheUrlsTimeoutsOverItsOwn) {
  const std::string uri = url("keepalives_idle=77&tcp_user_timeout=1234&connect_timeout=9");
  const std::string keywords = server().conninfo(source_database)
                               + " keepalives_idle=77 tcp_user_timeout=1234 connect_timeout=9";
  for (const auto& said : {uri, keywords}) {
    auto c = made(said);
    EXPECT_EQ(in_use(c, "keepalives_idle"), "77") << said;
    EXPECT_EQ(in_use(c, "tcp_user_timeout"), "1234") << said;
    EXPECT_EQ(in_use(c, "connect_timeout"), "9") << said;
    EXPECT_EQ(in_use(c, "keepalives_count"), "3") << "what it leaves open is leat's";
  }
}

TEST_F(Connection, TakesKeywordsOfTheFileOverTheUrls) {
  connection c({{"dbname", url("keepalives_count=8")}, {"keepalives_count", "5"}},
               connection_use::query);
  EXPECT_EQ(in_use(c, "keepalives_count"), "5");
}

TEST_F(Connection, TakesTheUrlsOptionsAndPinsWhatItReliesOn) {
  auto c = made(url("options=-c%20work_mem%3D5MB%20-c%20DateStyle%3DGerman"));
  EXPECT_EQ(shown(c, "work_mem"), "5MB");
  EXPECT_EQ(shown(c, "DateStyle"), "ISO, MDY");
}

TEST_F(Connection, ThatReplicatesTakesTheUrlsOptionsToo) {
  EXPECT_NO_THROW(replication_connection({{"dbname", url("options=-c%20work_mem%3D5MB")}}));
  EXPECT_THROW(replication_connection({{"dbname", url("options=-c%20work_mem%3Dmuch")}}),
               server_error)
      << "the server has seen them";
}

TEST_F(Connection, HasTheUrlsNameUnlessItStreams) {
  EXPECT_EQ(shown(*std::make_unique<connection>(
                      connection_parameters{{"dbname", url("application_name=shop")}},
                      connection_use::query),
                  "application_name"),
            "shop");
  source("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)");
  text.source = "application_name = \"shop\"";
  start();
  wait_until_caught_up();
  source("ALTER TABLE item ADD COLUMN more int; INSERT INTO item VALUES (2, 2)");
  wait_until_caught_up();
  EXPECT_EQ(server().query("SELECT DISTINCT application_name ~ '^leat:' FROM pg_stat_activity"
                           " WHERE backend_type = 'walsender'"),
            text_rows({{"t"}}))
      << "by that name it is known after its connection is lost";
  EXPECT_EQ(server().value("SELECT count(*) FROM pg_stat_activity WHERE datname = 'source'"
                           " AND backend_type = 'client backend' AND application_name <> 'shop'"),
            "0");
  stop();
}

} // namespace
} // namespace leat::postgres
