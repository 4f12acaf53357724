#include "tests/support/batch_builder.hpp"

#include <stdexcept>

namespace leat::test {

cell value::into(batch& b) const {
  return state_ == cell_state::value ? b.add_value(text_) : batch::make_state(state_);
}

table_builder::table_builder(const std::string& qualified_name) {
  const auto dot = qualified_name.find('.');
  schema_.schema = dot == std::string::npos ? "public" : qualified_name.substr(0, dot);
  schema_.name = qualified_name.substr(dot == std::string::npos ? 0 : dot + 1);
  schema_.id = 16384;
}

table_builder& table_builder::column(std::string name, value_class kind, std::int16_t number) {
  leat::column c;
  c.name = std::move(name);
  c.kind = kind;
  c.type_name = "type of " + c.name;
  c.number = number != 0 ? number : static_cast<std::int16_t>(schema_.columns.size() + 1);
  schema_.columns.push_back(std::move(c));
  return *this;
}

table_builder& table_builder::enumeration(std::string name, std::vector<std::string> labels) {
  column(std::move(name), value_class::other);
  auto& c = schema_.columns.back();
  c.type = 90000 + static_cast<oid>(schema_.columns.size());
  c.type_name = "public.type_of_" + c.name;
  c.labels = std::move(labels);
  return *this;
}

table_builder& table_builder::key(std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    schema_.key.push_back(schema_.find(name).value());
    schema_.columns[schema_.key.back()].identity = true;
  }
  return *this;
}

schema_ptr table_builder::build() const { return std::make_shared<const table_schema>(schema_); }

route route_of(const schema_ptr& schema, route_id id) {
  route r;
  r.id = id;
  r.sink = "test";
  r.target = schema->name;
  r.schema = schema;
  for (std::uint16_t i = 0; i < schema->columns.size(); ++i)
    r.columns.push_back({schema->columns[i].name, i});
  r.key = schema->key;
  r.source_key = schema->key;
  return r;
}

route_ptr share(route r) { return std::make_shared<const route>(std::move(r)); }

batch_builder::batch_builder(schema_ptr schema) { made_.tables.push_back(std::move(schema)); }

batch_builder::batch_builder(const batch_builder&) = default;

batch_builder::~batch_builder() = default;

batch_builder& batch_builder::begin(std::uint64_t commit, std::int64_t time, std::uint32_t xid) {
  made_.transactions.push_back({xid, commit_lsn{commit}, time});
  next_index_ = 0;
  return *this;
}

batch_builder& batch_builder::chunk(std::uint64_t high, std::uint64_t number) {
  made_.transactions.push_back({0, commit_lsn{high}, 0});
  next_index_ = number << 32;
  return *this;
}

batch_ptr batch_builder::build() { return std::make_shared<const batch>(std::move(made_)); }

batch_builder& batch_builder::add(change_kind kind, const std::optional<row>& fresh,
                                  const std::optional<row>& old, old_row_kind old_kind) {
  if (made_.transactions.empty()) begin(1);
  change c;
  c.kind = kind;
  c.old_kind = old_kind;
  c.transaction = static_cast<std::uint32_t>(made_.transactions.size() - 1);
  c.index = next_index_++;
  if (fresh) c.new_row = add_row(*fresh);
  if (old) c.old_row = add_row(*old);
  made_.changes.push_back(c);
  return *this;
}

std::uint32_t batch_builder::add_row(const row& cells) {
  if (cells.size() != made_.tables[0]->columns.size())
    throw std::logic_error("a row has another number of cells than its table has columns");
  const auto first = static_cast<std::uint32_t>(made_.cells.size());
  for (const auto& v : cells) made_.cells.push_back(v.into(made_));
  return first;
}

} // namespace leat::test
