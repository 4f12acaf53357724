#include "tests/support/pg_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace leat::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// Whom the server runs as: PostgreSQL refuses root.
process_options server_user() {
  process_options options;
  options.die_with_parent =
      false; // the guard does it: the starting thread may end earlier than the test
  if (::geteuid() != 0) return options;
  const passwd* user = ::getpwnam("postgres");
  if (user == nullptr) user = ::getpwnam("nobody");
  if (user == nullptr) throw std::runtime_error("no user to run PostgreSQL as");
  options.user = user->pw_uid;
  options.group = user->pw_gid;
  return options;
}

void must(const std::vector<std::string>& command, const process_options& options) {
  const auto done = run(command, options);
  if (done.status.code != 0)
    throw std::runtime_error(command[0] + " failed:\n" + done.out + done.err);
}

fs::path make_owned_directory(const fs::path& path) {
  fs::create_directory(path);
  fs::permissions(path, fs::perms::owner_all);
  const auto user = server_user();
  if (user.user && ::chown(path.c_str(), *user.user, *user.group) != 0)
    throw std::system_error(errno, std::generic_category(), path.string());
  return path;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0
                     && ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(socket);
  if (!bound) throw std::system_error(errno, std::generic_category(), "no free port");
  return ntohs(address.sin_port);
}

/// Starts a shell that outlives this process, and stops the server and removes its directory when
/// the write end of a pipe, which only this process holds, is closed.
int start_guard(const fs::path& directory) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  static const char* script =
      "trap '' INT TERM HUP; read -r line && exit 0; "
      "pid=$(head -n1 \"$0/data/postmaster.pid\" 2>/dev/null) && kill -QUIT $pid 2>/dev/null; n=0; "
      "while [ -n \"$pid\" ] && kill -0 $pid 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; "
      "n=$((n+1)); done; "
      "until rm -rf \"$0\" || [ $n -gt 100 ]; do sleep 0.1; n=$((n+1)); done";
  const auto path = directory.string();
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    ::setsid();
    ::dup2(ends[0], 0);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    if (::fork() != 0) ::_exit(0); // its parent is init, so that nobody has to wait for it
    ::execl("/bin/sh", "sh", "-c", script, path.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  return ends[1];
}

void dismiss_guard(int guard) {
  if (::write(guard, "\n", 1) == 1) ::close(guard);
}

/// An initialised data directory per kind of server, made once in this process: a copy takes a
/// tenth of initdb's time.
fs::path template_data(const fs::path& bin) {
  static std::mutex mutex;
  static temp_directory directory;
  [[maybe_unused]] static const int guard = start_guard(directory.path());
  static std::map<fs::path, fs::path> made;
  const std::lock_guard lock(mutex);
  if (const auto found = made.find(bin); found != made.end()) return found->second;
  const auto data = make_owned_directory(directory / std::to_string(made.size()));
  must({bin / "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8",
        "--locale=C.UTF-8", "-D", data},
       server_user());
  return made[bin] = data;
}

void append_settings(const fs::path& data, const std::map<std::string, std::string>& settings) {
  std::ofstream file(data / "postgresql.conf", std::ios::app);
  for (const auto& [name, value] : settings) {
    std::string quoted;
    for (const char c : value) quoted += c == '\'' ? "''" : std::string(1, c);
    file << name << " = '" << quoted << "'\n";
  }
}

/// Children of a process, by /proc.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> result;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = read_file(entry.path() / "stat");
    const auto end = stat.rfind(')');
    if (end == std::string::npos) continue;
    std::istringstream rest(stat.substr(end + 1));
    char state = 0;
    pid_t ppid = 0;
    if (rest >> state >> ppid && ppid == parent) result.push_back(std::stoi(name));
  }
  return result;
}

/// As /proc/PID/stat has it, proc(5); a zombie's for a process that is gone.
char state_of(pid_t pid) {
  const auto stat = read_file(fs::path("/proc") / std::to_string(pid) / "stat");
  const auto end = stat.rfind(')');
  return end != std::string::npos && end + 2 < stat.size() ? stat[end + 2] : 'Z';
}

} // namespace

fs::path pg_bin() {
  if (const char* given = std::getenv("LEAT_PG_BIN"); given != nullptr && *given != 0) return given;
  fs::path newest;
  int newest_version = 0;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", missing)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > newest_version && fs::exists(entry.path() / "bin/postgres")) {
      newest_version = version;
      newest = entry.path() / "bin";
    }
  }
  if (newest.empty())
    throw std::runtime_error("no PostgreSQL server found: run scripts/setup or set LEAT_PG_BIN");
  return newest;
}

pg_server::pg_server(const pg_server_options& options) : bin_(options.bin) {
  guard_ = start_guard(directory_.path());
  const auto original = template_data(bin_);
  if (options.tcp) port_ = free_port();
  const auto user = server_user();
  if (user.user && ::chown(directory_.path().c_str(), *user.user, *user.group) != 0)
    throw std::system_error(errno, std::generic_category(), "chown");
  must({"cp", "-a", "--reflink=auto", original, data()}, {});
  if (options.tls)
    must({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
          "/CN=leat test", "-keyout", data() / "server.key", "-out", data() / "server.crt"},
         server_user());

  std::map<std::string, std::string> settings = {
      {"listen_addresses", options.tcp ? "127.0.0.1" : ""},
      {"port", std::to_string(port_)},
      {"ssl", options.tls ? "on" : "off"},
      {"unix_socket_directories", directory_.path().string()},
      {"unix_socket_permissions", "0777"},
      {"wal_level", "logical"},
      {"fsync", "off"},
      {"shared_buffers", "64MB"},
      {"max_connections", "100"},
      {"max_wal_senders", "20"},
      {"max_replication_slots", "20"},
      {"max_prepared_transactions", "20"},
      {"log_line_prefix", "%m [%p] %q%a "},
  };
  for (const auto& [name, value] : options.settings) settings[name] = value;
  append_settings(data(), settings);
  start();
  version_ = std::stoi(value("SELECT current_setting('server_version_num')"));
}

