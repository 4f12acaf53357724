#include "plugins/postgres/target_append_writer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace leat::postgres {

namespace {

std::string_view letter(change_kind kind) {
  switch (kind) {
  case change_kind::insert:
    return "i";
  case change_kind::update:
    return "u";
  case change_kind::remove:
    return "d";
  case change_kind::truncate:
    return "t";
  case change_kind::read:
    return "r";
  }
  return {};
}

bool came(const cell& c) { return c.has_value() || c.is_null(); }

/// The cells a change's row is made of: the new row, filled from a full old one; of a delete the
/// old row.
struct shown_row {
  std::span<const cell> first;
  std::span<const cell> second;

  const cell* at(std::size_t column) const {
    if (!first.empty() && came(first[column])) return &first[column];
    if (!second.empty() && came(second[column])) return &second[column];
    return nullptr;
  }
};

shown_row row_of(const batch& rows, const change& c) {
  if (c.kind == change_kind::remove) return {rows.old_row(c), {}};
  if (c.kind == change_kind::truncate) return {};
  const bool full = c.old_kind == old_row_kind::full;
  return {rows.new_row(c), full ? rows.old_row(c) : std::span<const cell>{}};
}

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

std::string array_text(const std::vector<std::string>& items) {
  std::string text = "{";
  for (const auto& item : items) {
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
}

void target_append_writer::add_row(copy_rows& out, const batch& rows, const change& c) const {
  const auto row = row_of(rows, c);
  std::vector<std::string> missing;
  for (const auto& column : target_route().columns) {
    const auto* there = row.at(column.source);
    if (there == nullptr) missing.push_back(column.name);
    there != nullptr && there->has_value() ? out.add(rows.text(*there)) : out.add_null();
  }
  const auto& transaction = rows.transaction_of(c);
  out.add(letter(c.kind));
  out.add(to_string(transaction.commit));
  out.add(std::to_string(c.index));
  transaction.commit_time == 0 ? out.add_null() : out.add(timestamp_text(transaction.commit_time));
  missing.empty() || c.kind == change_kind::truncate ? out.add_null()
                                                     : out.add(array_text(missing));
  out.end_row();
}

void target_append_writer::flush() {
  if (buffer_.empty()) return;
  auto& target = begin();
  std::string columns;
  for (const auto& c : shape().columns) columns += c.name + ", ";
  const auto sql = "COPY " + shape().table + " (" + columns
                   + "_leat_op, _leat_lsn, _leat_seq, _leat_time, _leat_missing) FROM STDIN";
  auto part = buffer_.parts().begin();
  std::size_t next = 0;
  target.copy(sql, shape().table, [&](copy_rows& out) {
    const auto& rows = *part->rows;
    add_row(out, rows, rows.changes[part->changes[next]]);
    if (++next < part->changes.size()) return true;
    next = 0;
    return ++part != buffer_.parts().end();
  });
  buffer_.clear();
}

} // namespace leat::postgres
