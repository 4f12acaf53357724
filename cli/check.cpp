#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "actors/connectors.hpp"
#include "actors/examination.hpp"
#include "cli/commands.hpp"
#include "cli/own_output.hpp"

namespace leat::cli {

namespace {

constexpr int found_something = 1;

std::string line_of(const finding& p) {
  std::string text = std::string(to_string(p.level)) + ": " + p.what;
  if (!p.where.empty()) text += " (" + p.where + ")";
  if (!p.remedy.empty()) text += "\n  remedy: " + p.remedy;
  return text + "\n";
}

nlohmann::json json_of(const finding& p) {
  return {{"severity", to_string(p.level)},
          {"check", p.check},
          {"what", p.what},
          {"where", p.where},
          {"remedy", p.remedy}};
}

void print_json(const pipeline_file& file, const std::vector<finding>& problems, bool good) {
  using nlohmann::json;
  json out{{"pipeline", file.name}, {"ok", good}, {"findings", json::array()}};
  for (const auto& p : problems) out["findings"].push_back(json_of(p));
  std::puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

std::string counted(std::ptrdiff_t n, const char* one) {
  std::string text = n == 0 ? "no " : std::to_string(n) + " ";
  text += one;
  if (n != 1) text += "s";
  return text;
}

/// Notes are nothing wrong.
std::string verdict_on(const std::vector<finding>& problems) {
  const auto errors = std::ranges::count(problems, severity::error, &finding::level);
  const auto warnings = std::ranges::count(problems, severity::warning, &finding::level);
  if (errors + warnings == 0) return "nothing is wrong";
  if (warnings == 0) return counted(errors, "error");
  return counted(errors, "error") + ", " + counted(warnings, "warning");
}

void print_lines(const pipeline_file& file, const std::vector<finding>& problems) {
  for (const auto& p : problems) std::fputs(line_of(p).c_str(), stdout);
  std::printf("%s: %s\n", file.name.c_str(), verdict_on(problems).c_str());
}

std::vector<finding> examined(const pipeline_file& file) {
  const others_print_to_stderr guard;
  return examine(file);
}

} // namespace

int check(const common_options& o) {
  const auto file = load_checked_file(o.file, o.settings);
  auto problems = examined(file);
  std::ranges::stable_sort(problems, {}, &finding::level);
  const bool good =
      std::ranges::none_of(problems, [](const finding& p) { return p.level == severity::error; });
  if (o.json)
    print_json(file, problems, good);
  else
    print_lines(file, problems);
  return good ? 0 : found_something;
}

} // namespace leat::cli
