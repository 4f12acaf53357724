#pragma once

#include <map>
#include <memory>

#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/stream_relations.hpp"
#include "plugins/postgres/type_catalog.hpp"

namespace leat::postgres {

/// Completes Relation messages from the catalog, over a connection of its own that is made when
/// first needed and again after it was lost. The catalog may be ahead of the stream: what the
/// stream says of names, types and identity holds, and the catalog only adds to it. It may be
/// behind as well, since a commit is streamed before other sessions see it: the transaction's end
/// is waited for, but a few seconds at most (a standby may hold it up). One thread at a time.
///
/// The key is that of the version before, else the catalog's, in its order, as long as the identity
/// columns are those of the stream; else the flagged columns in the stream's order. Identity FULL
/// flags every column, which names no key: then it is the key of the version before, by name; of a
/// table not met before the catalog's; else none. What the catalog has lost since (a dropped type
/// or column) is as the version before had it.
///
/// The stream does not number columns: one that is dropped and made anew under its name and type is
/// described as before. Its number in the catalog tells, and that its old rows' values are unknown.
/// Each version has the table's stamp.
class catalog_resolver : public relation_resolver {
 public:
  catalog_resolver(connection_parameters, std::string publication);

  /// Throws server_error, transient for a lost connection: the next call connects again.
  schema_ptr complete(table_schema from_stream, std::uint32_t xid) override;

  /// The version of a table that a checkpoint or a plan holds: what the stream had before.
  void remember(schema_ptr);

 private:
  struct version {
    table_schema from_stream;
    schema_ptr complete;
  };
  connection& server();
  void await_end_of(std::uint32_t xid);
  /// `again`: the stream has described the table so before.
  schema_ptr resolve(table_schema, const table_schema* before, bool again);
  void describe_types(table_schema&, const table_schema* before);
  std::string modified_name(const column&);

  connection_parameters parameters_;
  std::string publication_;
  std::unique_ptr<connection> connection_;
  type_catalog types_;
  std::map<oid, version> versions_;
};

} // namespace leat::postgres
