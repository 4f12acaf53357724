#include "plugins/sqlite/sink.hpp"

#include <csignal>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using SqliteFiles = test::sqlite_fixture;

TEST_F(SqliteFiles, RefusesADirectoryThatDoesNotExist) {
  auto o = options();
  o.path = directory() / "no" / "such.db";
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("does not exist"));
}

TEST_F(SqliteFiles, RefusesAFileThatIsNoDatabase) {
  auto o = options();
  o.path = directory() / "text.db";
  std::ofstream(o.path) << std::string(10'000, 'x');
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("not a database"));
}

TEST_F(SqliteFiles, RefusesADirectoryAsFile) {
  auto o = options();
  o.path = directory();
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("it is a directory"));
}

TEST_F(SqliteFiles, ALockedFileIsATransientError) {
  attach_items();
  const auto lock = hold_lock();
  write(changes().insert({1, "a", "x"}));
  try {
    target().prepare();
    FAIL() << "the file is locked";
  } catch (const error& e) {
    EXPECT_TRUE(e.transient());
    EXPECT_EQ(e.kind(), error_kind::sink);
    EXPECT_THAT(e.remedy(), HasSubstr("another process"));
  }
}

/// Root may write everything: takes its rights away for a while.
class without_root {
 public:
  without_root() {
    if (was_root_ && seteuid(nobody) != 0) ADD_FAILURE() << "root's rights stay";
  }
  ~without_root() {
    if (was_root_ && seteuid(0) != 0) ADD_FAILURE() << "root's rights are lost";
  }
  without_root(const without_root&) = delete;
  without_root& operator=(const without_root&) = delete;

 private:
  static constexpr uid_t nobody = 65534;
  bool was_root_ = geteuid() == 0;
};

TEST_F(SqliteFiles, RefusesAFileThatIsReadOnly) {
  commit(1);
  close();
  std::filesystem::permissions(path(), std::filesystem::perms{0444});
  const without_root limit;
  sink s("shop", options());
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("read-only"));
}

TEST_F(SqliteFiles, ACorruptFileIsAPermanentError) {
  attach_items();
  write(changes().insert({1, std::string(20'000, 'x'), "x"}));
  commit(1);
  close();
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(8 * 4096, '\x5a');
  file.close();
  sink s("shop", options());
  EXPECT_THAT(error_of([&] {
                s.open();
                s.attach(test::share(test::route_of(test::items())));
              }),
              HasSubstr("malformed"));
}

/// Lets no file of this process grow beyond `bytes` for a while.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(SqliteFiles, AFileThatCannotGrowIsATransientErrorAndLosesNothing) {
  attach_items();
  write(changes().insert({-1, "a", "x"}));
  commit(1);
  auto big = changes();
  for (int i = 0; i < 1000; ++i) big.insert({i, std::string(1000, 'x'), "y"});
  write(std::move(big));
  try {
    const file_size_limit limit(200'000);
    commit(2);
    FAIL() << "the file cannot grow";
  } catch (const error& e) {
    EXPECT_TRUE(e.transient());
  }
  EXPECT_EQ(reopen()->epoch, 1U);
  EXPECT_THAT(query("SELECT id FROM items"), ElementsAre(ElementsAre("-1")));
}

} // namespace
} // namespace leat::sqlite
