#include "plugins/shared_objects/schema_view.hpp"

namespace leat::shared_objects {

namespace {

// The classes of both sides are the same numbers.
constexpr bool same(value_class ours, int theirs) { return static_cast<int>(ours) == theirs; }
static_assert(same(value_class::boolean, LEAT_BOOLEAN) && same(value_class::int2, LEAT_INT2)
              && same(value_class::int4, LEAT_INT4) && same(value_class::int8, LEAT_INT8)
              && same(value_class::object_id, LEAT_OID) && same(value_class::float4, LEAT_FLOAT4)
              && same(value_class::float8, LEAT_FLOAT8) && same(value_class::numeric, LEAT_NUMERIC)
              && same(value_class::money, LEAT_MONEY) && same(value_class::text, LEAT_TEXT)
              && same(value_class::bytea, LEAT_BYTEA) && same(value_class::date, LEAT_DATE)
              && same(value_class::time, LEAT_TIME) && same(value_class::timetz, LEAT_TIMETZ)
              && same(value_class::timestamp, LEAT_TIMESTAMP)
              && same(value_class::timestamptz, LEAT_TIMESTAMPTZ)
              && same(value_class::interval, LEAT_INTERVAL) && same(value_class::uuid, LEAT_UUID)
              && same(value_class::json, LEAT_JSON) && same(value_class::jsonb, LEAT_JSONB)
              && same(value_class::array, LEAT_ARRAY) && same(value_class::other, LEAT_OTHER));

} // namespace

schema_view::schema_view(schema_ptr s, bool append, bool may_leave_out) : schema_(std::move(s)) {
  const bool full = schema_->identity == replica_identity::full;
  for (const auto& c : schema_->columns) {
    leat_column shown{};
    shown.name = c.name.c_str();
    shown.type = c.type_name.c_str();
    shown.type_class = static_cast<std::uint32_t>(c.kind);
    shown.nullable = c.nullable ? 1 : 0;
    shown.type_oid = c.type;
    shown.type_modifier = c.modifier;
    shown.identity = c.identity || full ? 1 : 0;
    columns_.push_back(shown);
  }
  key_.assign(schema_->key.begin(), schema_->key.end());
  view_.schema = schema_->schema.c_str();
  view_.table = schema_->name.c_str();
  view_.columns = columns_.data();
  view_.column_size = sizeof(leat_column);
  view_.width = static_cast<std::uint32_t>(columns_.size());
  view_.key = key_.data();
  view_.key_count = static_cast<std::uint32_t>(key_.size());
  view_.append = append ? 1 : 0;
  view_.may_leave_out = may_leave_out ? 1 : 0;
}

} // namespace leat::shared_objects
