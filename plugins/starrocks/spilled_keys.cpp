#include "plugins/starrocks/spilled_keys.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "dataflow/error.hpp"
#include "plugins/starrocks/key_operation.hpp"

namespace leat::starrocks {

namespace {

constexpr std::size_t merge_bytes = 4U << 20;
constexpr std::size_t smallest_block = 4U << 10;
constexpr std::size_t largest_block = 64U << 10;

/// What a record of a run begins with, behind its length: the hash, and the size of the key.
struct record_head {
  std::uint64_t hash = 0;
  std::uint32_t key_size = 0;

  static constexpr std::size_t bytes = sizeof(std::uint64_t) + sizeof(std::uint32_t);
};

void append(spill_file& to, std::uint64_t hash, std::string_view key, std::string_view operation) {
  const auto key_size = static_cast<std::uint32_t>(key.size());
  char head[record_head::bytes];
  std::memcpy(head, &hash, sizeof hash);
  std::memcpy(head + sizeof hash, &key_size, sizeof key_size);
  to.append({std::string_view(head, sizeof head), key, operation});
}

} // namespace

/// Goes through a run. Of a large record only the key is read before operation() is asked for.
class spilled_keys::cursor {
 public:
  cursor(spill_file& file, run of, std::size_t number, std::size_t block)
      : file_(&file), next_(of.begin), end_(of.end), truncates_(of.truncates), number_(number),
        block_(block) {}

  /// False: the run is at its end.
  bool advance() {
    if (next_ == end_) return false;
    if (buffer_.size() > block_) std::string().swap(buffer_);
    record_ = next_;
    std::uint32_t size = 0;
    const auto head = view(record_, sizeof size + record_head::bytes);
    std::memcpy(&size, head.data(), sizeof size);
    std::memcpy(&head_.hash, head.data() + sizeof size, sizeof head_.hash);
    std::memcpy(&head_.key_size, head.data() + sizeof size + sizeof head_.hash,
                sizeof head_.key_size);
    next_ = record_ + sizeof size + size;
    view(record_, key_place + head_.key_size);
    return true;
  }

  std::size_t truncates() const { return truncates_; }
  std::uint64_t hash() const { return head_.hash; }
  std::string_view key() const {
    return std::string_view(buffer_).substr(record_ - at_ + key_place, head_.key_size);
  }
  /// Makes an earlier answer of key() invalid. Valid until advance().
  std::string_view operation() {
    return view(record_, next_ - record_).substr(key_place + head_.key_size);
  }

  bool same_key(const cursor& other) const {
    return hash() == other.hash() && key() == other.key();
  }
  bool operator<(const cursor& other) const {
    if (hash() != other.hash()) return hash() < other.hash();
    return std::tuple(key(), number_) < std::tuple(other.key(), other.number_);
  }

 private:
  static constexpr std::size_t key_place = sizeof(std::uint32_t) + record_head::bytes;

  std::string_view view(std::uint64_t offset, std::size_t size) {
    if (offset < at_ || offset + size > at_ + buffer_.size()) {
      at_ = offset;
      buffer_.resize(std::min<std::uint64_t>(std::max(size, block_), end_ - offset));
      file_->read_at(at_, buffer_.data(), buffer_.size());
    }
    return std::string_view(buffer_).substr(offset - at_, size);
  }

  spill_file* file_;
  std::uint64_t record_ = 0; ///< where the record begins, with its length
  std::uint64_t next_;
  std::uint64_t end_;
  std::size_t truncates_;
  std::size_t number_;
  std::size_t block_;
  record_head head_;
  std::string buffer_;
  std::uint64_t at_ = 0; ///< of buffer_, in the file
};

std::shared_ptr<spill_file> run_file::open() {
  auto file = file_.lock();
  if (!file) file_ = file = make();
  return file;
}

std::shared_ptr<spill_file> run_file::make() const {
  if (!area_) throw error(error_kind::bug, "a sink was given no spill area", "", "report this");
  return std::make_shared<spill_file>(area_->create());
}

spilled_keys::spilled_keys(run_file& files, key_budget& budget,
                           std::function<void(std::string_view)> lost, std::size_t most_runs)
    : files_(files), lost_(std::move(lost)), most_runs_(most_runs), keys_(budget) {}

void spilled_keys::add(std::size_t count, const key_of& key, const packer& pack) {
  if (count == 0) return;
  if (runs_.size() >= most_runs_) make_one();
  struct place {
    std::uint64_t hash;
    std::size_t i;
  };
  std::vector<place> order;
  order.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto hash = remembered_keys::hash_of(key(i));
    keys_.add(hash);
    order.push_back({hash[0], i});
  }
  std::sort(order.begin(), order.end(), [&](const place& a, const place& b) {
    return a.hash != b.hash ? a.hash < b.hash : key(a.i) < key(b.i);
  });
  if (!file_) file_ = files_.open();
  const auto begin = file_->bytes();
  std::string record;
  for (const auto& p : order) {
    record.clear();
    pack(p.i, record);
    append(*file_, p.hash, key(p.i), record);
  }
  runs_.push_back({begin, file_->bytes(), truncates_});
}

void spilled_keys::clear() {
  file_.reset();
  runs_.clear();
  truncates_ = 0;
  keys_.clear();
}

void spilled_keys::take(const taker& give) {
  merge(give);
  clear();
}

void spilled_keys::make_one() {
  auto one = files_.make();
  merge([&](std::string_view key, std::string_view operation) {
    append(*one, remembered_keys::hash_of(key)[0], key, operation);
  });
  file_ = std::move(one);
  runs_ = {{0, file_->bytes(), truncates_}};
}

void spilled_keys::merge(const taker& give) {
  if (runs_.empty()) return;
  const auto block = std::clamp(merge_bytes / runs_.size(), smallest_block, largest_block);
  std::vector<cursor> cursors;
  cursors.reserve(runs_.size());
  std::vector<cursor*> heap;
  const auto later = [](const cursor* a, const cursor* b) { return *b < *a; };
  const auto push = [&](cursor& c) {
    if (!c.advance()) return;
    heap.push_back(&c);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  const auto pop = [&]() -> cursor& {
    std::pop_heap(heap.begin(), heap.end(), later);
    auto* c = heap.back();
    heap.pop_back();
    return *c;
  };
  for (std::size_t i = 0; i < runs_.size(); ++i)
    push(cursors.emplace_back(*file_, runs_[i], i, block));

  std::string key;
  std::string all;
  while (!heap.empty()) {
    auto* c = &pop();
    if (c->truncates() == truncates_ && (heap.empty() || !heap.front()->same_key(*c))) {
      const auto operation = c->operation();
      give(c->key(), operation);
      push(*c);
      continue;
    }
    key = c->key();
    const auto hash = c->hash();
    all.clear();
    auto truncates = c->truncates();
    while (true) {
      if (std::exchange(truncates, c->truncates()) != c->truncates()) mark_deleted(all);
      if (!follow_with(all, c->operation())) lost_(key);
      push(*c);
      if (heap.empty() || heap.front()->hash() != hash || heap.front()->key() != key) break;
      c = &pop();
    }
    if (truncates != truncates_) mark_deleted(all);
    give(key, all);
  }
}

} // namespace leat::starrocks
