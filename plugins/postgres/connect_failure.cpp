#include "plugins/postgres/connect_failure.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <memory>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

namespace {

constexpr std::chrono::seconds patience{2};

constexpr const char* not_authorized = "28000";
constexpr const char* wrong_password = "28P01";
constexpr const char* missing_right = "42501";
constexpr const char* no_database = "3D000";
constexpr const char* not_utf8 = "22021";
constexpr const char* may_pass = "";

/// The part of a text between two others; empty when they are not there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const auto start = text.find(before);
  if (start == std::string_view::npos) return {};
  const auto end = text.find(after, start + before.size());
  if (end == std::string_view::npos) return {};
  return std::string(text.substr(start + before.size(), end - start - before.size()));
}

/// The refusal names client, role and database as the server sees them; the pipeline file may have
/// left them to libpq. A line for `replication` would not admit logical connections, one for the
/// database does.
std::string hba_line(std::string_view message, std::string_view) {
  const auto address = between(message, "for host \"", "\"");
  const auto who = quote_identifier(between(message, ", database \"", "\"")) + " "
                   + quote_identifier(between(message, ", user \"", "\", database"));
  const bool ipv6 = address.find(':') != std::string::npos;
  const auto line = address == "[local]" ? "local " + who
                                         : "host " + who + " " + address + (ipv6 ? "/128" : "/32");
  return "add a line to pg_hba.conf: " + line + " scram-sha-256; then SELECT pg_reload_conf();";
}

std::string allow_login(std::string_view message, std::string_view) {
  return "ALTER ROLE " + quote_identifier(between(message, "role \"", "\" is not permitted"))
         + " LOGIN;";
}

std::string make_role(std::string_view message, std::string_view) {
  return "CREATE ROLE " + quote_identifier(between(message, "role \"", "\" does not exist"))
         + " LOGIN; or name another role";
}

std::string grant_connect(std::string_view message, std::string_view where) {
  return "GRANT CONNECT ON DATABASE " + quote_identifier(between(message, "for database \"", "\""))
         + " TO " + quote_identifier(between(where, "postgresql://", "@")) + ";";
}

constexpr const char* check_password =
    "check user and password (or password_file, or libpq's passfile)";
constexpr const char* check_grants = "run `leat check`: it prints the GRANT that is missing";
constexpr const char* check_database = "check the database name";
constexpr const char* check_login =
    "make the role (CREATE ROLE ... LOGIN), or allow it in pg_hba.conf by a line for its database";
constexpr const char* check_ca =
    "name a file with the CA that signed the server's certificate in `sslrootcert`";
constexpr const char* check_name =
    "connect by a name that is in the server's certificate, or set sslmode to verify-ca";
constexpr const char* check_tls = "set `ssl = on` at the server, or sslmode to prefer";
constexpr const char* check_own = "name leat's own certificate and key in `sslcert` and `sslkey`";
constexpr const char* check_option =
    "correct it where the connection is described: in the pipeline file's keys or `url`";
constexpr const char* write_utf8 =
    "write such texts as UTF-8 at the source, or leave the column out with a column list of the "
    "publication; what the WAL holds already stays as it is: if the run ends again, `leat drop`, "
    "empty the targets, run";
constexpr const char* check_service =
    "name a service that libpq's service file (~/.pg_service.conf, or PGSERVICEFILE) describes";
constexpr const char* check_binding =
    "channel binding needs TLS and a SCRAM password: set them up at the server, or set "
    "channel_binding to prefer";
constexpr const char* check_peer =
    "another operating system user runs the server: check the socket's directory in `host`, or "
    "correct `requirepeer`";
constexpr const char* check_gss =
    "get a Kerberos ticket (kinit) and connect by TCP to a server with GSSAPI, or set gssencmode "
    "to prefer";
constexpr const char* check_address =
    "check host and port, and that the server runs and listens there";

struct known {
  std::string_view text; ///< in the message
  std::string_view more; ///< too
  std::string_view sqlstate;
  const char* remedy;
  std::string (*written)(std::string_view message, std::string_view where) = nullptr;
};

