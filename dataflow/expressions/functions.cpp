#include "dataflow/expressions/functions.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace leat::sql {

namespace {

constexpr std::pair<std::string_view, std::string_view> refusals[] = {
    {"now", "it is stable, not immutable: a row that comes again would get another value; "
            "leat.commit_time is the time of the change"},
    {"clock_timestamp", "it is volatile; leat.commit_time is the time of the change"},
    {"statement_timestamp", "it is stable; leat.commit_time is the time of the change"},
    {"transaction_timestamp", "it is stable; leat.commit_time is the time of the change"},
    {"timeofday", "it is volatile; leat.commit_time is the time of the change"},
    {"random", "it is volatile: a row that comes again must get the same value"},
    {"gen_random_uuid", "it is volatile: a row that comes again must get the same value"},
    {"uuid_generate_v4", "it is volatile: a row that comes again must get the same value"},
    {"nextval", "it is volatile: a row that comes again must get the same value"},
    {"currval", "it is volatile"},
    {"txid_current", "it is volatile; leat.xid is the transaction of the change"},
    {"pg_current_xact_id", "it is volatile; leat.xid is the transaction of the change"},
    {"age", "with one argument it is stable; subtract the timestamps"},
    {"current_setting", "it is stable: settings of a session are not part of the row"},
    {"count", "it is an aggregate, and an expression sees one row"},
    {"sum", "it is an aggregate, and an expression sees one row"},
    {"avg", "it is an aggregate, and an expression sees one row"},
    {"min",
     "it is an aggregate, and an expression sees one row; LEAST takes the least of several values"},
    {"max", "it is an aggregate, and an expression sees one row; GREATEST takes the greatest of "
            "several values"},
    {"array_agg", "it is an aggregate, and an expression sees one row"},
    {"string_agg", "it is an aggregate, and an expression sees one row"},
    {"json_agg", "it is an aggregate, and an expression sees one row"},
    {"jsonb_agg", "it is an aggregate, and an expression sees one row"},
    {"row_number", "it is a window function, and an expression sees one row"},
    {"lag", "it is a window function, and an expression sees one row"},
    {"lead", "it is a window function, and an expression sees one row"},
    {"unnest", "it gives several rows"},
    {"generate_series", "it gives several rows"},
    {"regexp_matches", "it gives several rows"},
};

std::vector<function> collect() {
  std::vector<function> out;
  for (auto* part : {number_functions, text_functions, pattern_functions, time_functions,
                     clock_functions, json_functions, array_functions}) {
    auto more = part();
    std::move(more.begin(), more.end(), std::back_inserter(out));
  }
  return out;
}

std::string shown(const sql_type& t) {
  if (t == any_type) return "any";
  if (t == any_array) return "any array";
  return name_of(t);
}

bool is_operator(std::string_view name) { return (name[0] < 'a' || name[0] > 'z'); }

std::string written(const function& f) {
  std::vector<std::string> types;
  for (const auto& p : f.parameters) types.push_back(shown(p));
  std::string name(f.name);
  for (std::size_t at = 0; (at = name.find('|', at)) != std::string::npos; at += 2)
    name.insert(at, "\\");
  if (is_operator(f.name))
    return types.size() == 1 ? name + " " + types[0] : types[0] + " " + name + " " + types[1];
  std::string out = name + "(";
  for (std::size_t i = 0; i < types.size(); ++i) out += (i == 0 ? "" : ", ") + types[i];
  return out + (f.variadic ? ", ...)" : ")");
}

} // namespace

const std::vector<function>& functions() {
  static const auto all = collect();
  return all;
}

std::string_view refusal_of(std::string_view name) {
  for (const auto& [refused, why] : refusals)
    if (refused == name) return why;
  return {};
}

std::string function_reference() {
  std::string out = "| name | forms | result |\n|---|---|---|\n";
  std::vector<std::string> order;
  std::map<std::string, std::vector<const function*>> forms;
  for (const auto& f : functions()) {
    const std::string name(f.name);
    if (!forms.contains(name)) order.push_back(name);
    forms[name].push_back(&f);
  }
  for (const auto& name : order) {
    std::string calls, results;
    std::vector<std::string> seen;
    for (const auto* f : forms[name]) {
      calls += (calls.empty() ? "" : "<br>") + written(*f);
      seen.push_back(shown(f->result));
    }
    for (const auto& r : seen) results += (results.empty() ? "" : "<br>") + r;
    std::string escaped = name;
    for (std::size_t at = 0; (at = escaped.find('|', at)) != std::string::npos; at += 2)
      escaped.insert(at, "\\");
    out += "| `" + escaped + "` | " + calls + " | " + results + " |\n";
  }
  return out;
}

} // namespace leat::sql
