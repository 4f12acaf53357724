#include "state/rocksdb_basis.hpp"

#include <rocksdb/env.h>

#include <cstdarg>
#include <memory>

namespace leat {

namespace {

// No LOG file: a reader would move that of the process that owns the database, and on a full disk
// RocksDB (7.8 with assertions) aborts over it.
class no_log : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

} // namespace

rocksdb::Options basic_options(bool read_only) {
  rocksdb::Options o;
  o.create_if_missing = !read_only;
  o.paranoid_checks = true;
  // A torn tail is what a power cut leaves of a write that nobody was told of; what is before it
  // counts.
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  o.allow_fallocate = false;
  o.compression = rocksdb::kNoCompression;
  o.info_log = std::make_shared<no_log>();
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  return o;
}

bool says(const rocksdb::Status& s, std::string_view text) {
  return s.ToString().find(text) != std::string::npos;
}

bool is_full(const rocksdb::Status& s) {
  return s.IsNoSpace() || says(s, "No space left") || says(s, "quota exceeded")
         || says(s, "File too large");
}

} // namespace leat
