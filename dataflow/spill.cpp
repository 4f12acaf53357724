#include "dataflow/spill.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "dataflow/error.hpp"

namespace leat {

namespace {

constexpr std::size_t buffer_size = 64U << 10;
constexpr std::uint64_t largest_piece = 32U << 20;
constexpr std::uint64_t pieces_an_area = 16;
constexpr const char* suffix = ".spill";
using length = std::uint32_t;

bool disk_is_full(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

} // namespace

spill_area::spill_area(std::filesystem::path directory, std::uint64_t limit)
    : directory_(std::move(directory)), limit_(limit) {
  std::error_code code;
  std::filesystem::create_directories(directory_, code);
  if (code) fail(directory_, "make", code.value());
  std::filesystem::directory_iterator files(directory_, code);
  if (code) fail(directory_, "read", code.value());
  for (const auto& file : files) {
    if (file.path().extension() != suffix) continue;
    std::filesystem::remove(file.path(), code);
    if (code) fail(file.path(), "remove", code.value());
  }
}

spill_file spill_area::create() {
  return {*this, directory_ / fmt::format("{}{}", next_name_.fetch_add(1), suffix)};
}

std::uint64_t spill_area::room() const noexcept {
  const auto used = bytes();
  return used < limit_ ? limit_ - used : 0;
}

void spill_area::reserve(std::uint64_t size) {
  auto used = bytes();
  do {
    if (size > limit_ || used > limit_ - size)
      throw error(
          error_kind::state,
          fmt::format(
              "the spill area is full: it holds {} of at most {} bytes, and {} more are needed",
              used, limit_, size),
          directory_.string(),
          "raise limits.spill in the pipeline file: it has to hold what large transactions in "
          "progress have written, what an epoch changes beyond memory where the target is "
          "StarRocks, and a table without a key while it is read");
  } while (!bytes_.compare_exchange_weak(used, used + size, std::memory_order_relaxed));
}

void spill_area::release(std::uint64_t size) noexcept {
  bytes_.fetch_sub(size, std::memory_order_relaxed);
}

void spill_area::fail(const std::filesystem::path& file, const char* doing, int code) const {
  throw error(
      error_kind::state,
      fmt::format("cannot {} a file of the spill area: {}", doing, std::strerror(code)),
      file.string(),
      disk_is_full(code)
          ? fmt::format(
              "make room on the disk of {}, or set limits.spill (now {} bytes) below what it has",
              directory_.string(), limit_)
          : fmt::format(
              "see to it that leat may make, read and write files in {} and that its disk is sound",
              directory_.string()));
}

spill_file::spill_file(spill_area& area, std::filesystem::path path)
    : area_(&area), path_(std::move(path)) {}

spill_file::spill_file(spill_file&& other) noexcept
    : area_(other.area_), path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)), pending_(std::move(other.pending_)),
      buffer_(std::move(other.buffer_)), begin_(std::exchange(other.begin_, 0)),
      written_(std::exchange(other.written_, 0)), read_(std::exchange(other.read_, 0)),
      appended_(std::exchange(other.appended_, 0)), consumed_(std::exchange(other.consumed_, 0)) {}

spill_file& spill_file::operator=(spill_file&& other) noexcept {
  if (this == &other) return *this;
  clear();
  area_ = other.area_;
  path_ = std::move(other.path_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  pending_ = std::move(other.pending_);
  buffer_ = std::move(other.buffer_);
  begin_ = std::exchange(other.begin_, 0);
  written_ = std::exchange(other.written_, 0);
  read_ = std::exchange(other.read_, 0);
  appended_ = std::exchange(other.appended_, 0);
  consumed_ = std::exchange(other.consumed_, 0);
  return *this;
}

spill_file::~spill_file() { clear(); }

void spill_file::append(std::initializer_list<std::string_view> pieces) {
  std::size_t whole = 0;
  for (const auto piece : pieces) whole += piece.size();
  const auto size = static_cast<length>(whole);
  if (size != whole)
    throw error(error_kind::bug, "a record of 4 GiB or more was spilled", path_.string(),
                "report this");
  area_->reserve(sizeof size + whole);
  appended_ += sizeof size + whole;
  char prefix[sizeof size];
  std::memcpy(prefix, &size, sizeof size);
  pending_.append(prefix, sizeof prefix);
  if (whole >= buffer_size) {
    flush();
    for (const auto piece : pieces) write(piece.data(), piece.size());
    return;
  }
  for (const auto piece : pieces) pending_.append(piece);
  if (pending_.size() >= buffer_size) flush();
}

std::optional<std::string_view> spill_file::next() {
  if (unread() == 0) return std::nullopt;
  if (begin_ == buffer_.size() && read_ == written_) {
    // what has not been written yet need not be: the reader has caught up with the writer
    buffer_.clear();
    buffer_.swap(pending_);
    begin_ = 0;
  }
  length size = 0;
  fill(sizeof size);
  std::memcpy(&size, buffer_.data() + begin_, sizeof size);
  const auto whole = sizeof size + size;
  fill(whole);
  const std::string_view record(buffer_.data() + begin_ + sizeof size, size);
  begin_ += whole;
  consumed_ += whole;
  return record;
}

void spill_file::clear() noexcept {
  close();
  area_->release(appended_);
  pending_.clear();
  // buffer_ keeps its bytes: the record that next() gave last may still be in use
  begin_ = buffer_.size();
  written_ = read_ = appended_ = consumed_ = 0;
}

void spill_file::open() {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor_ < 0) area_->fail(path_, "make", errno);
}

