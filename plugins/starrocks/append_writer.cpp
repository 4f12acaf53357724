#include <chrono>
#include <utility>

#include "dataflow/append_row.hpp"
#include "dataflow/dead_letter.hpp"
#include "plugins/starrocks/table_writer.hpp"
#include "plugins/starrocks/values.hpp"

namespace leat::starrocks {

namespace {

/// As the source prints a timestamptz; microseconds since 2000.
std::string timestamp_text(std::int64_t microseconds) {
  using namespace std::chrono;
  return datetime_text(sys_days{year{2000} / January / 1} + std::chrono::microseconds{microseconds})
         + "+00";
}

/// As the source prints an array of names.
std::string array_text(std::span<const std::string_view> items) {
  std::string text = "{";
  for (const auto item : items) {
    text += text.size() > 1 ? ",\"" : "\"";
    for (const char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

/// Mode append (R11): every change is a row. Its key names the change, so that a repeated one
/// changes nothing.
class append_writer final : public table_writer {
 public:
  append_writer(target_context& context, const route_ptr& r)
      : table_writer(context, r), rows_(make_encoder()) {}

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    if (changes.empty()) return;
    check_fit();
    for (const auto i : changes) put(*rows, rows->changes[i]);
    note_chunk(*rows, rows->changes[changes.front()]);
  }

  bool takes_chunks() const override { return true; }

  void finish_chunk(std::uint32_t generation, std::uint64_t number) override {
    send(rows_);
    ended_ = number;
    context_.loads->end_chunk({table_, route_->progress_name(),
                               std::uint64_t{generation} << 32 | number, std::exchange(high_, {}),
                               append_seq_of_chunk(*route_, number)});
  }

  std::size_t buffered() const override { return rows_.bytes(); }
  void flush() override { send(rows_); }
  void finish_epoch() override { send(rows_); }

  void begin_snapshot(std::uint32_t) override {
    make_again();
    ended_ = 0;
  }
  void finish_snapshot(std::uint32_t) override {}

 protected:
  void reshaped() override { rows_ = make_encoder(); }

 private:
  void note_chunk(const batch& rows, const change& c) {
    if (c.kind != change_kind::read || c.index >> 32 <= ended_) return;
    high_ = rows.transaction_of(c).commit;
  }

  void put(const batch& rows, const change& c) {
    const append_row row(rows, c);
    const auto lsn = to_string(rows.transaction_of(c).commit);
    const auto letter = [&] { return letter_of(*route_, rows, c); };
    rows_.begin(row_op::upsert);
    rows_.value(0, lsn);
    const auto seq = std::to_string(append_seq(*route_, c));
    rows_.value(1, seq);
    rows_.value(2, row.op());
    std::size_t i = 3;
    for (; i < columns_.size() && columns_[i].source; ++i) {
      const auto* there = row.at(*columns_[i].source);
      if (there == nullptr || !there->has_value()) {
        rows_.null(i);
        continue;
      }
      const auto problem = rows_.value(i, rows.text(*there));
      if (!problem.empty())
        return reject(rows_, i, problem, "_leat_lsn = " + lsn + ", _leat_seq = " + seq, letter);
    }
    const auto time = row.time();
    time ? void(rows_.value(i, timestamp_text(*time))) : rows_.null(i);
    const auto missing = row.missing(*route_);
    missing.empty() ? rows_.null(i + 1) : void(rows_.value(i + 1, array_text(missing)));
    end(rows_, letter);
  }

  row_encoder rows_;
  commit_lsn high_{};       ///< of the chunk that comes
  std::uint64_t ended_ = 0; ///< number of the last one
};

} // namespace

std::unique_ptr<table_writer> make_append_writer(target_context& context, const route_ptr& r) {
  return std::make_unique<append_writer>(context, r);
}

} // namespace leat::starrocks
