#include <string>
#include <vector>

#include "dataflow/append_row.hpp"
#include "dataflow/dead_letter.hpp"
#include "plugins/sqlite/table_writer.hpp"

namespace leat::sqlite {

namespace {

/// `["a","b"]`; empty for none.
std::string json_array(const std::vector<std::string_view>& texts) {
  std::string out;
  for (const auto text : texts) out += (out.empty() ? "[" : ",") + json_string(text);
  return out.empty() ? out : out + "]";
}

/// Mode append (R11): every change is one row.
class append_writer final : public table_writer {
 public:
  using table_writer::table_writer;

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    if (changes.empty()) return;
    begin_writing();
    if (!insert_) prepare_insert();
    for (const auto i : changes) {
      const auto& c = rows->changes[i];
      session_.letters.guard([&] { put(*rows, c); }, [&] { return letter_of(*route_, *rows, c); });
    }
  }

  std::size_t buffered() const override { return 0; }
  void flush() override {}
  void begin_snapshot(std::uint32_t generation) override {
    if (lost()) note_begun(generation);
  }
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
    const append_row row(rows, c);
    const auto lsn = to_string(rows.transaction_of(c).commit);
    const auto key = [&] { return lsn + "/" + std::to_string(append_seq(*route_, c)); };
    int parameter = 0;
    for (std::size_t i = 0; i < route_->columns.size(); ++i) {
      const auto* there = row.at(route_->columns[i].source);
      if (there == nullptr)
        insert_.bind_null(++parameter);
      else
        bind_cell(insert_, ++parameter, i, there->state(), rows.text(*there), key);
    }
    insert_.bind(++parameter, row.op());
    insert_.bind(++parameter, lsn);
    insert_.bind(++parameter, static_cast<std::int64_t>(append_seq(*route_, c)));
    const auto time = row.time() ? iso_time(*row.time()) : std::string();
    time.empty() ? insert_.bind_null(++parameter) : insert_.bind(++parameter, time);
    const auto missing = json_array(row.missing(*route_));
    missing.empty() ? insert_.bind_null(++parameter) : insert_.bind(++parameter, missing);
    insert_.run();
  }

  statement insert_;
};

} // namespace

std::unique_ptr<table_writer> make_append_writer(session& s, const route_ptr& r) {
  return std::make_unique<append_writer>(s, r);
}

} // namespace leat::sqlite
