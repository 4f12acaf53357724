#pragma once

#include <string>
#include <string_view>

#include "dataflow/schema.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// What a column is kept as (interface: "What is found at a target").
enum class storage : std::uint8_t { integer, boolean, real, blob, text };

storage storage_of(value_class);

/// The declared type of it: INTEGER, REAL, BLOB or TEXT.
std::string_view type_name(storage);

/// What a class of values loses in a SQLite column; empty when nothing.
std::string loss_of(value_class);

/// Binds a value as PostgreSQL prints it. False, with nothing bound, when the text is not one of
/// its class. A text must live until the statement is reset.
[[nodiscard]] bool bind_text(statement&, int parameter, storage, std::string_view text);

/// Microseconds since 2000-01-01 UTC as `2026-11-21T10:37:53.123456Z`.
std::string iso_time(std::int64_t microseconds);

/// The present moment in the same form.
std::string iso_now();

} // namespace leat::sqlite
