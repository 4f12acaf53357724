#include "dataflow/table_columns.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/counted.hpp"
#include "dataflow/error.hpp"

namespace leat {

namespace {

constexpr std::uint16_t no_key = 0xffff;

[[noreturn]] void damaged() {
  throw error(error_kind::sink, "the progress record tells no columns of the table",
              "column `columns` of leat_progress_table",
              "somebody has written to it: restore the target from a backup, or set it to NULL");
}

/// Takes a record apart, item by item; each ends with a space or a line's end.
class reader {
 public:
  explicit reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  template <class Number>
  Number number() {
    Number value{};
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (problem != std::errc{}) damaged();
    skip(static_cast<std::size_t>(end - rest_.data()));
    end_item();
    return value;
  }

  std::string text() {
    std::size_t size = 0;
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    if (problem != std::errc{}) damaged();
    skip(static_cast<std::size_t>(end - rest_.data()));
    if (rest_.empty() || rest_.front() != ':' || rest_.size() - 1 < size) damaged();
    std::string out(rest_.substr(1, size));
    skip(size + 1);
    end_item();
    return out;
  }

 private:
  void skip(std::size_t size) { rest_.remove_prefix(size); }
  void end_item() {
    if (rest_.empty() || (rest_.front() != ' ' && rest_.front() != '\n')) damaged();
    skip(1);
  }

  std::string_view rest_;
};

std::uint16_t place_in_key(const route& r, std::uint16_t column) {
  const auto at = std::find(r.key.begin(), r.key.end(), column);
  return at == r.key.end() ? no_key : static_cast<std::uint16_t>(at - r.key.begin());
}

struct recorded_column {
  column source;
  std::string target;
  std::uint16_t in_key = no_key;
};

recorded_column read_column(reader& from) {
  recorded_column c;
  c.source.number = from.number<std::int16_t>();
  c.source.type = from.number<oid>();
  c.source.modifier = from.number<std::int32_t>();
  c.source.kind = static_cast<value_class>(from.number<std::uint8_t>());
  if (c.source.kind > value_class::other) damaged();
  c.source.built_in = from.number<int>() != 0;
  c.in_key = from.number<std::uint16_t>();
  c.source.type_name = from.text();
  c.source.name = from.text();
  c.target = from.text();
  return c;
}

} // namespace

bool same_table(const route& a, const route& b) {
  return *a.schema == *b.schema && a.columns == b.columns && a.key == b.key;
}

std::string columns_record(const route& r) {
  std::string text = std::to_string(r.schema->id) + "\n";
  for (std::uint16_t i = 0; i < r.columns.size(); ++i) {
    const auto& c = r.source_column(i);
    for (const auto n : {std::int64_t{c.number}, std::int64_t{c.type}, std::int64_t{c.modifier},
                         std::int64_t{static_cast<std::uint8_t>(c.kind)}, std::int64_t{c.built_in},
                         std::int64_t{place_in_key(r, i)}})
      text += std::to_string(n) + " ";
    text += counted(c.type_name) + " " + counted(c.name) + " " + counted(r.columns[i].name) + "\n";
  }
  return text;
}

route_ptr as_recorded(const route_ptr& r, const std::string& record) {
  if (record.empty() || record == columns_record(*r)) return r;
  reader from(record);
  if (from.number<oid>() != r->schema->id) return r;
  auto schema = std::make_shared<table_schema>(*r->schema);
  auto out = std::make_shared<route>(*r);
  schema->columns.clear();
  out->columns.clear();
  std::vector<std::pair<std::uint16_t, std::uint16_t>> in_key; // place in the key, column
  while (!from.done()) {
    auto c = read_column(from);
    const auto place = static_cast<std::uint16_t>(out->columns.size());
    if (c.in_key != no_key) in_key.emplace_back(c.in_key, place);
    schema->columns.push_back(std::move(c.source));
    out->columns.push_back({std::move(c.target), place});
  }
  std::sort(in_key.begin(), in_key.end());
  // The written columns are all that is known of the source's, so that the indexes are the same.
  out->key.clear();
  for (const auto& [place, column] : in_key) out->key.push_back(column);
  out->source_key = out->key;
  schema->key = out->key;
  out->schema = std::move(schema);
  return out;
}

} // namespace leat
