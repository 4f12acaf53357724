#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "plugins/starrocks/http_exchange.hpp"

namespace leat::starrocks {

/// The remedy when what answers is no FE's HTTP port.
inline constexpr const char* see_http_ports =
    "see that `http` names the HTTP ports of FEs (8030 unless changed)";

struct http_reply {
  long status = 0;
  std::string body;
  std::string from; ///< scheme://host:port that answered
};

/// Talks to FEs and, where they redirect, to BEs; an FE that redirects never sees a byte of a body.
/// The credentials go to the configured FEs
/// and to the hosts that their redirects name, and nowhere else: a redirect of another host to a
/// host that no FE has named is not followed. (An FE that is not configured is known as one when a
/// configured one has redirected there what only FEs serve.) Thread-safe.
class http_client {
 public:
  explicit http_client(http_settings);

  /// Sends to the FE that answered last, else to the next one that can be reached; a GET also to
  /// the next one when an FE does not answer. Throws a transient leat::error when none does or the
  /// connection is lost: then it is unknown whether the request had an effect. 401 is a permanent
  /// one.
  http_reply send(const http_request&);

  /// GET of an absolute address that a server named (an ErrorURL): only from a host that this
  /// client has been redirected to, or its be_address. Nothing when it cannot be had.
  std::string fetch(const std::string& url);

  /// Makes the running call, and all later ones, end with an error soon.
  void cancel() noexcept { exchange_.cancel(); }
  bool cancelled() const noexcept { return exchange_.cancelled(); }

 private:
  http_reply send_to(const std::string& frontend, const http_request&);
  bool is_frontend(const std::string& base);
  bool trusts(const std::string& base);
  /// Of what an FE's redirect has named.
  void trust(const std::string& base, bool frontend);
  std::chrono::milliseconds timeout_at(bool frontend, const http_request&) const;
  [[noreturn]] void fail(const http_step&, const std::string& base, bool first,
                         const http_request&);
  std::string followed(const http_step&, const std::string& base, const http_request&,
                       bool by_frontend, std::string& target);
  std::string mapped(const std::string& base) const;

  const http_settings settings_;
  http_exchange exchange_;
  std::vector<std::string> frontends_; ///< scheme://host:port
  std::atomic<std::size_t> current_ = 0;
  std::mutex guard_;
  std::vector<std::string> trusted_; ///< bases that redirects of FEs have named
  std::vector<std::string> leaders_; ///< those of them that are FEs
};

} // namespace leat::starrocks
