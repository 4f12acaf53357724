#include "plugins/starrocks/errors.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace leat::starrocks {

namespace {

struct known_message {
  std::string_view part; ///< of the message, in lower case
  error_retry retry;
  std::string_view remedy;
};

constexpr auto permanent = error_retry::permanent;
constexpr auto transient = error_retry::transient;

constexpr auto faster_compaction =
    "compaction is behind: lengthen checkpoint.interval, or give the BEs more compaction threads";
constexpr auto more_memory = "give the BEs more memory, or lower max_load_bytes";
constexpr auto make_writable = "make the target table writable";

/// The first that is found decides; what is none of them may pass.
constexpr std::array<known_message, 29> known{{
    {"too many filtered rows", permanent,
     "see which row and column above; change the target column, or set on_value"},
    {"failed to parse json", permanent,
     "give the json column of these rows the type text at the source, or take them to the dead "
     "letters with `dead_letter`"},
    {"primary key size exceed", permanent,
     "raise primary_key_limit_size in be.conf of every BE and restart them, or route fewer key "
     "columns"},
    {"only primary key table", permanent,
     "drop the target table, so that leat makes it, or name another one with `to`"},
    {"access denied", permanent,
     "GRANT SELECT, INSERT, UPDATE, DELETE, ALTER, DROP ON ALL TABLES IN DATABASE ... TO USER ..., "
     "and CREATE TABLE on the database"},
    {"unknown database", permanent, "see that `database` is there and that the user sees it"},
    {"incorrect column name", permanent,
     "give the column another name in the route's `columns`, or leave it out with `exclude`, then "
     "`leat resnapshot` its table"},
    {"incorrect table name", permanent, "give the table another name with `to`"},
    {"unknown properties", permanent,
     "see `properties` in the sink's `table`, and in the [route.table] of this table"},
    {"replication num", transient,
     "where there are fewer BEs than the three replicas that a table has unless told otherwise, "
     "set "
     "properties = { replication_num = \"1\" } in the sink's `table`; else see that all BEs are "
     "alive"},
    {"getting syntax error", permanent, "report this"},
    {"does not exist", transient, "see that nobody else drops what the pipeline writes to"},
    {"running txns on db", transient,
     "other loads fill the database's limit: raise max_running_txn_num_per_db, or end them"},
    {"too many versions", transient, faster_compaction},
    {"too many tablet versions", transient, faster_compaction},
    {"bucket num must be specified", permanent,
     "this server does not choose the number of buckets: set `buckets` in the sink's `table`"},
    {"sort column", permanent,
     "StarRocks changes no column that `order_by` names: drop the target table and run `leat "
     "resnapshot` for it, with another "
     "`order_by` where such changes are common"},
    {"disk", transient, "make room on the BEs' disks"},
    {"can not change", permanent,
     "StarRocks does not make this change of a column's type: give the column a `type` in the "
     "route's `columns`, or drop the target table and run `leat resnapshot` for it"},
    {"memory of process", transient, more_memory},
    {"mem_limit", transient, more_memory},
    {"memory limit", transient, more_memory},
    {"no queryable replica", transient, "see that the BEs are alive"},
    {"read only", permanent, make_writable},
    {"readonly", permanent, make_writable},
    {"read-only", permanent, make_writable},
    {"invalid utf-8", permanent, "see which column holds bytes that are not UTF-8"},
    {"there is no 100-continue", permanent, "report this"},
    {"no valid basic authorization", permanent, "report this"},
}};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

} // namespace

row_error::row_error(const leat::error& e, std::string lines)
    : leat::error(e.kind(), e.what(), e.where(), e.remedy()), lines_(std::move(lines)) {}

std::string row_error::reason() const {
  auto line = lines_.substr(0, lines_.find('\n'));
  line.resize(std::min(line.size(), line.rfind(" Row: ")));
  constexpr std::string_view mark = "Error: ";
  if (line.starts_with(mark)) line.erase(0, mark.size());
  while (line.ends_with('.')) line.pop_back();
  return line.empty() ? what() : line;
}

bool is_about_rows(const std::string& message) {
  const auto text = lower(message);
  return text.find("too many filtered rows") != text.npos
         || text.find("primary key size exceed") != text.npos
         || text.find("failed to parse json") != text.npos;
}

bool is_about_database(const std::string& message) {
  return lower(message).find("unknown database") != message.npos;
}

bool is_about_replicas(const std::string& message) {
  return lower(message).find("replication num") != message.npos;
}

bool is_about_versions(const std::string& message) {
  const auto text = lower(message);
  return text.find("too many versions") != text.npos
         || text.find("too many tablet versions") != text.npos;
}

void refuse(const std::string& what, const std::string& where, const std::string& remedy) {
  throw error(error_kind::sink, what, where, remedy);
}

void retry_later(const std::string& what, const std::string& where, const std::string& remedy) {
  throw error(error_kind::sink, what, where, remedy, transient);
}

leat::error server_error(const std::string& what, const std::string& message,
                         const std::string& where) {
  const auto text = lower(message);
  const auto full = message.empty() ? what : what + ": " + message;
  for (const auto& k : known)
    if (text.find(k.part) != text.npos)
      return {error_kind::sink, full, where, std::string(k.remedy), k.retry};
  return {error_kind::sink, full, where, "see the log of the FE leader", transient};
}

} // namespace leat::starrocks
