/// Preloaded into leat: records to $LEAT_SYNC_RECORD how much of each file was synced, a line `size
/// path` per fsync or fdatasync that succeeded, so that the crash test can tear off the rest as a
/// power cut would.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

int record_file() {
  static const int fd = [] {
    const char* path = std::getenv("LEAT_SYNC_RECORD");
    return path == nullptr ? -1 : ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  }();
  return fd;
}

/// The state before the call: what is written during it may not be synced.
struct stat state_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) status.st_mode = 0;
  return status;
}

void record(const struct stat& before) {
  if (!S_ISREG(before.st_mode) || record_file() < 0) return;
  const int kept = errno;
  char line[64];
  const int count = std::snprintf(line, sizeof line, "%llu %lld\n",
                                  static_cast<unsigned long long>(before.st_ino),
                                  static_cast<long long>(before.st_size));
  [[maybe_unused]] const auto written =
      ::write(record_file(), line, static_cast<std::size_t>(count));
  errno = kept;
}

using sync_function = int (*)(int);

int sync_and_record(sync_function real, int fd) {
  const auto before = state_of(fd);
  const int result = real(fd);
  if (result == 0) record(before);
  return result;
}

} // namespace

extern "C" int fsync(int fd) {
  static const auto real = reinterpret_cast<sync_function>(::dlsym(RTLD_NEXT, "fsync"));
  return sync_and_record(real, fd);
}

extern "C" int fdatasync(int fd) {
  static const auto real = reinterpret_cast<sync_function>(::dlsym(RTLD_NEXT, "fdatasync"));
  return sync_and_record(real, fd);
}
