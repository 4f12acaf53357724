#include <algorithm>

#include "dataflow/expressions/casts.hpp"
#include "dataflow/expressions/row_tests.hpp"

namespace leat::sql {

namespace {

/// AT TIME ZONE: its zone is an argument.
bool names_its_zone(const node& n) {
  const auto is_moment = [](type_id id) {
    return id == type_id::timestamp || id == type_id::timestamptz;
  };
  return n.arguments.size() == 2 && is_moment(n.type.id) && is_moment(n.arguments[1]->type.id)
         && n.type.id != n.arguments[1]->type.id;
}

/// Comparisons, differences.
bool is_among_zoned(const node& n) {
  const bool one_kind = std::all_of(n.arguments.begin(), n.arguments.end(), [](const auto& a) {
    return a->type.id == type_id::timestamptz;
  });
  return one_kind && (n.arguments.size() > 1 || n.type.id == type_id::boolean);
}

/// to_timestamp()
bool counts_seconds(const node& n) {
  return n.arguments.size() == 1 && n.arguments[0]->type.id == type_id::float8;
}

/// Casts between texts and what settings of the session have a say in.
bool is_spelled(const node& n) {
  if (n.arguments.size() != 1) return false;
  const auto &from = n.arguments[0]->type, &to = n.type;
  const auto follows_settings = [](const sql_type& t) {
    return t.array || t.id == type_id::date || t.id == type_id::timestamp
           || t.id == type_id::interval;
  };
  const auto text = [](const sql_type& t) { return is_text(t.id) && !t.array; };
  return (text(to) && follows_settings(from))
         || (text(from) && (follows_settings(to) || to.id == type_id::time_of_day));
}

bool depends_on_zone(const node& n) {
  if (names_its_zone(n) || is_among_zoned(n) || counts_seconds(n)) return false;
  const auto zoned = [](const sql_type& t) { return t.id == type_id::timestamptz; };
  return zoned(n.type) || std::any_of(n.arguments.begin(), n.arguments.end(), [&](const auto& a) {
           return zoned(a->type);
         });
}

/// To PostgreSQL such a call is not immutable: it is computed for the rows that reach it only.
bool is_late(const node& n) { return is_spelled(n) || depends_on_zone(n); }

/// The constant that a call is; the call itself, when it is none.
node_ptr folded(node_ptr& n) {
  const auto& args = n->arguments;
  const bool by_bytes = n->by_bytes;
  node_ptr out;
  if (n->strict && std::any_of(args.begin(), args.end(), [](const auto& a) {
        return a->is_null_constant();
      })) {
    out = make_constant(n->type, {}, n->place);
  } else if (!is_late(*n) && std::all_of(args.begin(), args.end(), [](const auto& a) {
               return a->is_constant();
             })) {
    out = make_constant(n->type, computed(*n), n->place);
  }
  if (!out) return std::move(n);
  out->by_bytes = by_bytes;
  return out;
}

/// AND (`decisive` false) and OR (true).
node_ptr simplified_logic(node_ptr n, bool decisive) {
  std::vector<node_ptr> kept;
  bool null = false;
  for (auto& a : n->arguments) {
    a = simplified(std::move(a));
    if (!a->is_constant()) {
      kept.push_back(std::move(a));
    } else if (a->value.null) {
      null = true;
    } else if (a->value.truth() == decisive) {
      return std::move(a);
    }
  }
  datum rest;
  if (!null) rest.set(decisive ? 0 : 1);
  if (null || kept.empty()) kept.push_back(make_constant(n->type, rest, n->place));
  if (kept.size() == 1) return std::move(kept.front());
  n->arguments = std::move(kept);
  return n;
}

node_ptr simplified_choice(node_ptr n) {
  std::vector<node_ptr> kept;
  std::size_t i = 0;
  for (; i + 1 < n->arguments.size(); i += 2) {
    auto condition = simplified(std::move(n->arguments[i]));
    if (condition->is_constant() && (condition->value.null || !condition->value.truth())) continue;
    const bool always = condition->is_constant();
    if (!always) kept.push_back(std::move(condition));
    kept.push_back(simplified(std::move(n->arguments[i + 1])));
    if (always) break;
  }
  if (i + 1 >= n->arguments.size()) kept.push_back(simplified(std::move(n->arguments[i])));
  if (kept.size() == 1) {
    kept.front()->type = n->type;
    return std::move(kept.front());
  }
  n->arguments = std::move(kept);
  return n;
}

node_ptr simplified_first_known(node_ptr n) {
  std::vector<node_ptr> kept;
  for (auto& a : n->arguments) {
    a = simplified(std::move(a));
    if (a->is_null_constant()) continue;
    const bool last = a->is_constant();
    kept.push_back(std::move(a));
    if (last) break;
  }
  if (kept.empty()) return make_constant(n->type, {}, n->place);
  if (kept.size() == 1) {
    kept.front()->type = n->type;
    return std::move(kept.front());
  }
  n->arguments = std::move(kept);
  return n;
}

} // namespace

datum computed(const node& n) {
  if (n.is_constant()) return n.value;
  std::vector<datum> values;
  for (const auto& a : n.arguments) values.push_back(computed(*a));
  std::vector<const datum*> arguments;
  for (const auto& v : values) arguments.push_back(&v);
  datum out;
  const bool known =
      std::none_of(values.begin(), values.end(), [](const auto& v) { return v.null; });
  if (known || !n.strict) n.run(out, arguments.data(), info_of(n));
  // What it points into goes away.
  if (!out.null && !out.text.empty() && out.text.data() != out.own.data())
    out.set_own(std::string(out.text));
  return out;
}

node_ptr simplified(node_ptr n) {
  switch (n->kind) {
  case node_kind::constant:
  case node_kind::column:
  case node_kind::metadata:
    return n;
  case node_kind::all_of:
    return simplified_logic(std::move(n), false);
  case node_kind::any_of:
    return simplified_logic(std::move(n), true);
  case node_kind::choice:
    return simplified_choice(std::move(n));
  case node_kind::first_known:
    return simplified_first_known(std::move(n));
  case node_kind::call:
    break;
  }
  for (auto& a : n->arguments) a = simplified(std::move(a));
  if (n->run == null_if) {
    // NULL is equal to nothing.
    if (n->arguments[0]->is_null_constant()) return make_constant(n->type, {}, n->place);
  }
  try {
    return folded(n);
  } catch (const constant_error&) {
    throw;
  } catch (const evaluation_error& e) {
    throw constant_error(e, n->place);
  }
}

} // namespace leat::sql
