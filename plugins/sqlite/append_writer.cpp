#include <string>
#include <vector>

#include "plugins/sqlite/table_writer.hpp"

namespace leat::sqlite {

namespace {

const char* letter_of(change_kind kind) {
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
    break;
  }
  return "r";
}

bool came(cell_state s) { return s == cell_state::value || s == cell_state::null; }

std::string json_string(std::string_view text) {
  constexpr auto* digits = "0123456789abcdef";
  std::string out = "\"";
  for (const auto c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (byte < 0x20)
      ((out += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
    else
      out += c;
  }
  return out + '"';
}

/// Mode append (R11): every change is one row.
class append_writer final : public table_writer {
 public:
  using table_writer::table_writer;

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    if (changes.empty()) return;
    begin_writing();
    if (!insert_) prepare_insert();
    for (const auto i : changes) put(*rows, rows->changes[i]);
  }

  std::size_t buffered() const override { return 0; }
  void flush() override {}
  void begin_snapshot(std::uint32_t) override {}
  void finish_snapshot(std::uint32_t) override {}

 private:
  void forget_statements() override { insert_ = {}; }

  void prepare_insert() {
    std::string names;
    std::string places;
    for (const auto& c : wanted_columns(*route_)) {
      names += (names.empty() ? "" : ", ") + quote(c.name);
      places += places.empty() ? "?" : ", ?";
    }
    insert_ = session_.db.prepare("INSERT INTO " + quote(route_->target) + " (" + names
                                  + ") VALUES (" + places + ")");
  }

  void put(const batch& rows, const change& c) {
    const auto lsn = to_string(rows.transaction_of(c).commit);
    const auto missing = bind_row(rows, c, lsn);
    int parameter = static_cast<int>(route_->columns.size());
    insert_.bind(++parameter, std::string_view(letter_of(c.kind)));
    insert_.bind(++parameter, lsn);
    insert_.bind(++parameter, static_cast<std::int64_t>(c.index));
    const auto time = iso_time(rows.transaction_of(c).commit_time);
    insert_.bind(++parameter, time);
    if (missing.empty())
      insert_.bind_null(++parameter);
    else
      insert_.bind(++parameter, missing);
    insert_.run();
  }

  /// Gives the names of the cells that did not come, as a JSON array; empty when all came.
  std::string bind_row(const batch& rows, const change& c, const std::string& lsn) {
    const auto fresh = rows.new_row(c);
    const auto old = rows.old_row(c);
    const auto key = [&] { return lsn + "/" + std::to_string(c.index); };
    std::string missing;
    for (std::size_t i = 0; i < route_->columns.size(); ++i) {
      const auto parameter = static_cast<int>(i) + 1;
      const auto source = route_->columns[i].source;
      const bool new_came = !fresh.empty() && came(fresh[source].state());
      const bool old_came = !old.empty() && came(old[source].state());
      // Only a full old row's cell is what an unchanged one still holds.
      const bool from_old = old_came && (fresh.empty() || c.old_kind == old_row_kind::full);
      if (new_came || from_old) {
        const auto value = new_came ? fresh[source] : old[source];
        bind_cell(insert_, parameter, i, value.state(), rows.text(value), key);
        continue;
      }
      insert_.bind_null(parameter);
      if (c.kind != change_kind::truncate)
        missing += (missing.empty() ? "[" : ",") + json_string(route_->columns[i].name);
    }
    return missing.empty() ? missing : missing + "]";
  }

  statement insert_;
};

} // namespace

std::unique_ptr<table_writer> make_append_writer(session& s, const route_ptr& r) {
  return std::make_unique<append_writer>(s, r);
}

} // namespace leat::sqlite
