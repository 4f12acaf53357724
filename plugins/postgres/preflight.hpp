#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/finding.hpp"
#include "dataflow/pipeline_file.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/snapshot_predicates.hpp"

namespace leat::postgres {

struct preflight_request {
  connection_parameters connection;
  std::string slot;
  std::string publication;
  std::string application;           ///< `leat:<pipeline id>`; empty: no state yet
  std::chrono::seconds patience{60}; ///< a transaction that writes for longer is worth a word
  /// Which tables the pipeline takes, by schema and name.
  std::function<bool(std::string_view, std::string_view)> wants;
  snapshot_predicates predicates;
};

/// The request for a pipeline file's source.
preflight_request make_request(const pipeline_file&,
                               std::function<bool(std::string_view, std::string_view)> wants);

class preflight_view;

/// One thing that is looked at. Name and sentence make a row of the reference page.
struct preflight_check {
  std::string_view name;
  std::string_view sentence;
  void (*run)(const preflight_view&, std::vector<finding>&);
};

/// Every check, in the order they run and are printed.
std::span<const preflight_check> preflight_checks();

/// Looks at everything a source has to have, over one query connection in read-only mode and one
/// replication connection; changes nothing at the server. A source that cannot be reached, or a
/// role that cannot log in, is a finding too.
std::vector<finding> preflight(const preflight_request&);

} // namespace leat::postgres
