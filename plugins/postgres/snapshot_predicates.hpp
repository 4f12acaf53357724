#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/schema.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// What [source.snapshot.where] says, by the names of tables, and in which file.
struct snapshot_predicates {
  std::map<std::string, std::string> where;
  std::string file;
};

/// `source.snapshot.where."public.orders"`.
std::string predicate_key(const std::string& table);

/// The server, having been asked for nothing else, does not take a condition because of its words.
bool refuses_predicate(std::string_view sqlstate);

/// An error of kind usage for each predicate of these tables that the server cannot plan. Reads
/// nothing: what a predicate makes of a row shows when it is read.
std::vector<error> find_wrong_predicates(connection&, const snapshot_predicates&,
                                         const std::vector<schema_ptr>& tables);

} // namespace leat::postgres
