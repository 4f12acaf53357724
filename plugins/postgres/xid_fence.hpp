#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// The 64-bit xid that the next transaction to write will get, without taking one: every
/// transaction at or above it begins later (R5.5). pg_current_snapshot()'s xmax is lower while
/// transactions run. Not inside an open transaction: the server keeps one answer per transaction.
std::uint64_t next_full_xid(connection&);

/// Who still runs a transaction below `xid` (64 bits), oldest first, in words for a person:
/// `process 42 of role "shop" (psql)`, `prepared transaction 'x' of role "shop"`. Any role may ask.
/// At most ten.
std::vector<std::string> holders_below(connection&, std::uint64_t xid);

} // namespace leat::postgres
