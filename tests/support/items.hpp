#pragma once

#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// The table that most tests of rows use.
inline schema_ptr items() {
  return table("public.items")
      .column("id", value_class::int4)
      .column("name", value_class::text)
      .column("body", value_class::text)
      .key({"id"})
      .build();
}

} // namespace leat::test
