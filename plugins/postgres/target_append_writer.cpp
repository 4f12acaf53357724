#include "plugins/postgres/target_append_writer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "dataflow/append_row.hpp"
#include "dataflow/dead_letter.hpp"

namespace leat::postgres {

namespace {

/// The server writes these rows while more are read.
constexpr std::size_t bytes_worth_sending = 4U << 20;

struct appended {
  const batch* rows;
  const change* what;
};

} // namespace

std::string timestamp_text(std::int64_t microseconds) {
  using namespace std::chrono;
  const auto moment = sys_days{year{2000} / January / 1} + std::chrono::microseconds{microseconds};
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss time{moment - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::string array_text(std::span<const std::string_view> items) {
  std::string text = "{";
  for (const auto item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

target_append_writer::target_append_writer(target_transaction& transaction, route_ptr r,
                                           const std::string& default_schema)
    : target_writer(transaction, std::move(r), default_schema) {}

void target_append_writer::write(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
  buffer_.add(rows, changes);
  if (buffer_.bytes() >= bytes_worth_sending) flush();
}

void target_append_writer::add_row(copy_rows& out, const batch& rows, const change& c) const {
  const append_row row(rows, c);
  for (const auto& column : target_route().columns) {
    const auto* there = row.at(column.source);
    there != nullptr && there->has_value() ? out.add(rows.text(*there)) : out.add_null();
  }
  out.add(row.op());
  out.add(to_string(rows.transaction_of(c).commit));
  out.add(std::to_string(append_seq(target_route(), c)));
  const auto time = row.time();
  time ? out.add(timestamp_text(*time)) : out.add_null();
  const auto missing = row.missing(target_route());
  missing.empty() ? out.add_null() : out.add(array_text(missing));
  out.end_row();
}

void target_append_writer::flush() {
  if (buffer_.empty()) return;
  auto& target = begin();
  std::string columns;
  for (const auto& c : shape().columns) columns += c.name + ", ";
  const auto sql = "COPY " + shape().table + " (" + columns
                   + "_leat_op, _leat_lsn, _leat_seq, _leat_time, _leat_missing) FROM STDIN";
  std::vector<appended> rows;
  for (const auto& part : buffer_.parts())
    for (const auto i : part.changes) rows.push_back({part.rows.get(), &part.rows->changes[i]});
  const auto send = [&](std::size_t first, std::size_t count) {
    auto at = rows.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = at + static_cast<std::ptrdiff_t>(count);
    target.copy(sql, shape().table, [&](copy_rows& out) {
      add_row(out, *at->rows, *at->what);
      return ++at != end;
    });
  };
  if (letters().kept())
    letters().write(target, 0, rows.size(), send, [&](std::size_t i) {
      return letter_of(target_route(), *rows[i].rows, *rows[i].what);
    });
  else
    send(0, rows.size());
  buffer_.clear();
}

} // namespace leat::postgres
