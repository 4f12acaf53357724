#include "plugins/postgres/chunk_planner.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace leat::postgres {

namespace {

using bound = std::vector<std::string>;

constexpr double pages_per_chunk = 16;
constexpr double fewest_pages = 1000;
constexpr double most_pages = 20000;
constexpr double rows_per_chunk_in_sample = 4;
/// A chunk of consecutive integers holds at most this many times the rows that were asked for.
constexpr double widest_gap = 2;

struct table_size {
  double pages = 0;
  double bytes = 0;           ///< TOAST included
  std::optional<double> rows; ///< nothing when a part was never analyzed
};

double real(std::string_view digits) {
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::int64_t integer(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// Rows per page as ANALYZE saw them, times the pages there are now, as PostgreSQL's own planner
/// does.
table_size size_of(connection& c, oid table) {
  const auto id = std::to_string(table);
  const auto r =
      c.query("SELECT coalesce(sum(p.pages), 0), coalesce(sum(p.bytes), 0), "
              "CASE WHEN bool_and(p.reltuples >= 0 AND p.relpages > 0 OR p.pages = 0) "
              "THEN coalesce(sum(p.reltuples / nullif(p.relpages, 0) * p.pages), 0) END "
              "FROM (SELECT c.reltuples::float8, c.relpages, pg_relation_size(c.oid) "
              "/ current_setting('block_size')::int8 AS pages, pg_table_size(c.oid) AS bytes "
              "FROM pg_class c WHERE (c.oid = "
              + id + " OR c.oid IN (SELECT relid FROM pg_partition_tree(" + id
              + "))) AND c.relkind = 'r') p");
  table_size size{real(r.text(0, 0)), real(r.text(0, 1)), std::nullopt};
  if (!r.is_null(0, 2)) size.rows = real(r.text(0, 2));
  return size;
}

std::string sampled(const locked_table& table, double fraction) {
  if (fraction >= 1) return table.from();
  char percent[32];
  const auto end =
      std::to_chars(percent, percent + sizeof percent, fraction * 100, std::chars_format::fixed, 9);
  return table.from() + " TABLESAMPLE SYSTEM (" + std::string(percent, end.ptr) + ")";
}

std::string where(const std::string& predicate) {
  return predicate.empty() ? "" : " WHERE " + predicate;
}

double count_rows(connection& c, const locked_table& table, const table_size& size) {
  const double fraction = std::min(1.0, fewest_pages / std::max(size.pages, 1.0));
  const auto r = c.query("SELECT count(*) FROM " + sampled(table, fraction));
  return real(r.text(0, 0)) / fraction;
}

std::vector<bound> every_nth(connection& c, const locked_table& table, const key_columns& key,
                             const std::string& predicate, double fraction, std::uint64_t n) {
  std::string outer, inner;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto alias = "k" + std::to_string(i);
    outer += (i == 0 ? "" : ", ") + alias;
    inner += quote_identifier(key[i].name) + " AS " + alias + ", ";
  }
  const auto r = c.query(
      "SELECT " + outer + " FROM (SELECT " + inner + "row_number() OVER (ORDER BY " + ordering(key)
      + ") - 1 AS number FROM " + sampled(table, fraction) + where(predicate)
      + ") sample WHERE number > 0 AND number % " + std::to_string(n) + " = 0 ORDER BY number");
  std::vector<bound> bounds;
  for (int row = 0; row < r.rows(); ++row) {
    bound b;
    for (int i = 0; i < r.columns(); ++i) b.push_back(r.string(row, i));
    if (bounds.empty() || bounds.back() != b) bounds.push_back(std::move(b));
  }
  return bounds;
}

/// By whole pages: rows that lie together have near keys in many tables, so a chunk needs several
/// pages of the sample to have a fair size. A sample that gives too few bounds for the table is
/// taken again as all of it.
std::vector<bound> sampled_bounds(connection& c, const locked_table& table, const key_columns& key,
                                  const std::string& predicate, const table_size& size, double rows,
                                  double per_chunk) {
  const double chunks = rows / per_chunk;
  const double wanted = std::clamp(chunks * pages_per_chunk, fewest_pages, most_pages);
  const double fraction =
      std::min(1.0, std::max(wanted / size.pages, rows_per_chunk_in_sample / per_chunk));
  const auto n = [&](double share) {
    return static_cast<std::uint64_t>(std::max(1.0, std::round(per_chunk * share)));
  };
  auto bounds = every_nth(c, table, key, predicate, fraction, n(fraction));
  const bool poor = static_cast<double>(bounds.size()) < chunks / 4 - 1;
  if (poor && fraction < 1 && predicate.empty())
    bounds = every_nth(c, table, key, predicate, 1, n(1));
  return bounds;
}

/// The greatest value of an integer type; nothing of another type.
std::optional<std::int64_t> greatest(oid type) {
  constexpr oid int8 = 20, int2 = 21, int4 = 23;
  if (type == int2) return std::numeric_limits<std::int16_t>::max();
  if (type == int4) return std::numeric_limits<std::int32_t>::max();
  if (type == int8) return std::numeric_limits<std::int64_t>::max();
  return std::nullopt;
}

struct integer_range {
  std::int64_t first;
  std::int64_t last;
};

/// Of the keys there are; nothing in an empty table.
std::optional<integer_range> range_of(connection& c, const locked_table& table,
                                      const key_column& key) {
  const auto name = quote_identifier(key.name);
  const auto r = c.query("SELECT min(" + name + "), max(" + name + ") FROM " + table.from());
  if (r.is_null(0, 0)) return std::nullopt;
  return integer_range{integer(r.text(0, 0)), integer(r.text(0, 1))};
}

/// Nothing when the keys are too sparse for equal steps to hold about equally many rows.
std::optional<std::vector<bound>> dense_bounds(const integer_range& keys, double rows,
                                               double per_chunk) {
  const double span = static_cast<double>(static_cast<std::uint64_t>(keys.last)
                                          - static_cast<std::uint64_t>(keys.first))
                      + 1;
  const double gap = std::max(1.0, span / rows);
  if (gap > widest_gap) return std::nullopt;
  std::vector<bound> bounds;
  for (auto& text :
       integer_bounds(keys.first, keys.last, static_cast<std::uint64_t>(per_chunk * gap)))
    bounds.push_back({std::move(text)});
  return bounds;
}

std::vector<chunk_bounds> between(std::vector<bound> bounds) {
  std::vector<chunk_bounds> chunks(bounds.size() + 1);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].number = i + 1;
    if (i > 0) chunks[i].lower = chunks[i - 1].upper;
    if (i < bounds.size()) chunks[i].upper = std::move(bounds[i]);
  }
  return chunks;
}

} // namespace

