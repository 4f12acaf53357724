#include "state/operator_database.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <mutex>

#include "dataflow/error.hpp"
#include "state/rocksdb_basis.hpp"

namespace leat {

namespace {

/// Memory is bounded, whatever the size: what is in memory of files, and what is not in files yet,
/// is counted as one. The filters of a large state need not fit.
rocksdb::Options options_for(bool read_only, std::size_t memory) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(memory, -1, false, 0.5);
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 4096;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  auto o = basic_options(read_only);
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  o.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(memory / 2, table.block_cache);
  o.write_buffer_size = memory / 3;
  o.max_write_buffer_number = 2;
  // Files are small, and each compaction may read and write most of the state.
  o.level0_file_num_compaction_trigger = 16;
  o.level0_slowdown_writes_trigger = 64;
  o.level0_stop_writes_trigger = 128;
  o.max_open_files = 128;
  o.max_background_jobs = 2;
  return o;
}

class operator_database final : public key_value_store {
 public:
  operator_database(std::filesystem::path directory, bool read_only, std::size_t memory)
      : directory_(std::move(directory)), read_only_(read_only), memory_(memory) {
    std::error_code failed;
    if (!read_only) std::filesystem::create_directories(directory_, failed);
    usable();
  }

  std::optional<std::string> get(std::string_view key) const override {
    std::string value;
    const auto status = usable()->Get({}, slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) fail(status, "reading");
    return value;
  }

  void scan(std::string_view from, std::string_view to, bool descending,
            const std::function<bool(std::string_view, std::string_view)>& look) const override {
    const auto db = usable();
    rocksdb::ReadOptions options;
    const auto lower = slice(from);
    const auto upper = slice(to);
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = &upper;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options));
    if (descending)
      it->SeekToLast();
    else
      it->SeekToFirst();
    while (
        it->Valid()
        && look({it->key().data(), it->key().size()}, {it->value().data(), it->value().size()})) {
      if (descending)
        it->Prev();
      else
        it->Next();
    }
    if (!it->status().ok()) fail(it->status(), "reading");
  }

  void write(const key_value_write& changes, bool synced) override {
    rocksdb::WriteBatch all;
    rocksdb::Status status;
    for (const auto& [from, to] : changes.ranges)
      if (status.ok()) status = all.DeleteRange(slice(from), slice(to));
    for (const auto& key : changes.removals)
      if (status.ok()) status = all.Delete(slice(key));
    for (const auto& [key, value] : changes.puts)
      if (status.ok()) status = all.Put(slice(key), slice(value));
    const auto db = usable();
    if (status.ok()) {
      rocksdb::WriteOptions options;
      options.sync = synced;
      status = db->Write(options, &all);
    }
    if (status.ok()) return;
    const std::scoped_lock lock(mutex_);
    if (db_ == db) db_.reset();
    fail(status, "writing");
  }

 private:
  /// Opened anew after a failed write, once nobody uses the old one: RocksDB refuses what follows
  /// one.
  std::shared_ptr<rocksdb::DB> usable() const {
    const std::scoped_lock lock(mutex_);
    if (db_) return db_;
    rocksdb::DB* opened = nullptr;
    const auto options = options_for(read_only_, memory_);
    const auto status = read_only_
                            ? rocksdb::DB::OpenForReadOnly(options, directory_.string(), &opened)
                            : rocksdb::DB::Open(options, directory_.string(), &opened);
    if (!status.ok()) fail(status, "opening");
    db_.reset(opened);
    return db_;
  }

  [[noreturn]] void fail(const rocksdb::Status& status, const std::string& doing) const {
    const auto where = "state " + directory_.string();
    if (is_full(status))
      throw error(error_kind::state, "the disk of the state directory is full", where,
                  "make room there; leat goes on by itself", error_retry::transient);
    if (status.IsCorruption())
      throw error(error_kind::state, "the state of transforms is damaged: " + status.ToString(),
                  where, "restore the state directory from a copy, or remove it with `leat drop`");
    throw error(error_kind::state, doing + " the state of transforms failed: " + status.ToString(),
                where, "look after the disk and the rights; the message is RocksDB's");
  }

  std::filesystem::path directory_;
  bool read_only_;
  std::size_t memory_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<rocksdb::DB> db_; ///< none after a failed write
};

} // namespace

std::shared_ptr<key_value_store> open_operator_database(const std::filesystem::path& directory,
                                                        bool read_only, std::size_t memory) {
  return std::make_shared<operator_database>(directory, read_only, memory);
}

} // namespace leat
