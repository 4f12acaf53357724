#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/route.hpp"

namespace leat::sqlite {

/// What would keep a sink from opening the file and taking the routes' tables. Changes nothing, and
/// makes no file.
std::vector<error> check_target(const std::filesystem::path&, const std::string& pipeline,
                                const std::vector<route_ptr>&);

} // namespace leat::sqlite
