#include "dataflow/lost_tables.hpp"

#include <algorithm>

namespace leat {

namespace {

error lost(std::string where, const std::string& sources) {
  std::string remedy = "run `leat resnapshot";
  remedy += sources;
  remedy += "`: it is made and filled anew";
  return {error_kind::sink, "the target table was dropped, and its rows with it", std::move(where),
          std::move(remedy)};
}

} // namespace

void lost_tables::add(const route& r) {
  tables_[r.target].try_emplace(r.source()->qualified_name(), false);
}

void lost_tables::note_begun(const route& r) {
  const auto table = tables_.find(r.target);
  if (table != tables_.end()) table->second[r.source()->qualified_name()] = true;
}

void lost_tables::check_whole(const route& r, const std::string& where) const {
  const auto& sources = tables_.at(r.target);
  if (std::ranges::all_of(sources, [](const auto& s) { return s.second; })) return;
  std::string names;
  for (const auto& [source, begun] : sources) names += " " + source;
  throw lost(where, names);
}

error lost_table(const route& r, std::string where) {
  return lost(std::move(where), " " + r.source()->qualified_name());
}

} // namespace leat
