#include "tests/support/pg_session.hpp"

#include <libpq-fe.h>

namespace leat::test {

namespace {

struct result_closer {
  void operator()(PGresult* result) const { PQclear(result); }
};
using result_ptr = std::unique_ptr<PGresult, result_closer>;

void check(PGconn* connection, const PGresult* result, const std::string& sql) {
  const auto status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
    return;
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  throw pg_failure(state == nullptr ? "" : state,
                   std::string(PQerrorMessage(connection)) + "in: " + sql.substr(0, 500));
}

} // namespace

void pg_session::closer::operator()(PGconn* connection) const { PQfinish(connection); }

pg_session::pg_session(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw pg_failure("", PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

void pg_session::execute(const std::string& sql) { query(sql); }

text_rows pg_session::query(const std::string& sql) {
  const result_ptr result(PQexec(connection_.get(), sql.c_str()));
  check(connection_.get(), result.get(), sql);
  text_rows rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row)
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      auto& cell = rows[static_cast<std::size_t>(row)].emplace_back();
      if (PQgetisnull(result.get(), row, column) == 0)
        cell.emplace(PQgetvalue(result.get(), row, column),
                     static_cast<std::size_t>(PQgetlength(result.get(), row, column)));
    }
  return rows;
}

std::string pg_session::value(const std::string& sql) {
  const auto rows = query(sql);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("");
}

void pg_session::send(const std::string& sql) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0)
    throw pg_failure("", PQerrorMessage(connection_.get()));
}

void pg_session::finish() {
  while (const result_ptr result{PQgetResult(connection_.get())})
    check(connection_.get(), result.get(), "a statement that was sent");
}

int pg_session::backend_pid() const { return PQbackendPID(connection_.get()); }

} // namespace leat::test
