#include "tests/integration/cli_fixture.hpp"

namespace leat::test {

namespace {

using testing::HasSubstr;
using testing::Not;

/// How the file describes its servers.
class CliConnection : public cli_fixture {
 protected:
  /// `url` as that of the source, refused at once by every command, with nothing of it printed.
  void expect_url_refused(const std::string& url, const std::vector<std::string>& secrets,
                          const std::string& what) const {
    for (const auto* command : {"check", "plan", "run"}) {
      const auto ended = leat(command, {"--set", "source.url=" + url});
      expect_error(ended, usage, what, "");
      EXPECT_THAT(ended.err, HasSubstr("source.url"));
      for (const auto& secret : secrets)
        EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(secret))) << command << " " << url;
    }
  }
  /// Those settings of the source, refused by the first attempt to connect.
  void expect_setting_refused(const std::string& setting, const std::string& what) const {
    expect_run_fails(source_failed, what, "", {"--set", "source." + setting});
  }
};

TEST_F(CliConnection, PasswordThatBreaksTheUrlIsNotPrinted) {
  expect_url_refused("postgresql://u:p%ss@127.0.0.1:1/db", {"p%ss"}, "hexadecimal");
  expect_url_refused("postgresql://u:SEKRET@[::1:1/db", {"SEKRET"}, "[");
  expect_url_refused("mysql://u:SEKRET@h/db", {"SEKRET"}, "postgresql://");
  expect_url_refused("mysql://u:SEK=RET@h/db", {"SEK", "RET"}, "postgresql://");
  expect_url_refused("password=SEK RET", {"SEK", "RET"}, "without =");
  expect_url_refused("password='SEKRET", {"SEKRET"}, "quote");
  expect_url_refused("password=SEK RET=5", {"SEK", "RET"}, "keyword");
}

TEST_F(CliConnection, PasswordThatWouldBecomeAServersNameIsNotPrinted) {
  expect_url_refused("postgresql://u:SEK@RET@127.0.0.1:1/db", {"SEK", "RET"}, "@");
  expect_url_refused("postgresql://u:SEK/RET@127.0.0.1:1/db", {"SEK", "RET"}, "@");
  expect_url_refused("postgresql://u:SEKRET", {"SEKRET"}, "port");
}

TEST_F(CliConnection, UrlWithAnUnknownParameterEndsTheCommand) {
  expect_url_refused("postgresql://u@h/db?bogus=1", {}, "libpq does not know");
}

TEST_F(CliConnection, UrlOfASinkIsLookedAtTheSameWay) {
  text.sinks = {{"pg", "connector = \"postgres\"\nurl = \"postgresql://u:SEK%RET@h/db\""}};
  const auto ended = leat("run");
  expect_error(ended, usage, "hexadecimal", "percent-encode");
  EXPECT_THAT(ended.err, HasSubstr("sink.pg.url"));
  EXPECT_THAT(ended.err, Not(HasSubstr("RET")));
}

TEST_F(CliConnection, SettingsThatCanNeverWorkAreNotTriedAgain) {
  expect_setting_refused("service=nosuch", "service");
  expect_setting_refused("hostaddr=bogus", "could not parse network address");
  expect_setting_refused("hostaddr=127.0.0.1,127.0.0.2", "could not match");
  expect_setting_refused("options=-c foo.bar", "");
  expect_setting_refused("options=-c nosuch=1", "nosuch");
  expect_setting_refused("options=--work_mem=99999999999999", "work_mem");
  expect_setting_refused("channel_binding=require", "channel binding");
  expect_setting_refused("gssencmode=require", "GSSAPI");
  expect_setting_refused("requirepeer=nobody_here", "requirepeer");
}

} // namespace

} // namespace leat::test
