#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leat {

enum class load_format : std::uint8_t { json, csv };
enum class load_compression : std::uint8_t { none, gzip, lz4, zstd };

/// What tables get that leat makes at a StarRocks target: [sink.NAME.table].
struct starrocks_table_options {
  std::uint64_t buckets = 0; ///< 0: the server's choice
  std::map<std::string, std::string> properties;
  std::vector<std::string> order_by; ///< of tables that have all of these columns
  std::string timezone = "UTC";
};

/// [route.table]: what is given there stands in for the sink's; properties one by one.
struct starrocks_route_table {
  std::optional<std::uint64_t> buckets;
  std::map<std::string, std::string> properties;
  std::optional<std::vector<std::string>> order_by;
  std::optional<std::string> timezone;

  bool given() const { return buckets || !properties.empty() || order_by || timezone; }
  starrocks_table_options over(starrocks_table_options) const;
};

/// Options of [sink.NAME] with connector "starrocks". User and password are in
/// sink_options::connection.
struct starrocks_options {
  std::vector<std::string> http;  ///< "HOST:PORT", or a URL with http:// or https://
  std::vector<std::string> mysql; ///< "HOST:PORT"
  std::string database;
  bool atomicity_given = false; ///< else: what the server can
  load_format format = load_format::json;
  load_compression compression = load_compression::none;
  std::map<std::string, std::string> be_address; ///< address in a redirect -> address to go to
  std::uint64_t max_load_bytes = 90U << 20;
  std::optional<bool> mysql_tls; ///< else: as `http` is
  bool tls_verify = true;
  std::filesystem::path ca_file;
  starrocks_table_options table;
};

} // namespace leat
