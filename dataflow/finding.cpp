#include "dataflow/finding.hpp"

namespace leat {

const char* to_string(severity s) {
  switch (s) {
  case severity::error:
    return "error";
  case severity::warning:
    return "warning";
  case severity::note:
    return "note";
  }
  return "error";
}

} // namespace leat
