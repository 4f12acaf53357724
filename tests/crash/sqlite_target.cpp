#include <sqlite3.h>

#include "tests/crash/target.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::test {

namespace {

/// A reader cannot recover the WAL of a writer that was killed; the next writer does.
template <class Read>
auto unless_wal_is_left(const Read& read) {
  try {
    return read();
  } catch (const std::runtime_error& e) {
    const std::string_view what(e.what());
    if (what.find("attempt to write a readonly database") != what.npos) throw target_away(e.what());
    throw;
  }
}

class sqlite_target_reader : public target_reader {
 public:
  explicit sqlite_target_reader(const std::filesystem::path& path) : reader_(path) {}
  text_rows query(const std::string& sql) override {
    return unless_wal_is_left([&] { return reader_.query(sql); });
  }

 private:
  sqlite_reader reader_;
};

class sqlite_target : public target {
 public:
  sqlite_target(std::string name, std::filesystem::path path)
      : target(std::move(name)), path_(std::move(path)) {}

  std::string options() const override {
    return "connector = \"sqlite\"\npath = \"" + path_.string() + "\"\n";
  }

  std::unique_ptr<target_reader> open() const override {
    if (!std::filesystem::exists(path_)) return nullptr;
    const bool begun =
        unless_wal_is_left([&] { return sqlite_reader(path_).has_table("leat_progress"); });
    if (!begun) return nullptr;
    return std::make_unique<sqlite_target_reader>(path_);
  }

  void block(std::chrono::milliseconds time, const std::stop_token& told) const override {
    sqlite3* database = nullptr;
    if (sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
      sqlite3_busy_timeout(database, 2000);
      if (sqlite3_exec(database, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK) {
        rest(time, told);
        sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
      }
    }
    sqlite3_close(database);
  }

  compared_columns columns(const workload_table& table) const override {
    return {table.columns, table.sqlite_columns.empty() ? table.columns : table.sqlite_columns};
  }

 private:
  std::filesystem::path path_;
};

} // namespace

std::unique_ptr<target> make_sqlite_target(std::string name,
                                           const std::filesystem::path& database) {
  return std::make_unique<sqlite_target>(std::move(name), database);
}

} // namespace leat::test
