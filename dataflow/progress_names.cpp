#include "dataflow/progress_names.hpp"

#include <algorithm>

#include "dataflow/route_fingerprints.hpp"

namespace leat {

namespace {

constexpr std::string_view record_separator = " <- ";

} // namespace

void keep_progress_names(std::vector<route_ptr>& routes,
                         const std::map<std::string, std::string>& known) {
  for (auto& r : routes) {
    const auto plain = r->sink + "/" + r->target;
    const auto long_name = record_of(r->target, r->source()->qualified_name());
    auto record = r->record;
    const auto before = known.find(plain);
    const bool was_plain =
        before != known.end() && is_fingerprint_over(before->second, r->source()->qualified_name());
    if (was_plain)
      record.clear();
    else if (known.contains(r->sink + "/" + long_name))
      record = long_name;
    if (record == r->record) continue;
    auto renamed = std::make_shared<route>(*r);
    renamed->record = std::move(record);
    r = std::move(renamed);
  }
}

std::vector<std::string> targets_of_sinks(const std::vector<std::string>& sinks,
                                          const std::vector<route_ptr>& routes, oid table) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  for (const auto& entry : sinks) {
    if (entry.find('/') != std::string::npos) {
      add(entry);
      continue;
    }
    for (const auto& r : routes)
      if (r->sink == entry && r->schema->id == table) add(r->full_name());
  }
  return out;
}

std::string record_prefix(std::string_view target) {
  return std::string(target) + std::string(record_separator);
}

std::string record_of(std::string_view target, std::string_view table) {
  return record_prefix(target) + std::string(table);
}

bool is_record_of(std::string_view record, std::string_view target) {
  return record == target || record.starts_with(record_prefix(target));
}

std::string_view target_of_record(std::string_view record) {
  return record.substr(0, record.find(record_separator));
}

} // namespace leat
