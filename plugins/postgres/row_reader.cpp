#include "plugins/postgres/row_reader.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace leat::postgres {

namespace {

constexpr std::size_t batch_rows = 512;
constexpr std::size_t batch_bytes = 256U << 10;
constexpr std::size_t reserved_cells = 16384;
constexpr std::chrono::microseconds pile_up{100};
constexpr int enough_bytes = 64 << 10;
constexpr int most_reads = 16;

/// Packs rows into batches.
class batch_packer {
 public:
  explicit batch_packer(const row_request& request)
      : request_(request), columns_(request.schema->columns.size()), index_(request.first_index),
        high_(request.high) {}

  void add(const PGresult* row) {
    if (!open_) begin();
    change c;
    c.kind = change_kind::read;
    c.new_row = static_cast<std::uint32_t>(open_->cells.size());
    c.index = index_++;
    for (int i = 0; i < static_cast<int>(columns_); ++i) open_->cells.push_back(cell_of(row, i));
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
  cell cell_of(const PGresult* row, int column) {
    const auto size = static_cast<std::size_t>(PQgetlength(row, 0, column));
    if (size == 0 && PQgetisnull(row, 0, column) == 1) return batch::make_state(cell_state::null);
    return open_->add_value({PQgetvalue(row, 0, column), size});
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

int unread_bytes(PGconn* c) {
  int bytes = 0;
  return ioctl(PQsocket(c), FIONREAD, &bytes) == 0 ? bytes : 0;
}

/// Lets bytes pile up before they are read: the server sends 8 KiB at a time, and being woken for
/// each costs both sides more than the rows do. Each PQconsumeInput() that finds bytes makes
/// libpq's buffer grow, so that soon one call takes them all. Encryption keeps bytes where nothing
/// here sees them.
void await_result(PGconn* c, bool flowing) {
  if (PQsslInUse(c) == 1 || PQgssEncInUse(c) == 1) return;
  while (PQisBusy(c) == 1) {
    pollfd readable{PQsocket(c), POLLIN, 0};
    poll(&readable, 1, -1);
    if (flowing && unread_bytes(c) < enough_bytes) std::this_thread::sleep_for(pile_up);
    for (int i = 0; i < most_reads && (i == 0 || unread_bytes(c) > 0); ++i)
      if (PQconsumeInput(c) == 0) return;
  }
}

void drain(connection& c) {
  while (PGresult* rest = PQgetResult(c.raw())) PQclear(rest);
}

[[noreturn]] void fail(connection& c, const result& failed, const std::string& sql) {
  drain(c);
  c.fail(failed.raw(), sql);
}

/// True when the rows that follow are wanted.
bool take_look(connection& c, const std::string& sql, const row_request& request,
               batch_packer& packer) {
  for (;;) {
    await_result(c.raw(), false);
    const result row(PQgetResult(c.raw()));
    if (row.raw() == nullptr) c.fail(nullptr, sql);
    const auto status = PQresultStatus(row.raw());
    if (status == PGRES_TUPLES_OK) break;
    if (status == PGRES_SINGLE_TUPLE)
      request.look(&row);
    else if (status != PGRES_COMMAND_OK)
      fail(c, row, sql);
  }
  const auto high = request.look(nullptr);
  if (high) packer.set_high(*high);
  return high.has_value();
}

} // namespace

row_set read_rows(connection& c, const std::string& sql, const row_request& request) {
  if (PQsendQuery(c.raw(), sql.c_str()) != 1 || PQsetSingleRowMode(c.raw()) != 1)
    c.fail(nullptr, sql);
  batch_packer packer(request);
  if (request.look && !take_look(c, sql, request, packer)) {
    c.cancel();
    drain(c);
    row_set none;
    none.unwanted = true;
    return none;
  }
  while (true) {
    await_result(c.raw(), packer.rows() > 0);
    PGresult* next = PQgetResult(c.raw());
    if (next == nullptr) break;
    const result row(next);
    const auto status = PQresultStatus(next);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) continue;
    if (status != PGRES_SINGLE_TUPLE) fail(c, row, sql);
    packer.add(next);
    if (request.max_bytes == 0 || packer.rows() < 2 || packer.bytes() <= request.max_bytes)
      continue;
    c.cancel();
    drain(c);
    auto partial = packer.take();
    partial.too_large = true;
    return partial;
  }
  return packer.take();
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
