#pragma once

#include <string>

#include "dataflow/error.hpp"

namespace leat::starrocks {

/// Throws an error of kind sink that ends the pipeline.
[[noreturn]] void refuse(const std::string& what, const std::string& where,
                         const std::string& remedy);

/// Throws one that passes: a lost connection, a transaction that the server gave up.
[[noreturn]] void retry_later(const std::string& what, const std::string& where,
                              const std::string& remedy = {});

/// What a message of StarRocks means for the pipeline; docs/starrocks.md has the table.
leat::error server_error(const std::string& what, const std::string& message,
                         const std::string& where);

} // namespace leat::starrocks
