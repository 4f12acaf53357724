#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace leat {

class spill_file;

/// A directory for what does not fit in memory, with one byte limit over all of its files (setting
/// `limits.spill`). Nothing in it outlives the process: files of an earlier one are removed when
/// the area is opened. Must outlive its files. Any thread may use it; a file or queue, one at a
/// time.
class spill_area {
 public:
  /// Makes the directory when it is missing. Throws leat::error of kind state.
  spill_area(std::filesystem::path directory, std::uint64_t limit);
  spill_area(const spill_area&) = delete;
  spill_area& operator=(const spill_area&) = delete;

  /// An empty file; it takes disk space from its first 64 KiB on.
  spill_file create();

  const std::filesystem::path& directory() const noexcept { return directory_; }
  std::uint64_t limit() const noexcept { return limit_; }
  /// What all files hold together, in bytes.
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t room() const noexcept;

 private:
  friend class spill_file;
  void reserve(std::uint64_t size);
  void release(std::uint64_t size) noexcept;
  [[noreturn]] void fail(const std::filesystem::path& file, const char* doing, int code) const;

  std::filesystem::path directory_;
  std::uint64_t limit_;
  std::atomic<std::uint64_t> next_name_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

/// Records in the order they were appended, each read once. Reading and writing may alternate.
/// Memory: two buffers of 64 KiB, or the largest record while it is read. The file is removed with
/// the object.
class spill_file {
 public:
  spill_file(spill_file&&) noexcept;
  spill_file& operator=(spill_file&&) noexcept;
  ~spill_file();

  /// At most 4 GiB. Throws leat::error of kind state when the area is full (the file is as before
  /// then), or the disk is, or fails; the file is of no use after the latter.
  void append(std::string_view record) { append({record}); }
  /// One record, in pieces.
  void append(std::initializer_list<std::string_view> pieces);

  /// The next record; nothing when all that was appended has been read. Valid until the next call.
  std::optional<std::string_view> next();

  /// Reads `size` bytes from `offset` on, as append() laid them down since the last clear(): each
  /// record with its length, 4 bytes of this machine's order, before it. For files that next() does
  /// not read.
  void read_at(std::uint64_t offset, char* to, std::size_t size);

  /// Bytes of all records appended since the last clear(), each with its length of 4 bytes.
  std::uint64_t bytes() const noexcept { return appended_; }
  /// Those of them that next() has not given yet.
  std::uint64_t unread() const noexcept { return appended_ - consumed_; }

  /// Forgets all records and gives their space back.
  void clear() noexcept;

 private:
  friend class spill_area;
  spill_file(spill_area& area, std::filesystem::path path);

  void open();
  void close() noexcept;
  void flush();
  void write(const char* from, std::size_t size);
  void read(std::uint64_t offset, char* to, std::size_t size) const;
  /// Makes at least `size` unread bytes available at buffer_[begin_].
  void fill(std::size_t size);

  spill_area* area_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string pending_;       ///< appended and not written yet
  std::string buffer_;        ///< read from the file, or taken from pending_
  std::size_t begin_ = 0;     ///< first unread byte of buffer_
  std::uint64_t written_ = 0; ///< bytes in the file
  std::uint64_t read_ = 0;    ///< bytes of the file that have been in buffer_
  std::uint64_t appended_ = 0;
  std::uint64_t consumed_ = 0;
};

/// First in, first out. Space comes back in pieces of at most 32 MiB, and all of it when the queue
/// runs empty.
class spill_queue {
 public:
  explicit spill_queue(spill_area&);

  /// Throws as spill_file::append does.
  void push(std::string_view record) { push({record}); }
  void push(std::initializer_list<std::string_view> pieces);
  /// The oldest record; valid until the next pop(). Precondition: !empty().
  std::string_view pop();

  /// Forgets all records.
  void clear() noexcept;

  /// A record of this size fits into the area, and all of the queue can still be moved to another
  /// file of it: a piece gives its space back when it has been read. A quarter of the area is left
  /// to what cannot wait until others give back.
  bool has_room(std::size_t record) const noexcept;
  bool empty() const noexcept { return unread_ == 0; }
  /// Bytes not popped yet, 4 per record included.
  std::uint64_t bytes() const noexcept { return unread_; }

 private:
  spill_area& area_;
  std::uint64_t piece_bytes_;
  std::deque<spill_file> pieces_;
  std::uint64_t unread_ = 0;
  std::uint64_t largest_ = 0; ///< record, since the queue was empty
};

} // namespace leat