constexpr std::array<known, 34> failures{{
    {"password authentication failed", "", wrong_password, check_password},
    {"no password supplied", "", wrong_password, check_password},
    {"no pg_hba.conf entry", "", not_authorized, nullptr, hba_line},
    {"pg_hba.conf rejects", "", not_authorized, nullptr, hba_line},
    {"is not permitted to log in", "", not_authorized, nullptr, allow_login},
    {"must be superuser or replication role", "", missing_right, check_grants},
    {"permission denied to start WAL sender", "", missing_right, check_grants},
    {"permission denied for database", "", missing_right, nullptr, grant_connect},
    {"root certificate file", "", not_authorized, check_ca},
    {"certificate verify failed", "", not_authorized, check_ca},
    {"server certificate for", "does not match host name", not_authorized, check_name},
    {"server does not support SSL", "", not_authorized, check_tls},
    {"requires a valid client certificate", "", not_authorized, check_own},
    {"could not read certificate file", "", not_authorized, check_own},
    {"private key file", "", not_authorized, check_own},
    {"authentication failed", "", not_authorized, check_login},
    {"database \"", "does not exist", no_database, check_database},
    {"role \"", "does not exist", not_authorized, nullptr, make_role},
    {"invalid sslmode value", "", wrong_option, check_option},
    {"invalid port number", "", wrong_option, check_option},
    {"invalid integer value", "", wrong_option, check_option},
    {"invalid connection option", "", wrong_option, check_option},
    {"could not parse network address", "", wrong_option, check_option},
    {"could not match", "host names to", wrong_option, check_option},
    {"could not match", "port numbers to", wrong_option, check_option},
    {"definition of service", "not found", wrong_option, check_service},
    {"service file", "", wrong_option, check_service},
    {"channel binding", "required", not_authorized, check_binding},
    {"requirepeer specifies", "", not_authorized, check_peer},
    {"GSSAPI encryption", "required", not_authorized, check_gss},
    {"Connection refused", "", may_pass, check_address},
    {"No such file or directory", "", may_pass, check_address},
    {"timeout expired", "", may_pass, check_address},
    {"could not translate host name", "", may_pass, check_address},
}};

struct refusal {
  const char* sqlstate;
  const char* remedy;
};
constexpr std::array<refusal, 5> refusals{{
    {wrong_password, check_password},
    {not_authorized, check_login},
    {missing_right, check_grants},
    {no_database, check_database},
    {not_utf8, write_utf8},
}};

/// The last word of "FATAL:  28P01", whatever the first is.
std::string_view last_word(std::string_view message) {
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  return message.substr(message.rfind(' ') + 1);
}

/// What the server does not take of the words of a connection: a value (22), a setting that it does
/// not know or that the role may not set (42).
bool refuses_words(std::string_view sqlstate) {
  return sqlstate.size() == 5 && (sqlstate.starts_with("22") || sqlstate.starts_with("42"));
}

} // namespace

std::string_view remedy_of_refusal(std::string_view sqlstate) {
  for (const auto& r : refusals)
    if (sqlstate == r.sqlstate) return r.remedy;
  return {};
}

std::optional<connect_failure> explain_connect_failure(std::string_view message,
                                                       std::string_view where) {
  const auto contains = [&](std::string_view part) { return message.find(part) != message.npos; };
  for (const auto& f : failures)
    if (contains(f.text) && contains(f.more))
      return connect_failure{std::string(f.sqlstate),
                             f.written != nullptr ? f.written(message, where) : f.remedy};
  return std::nullopt;
}

connect_failure ask_connect_failure(const char* const* keywords, const char* const* values) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> c(PQconnectStartParams(keywords, values, 1),
                                                       &PQfinish);
  PQsetErrorVerbosity(c.get(), PQERRORS_SQLSTATE);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  auto next = PQstatus(c.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    const short event = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    pollfd socket{PQsocket(c.get()), event, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || ::poll(&socket, 1, static_cast<int>(left.count())) <= 0) break;
    next = PQconnectPoll(c.get());
  }
  const auto state = last_word(PQerrorMessage(c.get()));
  if (const auto remedy = remedy_of_refusal(state); !remedy.empty())
    return {std::string(state), std::string(remedy)};
  if (refuses_words(state)) return {std::string(state), check_option};
  return {may_pass, check_address};
}

} // namespace leat::postgres
