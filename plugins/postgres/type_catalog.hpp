#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataflow/schema.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// The types of one database, as pg_type had them at load(). A value: copy it, share it const
/// between threads, load again when an unknown oid comes.
class type_catalog {
 public:
  /// One query; throws server_error.
  static type_catalog load(connection&);

  bool knows(oid) const;

  /// How the text of a value is to be understood; domains count as their base type. `other` for an
  /// unknown oid.
  value_class classify(oid) const;

  /// What format_type() prints under an empty search_path: "numeric(12,2)[]", "shop.mood".
  /// Modifiers of PostgreSQL's own types only; format_type() on the server knows those of
  /// extensions. An unknown oid becomes "type 12345".
  std::string format(oid, std::int32_t modifier) const;

  /// Of an enum, in their order; empty for other types, domains among them: to PostgreSQL a value
  /// of one is no label either.
  const std::vector<std::string>& labels(oid) const;
  /// Types stay as they are, labels come: ALTER TYPE ... ADD VALUE. One query; throws server_error.
  void read_labels(connection&);

  /// Belongs to PostgreSQL itself (pg_catalog), so that it exists at every target.
  bool built_in(oid) const;

 private:
  struct entry {
    std::string name; ///< without modifier
    oid base = 0;     ///< of a domain, at its end; else the type itself
    oid element = 0;  ///< of a true array
    bool built_in = false;
  };
  const entry* find(oid) const;

  std::unordered_map<oid, entry> types_;
  std::unordered_map<oid, std::vector<std::string>> labels_;
};

} // namespace leat::postgres
