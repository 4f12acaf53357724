#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/time_zone.hpp"
#include "dataflow/option_checks.hpp"
#include "dataflow/option_storage.hpp"

namespace leat {

namespace {

template <auto member>
void into_starrocks(const option_target& target, const option&, option_value&& value) {
  assign_option(target.sink->starrocks.*member, std::move(value));
}

template <auto member>
void into_route_table(const option_target& target, const option&, option_value&& value) {
  assign_option(target.route->table.*member, std::move(value));
}

template <auto member>
void into_starrocks_table(const option_target& target, const option&, option_value&& value) {
  assign_option(target.sink->starrocks.table.*member, std::move(value));
}

using kind = option_kind;

} // namespace

void into_atomicity(const option_target& target, const option&, option_value&& value) {
  assign_option(target.sink->atomicity, std::move(value));
  target.sink->starrocks.atomicity_given = true;
}

std::vector<option> starrocks_connection_options() {
  std::vector<option> all = {
      {.name = "http",
       .kind = kind::list,
       .sentence = "HTTP addresses of the FEs, HOST:PORT or with https:// before it; all are "
                   "tried.",
       .store = into_starrocks<&starrocks_options::http>,
       .check = wrong_http_address,
       .one_or_many = true},
      {.name = "mysql",
       .kind = kind::list,
       .sentence = "MySQL addresses of the FEs, HOST:PORT; all are tried.",
       .store = into_starrocks<&starrocks_options::mysql>,
       .check = wrong_address,
       .one_or_many = true},
      {.name = "database",
       .kind = kind::string,
       .sentence = "Database that tables are made in; created when missing.",
       .store = into_starrocks<&starrocks_options::database>,
       .check = wrong_header_name},
      {.name = "format",
       .kind = kind::choice,
       .sentence = "How rows are sent. json holds every text; csv is smaller, and refuses texts "
                   "that StarRocks could not tell from its marks.",
       .store = into_starrocks<&starrocks_options::format>,
       .fallback = "json",
       .choices = {"json", "csv"}},
      {.name = "compression",
       .kind = kind::choice,
       .sentence = "How loads are compressed on their way.",
       .store = into_starrocks<&starrocks_options::compression>,
       .fallback = "none",
       .choices = {"none", "gzip", "lz4", "zstd"}},
      {.name = "be_address",
       .kind = kind::map,
       .sentence = "Where to go for a BE whose own address, HOST:PORT, only the cluster knows.",
       .store = into_starrocks<&starrocks_options::be_address>,
       .check = wrong_address},
      {.name = "max_load_bytes",
       .kind = kind::size,
       .sentence = "Bytes of one load request at most; one row may be larger.",
       .store = into_starrocks<&starrocks_options::max_load_bytes>,
       .fallback = "90MiB",
       .least = 64U << 10,
       .most = 2ULL << 30},
      {.name = "mysql_tls",
       .kind = kind::boolean,
       .sentence =
           "Whether the MySQL port must speak TLS; unless given, where an address of `http` "
           "has https://.",
       .store = into_starrocks<&starrocks_options::mysql_tls>},
      {.name = "tls_verify",
       .kind = kind::boolean,
       .sentence = "Whether the servers' certificates are checked; true unless given.",
       .store = into_starrocks<&starrocks_options::tls_verify>},
      {.name = "ca_file",
       .kind = kind::path,
       .sentence = "Certificates of the authorities that are trusted; the system's unless given.",
       .store = into_starrocks<&starrocks_options::ca_file>},
  };
  for (option& declared : all) declared.connectors = {"starrocks"};
  return all;
}

starrocks_table_options starrocks_route_table::over(starrocks_table_options of_sink) const {
  if (buckets) of_sink.buckets = *buckets;
  for (const auto& [name, value] : properties) of_sink.properties[name] = value;
  if (order_by) of_sink.order_by = *order_by;
  if (timezone) of_sink.timezone = *timezone;
  return of_sink;
}

namespace {

std::string no_time_zone(const std::string& name) {
  try {
    if (!sql::is_utc(name)) sql::find_time_zone(name);
  } catch (const sql::evaluation_error& e) {
    return e.what();
  }
  return {};
}

std::vector<option> table_options() {
  return {
      {.name = "buckets",
       .kind = kind::integer,
       .sentence = "Buckets of a table; 0 leaves it to the server.",
       .store = into_starrocks_table<&starrocks_table_options::buckets>,
       .fallback = "0",
       .most = 1'000'000},
      {.name = "properties",
       .kind = kind::map,
       .sentence = "PROPERTIES of the table, like { replication_num = \"1\" }.",
       .store = into_starrocks_table<&starrocks_table_options::properties>},
      {.name = "order_by",
       .kind = kind::list,
       .sentence = "Sort key of tables that have all of these columns; the primary key unless "
                   "given.",
       .store = into_starrocks_table<&starrocks_table_options::order_by>,
       .one_or_many = true},
      {.name = "timezone",
       .kind = kind::string,
       .sentence = "Zone that timestamptz is written in, like Europe/Berlin. In zones other than "
                   "UTC, the hour repeated when clocks go back is ambiguous.",
       .store = into_starrocks_table<&starrocks_table_options::timezone>,
       .fallback = "UTC",
       .check = no_time_zone},
  };
}

using store_function = decltype(option::store);

} // namespace

option_section starrocks_table_section() {
  return {.name = "sink.NAME.table",
          .sentence = "Of tables that leat makes; connector starrocks only.",
          .options = table_options()};
}

/// The same options, each of which may be missing.
option_section starrocks_route_table_section() {
  const std::vector<store_function> stores{into_route_table<&starrocks_route_table::buckets>,
                                           into_route_table<&starrocks_route_table::properties>,
                                           into_route_table<&starrocks_route_table::order_by>,
                                           into_route_table<&starrocks_route_table::timezone>};
  auto options = table_options();
  for (std::size_t i = 0; i < options.size(); ++i) {
    options[i].store = stores[i];
    options[i].fallback = {};
  }
  return {.name = "route.table",
          .sentence = "The same for tables of this route: what is given overrides the sink's, "
                      "property by property.",
          .options = std::move(options)};
}

} // namespace leat
