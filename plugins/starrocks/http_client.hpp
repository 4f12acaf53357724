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
  std::chrono::milliseconds connect_timeout{10'000};
};

struct http_request {
  std::string method; ///< GET, POST, PUT
  std::string target; ///< path and query, from the slash on
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body = {}; ///< of a PUT; must live until the reply
  std::chrono::milliseconds timeout{60'000};
};

struct http_reply {
  long status = 0;
  std::string body;
  std::string from; ///< scheme://host:port that answered
};

/// Talks to FEs and, where they redirect, to BEs. A body leaves only after a server has said 100
/// Continue: an FE that redirects never sees a byte of it. The credentials go to the configured FEs
/// and to the hosts that their redirects name, hop by hop, and nowhere else. A request with an
/// effect has a connection of its own: an FE closes after a redirect, and a load that went over a
/// dying connection could not be told from one that was not sent. A GET may be sent twice, so its
/// connection is kept. Thread-safe.
class http_client {
 public:
  explicit http_client(http_settings);
  ~http_client();
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  /// Sends to the FE that answered last, else to the next one that does. Throws a transient
  /// leat::error when none does or the connection is lost: then it is unknown whether the request
  /// had an effect. 401 is a permanent one.
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
  bool trusts(const std::string& base);
  void trust(const std::string& base);
  std::string mapped(const std::string& base) const;

  http_settings settings_;
  std::vector<std::string> frontends_; ///< scheme://host:port
  std::atomic<std::size_t> current_ = 0;
  std::mutex guard_;
  std::vector<std::string> trusted_; ///< bases that redirects named
  std::mutex kept_guard_;
  std::unique_ptr<kept_connection> kept_; ///< for requests that may be sent twice
  std::atomic<bool> cancelled_{false};
};

} // namespace leat::starrocks
