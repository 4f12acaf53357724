#include "plugins/sqlite/database.hpp"

#include <limits>
#include <system_error>

#include <sqlite3.h>

#include "dataflow/error.hpp"
#include "plugins/sqlite/dead_letters.hpp"

namespace leat::sqlite {

namespace {

// Short: no interrupt ends this wait, and the engine tries again by itself.
constexpr int busy_milliseconds = 2'000;

struct advice {
  error_retry retry;
  const char* remedy;
};

advice advice_for(int code) {
  switch (code) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return {error_retry::transient,
            "another process holds the database for writing; end it, or wait until it is done"};
  case SQLITE_FULL:
    return {error_retry::transient, "the disk is full: make room"};
  case SQLITE_IOERR:
    return {error_retry::transient, "look at the disk and at the system's log"};
  case SQLITE_INTERRUPT:
    return {error_retry::transient, ""};
  case SQLITE_NOMEM:
    return {error_retry::transient, "the machine is out of memory"};
  case SQLITE_READONLY:
  case SQLITE_PERM:
    return {error_retry::permanent,
            "give the user that runs leat the right to write the file and its directory"};
  case SQLITE_CANTOPEN:
    return {error_retry::permanent,
            "check that the path is a file, and that its directory may be written"};
  case SQLITE_NOTADB:
    return {error_retry::permanent, "the file is no SQLite database: name another in `path`"};
  case SQLITE_CORRUPT:
    return {error_retry::permanent,
            "restore the file from a backup, or remove it and run `leat resnapshot`"};
  case SQLITE_TOOBIG:
    return {error_retry::permanent,
            "SQLite holds rows of up to 1,000,000,000 bytes: leave the column out with `exclude`"};
  case SQLITE_CONSTRAINT:
    return {error_retry::permanent,
            "drop the constraint or trigger of the target that refuses the row, or set "
            "`dead_letter` at the sink to go on without such rows"};
  default:
    return {error_retry::permanent, ""};
  }
}

/// Of one row for itself. UNIQUE is none of them: in another order the row might have been taken.
bool refuses_a_row(int code) {
  return code == SQLITE_CONSTRAINT_CHECK || code == SQLITE_CONSTRAINT_NOTNULL
         || code == SQLITE_CONSTRAINT_DATATYPE || code == SQLITE_CONSTRAINT_TRIGGER
         || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG;
}

[[noreturn]] void raise(const std::filesystem::path& path, int code, const char* message,
                        std::string_view doing) {
  // A pragma's table that was interrupted while it was prepared says so by its text alone.
  const bool interrupted = std::string_view(message) == "interrupted";
  const auto [retry, remedy] = advice_for(interrupted ? SQLITE_INTERRUPT : code & 0xff);
  const auto what = "SQLite: " + std::string(message) + " while " + std::string(doing);
  if (refuses_a_row(code)) throw row_error(error_kind::sink, what, path.string(), remedy);
  throw error(error_kind::sink, what, path.string(), remedy, retry);
}

void refuse_directory(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none))
    throw error(error_kind::sink, "it is a directory", path.string(), "name a file in `path`");
}

} // namespace

database::database(std::filesystem::path path) : path_(std::move(path)) {
  refuse_directory(path_);
  const auto directory = path_.has_parent_path() ? path_.parent_path() : ".";
  std::error_code failed;
  if (!std::filesystem::is_directory(directory, failed))
    throw error(error_kind::sink, "the directory " + directory.string() + " does not exist",
                path_.string(), "make the directory, or name another file in `path`");
  const auto code =
      sqlite3_open_v2(path_.c_str(), &handle_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  try {
    if (code != SQLITE_OK) fail("opening the database");
    sqlite3_extended_result_codes(handle_, 1);
    tune();
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

namespace {

/// Characters that a URI filename gives a meaning of their own.
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '%')
      out += "%25";
    else if (c == '?')
      out += "%3f";
    else if (c == '#')
      out += "%23";
    else
      out += c;
  }
  return out;
}

} // namespace

