#include "bench/sink_hole.hpp"

#include "bench/harness.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace leat::bench {

namespace {

constexpr std::size_t piece = 1 << 18;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Passes on what is there; false when that side has ended.
bool pass(int from, int to) {
  std::array<char, 65536> buffer;
  const auto got = ::recv(from, buffer.data(), buffer.size(), 0);
  return got > 0 && send_all(to, {buffer.data(), static_cast<std::size_t>(got)});
}

/// A header's value; the head is as it came.
std::optional<std::string> header(const std::string& head, std::string_view name) {
  for (auto line = head.find("\r\n"); line + 2 < head.size(); line = head.find("\r\n", line + 2)) {
    const auto begin = line + 2;
    const auto colon = head.find(':', begin);
    if (colon == std::string::npos) return std::nullopt;
    const bool same =
        colon - begin == name.size()
        && std::equal(
            name.begin(), name.end(), head.begin() + static_cast<std::ptrdiff_t>(begin),
            [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
    if (!same) continue;
    const auto value = head.find_first_not_of(' ', colon + 1);
    return head.substr(value, head.find("\r\n", value) - value);
  }
  return std::nullopt;
}

} // namespace

sink_hole::sink_hole(int frontend_port) : frontend_port_(frontend_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0
      || ::getsockname(listener_, generic, &size) != 0)
    throw std::runtime_error("the sink-hole cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

sink_hole::~sink_hole() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(guard_);
    for (const int client : open_) ::shutdown(client, SHUT_RDWR);
  }
  for (auto& t : threads_) t.join();
  ::close(listener_);
}

void sink_hole::accept_all() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const std::lock_guard lock(guard_);
    open_.push_back(client);
    threads_.emplace_back([this, client] {
      serve(client);
      const std::lock_guard closing(guard_);
      std::erase(open_, client);
      ::close(client);
    });
  }
}

/// One request a connection: the answer says so.
void sink_hole::serve(int client) {
  std::string head;
  std::array<char, 4096> buffer;
  std::size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    head.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const auto table = header(head, "table");
  const auto length = header(head, "content-length");
  const bool load = head.starts_with("PUT /api/transaction/load") && length && table
                    && !table->starts_with("leat_");
  // leat ends rows of CSV with \x02, and those of JSON with a new line.
  const char row_end = header(head, "row_delimiter") ? '\x02' : '\n';
  if (load)
    swallow(client, std::stoull(*length), row_end, head.substr(end + 4));
  else
    relay(client, head);
}

void sink_hole::swallow(int client, std::uint64_t length, char row_end, std::string already) {
  if (already.empty() && !send_all(client, "HTTP/1.1 100 Continue\r\n\r\n")) return;
  std::uint64_t rows = 0;
  std::uint64_t left = length;
  auto buffer = std::move(already);
  auto got = buffer.size();
  buffer.resize(std::max(piece, got));
  for (;;) {
    rows += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + got, row_end));
    left -= got;
    if (left == 0) break;
    const auto more = ::recv(client, buffer.data(), buffer.size(), 0);
    if (more <= 0) return;
    got = static_cast<std::size_t>(more);
  }
  rows_ += rows;
  bytes_ += length;
  last_ = now_seconds();
  const std::string body = R"({"Status": "OK", "Message": "", "ErrorURL": ""})";
  send_all(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                   "Content-Length: "
                       + std::to_string(body.size()) + "\r\n\r\n" + body);
}

void sink_hole::relay(int client, const std::string& head) const {
  const int frontend = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(frontend_port_);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(frontend, generic, sizeof address) == 0 && send_all(frontend, head)) {
    std::array<pollfd, 2> both{{{client, POLLIN, 0}, {frontend, POLLIN, 0}}};
    for (bool open = true; open && ::poll(both.data(), both.size(), -1) > 0;) {
      if (both[0].revents != 0) open = pass(client, frontend);
      if (open && both[1].revents != 0) open = pass(frontend, client);
    }
  }
  ::close(frontend);
}

} // namespace leat::bench
