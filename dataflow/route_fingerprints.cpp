#include "dataflow/route_fingerprints.hpp"

#include <algorithm>
#include <cstdlib>

#include "dataflow/counted.hpp"
#include "dataflow/error.hpp"
#include "dataflow/expressions/time_zone.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

namespace {

/// Whether another zone of the target's tables would make other rows.
bool writes_local_times(const route& r) {
  if (!r.made_with || sql::is_utc(r.made_with->timezone)) return false;
  if (r.mode == route_mode::append) return true; // _leat_time
  for (std::size_t i = 0; i < r.columns.size(); ++i)
    if (r.source_column(i).type_name.find("with time zone") != std::string::npos) return true;
  return false;
}

/// "columns 2:id 4:note=1:n" with its items sorted: a column that was added later stands at the
/// end, and elsewhere in a plan made since.
std::string without_order(const std::string& line) {
  constexpr std::string_view head = "columns";
  if (!line.starts_with(head)) return line;
  std::vector<std::string> items;
  for (std::size_t i = head.size(); i < line.size();) {
    const std::size_t begin = i;
    do {
      const std::size_t colon = line.find(':', i);
      if (colon == std::string::npos) return line;
      i = colon + 1 + std::strtoull(line.c_str() + i + 1, nullptr, 10);
    } while (i < line.size() && line[i] == '=');
    items.push_back(line.substr(begin, i - begin));
  }
  std::sort(items.begin(), items.end());
  std::string out(head);
  for (const auto& item : items) out += item;
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

} // namespace

std::string route_fingerprint(const route& r) {
  if (r.chain) {
    auto text = route_fingerprint(*r.chain->inner);
    for (const auto& s : r.chain->steps)
      text += "transform " + counted(s.is.type->fingerprint()) + "\n";
    return text;
  }
  constexpr const char* modes[] = {"upsert", "append"};
  constexpr const char* removals[] = {"hard", "soft", "ignore"};
  std::string text = "from " + counted(r.schema->qualified_name()) + "\n";
  text += "target " + counted(r.target) + "\n";
  text += std::string("mode ") + modes[static_cast<int>(r.mode)] + "\n";
  text += std::string("delete ") + removals[static_cast<int>(r.removal)] + "\n";
  text += "columns";
  for (std::size_t i = 0; i < r.columns.size(); ++i) {
    const std::string& source = r.source_column(i).name;
    text += " " + counted(r.columns[i].name);
    if (source != r.columns[i].name) text += "=" + counted(source);
  }
  text += "\nkey";
  for (const std::uint16_t k : r.key) text += " " + counted(r.columns[k].name);
  text += "\n";
  if (writes_local_times(r)) text += "timezone " + counted(r.made_with->timezone) + "\n";
  if (!r.shape) return text;
  const auto& shape = r.shape->options;
  if (!shape.where.empty()) text += "where " + counted(shape.where) + "\n";
  for (const auto& each : shape.unless) text += "first_match " + counted(each) + "\n";
  for (const auto& c : shape.computed)
    text += "column " + counted(c.name) + "=" + counted(c.expr) + " " + counted(c.type) + "\n";
  return text;
}

bool is_fingerprint_over(const std::string& fingerprint, const std::string& table) {
  return fingerprint.starts_with("from " + counted(table) + "\n");
}

std::string compare_fingerprints(const std::string& before, const std::string& after) {
  const std::vector<std::string> old = lines_of(before);
  const std::vector<std::string> now = lines_of(after);
  std::string differences;
  for (std::size_t i = 0; i < std::max(old.size(), now.size()); ++i) {
    const std::string& line = i < now.size() ? now[i] : old[i];
    if (i < old.size() && i < now.size() && without_order(old[i]) == without_order(now[i]))
      continue;
    differences += (differences.empty() ? "" : ", ") + line.substr(0, line.find(' '));
  }
  return differences;
}

std::map<std::string, std::string> fingerprints(const std::vector<route_ptr>& routes) {
  std::map<std::string, std::string> out;
  for (const auto& r : routes) out[r->full_name()] = route_fingerprint(*r);
  return out;
}

void refuse_changed_routes(const std::map<std::string, std::string>& before,
                           const std::map<std::string, std::string>& now) {
  for (const auto& [name, fingerprint] : now) {
    const auto was = before.find(name);
    if (was == before.end()) continue;
    const auto differences = compare_fingerprints(was->second, fingerprint);
    if (differences.empty()) continue;
    throw error(
        error_kind::usage, "the route to " + name + " would now give other rows: " + differences,
        "route " + name,
        "change it back, or give the route another `to`, or `leat resnapshot` its table: then "
        "the target's table has to have the columns and the key of the route, or be dropped");
  }
}

void let_go_of_routes(checkpoint& from, const std::vector<resnapshot_request>& requests) {
  for (const auto& r : requests) {
    const auto table = from.schemas.find(r.table);
    if (table == from.schemas.end()) continue;
    const auto name = table->second->qualified_name();
    std::erase_if(from.routes,
                  [&](const auto& route) { return is_fingerprint_over(route.second, name); });
  }
}

} // namespace leat
