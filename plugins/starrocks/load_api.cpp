#include "plugins/starrocks/load_api.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

/// As headers have them.
std::string in_seconds(std::chrono::seconds time) { return std::to_string(time.count()); }

constexpr std::size_t shown_bytes = 200; ///< of an answer that is none

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x))
           == std::tolower(static_cast<unsigned char>(y));
  });
}

/// FE and BE write the same keys in different cases.
std::string member(const nlohmann::json& object, std::string_view name) {
  for (const auto& [key, value] : object.items())
    if (same_name(key, name) && value.is_string()) return value.get<std::string>();
  return {};
}

void refuse_too_large(const http_reply& reply) {
  if (reply.status != 431 && reply.status != 413) return;
  refuse("the request's headers are more than the server takes (HTTP "
             + std::to_string(reply.status) + ")",
         reply.from, longer_headers);
}

nlohmann::json parse(const http_reply& reply) {
  refuse_too_large(reply);
  auto parsed = nlohmann::json::parse(reply.body, nullptr, false);
  if (!parsed.is_object())
    retry_later("the answer is not JSON (HTTP " + std::to_string(reply.status)
                    + "): " + reply.body.substr(0, shown_bytes),
                reply.from, see_http_ports);
  return parsed;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += fmt::format("%{:02X}", byte);
  }
  return out;
}

} // namespace

std::string label_of(const std::string& pipeline, const std::string& database,
                     const std::string& table, std::uint64_t base, std::uint32_t attempt) {
  const auto place = database + '\n' + table;
  return fmt::format("leat_{}_{:016x}_{}_{}", pipeline, XXH3_64bits(place.data(), place.size()),
                     base, attempt);
}

load_api::load_api(http_client& http, std::string database)
    : http_(http), database_(std::move(database)) {}

http_request load_api::request(const char* operation, const load_name& name) const {
  http_request r;
  r.method = "POST";
  r.target = std::string("/api/transaction/") + operation;
  r.headers = {{"db", database_}, {"label", name.label}};
  if (!name.multi()) {
    r.headers.emplace_back("table", name.table);
    return r;
  }
  r.headers.emplace_back("transaction_type", "multi");
  r.by = http_request::served_by::frontend;
  return r;
}

load_reply load_api::send(const http_request& r) {
  const auto reply = http_.send(r);
  const auto parsed = parse(reply);
  load_reply made{member(parsed, "Status"), member(parsed, "Message"), member(parsed, "ErrorURL"),
                  reply.from};
  if (made.message.empty()) made.message = member(parsed, "msg");
  if (made.status.empty())
    retry_later("the answer has no Status: " + reply.body.substr(0, shown_bytes), reply.from,
                see_http_ports);
  if (!made.ok() && refused_) refused_(made);
  return made;
}

load_reply load_api::begin(const load_name& name) {
  auto r = request("begin", name);
  r.headers.emplace_back("timeout", in_seconds(timeouts::open_transaction));
  return send(r);
}

load_reply load_api::load(const load_name& name, const std::string& table,
                          const header_lines& headers, std::string_view body) {
  auto r = request("load", name);
  r.method = "PUT";
  r.timeout = timeouts::load;
  r.by = http_request::served_by::backend;
  if (name.multi()) r.headers.emplace_back("table", table);
  r.headers.emplace_back("strict_mode", "true");
  r.headers.emplace_back("max_filter_ratio", "0");
  r.headers.insert(r.headers.end(), headers.begin(), headers.end());
  r.body = body;
  return send(r);
}

load_reply load_api::prepare(const load_name& name) {
  auto r = request("prepare", name);
  r.timeout = timeouts::prepare;
  r.by = http_request::served_by::backend;
  return send(r);
}

load_reply load_api::commit(const load_name& name) {
  auto r = request("commit", name);
  r.headers.emplace_back("timeout", in_seconds(timeouts::publish));
  r.timeout = timeouts::commit;
  return send(r);
}

load_reply load_api::rollback(const load_name& name) { return send(request("rollback", name)); }

void load_api::cancel(const load_name& name, const std::string& table) {
  http_request r;
  r.method = "POST";
  r.target = "/api/" + percent_encode(database_) + "/" + percent_encode(table)
             + "/_cancel?label=" + name.label;
  r.by = http_request::served_by::frontend;
  http_.send(r);
}

load_state load_api::state(const std::string& label, const header_lines& headers) {
  http_request r;
  r.method = "GET";
  r.headers = headers;
  r.target = "/api/" + percent_encode(database_) + "/get_load_state?label=" + label;
  r.by = http_request::served_by::frontend;
  const auto reply = http_.send(r);
  const auto parsed = parse(reply);
  const auto state = member(parsed, "state");
  if (state == "UNKNOWN") return load_state::unknown;
  if (state == "PREPARE") return load_state::prepare;
  if (state == "PREPARED") return load_state::prepared;
  if (state == "COMMITTED") return load_state::committed;
  if (state == "VISIBLE") return load_state::visible;
  if (state == "ABORTED") return load_state::aborted;
  auto message = member(parsed, "msg");
  if (message.empty()) message = member(parsed, "message");
  if (message.empty()) message = "the answer has no state: " + reply.body.substr(0, shown_bytes);
  throw server_error("the server does not tell the state of load " + label,
                     state.empty() ? message : "state " + state, reply.from);
}

std::string load_api::row_errors(const load_reply& reply) {
  auto url = reply.error_url;
  // An FE names it in the message.
  constexpr std::string_view mark = "tracking url: ";
  if (const auto at = reply.message.find(mark); url.empty() && at != reply.message.npos) {
    url = reply.message.substr(at + mark.size());
    url.resize(std::min(url.size(), url.find_first_of(" \t\r\n\"")));
  }
  if (url.empty()) return {};
  auto text = http_.fetch(url);
  constexpr std::size_t enough = 600;
  if (text.size() > enough) text = text.substr(0, enough) + "...";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

} // namespace leat::starrocks