pg_server::~pg_server() {
  if (postmaster_ && postmaster_->running()) {
    postmaster_->signal(SIGQUIT);
    postmaster_->wait(5s);
  }
  postmaster_.reset();
  dismiss_guard(guard_);
}

void pg_server::start() {
  auto options = server_user();
  options.die_with_parent = false; // the guard does it: the starting thread may end earlier
  options.out = options.err = directory_ / "log";
  postmaster_ =
      std::make_unique<process>(std::vector<std::string>{bin_ / "postgres", "-D", data()}, options);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (PQping(conninfo().c_str()) != PQPING_OK) {
    if (!postmaster_->running() || std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("PostgreSQL did not start:\n" + log());
    std::this_thread::sleep_for(10ms);
  }
}

void pg_server::stop(pg_stop mode) {
  postmaster_->signal(mode == pg_stop::fast ? SIGINT : SIGQUIT);
  if (!postmaster_->wait(60s)) throw std::runtime_error("PostgreSQL did not stop:\n" + log());
}

void pg_server::restart(pg_stop mode) {
  stop(mode);
  start();
}

void pg_server::crash() {
  // So that it makes no new ones meanwhile; the signal takes effect some time later.
  postmaster_->signal(SIGSTOP);
  while (state_of(postmaster_->pid()) != 'T' && postmaster_->running())
    std::this_thread::sleep_for(1ms);
  const auto children = children_of(postmaster_->pid());
  for (const pid_t child : children) ::kill(child, SIGKILL);
  postmaster_->kill();
  // A new server refuses to start while one of them still has the shared memory.
  for (const pid_t child : children)
    while (state_of(child) != 'Z') std::this_thread::sleep_for(1ms);
}

bool pg_server::restart_at_xid(std::uint32_t epoch, std::uint32_t next) {
  if (!fs::exists(bin_ / "pg_resetwal")) return false;
  // Rows of before would lie in the future of the next id.
  for (const auto& row : query("SELECT datname FROM pg_database WHERE datallowconn"))
    execute("VACUUM (FREEZE)", *row[0]);
  stop();
  must({bin_ / "pg_resetwal", "-f", "-e", std::to_string(epoch), "-x", std::to_string(next), "-D",
        data()},
       server_user());
  constexpr std::uint32_t xids_of_segment = 32 * 8192 * 4;
  constexpr std::size_t segment_size = 32 * 8192;
  std::ostringstream name;
  name << std::hex << std::uppercase << std::setw(4) << std::setfill('0') << next / xids_of_segment;
  const auto segment = data() / "pg_xact" / name.str();
  if (!fs::exists(segment)) std::ofstream(segment) << std::string(segment_size, '\0');
  const auto user = server_user();
  if (user.user && ::chown(segment.c_str(), *user.user, *user.group) != 0)
    throw std::system_error(errno, std::generic_category(), segment.string());
  start();
  return true;
}

void pg_server::set(const std::string& name, const std::string& value) {
  auto admin = session();
  const auto quoted = admin.value("SELECT quote_literal($leat$" + value + "$leat$)");
  const std::string loaded = "SELECT pg_conf_load_time()";
  const auto before = admin.value(loaded);
  admin.execute("ALTER SYSTEM SET " + name + " = " + quoted);
  admin.execute("SELECT pg_reload_conf()");
  while (session().value(loaded) == before) std::this_thread::sleep_for(1ms);
  // It is the checkpointer that makes commits wait.
  if (name == "synchronous_standby_names") session().execute("CHECKPOINT");
}

std::map<std::string, std::string> pg_server::parameters(const std::string& database) const {
  return {{"host", directory_.path().string()},
          {"port", std::to_string(port_)},
          {"user", "postgres"},
          {"dbname", database}};
}

std::string pg_server::conninfo(const std::string& database) const {
  return "host=" + directory_.path().string() + " port=" + std::to_string(port_)
         + " user=postgres dbname=" + database;
}

std::string pg_server::url(const std::string& database) const {
  return "postgresql:///" + database + "?host=" + directory_.path().string()
         + "&port=" + std::to_string(port_) + "&user=postgres";
}

std::string pg_server::tcp_conninfo(const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " user=postgres dbname=" + database;
}

void pg_server::execute(const std::string& sql, const std::string& database) const {
  session(database).execute(sql);
}

text_rows pg_server::query(const std::string& sql, const std::string& database) const {
  return session(database).query(sql);
}

std::string pg_server::value(const std::string& sql, const std::string& database) const {
  return session(database).value(sql);
}

void pg_server::create_database(const std::string& name) const {
  auto admin = session();
  const auto where = " WHERE d.datname = '" + name + "'";
  admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity d" + where);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (admin.value("SELECT count(*) FROM pg_replication_slots d JOIN pg_stat_activity a"
                     " ON a.pid = d.active_pid WHERE d.database = '"
                     + name + "'")
             != "0"
         && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(10ms);
  admin.execute(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '"
      + name + "'");
  admin.execute("DROP DATABASE IF EXISTS \"" + name + "\" WITH (FORCE)");
  admin.execute("CREATE DATABASE \"" + name + "\"");
}

std::string pg_server::log() const { return read_file(directory_ / "log"); }

} // namespace leat::test
