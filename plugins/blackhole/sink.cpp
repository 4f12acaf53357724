#include "plugins/blackhole/sink.hpp"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <utility>

namespace leat::blackhole {

namespace {

constexpr std::int64_t epoch_of_2000 = 946684800LL * 1000000;

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

void note(arrivals& all, const batch& rows, std::span<const std::uint32_t> changes) {
  all.last = now_us();
  if (all.first == 0) all.first = all.last;
  auto before = change::no_row;
  for (const auto i : changes) {
    const auto number = rows.changes[i].transaction;
    if (std::exchange(before, number) == number) continue;
    const auto& t = rows.transactions[number];
    if (t.xid != 0) all.lag.add(all.last - t.commit_time - epoch_of_2000);
  }
}

} // namespace

class sink::counting_writer final : public writer {
 public:
  explicit counting_writer(arrivals* all) : arrivals_(all) {}

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    std::uint64_t bytes = 0;
    for (const auto i : changes) {
      const auto& c = rows->changes[i];
      for (const auto value : c.new_row != change::no_row ? rows->new_row(c) : rows->old_row(c))
        bytes += value.size;
    }
    counts->changes.fetch_add(changes.size(), std::memory_order_relaxed);
    counts->bytes.fetch_add(bytes, std::memory_order_relaxed);
    note(*arrivals_, *rows, changes);
  }
  std::size_t buffered() const override { return 0; }
  void flush() override {}
  void change_schema(const route_ptr&) override {}
  void begin_snapshot(std::uint32_t) override {}
  void finish_snapshot(std::uint32_t) override {}

  const std::shared_ptr<counters> counts = std::make_shared<counters>();

 private:
  arrivals* arrivals_; ///< of the sink
};

sink::sink(std::filesystem::path report) : report_(std::move(report)) {}
sink::~sink() = default;

writer& sink::attach(const route_ptr& r) {
  auto& w = writers_[r->id];
  if (!w) w = std::make_unique<counting_writer>(&arrivals_);
  return *w;
}

void sink::commit(const target_progress& next) {
  committed_.store(next.epoch, std::memory_order_release);
  if (!report_.empty()) write_report();
}

std::shared_ptr<const counters> sink::counts(route_id id) const {
  const auto found = writers_.find(id);
  return found == writers_.end() ? nullptr : found->second->counts;
}

/// Renamed into place, so that whoever reads it meanwhile sees a whole one.
void sink::write_report() const {
  std::uint64_t changes = 0;
  std::uint64_t bytes = 0;
  for (const auto& [id, w] : writers_) {
    changes += w->counts->changes.load(std::memory_order_relaxed);
    bytes += w->counts->bytes.load(std::memory_order_relaxed);
  }
  const auto& lag = arrivals_.lag;
  const auto text = fmt::format(
      R"({{"changes": {}, "bytes": {}, "first_us": {}, "last_us": {}, "transactions": {}, )"
      R"("p50_us": {}, "p99_us": {}, "p999_us": {}, "max_us": {}}})",
      changes, bytes, arrivals_.first, arrivals_.last, lag.count(), lag.quantile(0.5),
      lag.quantile(0.99), lag.quantile(0.999), lag.max());
  auto written = report_;
  written += ".new";
  std::ofstream file(written, std::ios::trunc);
  file << text << "\n";
  file.close();
  std::error_code failed;
  if (file) std::filesystem::rename(written, report_, failed);
  if (!file || failed)
    throw error(error_kind::sink, "the report cannot be written", report_.string(),
                "name a file in a directory that leat may write to");
}

} // namespace leat::blackhole
