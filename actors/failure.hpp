#pragma once

#include <caf/error.hpp>

#include <exception>

#include "dataflow/error.hpp"

namespace leat {

/// leat::error as an actor's exit reason and back: the only place that knows both.
caf::error to_caf(const std::exception_ptr&);
caf::error to_caf(const error&);
error from_caf(const caf::error&);

} // namespace leat
