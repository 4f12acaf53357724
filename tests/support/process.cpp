#include "tests/support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

namespace leat::test {

namespace {

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto candidate = rest.substr(0, colon) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  throw std::system_error(ENOENT, std::generic_category(), name);
}

/// A file that the child appends to and that is read here; one in memory leaves nothing behind.
int open_output(const std::filesystem::path& path) {
  const int fd = path.empty() ? ::memfd_create("output", MFD_CLOEXEC)
                              : ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), path.string());
  return fd;
}

std::string read_all(int fd) {
  std::string result;
  char buffer[65536];
  while (true) {
    const auto got = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(result.size()));
    if (got <= 0) return result;
    result.append(buffer, static_cast<std::size_t>(got));
  }
}

double seconds(const timeval& value) {
  return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_usec) / 1e6;
}

} // namespace

process::process(const std::vector<std::string>& command, const process_options& options)
    : out_(open_output(options.out)), err_(open_output(options.err)) {
  // Everything that allocates happens before fork: other threads may hold the allocator's locks.
  auto arguments = command;
  auto environment = merged_environment(options.environment);
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);
  const auto program = find_program(command.at(0));
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::dup2(in, 0);
    ::dup2(out_, 1);
    ::dup2(err_, 2);
    if (options.group && (::setgroups(0, nullptr) != 0 || ::setgid(*options.group) != 0))
      ::_exit(126);
    if (options.user && ::setuid(*options.user) != 0) ::_exit(126);
    if (options.die_with_parent) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(126); // it ended before prctl
    }
    if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(126);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
    ::_exit(127);
  }
  const int failed = errno;
  ::close(in);
  if (pid_ < 0) throw std::system_error(failed, std::generic_category(), "fork");
}

process::~process() {
  kill();
  ::close(out_);
  ::close(err_);
}

bool process::reap(int flags) {
  if (status_) return true;
  int status = 0;
  rusage usage{};
  pid_t got = 0;
  do got = ::wait4(pid_, &status, flags, &usage);
  while (got < 0 && errno == EINTR);
  if (got != pid_) return false;
  status_ = exit_status{WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                        WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                        seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss};
  return true;
}

bool process::running() { return !reap(WNOHANG); }

void process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::optional<exit_status> process::wait(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  auto pause = std::chrono::milliseconds(1);
  while (!reap(WNOHANG)) {
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(20));
  }
  return status_;
}

exit_status process::kill() {
  if (!status_) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL); // it may not have reached setpgid
    reap(0);
  }
  return *status_;
}

std::string process::out() const { return read_all(out_); }
std::string process::err() const { return read_all(err_); }

finished_process run(const std::vector<std::string>& command, const process_options& options,
                     std::chrono::milliseconds timeout) {
  process child(command, options);
  const bool timed_out = !child.wait(timeout);
  const auto status = child.kill();
  return {status, timed_out, child.out(), child.err()};
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace leat::test
