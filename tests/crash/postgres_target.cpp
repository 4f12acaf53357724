#include <fmt/format.h>

#include "tests/crash/target.hpp"

namespace leat::test {

namespace {

class postgres_target_reader : public target_reader {
 public:
  explicit postgres_target_reader(const std::string& conninfo) : session_(conninfo) {}
  text_rows query(const std::string& sql) override {
    try {
      return session_.query(sql);
    } catch (const pg_failure& failure) {
      if (failure.sqlstate.empty() || failure.sqlstate.starts_with("57P"))
        throw target_away(failure.what());
      throw;
    }
  }

 private:
  pg_session session_;
};

class postgres_target : public target {
 public:
  postgres_target(std::string name, pg_server& server, std::string database)
      : target(std::move(name)), server_(server), database_(std::move(database)) {
    server_.create_database(database_);
  }

  std::string options() const override {
    return fmt::format("connector = \"postgres\"\nurl = \"{}\"\n", server_.url(database_));
  }

  std::unique_ptr<target_reader> open() const override {
    std::unique_ptr<postgres_target_reader> reader;
    try {
      reader = std::make_unique<postgres_target_reader>(conninfo());
    } catch (const pg_failure& failure) {
      throw target_away(failure.what());
    }
    reader->query("SET timezone = 'UTC'");
    if (!reader->query("SELECT to_regclass('leat_progress')")[0][0]) return nullptr;
    return reader;
  }

  void block(std::chrono::milliseconds time, const std::stop_token& told) const override {
    try {
      pg_session session(conninfo());
      session.execute("SET lock_timeout = '2s'; BEGIN; LOCK TABLE leat_progress IN EXCLUSIVE MODE");
      rest(time, told);
      session.execute("ROLLBACK");
    } catch (const pg_failure&) { // no table yet, or the server is restarting
    }
  }

  std::string disturb(dice& dice) override {
    switch (dice.between(0, 3)) {
    case 0:
      server_.restart(pg_stop::fast);
      return "target: restart, fast";
    case 1:
      server_.crash();
      server_.start();
      return "target: crash of the server";
    default:
      server_.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                      "current_database()"
                      " AND pid <> pg_backend_pid() AND application_name <> 'observer'",
                      database_);
      return "target: connections cut";
    }
  }

  compared_columns columns(const workload_table& table) const override {
    return {table.columns, table.columns};
  }

 private:
  std::string conninfo() const {
    return server_.conninfo(database_) + " application_name=observer";
  }

  pg_server& server_;
  std::string database_;
};

} // namespace

std::unique_ptr<target> make_postgres_target(std::string name, pg_server& server,
                                             std::string database) {
  return std::make_unique<postgres_target>(std::move(name), server, std::move(database));
}

} // namespace leat::test
