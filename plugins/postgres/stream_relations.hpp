#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataflow/schema.hpp"
#include "plugins/postgres/pgoutput.hpp"

namespace leat::postgres {

/// Completes what a Relation message tells of a table with what only the catalog knows: type names,
/// value classes, the key in key order. Columns and their order stay, and their identity flags but
/// where old rows are less than the message says (catalog_table::partial_old_rows).
/// `xid`: of the committed transaction that brought the message. A table that is described once
/// more as it was is the schema that it was, unless the catalog tells a difference.
class relation_resolver {
 public:
  virtual ~relation_resolver() = default;
  virtual schema_ptr complete(table_schema from_stream, std::uint32_t xid) = 0;
};

/// A table in the version that the stream uses now.
struct stream_relation {
  oid id = 0;
  std::string definition;  ///< the Relation message that gave it
  std::uint64_t place = 0; ///< of that message among all Relation messages of the session
  schema_ptr schema;
  std::vector<bool> identity; ///< per column
  std::uint64_t batch = 0;    ///< number of the batch that `table` is an index in; 0: none
  std::uint16_t table = 0;
};

/// The tables a replication session has described. While a streamed transaction is replayed, what
/// it said of tables counts for its own rows; afterwards, of two descriptions of a table, the one
/// that was received last counts: that is the one the server believes to be known.
class stream_relations {
 public:
  explicit stream_relations(relation_resolver& resolver) : resolver_(resolver) {}

  void clear();

  /// Numbers Relation messages in the order they are received.
  std::uint64_t next_place() { return ++places_; }

  /// Takes a Relation message of a transaction in. True when the table was known, and as another.
  bool learn(const relation_message&, std::uint64_t place, std::uint32_t xid);

  /// Throws leat::error of kind source, naming a message of this kind, when the table was never
  /// described. The reference is valid until the next call of another member.
  stream_relation& get(oid id, char kind);

  void begin_replay() { replaying_ = true; }
  /// Ids of the tables whose definition is another one now than for the replayed transaction.
  std::vector<oid> end_replay();

 private:
  using relation_map = std::unordered_map<oid, stream_relation>;
  stream_relation* find(oid id);
  stream_relation make(const relation_message&, std::uint32_t xid);

  relation_resolver& resolver_;
  relation_map session_;
  relation_map replayed_;
  bool replaying_ = false;
  stream_relation* last_ = nullptr;
  std::uint64_t places_ = 0;
};

} // namespace leat::postgres
