#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leat::postgres {

/// The SQLSTATE of a value that cannot be, for what libpq refuses by itself.
inline constexpr std::string_view wrong_option = "22023";

/// Why a connection was not made. libpq tells that in a message only.
struct connect_failure {
  std::string sqlstate; ///< of a refusal that lasts; empty: it may succeed later
  std::string remedy;
};

/// For a refusal that lasts; empty for any other SQLSTATE.
std::string_view remedy_of_refusal(std::string_view sqlstate);

/// By libpq's message, where it is one that is known. `where`: as connection::where().
std::optional<connect_failure> explain_connect_failure(std::string_view message,
                                                       std::string_view where);

/// Of a server that may speak another language: connects once more, for no longer than 2 s, to be
/// told the SQLSTATE. Arguments as for PQconnectdbParams.
connect_failure ask_connect_failure(const char* const* keywords, const char* const* values);

} // namespace leat::postgres
