#include "plugins/starrocks/http_client.hpp"

#include <algorithm>
#include <optional>

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

constexpr int most_hops = 5;

struct address {
  std::string base;   ///< scheme://host:port
  std::string target; ///< path and query
};

std::optional<address> parse_url(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    const auto slash = url.find('/', scheme.size());
    auto host = url.substr(scheme.size(), slash == url.npos ? url.npos : slash - scheme.size());
    // Names and passwords in a redirect are not ours.
    if (const auto at = host.rfind('@'); at != host.npos) host.erase(0, at + 1);
    if (host.empty()) return std::nullopt;
    return address{std::string(scheme) + host, slash == url.npos ? "/" : url.substr(slash)};
  }
  return std::nullopt;
}

std::string base_of(const std::string& configured) {
  auto url = configured.find("://") == configured.npos ? "http://" + configured : configured;
  if (url.ends_with('/')) url.pop_back();
  return url;
}

/// A missing right has the status of a wrong password.
[[noreturn]] void refuse_user(const std::string& body, const std::string& base) {
  constexpr std::size_t shown = 400;
  if (body.find("you need") != body.npos)
    throw server_error("the server refuses the request", body.substr(0, shown), base);
  refuse("the server refuses the user or the password", base,
         "see `user` and `password` of the sink");
}

/// Another FE may be asked instead.
class passed_over final : public leat::error {
  using error::error;
};

} // namespace

http_client::http_client(http_settings settings)
    : settings_(std::move(settings)), exchange_(settings_) {
  for (const auto& each : settings_.frontends) frontends_.push_back(base_of(each));
}

std::string http_client::mapped(const std::string& base) const {
  const auto host = base.substr(base.find("://") + 3);
  const auto found = settings_.be_address.find(host);
  if (found == settings_.be_address.end()) return base;
  return base.substr(0, base.find("://") + 3) + found->second;
}

bool http_client::is_frontend(const std::string& base) {
  const std::scoped_lock lock(guard_);
  return std::find(frontends_.begin(), frontends_.end(), base) != frontends_.end()
         || std::find(leaders_.begin(), leaders_.end(), base) != leaders_.end();
}

bool http_client::trusts(const std::string& base) {
  const std::scoped_lock lock(guard_);
  return std::find(trusted_.begin(), trusted_.end(), base) != trusted_.end();
}

void http_client::trust(const std::string& base, bool frontend) {
  const std::scoped_lock lock(guard_);
  const auto add = [&base](std::vector<std::string>& to) {
    if (std::find(to.begin(), to.end(), base) == to.end()) to.push_back(base);
  };
  add(trusted_);
  if (frontend) add(leaders_);
}

http_reply http_client::send(const http_request& request) {
  std::string problems;
  auto at = current_.load();
  for (std::size_t tried = 0; tried < frontends_.size(); ++tried) {
    const auto& frontend = frontends_[at];
    at = (at + 1) % frontends_.size();
    try {
      return send_to(frontend, request);
    } catch (const passed_over& e) {
      problems += (problems.empty() ? "" : "; ") + e.brief();
      current_ = at;
    }
  }
  retry_later("no FE can be reached: " + problems, frontends_.front(),
              "see that the FEs run and that `http` names them");
}

std::chrono::milliseconds http_client::timeout_at(bool frontend,
                                                  const http_request& request) const {
  const bool soon = request.by == http_request::served_by::backend || request.method == "GET";
  return frontend && soon ? std::min(request.timeout, settings_.redirect_timeout) : request.timeout;
}

/// `first`: the server is the configured FE that was chosen.
void http_client::fail(const http_step& step, const std::string& base, bool first,
                       const http_request& request) {
  using fault = http_step::fault;
  if (step.failed == fault::certificate)
    refuse("the certificate of the server cannot be trusted: " + step.problem, base,
           "give the authority's certificate with `ca_file`");
  if (step.failed == fault::not_http)
    retry_later("what answers does not speak HTTP", base, see_http_ports);
  if (step.failed == fault::not_tls)
    retry_later("what answers does not speak TLS: " + step.problem, base,
                "see whether `http` should say http:// or name another port");
  const auto what = (step.connected ? "the connection broke: "
                     : first        ? "cannot connect: "
                                    : "cannot reach the BE: ")
                    + step.problem;
  // What was sent may have been done, but for a question.
  if (first && (!step.connected || request.method == "GET"))
    throw passed_over(error_kind::sink, what, base, "", error_retry::transient);
  if (first) {
    const auto at = std::find(frontends_.begin(), frontends_.end(), base) - frontends_.begin();
    current_ = (static_cast<std::size_t>(at) + 1) % frontends_.size();
  }
  retry_later(what, base, first ? "" : "when only the cluster knows this address, set be_address");
}

/// Where a redirect leads; `target` becomes its path.
std::string http_client::followed(const http_step& step, const std::string& base,
                                  const http_request& request, bool by_frontend,
                                  std::string& target) {
  const auto next = parse_url(step.location);
  if (!next) refuse("the server redirects to nowhere", base, "report this");
  if (base.starts_with("https://") && next->base.starts_with("http://") && settings_.tls_verify)
    refuse("the server redirects to an address without TLS: " + next->base, base,
           "give the BEs certificates as well (enable_https), or set tls_verify = false");
  const auto to = mapped(next->base);
  if (by_frontend)
    trust(to, request.by == http_request::served_by::frontend);
  else if (!trusts(to) && !is_frontend(to))
    retry_later(base + " redirects to " + to + ", which no FE has named", base,
                "see what runs there; when it is an FE, name it in `http`");
  target = next->target;
  return to;
}

http_reply http_client::send_to(const std::string& frontend, const http_request& request) {
  auto base = frontend;
  auto here = request;
  for (int hops = 0; hops < most_hops; ++hops) {
    const bool by_frontend = hops == 0 || is_frontend(base);
    here.timeout = timeout_at(by_frontend, request);
    const auto step = exchange_.perform(base, here, true);
    if (cancelled()) retry_later("the request was cancelled", base);
    // An FE closes behind its redirect, whatever of the body it has not read.
    const bool redirects = step.status == 307 && step.headers_ended;
    if (step.failed != http_step::fault::none && !redirects) fail(step, base, hops == 0, request);
    if (!step.headers_ended) retry_later("the answer broke off", base);
    if (step.status == 401) refuse_user(step.body, base);
    if (step.status != 307) return {step.status, step.body, base};
    base = followed(step, base, request, by_frontend, here.target);
  }
  retry_later("the servers redirect in a circle", frontend);
}

std::string http_client::fetch(const std::string& url) {
  const auto where = parse_url(url);
  if (!where) return {};
  const auto base = mapped(where->base);
  if (!trusts(base)) return {};
  http_request request;
  request.method = "GET";
  request.target = where->target;
  request.timeout = std::chrono::milliseconds{10'000};
  const auto step = exchange_.perform(base, request, false);
  return step.failed == http_step::fault::none && step.status == 200 ? step.body : std::string{};
}

} // namespace leat::starrocks
