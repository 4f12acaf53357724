#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/preflight.hpp"
#include "plugins/postgres/publication.hpp"
#include "plugins/postgres/slot.hpp"

namespace leat::postgres {

/// What the preflight checks look at: read once when made, and a connection for what only one check
/// asks. Not for use outside them.
class preflight_view {
 public:
  preflight_view(connection&, const preflight_request&);

  connection& server() const { return server_; }
  const preflight_request& request() const { return request_; }
  int version() const { return server_.server_version(); }
  const std::string& role() const { return role_; }
  const std::string& database() const { return database_; }
  /// The tables that the pipeline takes.
  const std::vector<catalog_table>& tables() const { return tables_; }
  const std::optional<publication_state>& publication() const { return publication_; }
  /// The publication delivers partitions as the leaves that hold the rows.
  bool takes_leaves() const { return publication_ && !publication_->via_partition_root; }
  const std::optional<slot_state>& slot() const { return slot_; }

  /// A setting as current_setting() shows it; nothing when this server does not have it.
  std::optional<std::string> setting(const std::string& name) const;
  /// A numeric setting in the unit of pg_settings; nothing when this server does not have it.
  std::optional<std::int64_t> number(const std::string& name) const;
  std::string slot_name() const { return quote_identifier(request_.slot); }
  std::string publication_name() const { return quote_identifier(request_.publication); }

 private:
  connection& server_;
  const preflight_request& request_;
  std::string role_;
  std::string database_;
  std::vector<catalog_table> tables_;
  std::optional<publication_state> publication_;
  std::optional<slot_state> slot_;
};

std::string quoted_name(const catalog_table&);

/// Checks by subject, each list in its own file.
std::span<const preflight_check> server_checks();
std::span<const preflight_check> activity_checks();
std::span<const preflight_check> role_checks();
std::span<const preflight_check> table_checks();
std::span<const preflight_check> publication_checks();
std::span<const preflight_check> slot_checks();

} // namespace leat::postgres
