#include "plugins/postgres/stream_relations.hpp"

#include <fmt/format.h>

#include "dataflow/error.hpp"

namespace leat::postgres {

void stream_relations::clear() {
  session_.clear();
  replayed_.clear();
  replaying_ = false;
  last_ = nullptr;
}

bool stream_relations::learn(const relation_message& message, std::uint64_t place,
                             std::uint32_t xid) {
  last_ = nullptr;
  const auto* known = find(message.id);
  auto version = make(message, xid);
  const bool same = known != nullptr && known->definition == message.definition
                    && known->schema == version.schema;
  if (same) version = *known;
  version.place = place;
  (replaying_ ? replayed_ : session_).insert_or_assign(message.id, std::move(version));
  return known != nullptr && !same;
}

stream_relation& stream_relations::get(oid id, char kind) {
  if (last_ != nullptr && last_->id == id) return *last_;
  last_ = find(id);
  if (last_ == nullptr)
    throw_bad_message(kind, fmt::format("names table {}, which no Relation message described", id));
  return *last_;
}

std::vector<oid> stream_relations::end_replay() {
  std::vector<oid> changed;
  for (auto& [id, version] : replayed_) {
    auto& current = session_[id];
    if (current.place < version.place) {
      current = std::move(version);
    } else if (current.definition != version.definition) {
      changed.push_back(id);
    } else if (current.batch < version.batch) {
      current.batch = version.batch;
      current.table = version.table;
    }
  }
  replayed_.clear();
  replaying_ = false;
  last_ = nullptr;
  return changed;
}

stream_relation* stream_relations::find(oid id) {
  if (replaying_)
    if (const auto i = replayed_.find(id); i != replayed_.end()) return &i->second;
  const auto i = session_.find(id);
  return i == session_.end() ? nullptr : &i->second;
}

stream_relation stream_relations::make(const relation_message& message, std::uint32_t xid) {
  stream_relation r;
  r.id = message.id;
  r.definition = message.definition;
  auto table = message.to_schema();
  const auto name = table.qualified_name();
  r.schema = resolver_.complete(std::move(table), xid);
  if (!r.schema || r.schema->columns.size() != message.columns)
    throw error(error_kind::bug, "a table's columns got lost when its types were looked up", name,
                "report this");
  for (const auto& c : r.schema->columns) r.identity.push_back(c.identity);
  return r;
}

} // namespace leat::postgres
