#include "state/checkpoint_store.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <random>
#include <set>

#include "dataflow/error.hpp"
#include "tests/support/checkpoint_store_fixture.hpp"

// The state directory after a crash at any moment, and on a full disk.

namespace leat {
namespace {

namespace fs = std::filesystem;
using test::expect_equal;
using test::state_at;
using CheckpointCrash = test::checkpoint_store_fixture;

// A child that saves epochs 1, 2, 3 ... and prunes, and tells the pipe of each save that returned.
class saver {
 public:
  explicit saver(const fs::path& path) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      save_forever(path, ends[1]);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~saver() {
    kill();
    ::close(pipe_);
  }

  // Waits for `saves` more, and gives the last epoch that was reported.
  epoch_id wait(int saves) {
    for (; saves > 0; --saves)
      if (::read(pipe_, &last_, sizeof last_) != sizeof last_) break;
    return last_;
  }
  epoch_id kill() {
    if (child_ <= 0) return last_;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
    while (::read(pipe_, &last_, sizeof last_) == sizeof last_) {
    }
    return last_;
  }

 private:
  [[noreturn]] static void save_forever(const fs::path& path, int out) {
    const auto store = open_state(path, false);
    const auto before = store->epochs();
    for (auto e = before.empty() ? 1 : before.back() + 1;; ++e) {
      store->save(state_at(e));
      if (::write(out, &e, sizeof e) != sizeof e) ::_exit(1);
      if (e > 3) store->prune(e - 3);
    }
  }

  pid_t child_ = 0;
  int pipe_ = -1;
  epoch_id last_ = 0;
};

void expect_whole(const state_store& store, epoch_id at_least) {
  const auto epochs = store.epochs();
  ASSERT_FALSE(epochs.empty() && at_least > 0);
  if (epochs.empty()) return;
  EXPECT_GE(epochs.back(), at_least);
  for (const auto e : epochs) expect_equal(*store.load(e), state_at(e));
}

TEST_F(CheckpointCrash, HoldsEverySaveThatReturnedWhenItIsKilled) {
  std::minstd_rand random(4711);
  for (int round = 0; round < 12; ++round) {
    saver child(path);
    child.wait(1 + static_cast<int>(random() % 30));
    ::usleep(static_cast<useconds_t>(random() % 3000));
    expect_whole(*(child.kill(), open()), child.kill());
  }
}

// What a power cut leaves: the synced part, then any part of the rest, then maybe garbage.
TEST_F(CheckpointCrash, HoldsAWholeOlderCheckpointWhenItsTailIsTornOff) {
  std::minstd_rand random(4711);
  {
    const auto store = open();
    for (epoch_id e = 1; e <= 20; ++e) store->save(state_at(e));
  }
  std::set<epoch_id> seen;
  for (int round = 0; round < 30; ++round) {
    const auto copy = directory / "copy";
    fs::remove_all(copy);
    fs::copy(path, copy, fs::copy_options::recursive);
    for (const auto& f : fs::directory_iterator(copy)) {
      if (f.path().extension() != ".log" || f.file_size() == 0) continue;
      const auto size = f.file_size();
      fs::resize_file(f.path(), random() % (size + 1));
      if (round % 3 == 1) fs::resize_file(f.path(), size);
      if (round % 3 == 2)
        std::ofstream(f.path(), std::ios::app) << std::string(random() % 5000, '\x5a');
    }
    const auto store = open_state(copy, false);
    expect_whole(*store, 0);
    seen.insert(store->epochs().empty() ? 0 : store->epochs().back());
    store->save(state_at(100));
    expect_equal(*store->load(100), state_at(100));
  }
  EXPECT_GT(seen.size(), 5U) << "it was torn at different places";
}

TEST_F(CheckpointCrash, CanBeReadWhileAnotherProcessWrites) {
  std::minstd_rand random(4711);
  saver child(path);
  for (int round = 0; round < 10; ++round) {
    child.wait(1 + static_cast<int>(random() % 40));
    expect_whole(*open_state(path, true), 1);
  }
}

// Saves until that fails for want of room, calls `make_room`, and goes on with epoch 9000. Gives an
// exit code: it runs in a child of its own, whose limits are its own.
int fill_up(const fs::path& path, const std::function<void()>& take_room,
            const std::function<void()>& make_room) {
  const auto store = open_state(path, false);
  store->save(state_at(1));
  take_room();
  try {
    for (epoch_id e = 2; e < 9000; ++e) store->save(state_at(e));
    return 1;
  } catch (const error& caught) {
    if (!caught.transient() || std::string_view(caught.what()).find("full") == std::string::npos)
      return 2;
  }
  try {
    make_room();
    store->save(state_at(9000));
    expect_equal(*store->load(9000), state_at(9000));
    return testing::Test::HasFailure() ? 3 : 0;
  } catch (const error& caught) {
    std::fprintf(stderr, "%s\n", caught.what());
    return 4;
  }
}

void expect_clean_end(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(CheckpointCrash, GoesOnAfterAFileCouldNotGrow) {
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit room{};
    ::getrlimit(RLIMIT_FSIZE, &room);
    auto little = room;
    little.rlim_cur = 8192;
    ::_exit(fill_up(
        path, [&] { ::setrlimit(RLIMIT_FSIZE, &little); },
        [&] { ::setrlimit(RLIMIT_FSIZE, &room); }));
  }
  expect_clean_end(child);
  EXPECT_EQ(open()->epochs().back(), 9000U);
  expect_whole(*open(), 9000);
}

// A small file system, as long as it lives.
class small_disk {
 public:
  explicit small_disk(fs::path where) : path_(std::move(where)) {
    fs::create_directory(path_);
    mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=4m") == 0;
  }
  ~small_disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  fs::path path_;
  bool mounted_;
};

TEST_F(CheckpointCrash, GoesOnAfterTheDiskWasFull) {
  const auto where = directory / "disk";
  const small_disk disk(where);
  if (!disk.mounted()) GTEST_SKIP() << "file systems cannot be mounted here";
  const auto child = ::fork();
  if (child == 0) {
    std::ofstream(where / "ballast") << std::string(3'000'000, 'x');
    ::_exit(fill_up(
        where / "state", [] {}, [&] { fs::remove(where / "ballast"); }));
  }
  expect_clean_end(child);
  expect_whole(*open_state(where / "state", false), 9000);
}

} // namespace
} // namespace leat
