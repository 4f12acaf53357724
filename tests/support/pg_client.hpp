#pragma once

#include <filesystem>
#include <string>

#include "tests/support/pg_server.hpp"

namespace leat::test {

/// A client program of PostgreSQL: of the server's version, or the system's where the server came
/// without clients.
inline std::filesystem::path pg_client(const std::string& program) {
  const auto own = pg_bin() / program;
  return std::filesystem::exists(own) ? own : std::filesystem::path("/usr/bin") / program;
}

} // namespace leat::test
