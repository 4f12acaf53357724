#include "plugins/sqlite/check.hpp"

#include <unistd.h>

#include "dataflow/taken_table.hpp"
#include "plugins/sqlite/database.hpp"
#include "plugins/sqlite/progress.hpp"
#include "plugins/sqlite/table.hpp"

namespace leat::sqlite {

namespace {

namespace fs = std::filesystem;

constexpr const char* writable_remedy =
    "give the user that runs leat the right to write the file and its directory";

bool writable(const fs::path& path) { return ::access(path.c_str(), W_OK) == 0; }

/// SQLite writes its WAL beside the file.
std::vector<error> check_directory(const fs::path& file) {
  const fs::path directory = file.has_parent_path() ? file.parent_path() : ".";
  std::error_code failed;
  if (!fs::is_directory(directory, failed))
    return {error(error_kind::sink, "the directory " + directory.string() + " does not exist",
                  file.string(), "make the directory, or name another file in `path`")};
  if (!writable(directory))
    return {error(error_kind::sink, "the directory " + directory.string() + " may not be written",
                  file.string(), writable_remedy)};
  return {};
}

bool owned(const database& db, const std::string& pipeline, const std::string& target) {
  if (!table_exists(db, "leat_progress_table")) return false;
  return owns_some_of(db, pipeline, target);
}

void check_table(const database& db, const std::string& pipeline, const route& r,
                 std::vector<error>& problems) {
  if (!table_exists(db, r.target)) return;
  if (auto unfit = misfit(db, r))
    problems.push_back(std::move(*unfit));
  else if (owned(db, pipeline, r.target))
    return;
  else if (const auto other = other_owner(db, pipeline, r.target))
    problems.push_back(taken_table(place_of(db, r), *other));
  else if (has_rows(db, r.target))
    problems.emplace_back(
        error_kind::sink,
        "table \"" + r.target + "\" holds rows that this pipeline has not written", place_of(db, r),
        "empty or drop the table, or send the route to another one with `to`");
}

} // namespace

std::vector<error> check_target(const fs::path& file, const std::string& pipeline,
                                const std::vector<route_ptr>& routes) {
  auto problems = check_directory(file);
  std::error_code failed;
  if (!problems.empty() || !fs::exists(file, failed)) return problems;
  if (!writable(file))
    problems.emplace_back(error_kind::sink, "the file may not be written", file.string(),
                          writable_remedy);
  try {
    const auto db = database::look(file);
    for (const auto& r : routes) check_table(db, pipeline, *r, problems);
  } catch (const error& e) {
    problems.push_back(e);
  }
  return problems;
}

} // namespace leat::sqlite
