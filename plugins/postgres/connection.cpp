#include "plugins/postgres/connection.hpp"

#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <mutex>

#include "plugins/postgres/connect_failure.hpp"
#include "plugins/postgres/connection_words.hpp"

namespace leat::postgres {

namespace {

/// Without jit: the planner's guesses for catalog queries are so high that compiling took 2.3 s
/// of 2.6 s.
constexpr std::string_view pinned_settings =
    "-c DateStyle=ISO,MDY -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=1 "
    "-c bytea_output=hex -c search_path= -c lc_monetary=C -c statement_timeout=0 "
    "-c idle_in_transaction_session_timeout=0 -c jit=off";

/// SQLSTATEs after which the same action may succeed later.
bool is_transient(std::string_view state) {
  static constexpr std::array<std::string_view, 9> codes{
      "57P01", "57P02", "57P03", "53300", "40001", "40P01", "55P03", "57014", "55006"};
  if (state.substr(0, 2) == "08") return true;
  for (const auto code : codes)
    if (code == state) return true;
  return false;
}

/// leat's choice where the user has none: a server that is gone is noticed within about a minute.
constexpr std::array<std::pair<const char*, const char*>, 5> defaults{{
    {"connect_timeout", "10"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "60000"},
}};

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (auto& c : text)
    if (c == '\n') c = ' ';
  return text;
}

std::string remedy_for(std::string_view state) {
  if (state == "55P03")
    return "end the transaction that holds the lock: SELECT pid, relation::regclass FROM pg_locks "
           "WHERE mode = 'AccessExclusiveLock' AND granted";
  return std::string(remedy_of_refusal(state));
}

} // namespace

server_error::server_error(error_kind kind, std::string sqlstate, std::string what,
                           std::string where, std::string remedy, error_retry retry)
    : error(kind, std::move(what), std::move(where), std::move(remedy), retry),
      sqlstate_(std::move(sqlstate)) {}

result::result(PGresult* r) : result_(r) {}
void result::deleter::operator()(PGresult* r) const { PQclear(r); }
int result::rows() const { return PQntuples(result_.get()); }
int result::columns() const { return PQnfields(result_.get()); }
bool result::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) == 1;
}

