#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dataflow/position.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/slot.hpp"

namespace leat::postgres {

/// One message of the replication stream. `data` is valid until the next read.
struct wal_message {
  enum class kind : std::uint8_t { data, keepalive };
  kind what = kind::data;
  wal_lsn wal_end{}; ///< of a keepalive; data messages carry none that could be relied on
  bool reply_requested = false;
  std::string_view data; ///< pgoutput message
};

/// A connection in CopyBoth mode: START_REPLICATION, reads, status updates. Not thread-safe.
class replication_connection {
 public:
  explicit replication_connection(const connection_parameters&);
  ~replication_connection();

  server_identity identify() { return identify_server(connection_); }
  /// Starts pgoutput with the options this server's version knows. Throws server_error; SQLSTATE
  /// 55006 means that somebody else reads the slot.
  void start(const std::string& slot, const std::string& publication, wal_lsn from, bool streaming);

  /// The next message that has wholly arrived; nothing when there is none. Throws server_error when
  /// the connection or the stream has ended.
  std::optional<wal_message> next();
  /// Takes what the socket holds, at least something and not without bound, for next().
  void receive();
  /// Bytes that the socket holds, encrypted ones where the connection is; 0 when not known.
  int unread();
  int socket();

  /// Confirms `flushed`, but never more than the server has reported on this connection (R4).
  void send_status(wal_lsn flushed, bool reply_now);
  /// The stream has come to `end`, so that it may be confirmed.
  void report(wal_lsn end) noexcept;

 private:
  void flush_output();
  void raise_pending_warning() const;

  connection connection_;
  char* buffer_ = nullptr;
  wal_lsn reported_{}; ///< the largest position that the server has told
  std::string fatal_warning_;
};

} // namespace leat::postgres
