#include "dataflow/planned_transforms.hpp"

#include <algorithm>
#include <set>

#include "dataflow/error.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

namespace {

using origin_list = std::vector<std::optional<std::uint16_t>>;

/// Numbers of columns that transforms make: a range for each step.
constexpr int numbers_of_step = 500;

/// What the inner route writes, as a table of its own.
schema_ptr written(const route& inner) {
  auto out = std::make_shared<table_schema>(*inner.schema);
  out->columns.clear();
  for (const auto& c : inner.columns) {
    out->columns.push_back(inner.schema->columns[c.source]);
    out->columns.back().name = c.name;
  }
  out->key = inner.key;
  return out;
}

bool tells(const route& inner, const origin_list& origins, const std::vector<std::uint16_t>& key) {
  return key_through(inner, origins, key, std::vector<std::string>(key.size())).has_value();
}

/// Columns keep their numbers, or get some that stay theirs, so that changes of the table are
/// followed.
void number_columns(table_schema& rows, const table_schema& input, std::size_t step) {
  const bool numbered = std::all_of(input.columns.begin(), input.columns.end(),
                                    [](const column& c) { return c.number != 0; });
  std::set<std::int16_t> taken;
  int next = first_made_number + numbers_of_step * static_cast<int>(step);
  for (auto& c : rows.columns) {
    if (!numbered)
      c.number = 0;
    else if (c.number == 0 || !taken.insert(c.number).second)
      c.number = static_cast<std::int16_t>(next++);
  }
}

void check_output(const transform_output& out, const transform_input& in) {
  const auto& rows = *out.rows;
  const auto fail = [](const std::string& what, const std::string& remedy) {
    throw error(error_kind::usage, what, "", remedy);
  };
  if (out.from.size() != rows.columns.size())
    fail("it says of " + std::to_string(out.from.size()) + " columns where they come from, and has "
             + std::to_string(rows.columns.size()),
         "correct the transform");
  if (rows.columns.empty()) fail("it leaves no column", "correct the transform");
  if (rows.columns.size() >= numbers_of_step)
    fail("it makes " + std::to_string(rows.columns.size()) + " columns",
         "at most " + std::to_string(numbers_of_step - 1) + " are possible");
  std::set<std::string> names;
  for (const auto& c : rows.columns)
    if (c.name.empty() || !names.insert(c.name).second)
      fail(c.name.empty() ? "it makes a column without a name"
                          : "it leaves two columns called `" + c.name + "`",
           "give columns different names");
  for (const auto& f : out.from)
    if (f && *f >= in.rows->columns.size())
      fail("it passes on a column that there is not", "correct the transform");
  for (const auto k : rows.key) {
    if (k >= rows.columns.size())
      fail("its key names a column that there is not", "correct the transform");
    const bool comes = rows.identity == replica_identity::full || rows.columns[k].identity;
    if (in.mode == route_mode::upsert && !comes)
      fail("column `" + rows.columns[k].name
               + "` of its key is not made of the replica identity alone, so deletes do not bring "
                 "it",
           "ALTER TABLE ... REPLICA IDENTITY FULL, or take columns of the primary key");
  }
}

origin_list passed_on(const origin_list& before, const transform_output& out) {
  origin_list after;
  for (const auto& from : out.from) after.push_back(from ? before[*from] : std::nullopt);
  return after;
}

planned_transforms::step step_on_table(const route& inner, const named_transform& first) {
  const auto& table = inner.source();
  planned_transforms::step s{first, table, {}, true, false, true, {}};
  s.gives = first.type->describe({table, inner.mode, may_leave_out(inner)});
  for (std::uint16_t i = 0; i < table->columns.size(); ++i) s.origins.emplace_back(i);
  return s;
}

} // namespace

bool first_completes(const route& inner, const std::vector<named_transform>& transforms) {
  return inner.shape && !transforms.empty() && transforms.front().type->completes_table();
}

std::optional<std::vector<std::string>>
key_through(const route& inner, const std::vector<std::optional<std::uint16_t>>& origins,
            const std::vector<std::uint16_t>& key, const std::vector<std::string>& texts) {
  std::vector<std::string> wanted;
  for (const auto column : inner.source_key) {
    const auto at =
        std::find_if(key.begin(), key.end(), [&](std::uint16_t k) { return origins[k] == column; });
    if (at == key.end()) return std::nullopt;
    wanted.push_back(texts.at(static_cast<std::size_t>(at - key.begin())));
  }
  return inner.key_at_source(wanted);
}

route plan_transforms(route_ptr inner, const std::vector<named_transform>& transforms,
                      expression_policy on_error) {
  auto chain = std::make_shared<planned_transforms>();
  chain->on_error = on_error;
  chain->inner = inner;
  transform_input in{written(*inner), inner->mode, may_leave_out(*inner)};
  for (const auto& c : inner->columns) chain->origins.emplace_back(c.source);
  bool told = !inner->key.empty() && tells(*inner, chain->origins, in.rows->key);
  chain->takes = in.rows;
  for (const auto& each : transforms) {
    planned_transforms::step s{each, in.rows, {}, told, false, false, chain->origins};
    try {
      if (chain->steps.empty() && first_completes(*inner, transforms)) {
        chain->steps.push_back(step_on_table(*inner, each));
        in.may_leave_out = in.may_leave_out && inner->mode == route_mode::append;
        continue;
      }
      s.gives = each.type->describe(in);
      check_output(s.gives, in);
    } catch (const error& e) {
      const std::string place(e.where());
      throw error(e.kind(), e.what(),
                  "transform " + each.name + (place.empty() ? "" : ", " + place), e.remedy());
    }
    auto rows = std::make_shared<table_schema>(*s.gives.rows);
    rows->id = in.rows->id;
    rows->schema = in.rows->schema;
    rows->name = in.rows->name;
    rows->identity = in.rows->identity;
    number_columns(*rows, *in.rows, chain->steps.size());
    s.gives.rows = rows;
    chain->origins = passed_on(chain->origins, s.gives);
    in.may_leave_out = in.may_leave_out && !(s.gives.completes && told);
    const bool tells_after = told && tells(*inner, chain->origins, rows->key);
    if (told && !tells_after && in.mode == route_mode::upsert && in.may_leave_out) {
      s.asks_before = true;
      in.may_leave_out = false;
    }
    told = tells_after;
    in.rows = rows;
    chain->steps.push_back(std::move(s));
  }
  route outer = *inner;
  outer.schema = in.rows;
  outer.columns.clear();
  for (std::uint16_t i = 0; i < in.rows->columns.size(); ++i)
    outer.columns.push_back({in.rows->columns[i].name, i});
  outer.key = outer.source_key = in.rows->key;
  outer.chain = std::move(chain);
  return outer;
}

} // namespace leat
