#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/starrocks/timeouts.hpp"

namespace leat::starrocks {

struct http_settings {
  std::vector<std::string> frontends; ///< as [sink.NAME] http; tried in turn
  std::string user;
  std::string password;
  std::map<std::string, std::string> be_address;
  bool tls_verify = true;
  std::string ca_file;
  std::chrono::milliseconds connect_timeout = timeouts::connect;
  /// Of an FE that has nothing to do but to redirect, or is only asked.
  std::chrono::milliseconds redirect_timeout = timeouts::redirect;
  /// Of a server that is to say whether it takes a body, or to redirect.
  std::chrono::milliseconds continue_timeout = timeouts::go_ahead;
};

struct http_request {
  std::string method; ///< GET, POST, PUT
  std::string target; ///< path and query, from the slash on
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body = {};                           ///< of a PUT; must live until the reply
  std::chrono::milliseconds timeout = timeouts::answer; ///< of each server on the way
  enum class served_by : std::uint8_t {
    any,
    frontend, ///< a redirect leads to an FE
    backend,  ///< an FE redirects, and does nothing else
  };
  served_by by = served_by::any;
};

/// What came of a request at one server.
struct http_step {
  enum class fault : std::uint8_t {
    none,
    certificate, ///< of the server, or the authority's
    not_http,
    not_tls,
    broken, ///< no connection, no answer in time, or one that broke off
  };
  fault failed = fault::none;
  std::string problem; ///< of a failed one
  bool connected = false;
  bool headers_ended = false; ///< of the last answer: status and location are whole
  long status = 0;
  std::string location; ///< where a redirect leads
  std::string body;
};

/// One request to one server over libcurl, redirects not followed. A body leaves only after the
/// server has said 100 Continue. A request with an effect has a connection of its own: an FE closes
/// after a redirect, and a load that went over a dying connection could not be told from one that
/// was not sent. A GET with credentials may be sent twice, so its connection is kept. Thread-safe.
class http_exchange {
 public:
  explicit http_exchange(const http_settings&); ///< must outlive it
  ~http_exchange();
  http_exchange(const http_exchange&) = delete;
  http_exchange& operator=(const http_exchange&) = delete;

  /// `base`: scheme://host:port.
  http_step perform(const std::string& base, const http_request&, bool with_credentials);

  /// Makes the running request, and all later ones, fail soon.
  void cancel() noexcept { cancelled_ = true; }
  bool cancelled() const noexcept { return cancelled_; }

 private:
  struct kept_connection;
  const http_settings& settings_;
  std::mutex kept_guard_;
  std::unique_ptr<kept_connection> kept_;
  std::atomic<bool> cancelled_{false};
};

} // namespace leat::starrocks
