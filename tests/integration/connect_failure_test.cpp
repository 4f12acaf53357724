#include "plugins/postgres/connect_failure.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "plugins/postgres/connection.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using testing::HasSubstr;

/// A server that asks everybody but its owner for a password, and whose messages nobody knows.
class ConnectFailure : public testing::Test {
 protected:
  static test::pg_server& server() {
    static test::pg_server made;
    return made;
  }
  ConnectFailure() {
    server().create_database("there");
    server().execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'right'");
    const auto file = server().data() / "pg_hba.conf";
    std::ofstream(file) << "local all postgres trust\nlocal there guest scram-sha-256\n";
    server().execute("SELECT pg_reload_conf()");
  }
  connect_failure asked(connection_parameters given) const {
    auto parameters = server().parameters("there");
    for (auto& [name, value] : given) parameters[name] = std::move(value);
    std::vector<const char*> names, values;
    for (const auto& [name, value] : parameters) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    return ask_connect_failure(names.data(), values.data());
  }
};

TEST_F(ConnectFailure, IsToldByItsSqlstateWhateverLanguageTheServerSpeaks) {
  EXPECT_EQ(asked({{"user", "guest"}, {"password", "wrong"}}).sqlstate, "28P01");
  EXPECT_THAT(asked({{"user", "guest"}, {"password", "wrong"}}).remedy, HasSubstr("password"));
  EXPECT_EQ(asked({{"user", "stranger"}}).sqlstate, "28000");
  EXPECT_EQ(asked({{"user", "postgres"}, {"dbname", "nowhere"}}).sqlstate, "3D000");
}

TEST_F(ConnectFailure, OfAServerThatIsNotThereMayPass) {
  EXPECT_EQ(asked({{"host", "/nowhere"}}).sqlstate, "");
  EXPECT_THAT(asked({{"host", "/nowhere"}}).remedy, HasSubstr("listens there"));
  EXPECT_EQ(asked({{"host", "192.0.2.1"}}).sqlstate, "") << "an address that never answers";
}

TEST_F(ConnectFailure, OfAnUnknownMessageIsAsked) {
  EXPECT_FALSE(explain_connect_failure("FATAL:  Passwort-Authentifizierung fehlgeschlagen", ""));
}

} // namespace
} // namespace leat::postgres
