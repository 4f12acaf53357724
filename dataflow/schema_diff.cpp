#include "dataflow/schema_diff.hpp"

#include <algorithm>
#include <array>

namespace leat {

namespace {

// pg_type.oid of types that PostgreSQL itself defines.
enum type_id : oid {
  int8_type = 20,
  int2_type = 21,
  int4_type = 23,
  text_type = 25,
  float4_type = 700,
  float8_type = 701,
  varchar_type = 1043,
  time_type = 1083,
  timestamp_type = 1114,
  timestamptz_type = 1184,
  timetz_type = 1266,
  varbit_type = 1562,
  numeric_type = 1700,
};

constexpr std::int32_t no_modifier = -1;

int integer_rank(oid type) {
  return type == int2_type ? 1 : type == int4_type ? 2 : type == int8_type ? 3 : 0;
}

/// numeric's modifier is (precision << 16 | scale) + 4.
std::int32_t precision(std::int32_t modifier) { return ((modifier - 4) >> 16) & 0xffff; }
std::int32_t scale(std::int32_t modifier) { return (modifier - 4) & 0x7ff; }

/// Another modifier of the same type.
type_change compare_modifiers(oid type, std::int32_t before, std::int32_t after) {
  constexpr std::array longer_is_wider = {varchar_type, varbit_type,    time_type,
                                          timetz_type,  timestamp_type, timestamptz_type};
  if (type == numeric_type) {
    if (after == no_modifier) return type_change::widened;
    if (before == no_modifier) return type_change::other;
    const bool wider = scale(after) == scale(before) && precision(after) >= precision(before);
    return wider ? type_change::widened : type_change::other;
  }
  if (std::find(longer_is_wider.begin(), longer_is_wider.end(), type) == longer_is_wider.end())
    return type_change::other;
  const bool wider = after == no_modifier || (before != no_modifier && after >= before);
  return wider ? type_change::widened : type_change::other;
}

/// Finds which column became which. `place` of the result is filled step by step.
class matcher {
 public:
  matcher(const table_schema& before, const table_schema& after, const still_there& kept)
      : before_(before), after_(after), kept_(kept), place_(before.columns.size()),
        taken_(after.columns.size()) {}

  std::vector<std::optional<std::uint16_t>> match() {
    match_numbers();
    match_names();
    match_order();
    return std::move(place_);
  }

 private:
  using indexes = std::vector<std::size_t>;

  bool may_be_same(std::size_t b, std::size_t a) const {
    return before_.columns[b].number == 0 || after_.columns[a].number == 0;
  }
  bool same_type(std::size_t b, std::size_t a) const {
    return before_.columns[b].type == after_.columns[a].type
           && before_.columns[b].modifier == after_.columns[a].modifier;
  }
  void pair(std::size_t b, std::size_t a) {
    place_[b] = static_cast<std::uint16_t>(a);
    taken_[a] = true;
  }

  template <class Same>
  void match_where(Same same) {
    for (std::size_t b = 0; b < place_.size(); ++b)
      for (std::size_t a = 0; a < taken_.size() && !place_[b]; ++a)
        if (!taken_[a] && same(b, a)) pair(b, a);
  }
  void match_numbers() {
    match_where([this](std::size_t b, std::size_t a) {
      return before_.columns[b].number != 0
             && before_.columns[b].number == after_.columns[a].number;
    });
  }
  void match_names() {
    match_where([this](std::size_t b, std::size_t a) {
      return may_be_same(b, a) && before_.columns[b].name == after_.columns[a].name;
    });
  }

  /// Goes through the runs of unmatched columns between matched ones.
  void match_order() {
    std::size_t a = 0;
    indexes olds;
    indexes news;
    for (std::size_t b = 0; b < place_.size(); ++b) {
      if (!place_[b]) {
        olds.push_back(b);
        continue;
      }
      if (*place_[b] < a) return; // reordered, by a column list: order tells nothing
      for (; a < *place_[b]; ++a)
        if (!taken_[a]) news.push_back(a);
      a = std::size_t{*place_[b]} + 1;
      match_inner_run(olds, news);
      olds.clear();
      news.clear();
    }
    for (; a < taken_.size(); ++a)
      if (!taken_[a]) news.push_back(a);
    match_last_run(olds, news);
  }

