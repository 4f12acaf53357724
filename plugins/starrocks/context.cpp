#include "plugins/starrocks/context.hpp"

#include <algorithm>
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
  const auto& given = options.starrocks;
  const bool https = std::any_of(given.http.begin(), given.http.end(),
                                 [](const auto& a) { return a.starts_with("https://"); });
  return {given.mysql,
          keyword(options, "user"),
          keyword(options, "password"),
          given.mysql_tls.value_or(https),
          given.tls_verify,
          given.ca_file.string()};
}

} // namespace

server_traits traits_of(const std::string& version) {
  server_traits t{0, 0, 0};
  const auto begin = version.find_first_of("0123456789");
  if (begin == version.npos) return t;
  const auto* at = version.data() + begin;
  const auto* end = version.data() + version.size();
  for (auto* part : {&t.major, &t.minor, &t.patch}) {
    const auto [dot, wrong] = std::from_chars(at, end, *part);
    if (wrong != std::errc{} || dot == end || *dot != '.') break;
    at = dot + 1;
  }
  return t;
}

target_context::target_context(const std::string& name, const sink_options& given)
    : pipeline(name),
      options(given), policies{given.on_nan, given.on_infinity, given.on_out_of_range},
      http(http_of(given)), sql(mysql_of(given)), api(http, given.starrocks.database),
      progress(sql, name, given.starrocks.database), services{api, progress, name,
                                                              given.starrocks.compression} {
  pace = pace_of(name, given.starrocks.database);
  const auto refused = [kept = pace](const std::string& message) {
    if (is_about_versions(message)) kept->refused(std::chrono::steady_clock::now());
  };
  api.on_refusal([refused](const load_reply& reply) { refused(reply.message); });
  sql.on_refusal(refused);
  if (given.dead_letter) services.letters.emplace(name, *given.dead_letter);
}

target_context::~target_context() {
  http.cancel();
  services.made.reset();
}

void target_context::use(const sink_resources& given) {
  services.spill = given.spill;
  services.bytes = given.load_bytes;
  // 16 bytes each, and four times that while a table of them grows.
  remembered.most = given.load_bytes / 64;
  runs = run_file(given.spill);
  missing = missing_gatherer(given.missing_bytes);
}

std::size_t target_context::piece_bytes() const {
  constexpr std::size_t parts = 4;
  return std::min<std::size_t>(options.starrocks.max_load_bytes, services.bytes / parts);
}

void target_context::look_at_server() {
  const auto version =
      sql.query("SELECT current_version() AS version", server()).text(0, "version");
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
  if (options.starrocks.compression != load_compression::none
      && options.starrocks.format == load_format::json && !traits.has_json_compression())
    refuse("StarRocks " + version + " takes no compressed JSON", server(),
           "set compression = \"none\", or format = \"csv\", or use a server of version 3.2.7 or "
           "later");
  loads = mode == atomicity::epoch ? make_epoch_loads(services) : make_table_loads(services);
}

std::optional<target_progress> target_context::recover() {
  std::optional<target_progress> found;
  if (mode == atomicity::epoch && progress.may_have_table_loads())
    found = make_table_loads(services)->recover();
  if (mode == atomicity::table && traits.has_multi_table())
    found = make_epoch_loads(services)->recover();
  if (auto moved = loads->recover()) found = std::move(moved);
  progress.labels_ended();
  return found;
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

void target_context::ask_frontend(const load_api::header_lines& headers) {
  api.state("leat_check", headers);
}

} // namespace leat::starrocks
