#include "plugins/postgres/query_rows.hpp"

#include <libpq-fe.h>

#include "plugins/postgres/wire_rows.hpp"

namespace leat::postgres {

namespace {

/// libpq's single-row mode, which makes a result of each row.
class single_rows final : public query_rows {
 public:
  single_rows(connection& c, const std::string& sql) : connection_(c), sql_(sql) {
    if (PQsendQuery(c.raw(), sql.c_str()) != 1 || PQsetSingleRowMode(c.raw()) != 1)
      c.fail(nullptr, sql);
  }

  step next() override {
    for (;;) {
      row_ = result(PQgetResult(connection_.raw()));
      if (row_.raw() == nullptr) return step::end;
      const auto status = PQresultStatus(row_.raw());
      if (status == PGRES_TUPLES_OK) return step::end_of_statement;
      if (status == PGRES_COMMAND_OK) continue;
      if (status != PGRES_SINGLE_TUPLE) fail();
      take_values();
      return step::row;
    }
  }

  void abandon() override {
    connection_.cancel();
    drain();
  }

 private:
  void take_values() {
    values_.clear();
    for (int i = 0; i < row_.columns(); ++i)
      values_.push_back(row_.is_null(0, i) ? std::string_view() : row_.text(0, i));
  }

  void drain() {
    while (PGresult* rest = PQgetResult(connection_.raw())) PQclear(rest);
  }

  [[noreturn]] void fail() {
    drain();
    connection_.fail(row_.raw(), sql_);
  }

  connection& connection_;
  std::string sql_;
  result row_{nullptr};
};

} // namespace

std::unique_ptr<query_rows> run_query(connection& c, const std::string& sql) {
  if (wire_rows::possible(c)) return std::make_unique<wire_rows>(c, sql);
  return std::make_unique<single_rows>(c, sql);
}

result to_result(std::span<const std::string_view> values) {
  result made(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  std::vector<PGresAttDesc> columns(values.size());
  PQsetResultAttrs(made.raw(), static_cast<int>(columns.size()), columns.data());
  int column = 0;
  // libpq copies the bytes; it only lacks the word const.
  for (const auto value : values)
    PQsetvalue(made.raw(), 0, column++, const_cast<char*>(value.data()),
               value.data() == nullptr ? -1 : static_cast<int>(value.size()));
  return made;
}

} // namespace leat::postgres