std::string_view result::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::uint64_t result::number(int row, int column) const {
  const auto digits = text(row, column);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::uint64_t result::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::optional<std::string> given(const connection_parameters& parameters,
                                 const std::string& keyword) {
  const auto own = parameters.find(keyword);
  if (own != parameters.end() && !own->second.empty()) return own->second;
  const auto dbname = parameters.find("dbname");
  if (dbname == parameters.end() || !is_conninfo(dbname->second)) return std::nullopt;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(
      PQconninfoParse(dbname->second.c_str(), nullptr), &PQconninfoFree);
  // What cannot be parsed is refused when it is connected to.
  if (!parts) return std::nullopt;
  for (const auto* part = parts.get(); part->keyword != nullptr; ++part)
    if (keyword == part->keyword && part->val != nullptr && *part->val != '\0') return part->val;
  return std::nullopt;
}

struct connection::cancel_handle {
  PGcancel* handle = nullptr;
  explicit cancel_handle(PGcancel* h) : handle(h) {}
  ~cancel_handle() { PQfreeCancel(handle); }
  cancel_handle(const cancel_handle&) = delete;
  cancel_handle& operator=(const cancel_handle&) = delete;
};

connection::connection(const connection_parameters& parameters, connection_use use) : use_(use) {
  // libpq's own message of such words repeats them, and with them a password.
  if (const auto wrong = find_wrong_words(parameters))
    throw server_error(kind(), std::string(wrong_option), wrong->what, "url", wrong->remedy,
                       error_retry::permanent);
  std::string options = given(parameters, "options").value_or("") + " ";
  options += pinned_settings;
  options += use == connection_use::query ? " -c row_security=off -c lock_timeout=5s"
                                          : " -c lock_timeout=0";

  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  // dbname comes first: with expand_dbname it may hold a URI, which the other keywords then
  // override.
  if (const auto dbname = parameters.find("dbname"); dbname != parameters.end())
    add("dbname", dbname->second.c_str());
  for (const auto& [keyword, value] : parameters)
    if (keyword != "options" && keyword != "dbname") add(keyword.c_str(), value.c_str());
  if (use == connection_use::replication) add("replication", "database");
  add("client_encoding", "UTF8");
  add("options", options.c_str());
  add("fallback_application_name", "leat");
  // libpq takes the last value of a keyword, so these would win over the URL's.
  for (const auto& [keyword, value] : defaults)
    if (!given(parameters, keyword)) add(keyword, value);
  keywords.push_back(nullptr);
  values.push_back(nullptr);

  connection_ = PQconnectdbParams(keywords.data(), values.data(), 1);
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
  PQsetNoticeReceiver(connection_, &connection::notice, this);
  if (PQstatus(connection_) != CONNECTION_OK) {
    const auto message = trimmed(PQerrorMessage(connection_));
    const auto place = where();
    auto known = explain_connect_failure(message, place);
    const auto failure = known ? *known : ask_connect_failure(keywords.data(), values.data());
    PQfinish(connection_);
    connection_ = nullptr;
    const auto retry = failure.sqlstate.empty() ? error_retry::transient : error_retry::permanent;
    throw server_error(kind(), failure.sqlstate, message, place, failure.remedy, retry);
  }
  cancel_ = std::make_unique<cancel_handle>(PQgetCancel(connection_));
  try {
    // Limits that older servers refuse to hear of at the start: of a target between two epochs, and
    // of a long transaction, with it a large streamed one.
    if (server_version() >= 140000) query("SET idle_session_timeout = 0");
    if (server_version() >= 170000) query("SET transaction_timeout = 0");
  } catch (...) {
    PQfinish(connection_);
    throw;
  }
}

connection::~connection() {
  cancel_.reset();
  if (connection_ != nullptr) PQfinish(connection_);
}

error_kind connection::kind() const {
  return use_ == connection_use::target ? error_kind::sink : error_kind::source;
}

void connection::notice(void* self, const PGresult* r) {
  const auto& handler = static_cast<connection*>(self)->notice_;
  if (!handler) return;
  const char* state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
  handler(state == nullptr ? "" : state, message == nullptr ? "" : message);
}

void connection::on_notice(std::function<void(std::string_view, std::string_view)> handler) {
  notice_ = std::move(handler);
}

result connection::query(const std::string& sql) {
  result r(PQexec(connection_, sql.c_str()));
  const auto status = PQresultStatus(r.raw());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(r.raw(), sql);
  return r;
}

result connection::query(const std::string& sql,
                         const std::vector<std::optional<std::string>>& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& p : parameters) values.push_back(p ? p->c_str() : nullptr);
  result r(PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0));
  const auto status = PQresultStatus(r.raw());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(r.raw(), sql);
  return r;
}

void connection::fail(const PGresult* failed, std::string_view doing) const {
  const char* state = failed == nullptr ? nullptr : PQresultErrorField(failed, PG_DIAG_SQLSTATE);
  std::string message = failed == nullptr ? "" : trimmed(PQresultErrorMessage(failed));
  if (message.empty()) message = trimmed(PQerrorMessage(connection_));
  if (message.empty()) message = "the connection was lost";
  fail(std::string(state == nullptr ? "" : state), std::move(message), doing);
}

void connection::fail(const std::string& sqlstate, std::string message,
                      std::string_view doing) const {
  auto place = where();
  if (!doing.empty()) place += ", " + std::string(doing.substr(0, 200));
  const auto retry = lost() || sqlstate.empty() || is_transient(sqlstate) ? error_retry::transient
                                                                          : error_retry::permanent;
  throw server_error(kind(), sqlstate, trimmed(std::move(message)), std::move(place),
                     remedy_for(sqlstate), retry);
}

bool connection::lost() const { return given_up_ || PQstatus(connection_) != CONNECTION_OK; }

void connection::cancel() noexcept {
  char message[256];
  if (cancel_ && cancel_->handle != nullptr)
    PQcancel(cancel_->handle, message, static_cast<int>(sizeof message));
}

int connection::server_version() const { return PQserverVersion(connection_); }

std::string connection::where() const {
  const auto part = [](const char* text) { return std::string(text == nullptr ? "" : text); };
  return "postgresql://" + part(PQuser(connection_)) + "@" + part(PQhost(connection_)) + ":"
         + part(PQport(connection_)) + "/" + part(PQdb(connection_));
}

namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

} // namespace

std::string quote_identifier(std::string_view name) { return doubled(name, '"'); }

std::string quote_literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return doubled(text, '\'');
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') escaped += '\\';
    escaped += c;
  }
  return "E" + doubled(escaped, '\'');
}

std::string quote_name(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

} // namespace leat::postgres
