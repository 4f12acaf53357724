#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"
#include "leat/plugin.h"

namespace leat::shared_objects {

/// A table as plugins see it. Lives with what it was made of.
class schema_view {
 public:
  schema_view(schema_ptr, bool append, bool may_leave_out);
  schema_view(const schema_view&) = delete;
  schema_view& operator=(const schema_view&) = delete;

  const leat_schema* get() const { return &view_; }

 private:
  schema_ptr schema_;
  std::vector<leat_column> columns_;
  std::vector<std::uint32_t> key_;
  leat_schema view_{};
};

} // namespace leat::shared_objects
