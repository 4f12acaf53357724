#include "dataflow/option_checks.hpp"
#include "dataflow/option_storage.hpp"

namespace leat {

namespace {

std::string keyword_text(const option_value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* path = std::get_if<std::filesystem::path>(&value)) return path->string();
  if (const auto* choice = std::get_if<choice_value>(&value)) return choice->text;
  return std::to_string(std::get<std::uint64_t>(value));
}

option keyword(std::string_view name, std::string_view sentence,
               option_kind kind = option_kind::string) {
  return {.name = name, .kind = kind, .sentence = sentence, .store = into_connection};
}

option keyword(std::string_view name, std::string_view sentence, std::uint64_t least,
               std::uint64_t most) {
  option made = keyword(name, sentence, option_kind::integer);
  made.least = least;
  made.most = most;
  return made;
}

option keyword(std::string_view name, std::string_view sentence,
               std::vector<std::string_view> choices, option_kind kind = option_kind::choice) {
  option made = keyword(name, sentence, kind);
  made.choices = std::move(choices);
  return made;
}

option checked_by(std::string (*check)(const std::string&), option declared) {
  declared.check = check;
  return declared;
}

option but_not_beside(option declared, std::string_view other) {
  declared.not_beside = {other};
  return declared;
}

} // namespace

void into_connection(const option_target& target, const option& declared, option_value&& value) {
  auto& connection = target.sink ? target.sink->connection : target.file.source.connection;
  const std::string_view name = declared.name == "url"             ? "dbname"
                                : declared.name == "password_file" ? "password"
                                                                   : declared.name;
  connection[std::string(name)] = keyword_text(value);
}

std::vector<option> connection_options(const std::vector<std::string_view>& connectors) {
  std::vector<option> all = {
      checked_by(
          wrong_url,
          keyword("url", "libpq URI or keyword string of the server; or the keywords below.")),
      keyword("host", "Host name, address, or directory of the Unix socket."),
      keyword("hostaddr", "Address to connect to, when `host` is there for TLS only."),
      keyword("port", "Port of the server; libpq's default is 5432.", 1, 65535),
      keyword("user", "Role to connect as."),
      keyword("password",
              "Password, best as \"${VAR}\"; never printed. libpq's passfile works too."),
      but_not_beside(keyword("password_file",
                             "File that holds the password; one newline at its end is cut off.",
                             option_kind::secret_file),
                     "password"),
      but_not_beside(keyword("dbname", "Database."), "url"),
      keyword("passfile", "libpq's password file; libpq's default is ~/.pgpass.",
              option_kind::path),
      keyword("service", "Entry of libpq's service file that holds more keywords."),
      keyword("sslmode", "How far TLS is asked for and checked; libpq's default is prefer.",
              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}),
      keyword("sslrootcert", "Certificates of the authorities that are trusted, or system.",
              {"system"}, option_kind::path),
      keyword("sslcert", "Certificate of the client.", option_kind::path),
      keyword("sslkey", "Key of the client's certificate.", option_kind::path),
      keyword("sslpassword", "Password of the client's key; never printed."),
      keyword("sslcrl", "Certificates that are revoked.", option_kind::path),
      keyword("ssl_min_protocol_version", "Oldest TLS version that is accepted.",
              {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
      keyword("channel_binding", "Whether SCRAM must bind to the TLS channel.",
              {"disable", "prefer", "require"}),
      keyword("gssencmode", "Whether GSSAPI encryption is used.", {"disable", "prefer", "require"}),
      keyword("krbsrvname", "Kerberos service name."),
      keyword("requirepeer", "Operating system user that the server must run as."),
      keyword("target_session_attrs", "Which of several hosts is accepted.",
              {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}),
      keyword("connect_timeout", "Seconds to wait for a connection; 0 waits indefinitely.", 0,
              3600),
      keyword("application_name",
              "Name shown in pg_stat_activity; a source's replication connection has its own."),
      keyword("options", "Command-line options for the session at the server."),
      keyword("keepalives", "Whether TCP keepalives are sent, 0 or 1.", 0, 1),
      keyword("keepalives_idle", "Seconds without traffic before a TCP keepalive.", 0, 86400),
      keyword("keepalives_interval", "Seconds between TCP keepalives.", 0, 86400),
      keyword("keepalives_count", "Lost TCP keepalives that end the connection.", 0, 1000),
      keyword("tcp_user_timeout", "Milliseconds that sent data may stay unacknowledged.", 0,
              86'400'000),
  };
  for (option& declared : all) declared.connectors = connectors;
  return all;
}

} // namespace leat
