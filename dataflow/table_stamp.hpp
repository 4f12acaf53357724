#pragma once

#include <cstdint>
#include <map>

namespace leat {

/// What the catalog tells of a table that no change of the stream does: whether its rows are still
/// those that the stream has told of.
struct table_stamp {
  std::uint32_t membership = 0; ///< OID of what puts it into the publication; 0: nothing does now
  std::uint64_t storage = 0; ///< digest of the relfilenodes of it and its partitions; 0: not known
  /// By number, the transaction that last wrote the column's row in the catalog.
  std::map<std::int16_t, std::uint32_t> columns;
  bool operator==(const table_stamp&) const = default;
};

enum class unstreamed_change : std::uint8_t {
  none,
  rewritten,   ///< ALTER TABLE has given a column other values (USING), or may have
  unpublished, ///< it had left the publication: what was written meanwhile never comes
};

/// What became of a table's rows between the two. A rewrite of a table none of whose columns were
/// altered (VACUUM FULL, CLUSTER, TRUNCATE) keeps their values; a column that is altered without a
/// rewrite (SET NOT NULL) does, too.
unstreamed_change compare_stamps(const table_stamp& before, const table_stamp& now);

/// Goes on from the one held to the one of now, and says the same. What is not known changes
/// nothing; a table that is out of the publication is told of when it is back.
unstreamed_change follow(table_stamp& held, const table_stamp& now);

/// For people: "it was rewritten by ALTER TABLE".
const char* to_string(unstreamed_change);

} // namespace leat