  /// Nothing is ever added before a column that was there, so each new name was an old one; with
  /// fewer new names than old ones, types and the catalog tell which were dropped.
  void match_inner_run(indexes olds, const indexes& news) {
    if (news.size() < olds.size() && kept_) {
      indexes still;
      for (const std::size_t b : olds)
        if (kept_(before_.columns[b])) still.push_back(b);
      if (still.size() >= news.size()) olds = std::move(still);
    }
    std::size_t from = 0;
    for (std::size_t n = 0; n < news.size() && from < olds.size(); ++n) {
      // Leaves as many old columns as there are new ones to come.
      const std::size_t rest = news.size() - n - 1;
      const std::size_t last = olds.size() > from + rest ? olds.size() - rest : from + 1;
      std::size_t chosen = from;
      while (chosen < last && !same_type(olds[chosen], news[n])) ++chosen;
      if (chosen == last) chosen = from;
      if (may_be_same(olds[chosen], news[n])) pair(olds[chosen], news[n]);
      from = chosen + 1;
    }
  }

  void match_last_run(const indexes& olds, const indexes& news) {
    if (!kept_) return;
    std::size_t n = 0;
    for (const std::size_t b : olds) {
      if (!kept_(before_.columns[b])) continue;
      std::size_t found = n;
      while (found < news.size() && !(same_type(b, news[found]) && may_be_same(b, news[found])))
        ++found;
      if (found == news.size()) continue;
      pair(b, news[found]);
      n = found + 1;
    }
  }

  const table_schema& before_;
  const table_schema& after_;
  const still_there& kept_;
  std::vector<std::optional<std::uint16_t>> place_;
  std::vector<bool> taken_;
};

void append_names(std::string& text, const std::string& verb, const table_schema& table,
                  const std::vector<std::uint16_t>& columns) {
  if (columns.empty()) return;
  if (!text.empty()) text += "; ";
  text += verb;
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += (i == 0 ? " " : ", ") + table.columns[columns[i]].name;
}

} // namespace

type_change compare_types(const column& before, const column& after) {
  if (before.type == after.type) {
    if (before.modifier == after.modifier) return type_change::none;
    return compare_modifiers(before.type, before.modifier, after.modifier);
  }
  const int rank = integer_rank(before.type);
  if (rank > 0 && integer_rank(after.type) > rank) return type_change::widened;
  if (rank > 0 && after.type == numeric_type && after.modifier == no_modifier)
    return type_change::widened;
  if (before.type == varchar_type && after.type == text_type) return type_change::widened;
  if (before.type == text_type && after.type == varchar_type && after.modifier == no_modifier)
    return type_change::widened;
  if (before.type == float4_type && after.type == float8_type) return type_change::reprinted;
  return type_change::other;
}

schema_diff diff_schemas(const table_schema& before, const table_schema& after,
                         const still_there& kept) {
  schema_diff diff;
  diff.table_renamed = before.schema != after.schema || before.name != after.name;
  diff.place = matcher(before, after, kept).match();
  std::vector<bool> old(after.columns.size());
  for (std::uint16_t b = 0; b < diff.place.size(); ++b) {
    if (!diff.place[b]) {
      diff.dropped.push_back(b);
      continue;
    }
    const std::uint16_t a = *diff.place[b];
    old[a] = true;
    if (before.columns[b].name != after.columns[a].name) diff.renamed.push_back({b, a});
    const type_change change = compare_types(before.columns[b], after.columns[a]);
    if (change != type_change::none) diff.types.push_back({{b, a}, change});
  }
  for (std::uint16_t a = 0; a < old.size(); ++a)
    if (!old[a]) diff.added.push_back(a);
  return diff;
}

bool shows_other_values(const schema_diff& diff, const table_schema& after, std::uint16_t column) {
  if (after.columns[column].filled
      && std::find(diff.added.begin(), diff.added.end(), column) != diff.added.end())
    return true;
  return std::any_of(diff.types.begin(), diff.types.end(), [&](const schema_diff::retyped& t) {
    return t.at.after == column && t.change != type_change::widened;
  });
}

std::string describe(const schema_diff& diff, const table_schema& before,
                     const table_schema& after) {
  std::string text;
  if (diff.table_renamed)
    text = "renamed " + before.qualified_name() + " to " + after.qualified_name();
  append_names(text, "added", after, diff.added);
  append_names(text, "dropped", before, diff.dropped);
  for (const schema_diff::pair& pair : diff.renamed)
    text += (text.empty() ? "renamed " : "; renamed ") + before.columns[pair.before].name + " to "
            + after.columns[pair.after].name;
  for (const schema_diff::retyped& type : diff.types)
    text += (text.empty() ? "" : "; ") + after.columns[type.at.after].name + " is "
            + after.columns[type.at.after].type_name + " now, was "
            + before.columns[type.at.before].type_name;
  return text;
}

} // namespace leat
