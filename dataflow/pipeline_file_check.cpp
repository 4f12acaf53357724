#include "dataflow/pipeline_file_check.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/option_checks.hpp"

namespace leat {

namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what,
                       const std::string& remedy) {
  throw error(error_kind::usage, what, where, remedy);
}

void check_connection(const std::string& where, const std::string& connector,
                      const std::map<std::string, std::string>& connection) {
  if (connector != "postgres" || !connection.empty()) return;
  fail(where, "nothing says which server to connect to",
       "add url = \"postgresql://user@host/database\", or host, user and dbname");
}

void check_starrocks(const std::string& where, const sink_options& sink) {
  const auto& given = sink.starrocks;
  if (sink.connector != "starrocks") {
    const auto& table = given.table;
    if (table.buckets != 0 || !table.properties.empty() || !table.order_by.empty())
      fail(where + ".table", "connector `" + sink.connector + "` has no section `table`",
           "take it out; it belongs to connector starrocks");
    return;
  }
  if (given.http.empty())
    fail(where, "nothing says where the FEs listen for HTTP", "add http = [\"fe1:8030\"]");
  if (given.mysql.empty())
    fail(where, "nothing says where the FEs speak MySQL", "add mysql = [\"fe1:9030\"]");
  if (given.database.empty())
    fail(where, "nothing says which database tables go to", "add database = \"NAME\"");
  if (!sink.connection.contains("user"))
    fail(where, "nothing says which user connects", "add user = \"leat\"");
  if (sink.dead_letter)
    if (const auto wrong = wrong_header_name(*sink.dead_letter); !wrong.empty())
      fail(where + ".dead_letter", wrong, "give the table a name in ASCII");
  for (const auto& [from, to] : given.be_address)
    if (const auto wrong = wrong_address(to); !wrong.empty())
      fail(where + ".be_address.\"" + from + "\"", wrong, "write \"HOST:PORT\"");
}

void check_sink(const pipeline_file& file, const sink_options& sink) {
  const std::string where = place_text(file.path, sink.place) + ", sink." + sink.name;
  if (sink.connector == "sqlite" && sink.path.empty())
    fail(where, "sink `" + sink.name + "` has no path", "add path = \"file.db\"");
  if (sink.connector != "starrocks" && sink.atomicity == atomicity::table)
    fail(where + ".atomicity",
         "connector `" + sink.connector + "` writes an epoch of all tables in one transaction",
         "take it out; \"table\" belongs to connector starrocks");
  check_connection(where, sink.connector, sink.connection);
  check_starrocks(where, sink);
}

/// Two sinks of one pipeline would share a progress record.
void check_distinct_targets(const pipeline_file& file) {
  std::set<std::filesystem::path> files;
  std::set<std::pair<std::map<std::string, std::string>, std::string>> schemas;
  std::set<std::pair<std::string, std::string>> databases; ///< by server
  for (const sink_options& sink : file.sinks) {
    const std::string where = place_text(file.path, sink.place) + ", sink." + sink.name;
    if (sink.connector == "sqlite" && !files.insert(sink.path.lexically_normal()).second)
      fail(where + ".path", "two sinks write to one database file",
           "give each sink a file of its own");
    if (sink.connector == "postgres" && !schemas.emplace(sink.connection, sink.schema).second)
      fail(where, "two sinks write to one schema of one database",
           "give each sink a `schema` of its own, or send all routes to one sink");
    const auto& starrocks = sink.starrocks;
    const std::set<std::string> servers(starrocks.mysql.begin(), starrocks.mysql.end());
    for (const auto& server : servers)
      if (!databases.emplace(server, starrocks.database).second)
        fail(where + ".database", "two sinks write to one database of one cluster",
             "give each sink a database of its own, or send all routes to one sink");
  }
}

