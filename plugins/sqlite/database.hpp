#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace leat::sqlite {

class statement;

/// One connection to a SQLite file, of one thread at a time; interrupt() from any. Every failure is
/// a leat::error of kind sink that names the file, with the remedy; transient when waiting may help
/// (the file is locked, the disk is full).
class database {
 public:
  /// Opens or makes the file: WAL, synchronous FULL.
  explicit database(std::filesystem::path);
  /// Opens a file that is there for reading, and leaves nothing beside it.
  static database look(std::filesystem::path path) { return {std::move(path), reading{}}; }
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  void execute(const std::string& sql);
  statement prepare(std::string_view sql) const;

  /// The first column of the first row; 0 when there is none or it is NULL.
  std::int64_t number(std::string_view sql) const;

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  std::int64_t changes() const;

  /// Makes the running call fail with a transient error.
  void interrupt() noexcept;

  bool in_transaction() const;
  const std::filesystem::path& path() const { return path_; }

  /// Throws the error of the last call.
  [[noreturn]] void fail(std::string_view doing) const;

 private:
  struct reading {};
  database(std::filesystem::path, reading);
  void tune();

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
};

/// A prepared statement. Parameters and columns count from 1 and from 0, as SQLite does. Texts and
/// blobs are not copied: they must live until reset().
class statement {
 public:
  statement() = default;
  statement(const database&, sqlite3_stmt*);
  ~statement();
  statement(statement&& other) noexcept
      : owner_(other.owner_), handle_(std::exchange(other.handle_, nullptr)) {}
  statement& operator=(statement&& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(handle_, other.handle_);
    return *this;
  }

  explicit operator bool() const { return handle_ != nullptr; }

  void bind_null(int parameter);
  void bind(int parameter, std::int64_t);
  void bind(int parameter, double);
  void bind(int parameter, std::string_view text);
  void bind_blob_copy(int parameter, std::string_view bytes);

  /// True while there is a row. After false, or a throw, the statement is reset.
  bool step();
  /// Runs a statement that gives no rows, and resets it.
  void run();
  void reset();

  bool is_null(int column) const;
  std::int64_t number(int column) const;
  /// Valid until the next step() or reset().
  std::string_view text(int column) const;
  std::string string(int column) const { return std::string(text(column)); }

 private:
  void check(int code) const;

  const database* owner_ = nullptr;
  sqlite3_stmt* handle_ = nullptr;
};

/// `"We""ird"`.
std::string quote(std::string_view name);

} // namespace leat::sqlite
