#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rocksdb {
class DB;
class Status;
} // namespace rocksdb

namespace leat {

/// Changes to the database that happen together or not at all.
struct database_write {
  std::vector<std::pair<std::string, std::string>> puts;
  std::vector<std::string> removals;
};

/// A small RocksDB database: keys and values are bytes. Every call may throw leat::error of kind
/// state.
class database {
 public:
  /// Makes the directory and the database when missing, unless `read_only`: that reads the state of
  /// the moment of opening, also while another process has it open.
  database(std::filesystem::path directory, bool read_only);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  std::optional<std::string> get(std::string_view key) const;
  /// Keys that begin with `prefix`, ascending.
  std::vector<std::string> keys(std::string_view prefix) const;
  bool empty() const;

  /// `synced`: survives a power cut once it returns.
  void write(const database_write&, bool synced);

  const std::filesystem::path& directory() const { return directory_; }

 private:
  void open() const;
  /// Opened anew after a failed write: RocksDB refuses everything that follows one.
  rocksdb::DB& usable() const;
  [[noreturn]] void fail(const rocksdb::Status&, std::string_view doing) const;

  std::filesystem::path directory_;
  bool read_only_;
  mutable std::unique_ptr<rocksdb::DB> db_; ///< none after a failed write
};

/// Another process has the database open for writing; looked at without taking its lock. Not for a
/// process that has it open itself: closing a file gives up its locks.
bool is_locked_by_another(const std::filesystem::path& directory);

} // namespace leat
