#include "plugins/postgres/replication_connection.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

namespace leat::postgres {

namespace {

std::uint64_t read_be64(const char* at) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

void put_be64(char* at, std::uint64_t value) {
  for (int i = 7; i >= 0; --i, value >>= 8) at[i] = static_cast<char>(value & 0xff);
}

/// Microseconds since 2000-01-01, the protocol's epoch.
std::uint64_t protocol_now() {
  constexpr std::int64_t unix_to_postgres = 946684800LL * 1000000;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count() - unix_to_postgres);
}

constexpr std::size_t data_header = 25;    // 'w' startLSN walEnd sendTime
constexpr std::size_t keepalive_size = 18; // 'k' walEnd sendTime replyRequested
constexpr int most_reads = 16;

connection_parameters with_sender_timeout(connection_parameters parameters) {
  // The walsender of a connection that was lost gives the slot free after this time.
  parameters["options"] = given(parameters, "options").value_or("") + " -c wal_sender_timeout=60s";
  return parameters;
}

} // namespace

replication_connection::replication_connection(const connection_parameters& parameters)
    : connection_(with_sender_timeout(parameters), connection_use::replication) {}

replication_connection::~replication_connection() { PQfreemem(buffer_); }

void replication_connection::start(const std::string& slot, const std::string& publication,
                                   wal_lsn from, bool streaming) {
  // PostgreSQL 18 warns, in its own language, and then silently drops the changes: "skipped loading
  // publication". Older ones end the stream.
  connection_.on_notice([this, publication](std::string_view state, std::string_view message) {
    if (state == "55000" && message.find(publication) != message.npos)
      fatal_warning_ = "publication " + quote_identifier(publication) + " does not exist";
  });
  const bool can_stream = streaming && connection_.server_version() >= 140000;
  std::string sql = "START_REPLICATION SLOT " + quote_identifier(slot) + " LOGICAL "
                    + to_string(from) + " (\"proto_version\" '" + (can_stream ? "2" : "1")
                    + "', \"publication_names\" " + quote_literal(quote_identifier(publication));
  if (can_stream) sql += ", \"streaming\" 'on'";
  sql += ")";
  const result r(PQexec(connection_.raw(), sql.c_str()));
  if (PQresultStatus(r.raw()) != PGRES_COPY_BOTH) connection_.fail(r.raw(), sql);
}

std::optional<wal_message> replication_connection::next() {
  PQfreemem(buffer_);
  buffer_ = nullptr;
  const int size = PQgetCopyData(connection_.raw(), &buffer_, 1);
  if (!fatal_warning_.empty()) raise_pending_warning();
  if (size == 0) return std::nullopt;
  if (size == -1) {
    // The server has ended the stream: a shutdown, or an error that names its reason.
    const result last(PQgetResult(connection_.raw()));
    if (last.raw() != nullptr && PQresultStatus(last.raw()) == PGRES_FATAL_ERROR)
      connection_.fail(last.raw(), "streaming");
    throw server_error(error_kind::source, "", "the server ended the stream", connection_.where(),
                       "", error_retry::transient);
  }
  if (size < 0) connection_.fail(nullptr, "streaming");

  const std::string_view message(buffer_, static_cast<std::size_t>(size));
  wal_message m;
  if (message[0] == 'w' && message.size() >= data_header) {
    m.data = message.substr(data_header);
    return m;
  }
  if (message[0] == 'k' && message.size() == keepalive_size) {
    m.what = wal_message::kind::keepalive;
    m.wal_end = wal_lsn{read_be64(message.data() + 1)};
    m.reply_requested = message[17] != 0;
    report(m.wal_end);
    return m;
  }
  throw error(error_kind::source,
              "the server sent a replication message that leat does not know: kind "
                  + std::to_string(static_cast<unsigned char>(message[0])) + ", "
                  + std::to_string(message.size()) + " bytes",
              connection_.where(), "check that the server is PostgreSQL 13 to 18");
}

/// One call takes 8 to 16 KiB, and more once libpq's buffer has grown because the next call found
/// it full.
void replication_connection::receive() {
  for (int i = 0; i < most_reads && (i == 0 || unread() > 0); ++i)
    if (PQconsumeInput(connection_.raw()) == 0) connection_.fail(nullptr, "streaming");
}

int replication_connection::unread() {
  int bytes = 0;
  return ::ioctl(socket(), FIONREAD, &bytes) == 0 ? bytes : 0;
}

int replication_connection::socket() { return PQsocket(connection_.raw()); }

void replication_connection::report(wal_lsn end) noexcept { reported_ = std::max(reported_, end); }

void replication_connection::send_status(wal_lsn flushed, bool reply_now) {
  // 0 leaves the slot where it is; a smaller position would move it back on older minor versions.
  const auto confirmed = flushed <= reported_ ? static_cast<std::uint64_t>(flushed) : 0;
  char status[34];
  status[0] = 'r';
  put_be64(status + 1, static_cast<std::uint64_t>(reported_));
  put_be64(status + 9, confirmed);
  put_be64(status + 17, confirmed);
  put_be64(status + 25, protocol_now());
  status[33] = reply_now ? 1 : 0;
  if (PQputCopyData(connection_.raw(), status, sizeof status) != 1)
    connection_.fail(nullptr, "sending a status");
  flush_output();
}

void replication_connection::flush_output() {
  for (;;) {
    const int left = PQflush(connection_.raw());
    if (left == 0) return;
    if (left < 0) connection_.fail(nullptr, "sending a status");
    pollfd ready{socket(), POLLOUT | POLLIN, 0};
    ::poll(&ready, 1, 1000);
    if ((ready.revents & POLLIN) != 0) receive();
  }
}

void replication_connection::raise_pending_warning() const {
  throw error(error_kind::source, fatal_warning_, connection_.where(),
              "changes are being skipped: make the publication again, then `leat drop`, empty the "
              "target's tables, run");
}

} // namespace leat::postgres