database::database(std::filesystem::path path, reading) : path_(std::move(path)) {
  refuse_directory(path_);
  // Without a WAL beside it nobody writes, and an immutable file needs no shared memory made for
  // it.
  std::error_code none;
  const bool quiet = std::filesystem::file_size(path_.string() + "-wal", none) == 0 || none;
  const auto uri = "file:" + escaped(path_.string()) + (quiet ? "?immutable=1" : "?mode=ro");
  const auto code = sqlite3_open_v2(
      uri.c_str(), &handle_, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code == SQLITE_OK) return;
  try {
    fail("opening the database");
  } catch (const error&) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

database::~database() {
  // An interrupt that came between two statements would end the checkpoint of the close, and leave
  // what was committed in the WAL file; the next statement takes it away.
  sqlite3_exec(handle_, "SELECT 1", nullptr, nullptr, nullptr);
  // The checkpoint of the close locks readers out for as long as it takes: this one, which does
  // not, leaves nothing to it.
  sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  sqlite3_close_v2(handle_);
}

void database::tune() {
  sqlite3_busy_timeout(handle_, busy_milliseconds);
  if (sqlite3_db_readonly(handle_, "main") == 1)
    raise(path_, SQLITE_READONLY, "the file is read-only", "opening the database");
  auto mode = prepare("PRAGMA journal_mode = WAL");
  if (!mode.step() || mode.text(0) != "wal")
    throw error(error_kind::sink, "SQLite cannot put the database into WAL mode", path_.string(),
                "put the file on a local file system that allows shared memory");
  execute("PRAGMA synchronous = FULL;"
          "PRAGMA foreign_keys = OFF;"
          "PRAGMA recursive_triggers = OFF;"
          "PRAGMA temp_store = FILE;"
          "PRAGMA cache_size = -16384;"
          "PRAGMA wal_autocheckpoint = 4000;"
          "PRAGMA journal_size_limit = 67108864;");
}

void database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail("running " + sql.substr(0, 200));
}

statement database::prepare(std::string_view sql) const {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &made, nullptr)
      != SQLITE_OK)
    fail("preparing " + std::string(sql.substr(0, 200)));
  return {*this, made};
}

std::int64_t database::number(std::string_view sql) const {
  auto query = prepare(sql);
  return query.step() ? query.number(0) : 0;
}

std::int64_t database::changes() const { return sqlite3_changes64(handle_); }

void database::interrupt() noexcept { sqlite3_interrupt(handle_); }

bool database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void database::fail(std::string_view doing) const {
  if (!handle_) raise(path_, SQLITE_NOMEM, "out of memory", doing);
  raise(path_, sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_), doing);
}

statement::statement(const database& owner, sqlite3_stmt* handle)
    : owner_(&owner), handle_(handle) {}

statement::~statement() { sqlite3_finalize(handle_); }

void statement::check(int code) const {
  if (code != SQLITE_OK) owner_->fail("binding a value");
}

void statement::bind_null(int parameter) { check(sqlite3_bind_null(handle_, parameter)); }

void statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(handle_, parameter, value));
}

void statement::bind(int parameter, double value) {
  check(sqlite3_bind_double(handle_, parameter, value));
}

void statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL.
  const auto* bytes = text.data() ? text.data() : "";
  check(sqlite3_bind_text64(handle_, parameter, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void statement::bind_blob_copy(int parameter, std::string_view bytes) {
  if (bytes.empty()) return check(sqlite3_bind_zeroblob(handle_, parameter, 0));
  check(sqlite3_bind_blob64(handle_, parameter, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
}

bool statement::step() {
  const auto code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    const std::string sql = sqlite3_sql(handle_);
    // reset() would give the code again, but errmsg stays that of the failed step.
    sqlite3_reset(handle_);
    owner_->fail("running " + sql.substr(0, 200));
  }
  sqlite3_reset(handle_);
  return false;
}

void statement::run() {
  while (step()) {
  }
}

void statement::reset() { sqlite3_reset(handle_); }

bool statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::int64_t statement::number(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(handle_, column);
  if (!bytes) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string quote(std::string_view name) {
  std::string quoted = "\"";
  for (const auto c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

} // namespace leat::sqlite
