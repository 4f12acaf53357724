#include "plugins/starrocks/context.hpp"

#include <charconv>

#include "plugins/starrocks/encode.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

std::string keyword(const sink_options& options, const char* name) {
  const auto found = options.connection.find(name);
  return found == options.connection.end() ? std::string{} : found->second;
}

http_settings http_of(const sink_options& options) {
  http_settings s;
  s.frontends = options.starrocks.http;
  s.user = keyword(options, "user");
  s.password = keyword(options, "password");
  s.be_address = options.starrocks.be_address;
  s.tls_verify = options.starrocks.tls_verify;
  s.ca_file = options.starrocks.ca_file.string();
  return s;
}

mysql_settings mysql_of(const sink_options& options) {
  return {options.starrocks.mysql, keyword(options, "user"), keyword(options, "password")};
}

} // namespace

server_traits traits_of(const std::string& version) {
  server_traits t{0, 0};
  const auto begin = version.find_first_of("0123456789");
  if (begin == version.npos) return t;
  const auto* end = version.data() + version.size();
  const auto [dot, wrong] = std::from_chars(version.data() + begin, end, t.major);
  if (wrong == std::errc{} && dot != end && *dot == '.') std::from_chars(dot + 1, end, t.minor);
  return t;
}

target_context::target_context(const std::string& name, const sink_options& given)
    : pipeline(name), options(given),
      policies{given.on_nan, given.on_infinity, given.on_out_of_range}, http(http_of(given)),
      sql(mysql_of(given)), api(http, given.starrocks.database),
      progress(sql, name, given.starrocks.database) {}

void target_context::look_at_server() {
  const auto version = sql.query("SELECT current_version() AS version", server()).text(0, "version");
  traits = traits_of(version);
  const bool epoch = traits.has_multi_table();
  if (traits.major < 2 || (traits.major == 2 && traits.minor < 4))
    refuse("StarRocks " + version + " has no transactions for loads", server(),
           "use a server of version 2.4 or later");
  if (!options.starrocks.atomicity_given) {
    mode = epoch ? atomicity::epoch : atomicity::table;
  } else {
    mode = options.atomicity;
    if (mode == atomicity::epoch && !epoch)
      refuse("StarRocks " + version + " has no transactions over several tables", server(),
             "set atomicity = \"table\", or use a server of version 4.0 or later");
  }
  loads = mode == atomicity::epoch ? make_epoch_loads(api, progress, pipeline)
                                   : make_table_loads(api, progress, pipeline);
}

bool target_context::database_exists() {
  return !sql.query("SELECT SCHEMA_NAME FROM information_schema.schemata WHERE SCHEMA_NAME = "
                        + mysql_client::quote(database()),
                    database())
              .empty();
}

void target_context::make_database() {
  if (database_exists()) return;
  sql.query("CREATE DATABASE IF NOT EXISTS " + quote_identifier(database()), database());
}

} // namespace leat::starrocks
