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

/// The remedy when what answers is no FE's HTTP port.
inline constexpr const char* see_http_ports =
    "see that `http` names the HTTP ports of FEs (8030 unless changed)";

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

struct http_reply {
  long status = 0;
  std::string body;
  std::string from; ///< scheme://host:port that answered
};

/// Talks to FEs and, where they redirect, to BEs. A body leaves only after a server has said 100
/// Continue: an FE that redirects never sees a byte of it. The credentials go to the configured FEs
/// and to the hosts that their redirects name, and nowhere else: a redirect of another host to a
/// host that no FE has named is not followed. (An FE that is not configured is known as one when a
/// configured one has redirected there what only FEs serve.) A request with an effect has a
/// connection of its own: an FE closes after a redirect, and a load that went over a dying
/// connection could not be told from one that was not sent. A GET may be sent twice, so its
/// connection is kept. Thread-safe.
class http_client {
 public:
  explicit http_client(http_settings);
  ~http_client();
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  /// Sends to the FE that answered last, else to the next one that can be reached; a GET also to
  /// the next one when an FE does not answer. Throws a transient leat::error when none does or the
  /// connection is lost: then it is unknown whether the request had an effect. 401 is a permanent
  /// one.
  http_reply send(const http_request&);

  /// GET of an absolute address that a server named (an ErrorURL): only from a host that this
  /// client has been redirected to, or its be_address. Nothing when it cannot be had.
  std::string fetch(const std::string& url);

  /// Makes the running call, and all later ones, end with an error soon.
  void cancel() noexcept { cancelled_ = true; }
  bool cancelled() const noexcept { return cancelled_; }

 private:
  struct hop;
  struct kept_connection;
  http_reply send_to(const std::string& frontend, const http_request&);
  hop perform(const std::string& base, const http_request&, bool with_credentials);
  bool is_frontend(const std::string& base);
  bool trusts(const std::string& base);
  /// Of what an FE's redirect has named.
  void trust(const std::string& base, bool frontend);
  std::chrono::milliseconds timeout_at(bool frontend, const http_request&) const;
  [[noreturn]] void fail(const hop&, const std::string& base, bool first, const http_request&);
  std::string followed(const hop&, const std::string& base, const http_request&, bool by_frontend,
                       std::string& target);
  std::string mapped(const std::string& base) const;

  http_settings settings_;
  std::vector<std::string> frontends_; ///< scheme://host:port
  std::atomic<std::size_t> current_ = 0;
  std::mutex guard_;
  std::vector<std::string> trusted_; ///< bases that redirects of FEs have named
  std::vector<std::string> leaders_; ///< those of them that are FEs
  std::mutex kept_guard_;
  std::unique_ptr<kept_connection> kept_; ///< for requests that may be sent twice
  std::atomic<bool> cancelled_{false};
};

} // namespace leat::starrocks