void check_route_sink(const pipeline_file& file, const route_options& route,
                      const std::string& where) {
  std::vector<std::string> names;
  for (const sink_options& sink : file.sinks) names.push_back(sink.name);
  if (!route.sink) {
    if (names.size() == 1) return;
    fail(where, "the route does not say which sink it writes to",
         "add sink = \"NAME\" with one of " + join_names(names));
  }
  if (std::find(names.begin(), names.end(), *route.sink) != names.end()) return;
  const std::vector<std::string> near = nearest_names(*route.sink, names);
  fail(option_place(route, where, "sink"), "there is no sink `" + *route.sink + "`",
       near.empty() ? "the sinks are " + join_names(names, "and")
                    : "did you mean `" + near.front() + "`?");
}

void check_route_table(const pipeline_file& file, const route_options& route,
                       const std::string& where) {
  if (!route.table.given()) return;
  for (const sink_options& sink : file.sinks)
    if (sink.connector != "starrocks" && sink.name == route.sink.value_or(file.sinks[0].name))
      fail(option_place(route, where, "table"),
           "connector `" + sink.connector + "` has no section `table`",
           "take it out; it belongs to connector starrocks");
}

void check_route_transforms(const pipeline_file& file, const route_options& route,
                            const std::string& where) {
  std::vector<std::string> names;
  for (const transform_options& transform : file.transforms) names.push_back(transform.name);
  for (const std::string& name : route.transforms) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::vector<std::string> near = nearest_names(name, names);
    fail(option_place(route, where, "transform"), "there is no transform `" + name + "`",
         near.empty() ? "add a section [transform." + name + "]"
                      : "did you mean `" + near.front() + "`?");
  }
}

void check_route(const pipeline_file& file, const route_options& route) {
  const std::string where = place_text(file.path, route.place) + ", route";
  check_route_sink(file, route, where);
  check_route_transforms(file, route, where);
  if (route.columns && route.columns->empty())
    fail(option_place(route, where, "columns"), "the list of columns is empty",
         "name columns, or leave `columns` out for all");
  if (route.key && route.key->empty())
    fail(option_place(route, where, "key"), "the list of key columns is empty",
         "name columns, or leave `key` out for the table's own key");
  const bool named =
      route.columns && !std::count(route.columns->begin(), route.columns->end(), "*");
  if (named && !route.exclude.empty())
    fail(option_place(route, where, "exclude"), "`exclude` has no meaning beside a list of columns",
         "leave one of them out, or put \"*\" into `columns`");
  check_route_table(file, route, where);
  if (route.mode != route_mode::append) return;
  if (route.removal != delete_mode::hard)
    fail(option_place(route, where, "delete"),
         "`delete` has no meaning in mode append: a deleted row is a row of its own",
         "leave `delete` out, or use mode = \"upsert\"");
  if (route.key)
    fail(option_place(route, where, "key"),
         "`key` has no meaning in mode append: every change is a row of its own",
         "leave `key` out, or use mode = \"upsert\"");
}

} // namespace

std::string option_place(const route_options& route, const std::string& where,
                         std::string_view option) {
  const auto found = route.places.find(std::string(option.substr(0, option.find_first_of(".,"))));
  if (found == route.places.end()) return where + "." + std::string(option);
  return found->second + ", route." + std::string(option);
}

std::string place_text(const std::filesystem::path& path, file_place place) {
  if (place.line == 0) return path.string();
  return path.string() + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

void check_pipeline_file(const pipeline_file& file) {
  const std::string path = file.path.string();
  check_connection(path + ", source", file.source.connector, file.source.connection);
  if (file.sinks.empty())
    fail(path, "there is no sink", "add a section [sink.NAME] with a connector");
  for (const sink_options& sink : file.sinks) check_sink(file, sink);
  check_distinct_targets(file);
  if (file.routes.empty() && file.sinks.size() > 1)
    fail(path, "there are several sinks and no route",
         "add a [[route]] with from and sink for each");
  for (const route_options& route : file.routes) check_route(file, route);
}

} // namespace leat
