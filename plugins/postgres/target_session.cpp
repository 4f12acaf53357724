#include "plugins/postgres/target_session.hpp"

#include <libpq-fe.h>

#include <utility>

#include "plugins/postgres/target_errors.hpp"

namespace leat::postgres {

namespace {

constexpr std::size_t copy_buffer = 256U << 10;

/// Statements join arrays with a table by its key: nested loops over the key's index are right
/// whatever the statistics say. They are planned anew each time, for the arrays' sizes and the
/// table's: a plan made while the table was tiny goes through all of it for every element. A server
/// whose client vanished must notice, because its transaction holds the lock on the progress row.
constexpr const char* session_settings =
    "SET jit = off; SET plan_cache_mode = force_custom_plan; SET enable_hashjoin = off; "
    "SET enable_mergejoin = off; SET enable_seqscan = off; SET lock_timeout = 0; "
    "SET client_min_messages = warning; SET tcp_keepalives_idle = 30; "
    "SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; "
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'";

std::vector<const char*> c_strings(const std::vector<std::optional<std::string>>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size());
  for (const auto& text : texts) pointers.push_back(text ? text->c_str() : nullptr);
  return pointers;
}

bool succeeded(const PGresult* r) {
  const auto status = r == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(r);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

} // namespace

target_session::target_session(const connection_parameters& parameters)
    : connection_(parameters, connection_use::target) {
  query(session_settings);
}

server_error target_session::error_of(const PGresult* failed) const {
  try {
    connection_.fail(failed, {});
  } catch (const server_error& e) {
    return e;
  }
}

void target_session::fail(const PGresult* failed, const std::string& table) const {
  throw target_error(error_of(failed), table);
}

result target_session::checked(result r, const std::string& table) const {
  if (!succeeded(r.raw())) fail(r.raw(), table);
  return r;
}

void target_session::cancel() noexcept {
  cancelled_ = true;
  connection_.cancel();
}

void target_session::check_cancelled() const {
  if (cancelled_) throw error(error_kind::sink, "cancelled", where(), "", error_retry::transient);
}

result target_session::query(const std::string& sql, const std::string& table) {
  check_cancelled();
  finish();
  return checked(result(PQexec(connection_.raw(), sql.c_str())), table);
}

result target_session::ask(const std::string& sql,
                           const std::vector<std::optional<std::string>>& parameters,
                           const std::string& table) {
  check_cancelled();
  finish();
  const auto values = c_strings(parameters);
  result r(PQexecParams(connection_.raw(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0));
  return checked(std::move(r), table);
}

void target_session::enter_pipeline() {
  check_cancelled();
  end_copy();
  if (PQpipelineStatus(connection_.raw()) == PQ_PIPELINE_OFF
      && PQenterPipelineMode(connection_.raw()) != 1)
    fail(nullptr, {});
}

void target_session::sent(int ok, const std::string& table, receiver take) {
  if (ok != 1) fail(nullptr, table);
  awaited_.push_back({table, std::move(take)});
}

void target_session::send(const std::string& sql,
                          const std::vector<std::optional<std::string>>& parameters, receiver take,
                          const std::string& table) {
  enter_pipeline();
  const auto values = c_strings(parameters);
  sent(PQsendQueryParams(connection_.raw(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                         values.data(), nullptr, nullptr, 0),
       table, std::move(take));
}

void target_session::send(target_statement& statement, std::span<text_array> parameters,
                          receiver take) {
  constexpr Oid text_array_type = 1009;
  enter_pipeline();
  const auto count = static_cast<int>(parameters.size());
  if (statement.name.empty()) {
    const std::vector<Oid> types(parameters.size(), text_array_type);
    auto name = "leat_" + std::to_string(++statements_);
    sent(PQsendPrepare(connection_.raw(), name.c_str(), statement.sql.c_str(), count, types.data()),
         statement.table, {});
    statement.name = std::move(name);
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (auto& p : parameters) {
    const auto& bytes = p.encoded();
    values.push_back(bytes.data());
    lengths.push_back(static_cast<int>(bytes.size()));
  }
  const std::vector<int> formats(parameters.size(), 1);
  sent(PQsendQueryPrepared(connection_.raw(), statement.name.c_str(), count, values.data(),
                           lengths.data(), formats.data(), 0),
       statement.table, std::move(take));
}

void target_session::release(target_statement& statement) {
  if (!statement.name.empty()) query("DEALLOCATE " + quote_identifier(statement.name));
  statement.name.clear();
}

void target_session::receive(const awaited& expected) {
  auto r = checked(result(PQgetResult(connection_.raw())), expected.table);
  if (const result end(PQgetResult(connection_.raw())); end.raw() != nullptr)
    fail(end.raw(), expected.table);
  if (expected.take) expected.take(std::move(r));
}

void target_session::flush() {
  if (copying_) return;
  if (PQflush(connection_.raw()) != 0) fail(nullptr, {});
}

void target_session::finish() {
  end_copy();
  if (PQpipelineStatus(connection_.raw()) == PQ_PIPELINE_OFF) return;
  if (PQpipelineSync(connection_.raw()) != 1) fail(nullptr, {});
  for (; !awaited_.empty(); awaited_.pop_front()) receive(awaited_.front());
  const result sync(PQgetResult(connection_.raw()));
  if (PQresultStatus(sync.raw()) != PGRES_PIPELINE_SYNC) fail(sync.raw(), {});
  if (PQexitPipelineMode(connection_.raw()) != 1) fail(nullptr, {});
}

void target_session::send_copy(const std::string& table,
                               const std::function<bool(copy_rows&)>& next) {
  copy_rows rows;
  for (bool more = true; more;) {
    more = next(rows);
    auto& text = rows.text();
    if (more && text.size() < copy_buffer) continue;
    if (!text.empty()
        && PQputCopyData(connection_.raw(), text.data(), static_cast<int>(text.size())) != 1)
      fail(nullptr, table);
    text.clear();
  }
  if (PQputCopyEnd(connection_.raw(), nullptr) != 1) fail(nullptr, table);
}

/// Sends a COPY and all of its rows.
void target_session::start_copy(const std::string& sql, const std::string& table,
                                const std::function<bool(copy_rows&)>& next) {
  finish();
  if (PQsendQuery(connection_.raw(), sql.c_str()) != 1) fail(nullptr, table);
  while (auto* raw = PQgetResult(connection_.raw())) {
    const result r(raw);
    if (PQresultStatus(raw) == PGRES_COPY_IN) return send_copy(table, next);
    if (!succeeded(raw)) fail(raw, table);
  }
  fail(nullptr, table);
}

void target_session::copy(const std::string& sql, const std::string& table,
                          const std::function<bool(copy_rows&)>& next) {
  start_copy(sql, table, next);
  copying_ = {table, {}};
}

void target_session::try_copy(const std::string& sql, const std::string& table,
                              const std::function<bool(copy_rows&)>& next, copy_end ended) {
  start_copy("SAVEPOINT leat; " + sql + "; RELEASE leat", table, next);
  copying_ = {table, std::move(ended)};
}

void target_session::end_copy() {
  if (!copying_) return;
  const auto copied = *std::exchange(copying_, std::nullopt);
  std::optional<server_error> refused;
  while (auto* raw = PQgetResult(connection_.raw())) {
    const result r(raw);
    if (succeeded(raw)) continue;
    if (!copied.ended) fail(raw, copied.table);
    refused = target_error(error_of(raw), copied.table);
  }
  if (refused) query("ROLLBACK TO leat; RELEASE leat", copied.table);
  if (copied.ended && !copied.ended(refused ? &*refused : nullptr) && refused) throw *refused;
}

std::optional<server_error> target_session::attempt(const std::function<void()>& act) {
  query("SAVEPOINT leat_row");
  try {
    act();
    finish();
  } catch (const server_error& e) {
    if (PQstatus(connection_.raw()) != CONNECTION_OK) throw;
    leave_failed_pipeline();
    query("ROLLBACK TO leat_row; RELEASE leat_row");
    return e;
  }
  query("RELEASE leat_row");
  return std::nullopt;
}

/// Takes what the server has still to say, up to the end that finish() has marked.
void target_session::leave_failed_pipeline() {
  if (PQpipelineStatus(connection_.raw()) == PQ_PIPELINE_OFF) return;
  bool nothing = false; // no result at all: nothing will come any more
  for (bool ended = false; !ended;) {
    const result r(PQgetResult(connection_.raw()));
    ended = r.raw() != nullptr && PQresultStatus(r.raw()) == PGRES_PIPELINE_SYNC;
    if (r.raw() == nullptr && std::exchange(nothing, true)) fail(nullptr, {});
    if (r.raw() != nullptr) nothing = false;
  }
  awaited_.clear();
  if (PQexitPipelineMode(connection_.raw()) != 1) fail(nullptr, {});
}

} // namespace leat::postgres
