#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "plugins/postgres/query_rows.hpp"

namespace leat::postgres {

/// Takes the messages of a simple query from the socket itself, past libpq, which would make a
/// result of each row: that is three quarters of what a row costs here. libpq has the connection
/// before and after; meanwhile it thinks it idle. Format: PostgreSQL's documentation, "Message
/// Formats" of the frontend/backend protocol, version 3.0.
class wire_rows final : public query_rows {
 public:
  /// False where the bytes of the socket are encrypted.
  static bool possible(connection&);

  wire_rows(connection&, std::string sql);
  ~wire_rows() override;

  step next() override;
  void abandon() override;

 private:
  struct message {
    char type = 0;
    std::string_view body; ///< until the next one is received
  };

  void send(std::string_view bytes);
  message receive();
  void need(std::size_t bytes);
  void make_room(std::size_t bytes);
  void fill();
  void await_bytes();
  void take_row(std::string_view body);
  void drain();
  [[noreturn]] void refused(std::string_view body);
  [[noreturn]] void lose(const std::string& why);

  connection& connection_;
  std::string sql_;
  int socket_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0; ///< of what is not worked off
  std::size_t end_ = 0;
  bool gives_rows_ = false; ///< the statement whose answer comes
  bool flowing_ = false;    ///< rows have come: more will
  bool ended_ = false;
};

} // namespace leat::postgres
