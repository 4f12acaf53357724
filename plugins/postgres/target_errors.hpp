#pragma once

#include <string>
#include <string_view>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// What a failed statement of the target means for a person: the same error with the table it was
/// about in `where`, a remedy by SQLSTATE, and transient where waiting can help (disk full,
/// deadlock, a server that is shutting down). `table` is quoted already; empty: the server as a
/// whole.
server_error target_error(const server_error&, std::string_view table);

/// An error of a target that the server did not raise itself.
[[noreturn]] void refuse(std::string what, std::string where, std::string remedy);

} // namespace leat::postgres
