#pragma once

#include <memory>
#include <string>

#include "dataflow/lost_tables.hpp"
#include "dataflow/missing_rows.hpp"
#include "dataflow/pipeline_file.hpp"
#include "plugins/starrocks/epoch_loads.hpp"
#include "plugins/starrocks/epoch_pace.hpp"
#include "plugins/starrocks/http_client.hpp"
#include "plugins/starrocks/load_api.hpp"
#include "plugins/starrocks/mysql_client.hpp"
#include "plugins/starrocks/progress.hpp"
#include "plugins/starrocks/spilled_keys.hpp"
#include "plugins/starrocks/types.hpp"

namespace leat::starrocks {

/// What the writers of one sink share: the connections, the record, and the loads of the open
/// epoch.
struct target_context {
  target_context(const std::string& pipeline, const sink_options&);
  /// Ends what is under way.
  ~target_context();

  /// Asks the server for its version, and chooses the way of committing. Throws for one that is too
  /// old, or that cannot do what the file asks for.
  void look_at_server();
  bool database_exists();
  void make_database();
  /// Asks an FE, as the user: after it the client knows one that answers, and which one leads.
  void ask_frontend(const load_api::header_lines& headers = {});
  /// Ends what a crash has left of either way of committing: the file, or the server's version, may
  /// have changed since. Once the record was read; gives the progress when that has changed.
  std::optional<target_progress> recover();
  /// Before the first load.
  void use(const sink_resources&);
  /// Rows that are encoded go to the server when they are this many bytes.
  std::size_t piece_bytes() const;
  bool keeps_letters() const { return services.keeps_letters(); }

  std::string pipeline;
  sink_options options;
  value_policies policies;
  http_client http;
  mysql_client sql;
  load_api api;
  progress_record progress;
  server_traits traits;
  atomicity mode = atomicity::epoch;
  load_services services;
  missing_gatherer missing; ///< of the open epoch
  key_budget remembered;    ///< of what waits in the spill area
  run_file runs;
  std::shared_ptr<epoch_pace> pace;
  std::unique_ptr<epoch_loads> loads;
  lost_tables lost;

  const std::string& database() const { return options.starrocks.database; }
  std::string server() const { return options.starrocks.mysql.front(); }
};

/// Numbers of "3.3.5-9c1d2f8" or "4.0.2 abcdef"; nothing sensible gives zeros.
server_traits traits_of(const std::string& version);

} // namespace leat::starrocks
