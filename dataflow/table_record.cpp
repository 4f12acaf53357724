#include "dataflow/table_record.hpp"

#include "dataflow/route.hpp"

namespace leat {

error lost_table(const route& r, std::string where) {
  std::string remedy = "run `leat resnapshot ";
  remedy += r.schema->qualified_name();
  remedy += "`: it is made and filled anew";
  return {error_kind::sink, "the target table was dropped, and its rows with it", std::move(where),
          std::move(remedy)};
}

} // namespace leat
