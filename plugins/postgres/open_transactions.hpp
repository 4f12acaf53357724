#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// Transactions of the server that have an xid, prepared ones too, the oldest first and four at
/// most: "process 4711 of role app, open for 42 s". With `before`, those older than that xid. How
/// long others' are open is told to members of pg_read_all_stats alone.
std::vector<std::string> open_transactions(connection&, std::optional<std::uint64_t> before);

} // namespace leat::postgres
