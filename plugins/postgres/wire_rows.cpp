#include "plugins/postgres/wire_rows.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "plugins/postgres/wire_reader.hpp"

namespace leat::postgres {

namespace {

constexpr std::size_t usual_buffer = 256U << 10;
constexpr std::size_t header = 5; // type, length
/// No message is longer: the server makes them in memory of which it allots no more at once.
constexpr std::size_t longest_message = 1U << 30;
constexpr std::uint32_t null_length = 0xffffffff;
constexpr std::chrono::microseconds pile_up{100};
constexpr int enough_bytes = 64 << 10;

/// SQLSTATE and text of an ErrorResponse, the text as libpq writes it.
std::pair<std::string, std::string> told(std::string_view body, const auto& broken) {
  std::string state, severity, text, more;
  for (wire_reader fields(body, broken); fields.remaining() > 1;) {
    const char kind = fields.letter();
    const auto value = fields.string();
    if (kind == 'C') state = value;
    if (kind == 'S') severity = value;
    if (kind == 'M') text = value;
    if (kind == 'D') more += "\nDETAIL:  " + std::string(value);
    if (kind == 'H') more += "\nHINT:  " + std::string(value);
    if (kind == 'W') more += "\nCONTEXT:  " + std::string(value);
  }
  return {state, severity + ":  " + text + more};
}

} // namespace

bool wire_rows::possible(connection& c) {
  return PQsslInUse(c.raw()) == 0 && PQgssEncInUse(c.raw()) == 0;
}

wire_rows::wire_rows(connection& c, std::string sql)
    : connection_(c), sql_(std::move(sql)), socket_(PQsocket(c.raw())) {
  const auto length = static_cast<std::uint32_t>(sql_.size() + sizeof(std::uint32_t) + 1);
  const auto swapped = __builtin_bswap32(length);
  std::string query(header, 'Q');
  std::memcpy(query.data() + 1, &swapped, sizeof swapped);
  query.append(sql_).push_back('\0');
  send(query);
}

wire_rows::~wire_rows() {
  if (!ended_) connection_.give_up();
}

void wire_rows::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd writable{socket_, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      lose(std::generic_category().message(errno));
    }
  }
}

query_rows::step wire_rows::next() {
  for (;;) {
    const auto m = receive();
    switch (m.type) {
    case 'D':
      take_row(m.body);
      return step::row;
    case 'T': // RowDescription
      gives_rows_ = true;
      break;
    case 'C': // CommandComplete
      if (std::exchange(gives_rows_, false)) return step::end_of_statement;
      break;
    case 'Z': // ReadyForQuery
      ended_ = true;
      return step::end;
    case 'E':
      refused(m.body);
    case 'N': // NoticeResponse, ParameterStatus, NotificationResponse
    case 'S':
    case 'A':
      break;
    default:
      lose("the server sent a message of an unknown kind");
    }
  }
}

void wire_rows::take_row(std::string_view body) {
  wire_reader row(body,
                  [this](const char* what) { lose("a row is broken: " + std::string(what)); });
  values_.resize(row.u16());
  for (auto& value : values_) {
    const auto length = row.u32();
    value = length == null_length ? std::string_view() : row.bytes(length);
  }
  row.expect_end();
  flowing_ = true;
}

wire_rows::message wire_rows::receive() {
  need(header);
  wire_reader start({buffer_.get() + begin_, header}, [this](const char* what) { lose(what); });
  const char type = start.letter();
  const std::size_t length = start.u32();
  if (length < header - 1 || length > longest_message)
    lose("the server sent a message of impossible length");
  need(length + 1);
  const std::string_view body(buffer_.get() + begin_ + header, length + 1 - header);
  begin_ += length + 1;
  return {type, body};
}

/// Sees that so many bytes lie at begin_.
void wire_rows::need(std::size_t bytes) {
  if (end_ - begin_ >= bytes) return;
  make_room(bytes);
  while (end_ - begin_ < bytes) fill();
}

void wire_rows::make_room(std::size_t bytes) {
  const auto capacity = std::max({bytes, capacity_, usual_buffer});
  if (capacity == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  } else {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (buffer_) std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  end_ -= begin_;
  begin_ = 0;
}

void wire_rows::fill() {
  await_bytes();
  const auto taken = ::recv(socket_, buffer_.get() + end_, capacity_ - end_, 0);
  if (taken > 0)
    end_ += static_cast<std::size_t>(taken);
  else if (taken == 0)
    lose("the server closed the connection");
  else if (errno != EAGAIN && errno != EINTR)
    lose(std::generic_category().message(errno));
}

/// Lets bytes pile up before they are read: the server sends 8 KiB at a time, and being woken for
/// each costs both sides more than the rows do.
void wire_rows::await_bytes() {
  pollfd readable{socket_, POLLIN, 0};
  ::poll(&readable, 1, -1);
  int unread = 0;
  if (flowing_ && ::ioctl(socket_, FIONREAD, &unread) == 0 && unread < enough_bytes)
    std::this_thread::sleep_for(pile_up);
}

void wire_rows::abandon() {
  connection_.cancel();
  drain();
}

/// Takes what the server has still to say. libpq knows nothing of a transaction that is left.
void wire_rows::drain() {
  message m;
  while (m.type != 'Z') m = receive();
  ended_ = true;
  if (m.body != "I") connection_.query("ROLLBACK");
}

void wire_rows::refused(std::string_view body) {
  const auto [state, text] =
      told(body, [this](const char* what) { lose("an error is broken: " + std::string(what)); });
  try {
    drain();
  } catch (const server_error&) {
    connection_.give_up(); // after FATAL: the error says more than that the connection is closed
  }
  connection_.fail(state, text, sql_);
}

void wire_rows::lose(const std::string& why) {
  connection_.give_up();
  connection_.fail("", why, sql_);
}

} // namespace leat::postgres