void spill_file::close() noexcept {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(path_.c_str());
  descriptor_ = -1;
}

void spill_file::flush() {
  write(pending_.data(), pending_.size());
  pending_.clear();
}

void spill_file::write(const char* from, std::size_t size) {
  if (descriptor_ < 0) open();
  while (size > 0) {
    const auto done = ::pwrite(descriptor_, from, size, static_cast<off_t>(written_));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) area_->fail(path_, "write", errno);
    from += done;
    size -= static_cast<std::size_t>(done);
    written_ += static_cast<std::uint64_t>(done);
  }
}

void spill_file::fill(std::size_t size) {
  auto have = buffer_.size() - begin_;
  if (have >= size) return;
  const auto want = std::min<std::uint64_t>(std::max(size, buffer_size) - have, written_ - read_);
  if (have + want < size)
    throw error(error_kind::state, "a file of the spill area is damaged: a record is cut short",
                path_.string(),
                "check the disk, then run again: the data will be read from the source again");
  // a fresh buffer when the last one grew with a large record
  if (buffer_.capacity() > 4 * buffer_size && have + want <= 4 * buffer_size)
    buffer_ = buffer_.substr(begin_);
  else
    buffer_.erase(0, begin_);
  begin_ = 0;
  buffer_.resize(have + want);
  read(read_, buffer_.data() + have, want);
  read_ += want;
}

void spill_file::read_at(std::uint64_t offset, char* to, std::size_t size) {
  if (offset + size > appended_)
    throw error(error_kind::bug, "a file of the spill area is read beyond its end", path_.string(),
                "report this");
  const auto there = offset < written_ ? std::min<std::uint64_t>(size, written_ - offset) : 0;
  read(offset, to, there);
  if (there < size)
    std::memcpy(to + there, pending_.data() + (offset + there - written_), size - there);
}

void spill_file::read(std::uint64_t offset, char* to, std::size_t size) const {
  while (size > 0) {
    const auto done = ::pread(descriptor_, to, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) area_->fail(path_, "read", errno);
    if (done == 0) area_->fail(path_, "read", EIO);
    to += done;
    size -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
}

spill_queue::spill_queue(spill_area& area)
    : area_(area), piece_bytes_(std::min(largest_piece, area.limit() / pieces_an_area)) {}

void spill_queue::push(std::initializer_list<std::string_view> pieces) {
  if (pieces_.empty() || pieces_.back().bytes() >= piece_bytes_) pieces_.push_back(area_.create());
  const auto before = pieces_.back().unread();
  pieces_.back().append(pieces);
  const auto size = pieces_.back().unread() - before;
  largest_ = std::max(empty() ? 0 : largest_, size);
  unread_ += size;
}

bool spill_queue::has_room(std::size_t record) const noexcept {
  const std::uint64_t size = record + sizeof(length);
  const auto of_others = area_.limit() / 4;
  return area_.room()
         >= of_others + size + 2 * piece_bytes_ + std::max(empty() ? 0 : largest_, size);
}

std::string_view spill_queue::pop() {
  while (pieces_.front().unread() == 0) pieces_.pop_front();
  auto& piece = pieces_.front();
  const auto before = piece.unread();
  const auto record = *piece.next();
  unread_ -= before - piece.unread();
  if (unread_ == 0) piece.clear();
  return record;
}

void spill_queue::clear() noexcept {
  pieces_.clear();
  unread_ = 0;
}

} // namespace leat
