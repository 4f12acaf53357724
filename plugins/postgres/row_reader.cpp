#include "plugins/postgres/row_reader.hpp"

#include <algorithm>
#include <utility>

#include "plugins/postgres/query_rows.hpp"

namespace leat::postgres {

namespace {

constexpr std::size_t batch_rows = 512;
constexpr std::size_t batch_bytes = 256U << 10;
constexpr std::size_t reserved_cells = 16384;

/// Packs rows into batches.
class batch_packer {
 public:
  explicit batch_packer(const row_request& request)
      : request_(request), columns_(request.schema->columns.size()), index_(request.first_index),
        high_(request.high) {}

  void add(std::span<const std::string_view> row) {
    if (!open_) begin();
    change c;
    c.kind = change_kind::read;
    c.new_row = static_cast<std::uint32_t>(open_->cells.size());
    c.index = index_++;
    for (const auto value : row) open_->cells.push_back(cell_of(value));
    open_->changes.push_back(c);
    ++rows_.rows;
    if (open_->changes.size() == batch_rows || open_->arena.size() >= batch_bytes) close();
  }

  void set_high(wal_lsn high) { high_ = high; }

  std::uint64_t bytes() const { return rows_.bytes + (open_ ? open_->bytes() : 0); }
  std::uint64_t rows() const { return rows_.rows; }

  row_set take() {
    if (open_) close();
    return std::move(rows_);
  }

 private:
  cell cell_of(std::string_view value) {
    if (value.data() == nullptr) return batch::make_state(cell_state::null);
    return open_->add_value(value);
  }

  void begin() {
    open_ = std::make_shared<batch>();
    open_->tables.push_back(request_.schema);
    transaction chunk;
    chunk.commit = commit_lsn{static_cast<std::uint64_t>(high_)};
    open_->transactions.push_back(chunk);
    open_->arena.reserve(arena_hint_);
    open_->cells.reserve(std::min(batch_rows * columns_, reserved_cells));
    open_->changes.reserve(rows_.rows == 0 ? 0 : batch_rows);
  }

  void close() {
    arena_hint_ = std::min(open_->arena.size() + open_->arena.size() / 8, batch_bytes * 2);
    rows_.bytes += open_->bytes();
    const auto whole = std::exchange(open_, nullptr);
    if (request_.spool)
      request_.spool->push(*whole);
    else
      rows_.batches.push_back(whole);
  }

  const row_request& request_;
  std::size_t columns_;
  std::uint64_t index_;
  wal_lsn high_;
  std::size_t arena_hint_ = 0;
  std::shared_ptr<batch> open_;
  row_set rows_;
};

/// True when the rows that follow are wanted.
bool take_look(query_rows& rows, const row_request& request, batch_packer& packer) {
  while (rows.next() == query_rows::step::row) {
    const auto row = to_result(rows.values());
    request.look(&row);
  }
  const auto high = request.look(nullptr);
  if (high) packer.set_high(*high);
  return high.has_value();
}

bool is_too_large(const batch_packer& packer, const row_request& request) {
  if (packer.rows() < 2) return false;
  if (request.max_rows != 0 && packer.rows() > request.max_rows) return true;
  return request.max_bytes != 0 && packer.bytes() > request.max_bytes;
}

} // namespace

row_set read_rows(connection& c, const std::string& sql, const row_request& request) {
  const auto rows = run_query(c, sql);
  batch_packer packer(request);
  if (request.look && !take_look(*rows, request, packer)) {
    rows->abandon();
    row_set none;
    none.unwanted = true;
    return none;
  }
  for (;;) {
    const auto step = rows->next();
    if (step == query_rows::step::end) return packer.take();
    if (step == query_rows::step::end_of_statement) continue;
    packer.add(rows->values());
    if (!is_too_large(packer, request)) continue;
    rows->abandon();
    auto partial = packer.take();
    partial.too_large = true;
    return partial;
  }
}

std::vector<std::string> halfway_key(const row_set& rows, const std::vector<std::uint16_t>& key) {
  std::uint64_t total = 0;
  for (const auto& b : rows.batches) total += b->arena.size();
  std::vector<std::string> texts(key.size());
  std::uint64_t passed = 0;
  std::uint64_t number = 0;
  for (const auto& b : rows.batches) {
    for (const auto& c : b->changes) {
      const auto row = b->new_row(c);
      for (std::size_t k = 0; k < key.size(); ++k) texts[k] = b->text(row[key[k]]);
      if (number++ > 0 && passed >= total / 2) return texts;
      for (const auto cell : row) passed += cell.size;
    }
  }
  return texts;
}

} // namespace leat::postgres
