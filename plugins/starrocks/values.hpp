#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "dataflow/pipeline_file.hpp"
#include "plugins/starrocks/types.hpp"

namespace leat::starrocks {

/// Why a value, as PostgreSQL prints it, is not one of its column.
enum class misfit_kind : std::uint8_t {
  none,
  nan,
  infinity,
  out_of_range,
  malformed, ///< not a text of its source type; no policy helps
};

/// What the sink's on_value says.
struct value_policies {
  value_policy nan = value_policy::stop;
  value_policy infinity = value_policy::stop;
  value_policy out_of_range = value_policy::stop;

  value_policy of(misfit_kind) const;
};

/// Appends the JSON value of a text, and says why it did not: then nothing is appended.
misfit_kind append_json(std::string& out, const column_type&, std::string_view text);

/// Appends the nearest value that the column holds; false when there is none.
bool append_clamped(std::string& out, const column_type&, std::string_view text);

/// Appends a JSON string.
void append_json_string(std::string& out, std::string_view text);

/// A value that StarRocks printed (read_expression), as a JSON value.
void append_printed(std::string& out, const column_type&, std::string_view text);

/// As a DATETIME is written: 2024-05-01 12:00:00.000000.
std::string datetime_text(std::chrono::sys_time<std::chrono::microseconds>);

/// How a column is read, so that append_printed() takes it: hex of bytes, JSON of an array.
std::string read_expression(const column_type&, const std::string& quoted_name);

/// The text of a key's value that is equal for the source's print and StarRocks' own.
std::string key_text(value_form, std::string_view text);

} // namespace leat::starrocks
