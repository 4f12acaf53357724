#pragma once

#include <cstdint>
#include <string>

namespace leat {

/// error: the pipeline cannot run, or would harm the source. warning: it runs until something
/// happens. note: worth knowing.
enum class severity : std::uint8_t { error, warning, note };
const char* to_string(severity);

/// What is wrong with a pipeline, its source or its targets, and the SQL, setting or key that mends
/// it. `leat check` and `leat plan` print them.
struct finding {
  severity level = severity::error;
  std::string check; ///< what was looked at: a check of the source, "plan", "route", "sink",
                     ///< "type", "state"
  std::string what;
  std::string where;  ///< a place in the pipeline file, a table, a role, a setting, a server
  std::string remedy; ///< SQL ends with a semicolon; may be empty for a note
};

} // namespace leat