chunk_plan plan_chunks(connection& c, const locked_table& table, const key_columns& key,
                       oid key_type, const std::string& predicate, const chunk_size& size) {
  chunk_plan plan;
  plan.storage = table.storage;
  const auto stored = size_of(c, table.id);
  const double rows = stored.pages == 0 ? 0
                      : stored.rows     ? *stored.rows
                                        : count_rows(c, table, stored);
  plan.rows_estimated = static_cast<std::uint64_t>(rows);
  const double by_bytes = rows < 1 ? 1 : static_cast<double>(size.bytes) / (stored.bytes / rows);
  const double per_chunk =
      std::max(1.0, std::floor(std::min(static_cast<double>(size.rows), by_bytes)));
  const auto most = key.size() == 1 ? greatest(key_type) : std::nullopt;
  const auto keys = most ? range_of(c, table, key[0]) : std::nullopt;
  std::vector<bound> bounds;
  if (!key.empty() && rows >= 2 * per_chunk) {
    const auto dense = keys ? dense_bounds(*keys, rows, per_chunk) : std::nullopt;
    bounds = dense ? *dense : sampled_bounds(c, table, key, predicate, stored, rows, per_chunk);
  }
  plan.chunks = between(std::move(bounds));
  if (keys && keys->last < *most) plan.chunks.back().upper = {std::to_string(keys->last + 1)};
  return plan;
}

std::vector<std::vector<std::string>> counted_bounds(connection& c, const locked_table& table,
                                                     const key_columns& key,
                                                     const std::string& predicate,
                                                     std::uint64_t rows) {
  return every_nth(c, table, key, predicate, 1, std::max<std::uint64_t>(rows, 1));
}

std::vector<std::string> integer_bounds(std::int64_t first, std::int64_t last, std::uint64_t step) {
  // Unsigned: the distance of two 64-bit integers does not fit a signed one.
  const auto start = static_cast<std::uint64_t>(first);
  const auto span = static_cast<std::uint64_t>(last) - start;
  std::vector<std::string> bounds;
  for (std::uint64_t passed = 0; step > 0 && span - passed >= step;) {
    passed += step;
    bounds.push_back(std::to_string(static_cast<std::int64_t>(start + passed)));
  }
  return bounds;
}

} // namespace leat::postgres
