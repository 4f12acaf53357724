#pragma once

#include <memory>
#include <string>

#include "dataflow/batch.hpp"
#include "dataflow/route.hpp"

namespace leat::bench {

constexpr int sample_columns = 6;

/// A table of six columns with an integer key, and a route that takes all of them.
inline schema_ptr sample_table() {
  auto table = std::make_shared<table_schema>();
  table->id = 1;
  table->schema = "public";
  table->name = "sample";
  for (const auto* name : {"id", "customer", "amount", "state", "note", "at"}) {
    column c;
    c.name = name;
    c.kind = value_class::text;
    c.identity = table->columns.empty();
    table->columns.push_back(c);
  }
  table->key = {0};
  return table;
}

inline route_ptr sample_route(const schema_ptr& table) {
  auto r = std::make_shared<route>();
  r->schema = table;
  r->sink = "target";
  r->target = table->name;
  for (std::uint16_t i = 0; i < sample_columns; ++i)
    r->columns.push_back({table->columns[i].name, i});
  r->key = {0};
  r->source_key = {0};
  return r;
}

/// `count` whole rows of one transaction, with keys from `first` on; about 100 bytes each.
inline batch_ptr sample_batch(const schema_ptr& table, change_kind kind, int first, int count,
                              std::uint32_t xid = 7) {
  auto rows = std::make_shared<batch>();
  rows->tables.push_back(table);
  rows->transactions.push_back({xid, commit_lsn{0x100}, 0});
  for (int i = first; i < first + count; ++i) {
    change c;
    c.kind = kind;
    c.index = static_cast<std::uint64_t>(i - first);
    c.new_row = static_cast<std::uint32_t>(rows->cells.size());
    for (const auto& text :
         {std::to_string(1000000 + i), std::string("4711"), std::string("199.95"),
          std::string("open"), std::string(32, 'n'), std::string("2024-02-29 12:34:56.789+00")})
      rows->cells.push_back(rows->add_value(text));
    rows->changes.push_back(c);
  }
  return rows;
}

} // namespace leat::bench
