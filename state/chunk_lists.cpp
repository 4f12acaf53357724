#include "state/chunk_lists.hpp"

#include "dataflow/error.hpp"
#include "state/digest.hpp"

namespace leat {

namespace {

// Beyond it a checkpoint would name more lists than is worth it, and all pending chunks make a new
// one.
constexpr std::size_t most_lists = 32;

bool continues(const chunk_run& run, std::uint64_t number, std::uint64_t index) {
  return run.number + run.count == number && run.index + run.count == index;
}

} // namespace

std::vector<chunk_reference> chunk_lists::refer(const std::vector<chunk_bounds>& pending) {
  std::vector<chunk_bounds> unknown;
  for (const auto& c : pending)
    if (!places_.contains({c.lower, c.upper})) unknown.push_back(c);
  if (!unknown.empty() && contents_.size() >= most_lists) {
    contents_.clear();
    places_.clear();
    unknown = pending;
  }
  if (!unknown.empty()) add(unknown);

  std::map<std::string, std::vector<chunk_run>> by_list;
  for (const auto& c : pending) {
    const auto& [list, index] = places_.at({c.lower, c.upper});
    auto& runs = by_list[list];
    if (!runs.empty() && continues(runs.back(), c.number, index))
      ++runs.back().count;
    else
      runs.push_back({c.number, index, 1});
  }
  std::vector<chunk_reference> references;
  for (auto& [list, runs] : by_list) references.push_back({list, std::move(runs)});
  return references;
}

void chunk_lists::add(const std::vector<chunk_bounds>& chunks) {
  auto content = encode(chunks);
  const auto list = prefix_ + digest(content);
  contents_.emplace(list, std::move(content));
  for (std::uint64_t i = 0; i < chunks.size(); ++i)
    places_.insert_or_assign({chunks[i].lower, chunks[i].upper}, place{list, i});
}

std::vector<chunk_bounds> chosen(const std::vector<chunk_bounds>& list,
                                 const chunk_reference& reference) {
  std::vector<chunk_bounds> chunks;
  for (const auto& run : reference.runs) {
    if (run.index > list.size() || run.count > list.size() - run.index)
      throw error(error_kind::state, "the state is damaged: " + reference.list + " is too short",
                  "", "restore the state directory from a copy, or remove it with `leat drop`");
    for (std::uint64_t i = 0; i < run.count; ++i) {
      auto& c = chunks.emplace_back(list[run.index + i]);
      c.number = run.number + i;
    }
  }
  return chunks;
}

} // namespace leat
