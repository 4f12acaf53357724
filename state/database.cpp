#include "state/database.hpp"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "dataflow/error.hpp"
#include "state/rocksdb_basis.hpp"

namespace leat {

namespace {

namespace fs = std::filesystem;

constexpr auto restore_remedy = "restore the directory from a copy, or remove it with `leat drop` "
                                "and start with a new snapshot";

// A few records a second, a few megabytes in all.
rocksdb::Options options_for(bool read_only) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(1U << 20);
  auto o = basic_options(read_only);
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  o.write_buffer_size = 4U << 20;
  o.max_write_buffer_number = 2;
  o.max_open_files = 32;
  o.max_background_jobs = 1;
  return o;
}

bool is_locked(const rocksdb::Status& s) {
  return says(s, "While lock file") || says(s, "lock hold by current process");
}

bool is_refused(const rocksdb::Status& s) {
  return says(s, "Permission denied") || says(s, "Read-only file system")
         || says(s, "Operation not permitted");
}

[[noreturn]] void refuse(const fs::path& directory, std::string what, std::string remedy) {
  throw error(error_kind::state, std::move(what), "state " + directory.string(), std::move(remedy));
}

// RocksDB would take a directory without CURRENT for a new one, and delete what it finds there.
void check_whole(const fs::path& directory) {
  if (fs::exists(directory / "CURRENT")) return;
  for (const auto& file : fs::directory_iterator(directory)) {
    const auto name = file.path().filename().string();
    const bool is_data = file.path().extension() == ".sst"
                         || (file.path().extension() == ".log"
                             && std::ranges::all_of(file.path().stem().string(),
                                                    [](char c) { return c >= '0' && c <= '9'; }));
    if (is_data)
      refuse(directory, "the state is damaged: " + name + " is there, but not CURRENT",
             restore_remedy);
  }
}

void sync_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// Each new directory has to survive a power cut, too: its name is in its parent.
void make_directories(const fs::path& directory) {
  std::vector<fs::path> missing;
  for (auto d = directory; !d.empty() && !fs::exists(d); d = d.parent_path()) missing.push_back(d);
  fs::create_directories(directory);
  for (const auto& made : missing) sync_directory(made.parent_path());
}

void prepare(const fs::path& directory, bool read_only) {
  try {
    if (fs::exists(directory) && !fs::is_directory(directory))
      refuse(directory, "the state directory is a file", "name a directory in [pipeline] state");
    if (!read_only) make_directories(directory);
    if (!fs::exists(directory / "CURRENT") && read_only && !fs::exists(directory / "IDENTITY"))
      refuse(directory, "there is no state yet", "start the pipeline with `leat run`");
    check_whole(directory);
  } catch (const fs::filesystem_error& e) {
    refuse(directory, std::string("the state directory cannot be used: ") + e.code().message(),
           "give leat a directory that it may write to in [pipeline] state");
  }
}

} // namespace

database::database(fs::path directory, bool read_only)
    : directory_(fs::absolute(std::move(directory)).lexically_normal()), read_only_(read_only) {
  if (!directory_.has_filename()) directory_ = directory_.parent_path();
  prepare(directory_, read_only_);
  open();
}

database::~database() = default;

rocksdb::DB& database::usable() const {
  if (!db_) open();
  return *db_;
}

void database::open() const {
  rocksdb::DB* opened = nullptr;
  const auto options = options_for(read_only_);
  if (!read_only_) {
    const auto status = rocksdb::DB::Open(options, directory_.string(), &opened);
    if (!status.ok()) fail(status, "opening the state");
    db_.reset(opened);
    return;
  }
  // The owner may remove a file between the listing of files and their opening.
  rocksdb::Status status;
  for (int attempt = 0; attempt < 5; ++attempt) {
    status = rocksdb::DB::OpenForReadOnly(options, directory_.string(), &opened);
    if (status.ok()) {
      db_.reset(opened);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  fail(status, "opening the state");
}

bool is_locked_by_another(const fs::path& directory) {
  const int fd = ::open((directory / "LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return held;
}

std::optional<std::string> database::get(std::string_view key) const {
  std::string value;
  const auto status = usable().Get({}, slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) fail(status, "reading the state");
  return value;
}

std::vector<std::string> database::keys(std::string_view prefix) const {
  std::vector<std::string> found;
  const std::unique_ptr<rocksdb::Iterator> it(usable().NewIterator({}));
  for (it->Seek(slice(prefix)); it->Valid() && it->key().starts_with(slice(prefix)); it->Next())
    found.push_back(it->key().ToString());
  if (!it->status().ok()) fail(it->status(), "reading the state");
  return found;
}

bool database::empty() const {
  const std::unique_ptr<rocksdb::Iterator> it(usable().NewIterator({}));
  it->SeekToFirst();
  if (!it->status().ok()) fail(it->status(), "reading the state");
  return !it->Valid();
}

void database::write(const database_write& changes, bool synced) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  for (const auto& [key, value] : changes.puts)
    if (status.ok()) status = batch.Put(slice(key), slice(value));
  for (const auto& key : changes.removals)
    if (status.ok()) status = batch.Delete(slice(key));
  if (status.ok()) {
    rocksdb::WriteOptions options;
    options.sync = synced;
    status = usable().Write(options, &batch);
  }
  if (status.ok()) return;
  db_.reset();
  fail(status, "writing the state");
}

void database::fail(const rocksdb::Status& status, std::string_view doing) const {
  const auto where = "state " + directory_.string();
  const auto detail = std::string(doing) + " failed: " + status.ToString();
  if (is_locked(status))
    throw error(error_kind::state, "another leat is running on this state directory", where,
                "stop it, or give this pipeline a state directory of its own");
  if (is_full(status))
    throw error(error_kind::state, "the disk of the state directory is full", where,
                "make room there; leat goes on by itself", error_retry::transient);
  if (is_refused(status))
    throw error(error_kind::state, detail, where,
                "give leat a directory that it may write to in [pipeline] state");
  if (status.IsCorruption() || says(status, "No such file"))
    throw error(error_kind::state, "the state is damaged: " + status.ToString(), where,
                restore_remedy);
  throw error(error_kind::state, detail, where, "look after the disk; the message is RocksDB's");
}

} // namespace leat
