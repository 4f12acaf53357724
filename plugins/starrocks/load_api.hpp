#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/starrocks/http_client.hpp"

namespace leat::starrocks {

/// The name of a load transaction: deterministic, so that a restart can ask for it. `table` is
/// empty for one over all tables; `base` the epoch of the progress row that it continues from.
std::string label_of(const std::string& pipeline, const std::string& database,
                     const std::string& table, std::uint64_t base, std::uint32_t attempt);

inline constexpr const char* longer_headers =
    "raise http_max_header_size in fe.conf of every FE and restart them, or leave columns of the "
    "table out with `exclude`; what "
    "stands between leat and the servers may have a limit as well";

/// What the server says of a label.
enum class load_state : std::uint8_t {
  unknown, ///< never begun, not registered yet, or forgotten
  prepare, ///< begun
  prepared,
  committed, ///< durable, to be visible soon
  visible,
  aborted,
};

/// A transaction to one table, or to several of one database (4.0 and later).
struct load_name {
  std::string label;
  std::string table; ///< empty: several
  bool multi() const { return table.empty(); }
};

struct load_reply {
  std::string status;
  std::string message;
  std::string error_url;
  std::string from; ///< the server that answered
  bool ok() const { return status == "OK"; }
};

/// The requests of StarRocks' transaction load interface, one function each. Depends on `Status`,
/// `state`, `Message` and `ErrorURL` of the replies alone. Throws what http_client throws.
class load_api {
 public:
  using header_lines = std::vector<std::pair<std::string, std::string>>;

  load_api(http_client& http, std::string database);

  /// Told of each reply that is not OK; may come from several threads.
  void on_refusal(std::function<void(const load_reply&)> told) { refused_ = std::move(told); }

  load_reply begin(const load_name&);
  /// `table`: of the rows. `headers` must be equal for all loads of one label and table.
  load_reply load(const load_name&, const std::string& table, const header_lines& headers,
                  std::string_view body);
  load_reply prepare(const load_name&);
  load_reply commit(const load_name&);
  load_reply rollback(const load_name&);
  /// Aborts whatever the label's BE knows or has forgotten.
  void cancel(const load_name&, const std::string& table);
  /// `headers`: sent along, of no effect.
  load_state state(const std::string& label, const header_lines& headers = {});
  /// Lines of an ErrorURL: what was wrong with which rows; empty when they cannot be had.
  std::string row_errors(const load_reply&);

  const std::string& database() const { return database_; }
  bool cancelled() const noexcept { return http_.cancelled(); }

 private:
  http_request request(const char* operation, const load_name&) const;
  load_reply send(const http_request&);

  http_client& http_;
  std::function<void(const load_reply&)> refused_;
  std::string database_;
};

} // namespace leat::starrocks
