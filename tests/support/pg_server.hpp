#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/pg_session.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

/// The server programs that tests use: $LEAT_PG_BIN, else the newest under /usr/lib/postgresql/.
std::filesystem::path pg_bin();

struct pg_server_options {
  std::filesystem::path bin = pg_bin();
  std::map<std::string, std::string>
      settings;     ///< over the defaults of pg_server.cpp, as in postgresql.conf without quotes
  bool tcp = false; ///< listens on 127.0.0.1 too, on a free port
  bool tls = false; ///< has a certificate, which it signed itself
};

enum class pg_stop { fast, immediate };

/// A private PostgreSQL in a temporary directory: superuser postgres without password, wal_level
/// logical, fsync off, UTF8, locale C.UTF-8, on a unix socket. It is running when the constructor
/// returns. As root it runs as the system's user postgres. The server ends and its directory goes
/// with this object, and also when the test process dies. One thread at a time, but for query(),
/// execute() and the constants.
class pg_server {
 public:
  explicit pg_server(const pg_server_options& = {});
  ~pg_server();
  pg_server(const pg_server&) = delete;
  pg_server& operator=(const pg_server&) = delete;

  void start();
  void stop(pg_stop = pg_stop::fast);
  void restart(pg_stop = pg_stop::fast);
  /// SIGKILL to the postmaster and all of its processes at one moment; start() recovers from it.
  void crash();

  /// Stops, and starts with `next` as the next transaction id of that epoch; false when this kind
  /// of server has no pg_resetwal. There may be no slot.
  bool restart_at_xid(std::uint32_t epoch, std::uint32_t next);

  /// ALTER SYSTEM and reload; some settings need restart().
  void set(const std::string& name, const std::string& value);

  /// Keywords for leat::postgres::connection, and the same as a keyword string and as an URI.
  std::map<std::string, std::string> parameters(const std::string& database = "postgres") const;
  std::string conninfo(const std::string& database = "postgres") const;
  std::string url(const std::string& database = "postgres") const;
  /// Over TCP; only with options.tcp.
  std::string tcp_conninfo(const std::string& database = "postgres") const;

  /// Each in a session of its own.
  void execute(const std::string& sql, const std::string& database = "postgres") const;
  text_rows query(const std::string& sql, const std::string& database = "postgres") const;
  std::string value(const std::string& sql, const std::string& database = "postgres") const;
  pg_session session(const std::string& database = "postgres") const {
    return pg_session(conninfo(database));
  }
  /// A new database of that name; one that is there is dropped first, with its slots and sessions.
  void create_database(const std::string& name) const;

  int version() const { return version_; } ///< 150020
  int port() const { return port_; }
  const std::filesystem::path& bin() const { return bin_; }
  const std::filesystem::path& socket_directory() const { return directory_.path(); }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::string log() const; ///< the server's log so far
  pid_t pid() const { return postmaster_ ? postmaster_->pid() : -1; }

 private:
  temp_directory directory_;
  std::filesystem::path bin_;
  int port_ = 5432;
  int version_ = 0;
  int guard_ = -1; ///< the end of a pipe that a guard process watches
  std::unique_ptr<process> postmaster_;
};

} // namespace leat::test
