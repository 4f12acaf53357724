#include <cstdio>
#include <iostream>
#include <thread>

#include "actors/connectors.hpp"
#include "actors/status_server.hpp"
#include "cli/commands.hpp"
#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "state/checkpoint_store.hpp"

namespace leat::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto slot_patience = 5s;

/// What is to be removed at the source. Without a state that can be read, the file's names are all
/// there is: then the slot is taken for leat's, since a forgotten one keeps WAL for ever, and the
/// publication only under the name that leat gives.
struct belongings {
  pipeline_identity identity;
  bool state_is_readable = false;
};

belongings find_belongings(const pipeline_file& file) {
  belongings found;
  try {
    const auto store = open_state(file.state, true);
    if (const auto identity = store->identity()) {
      found.identity = *identity;
      found.state_is_readable = true;
    }
  } catch (const error& e) {
    if (std::filesystem::exists(file.state))
      std::printf("the state cannot be read, the file's names count: %s\n", e.brief().c_str());
  }
  if (!found.identity.slot.empty()) return found;
  found.identity.slot = file.source.slot;
  found.identity.publication = file.source.publication;
  found.identity.made_slot = true;
  found.identity.made_publication = file.source.publication == "leat_" + file.name;
  return found;
}

/// Held until the end, so that no `run` begins meanwhile.
std::unique_ptr<state_store> lock_state(const pipeline_file& file, const belongings& found) {
  if (ask_status(file.state, std::nullopt, status_form::lines))
    throw error(error_kind::state, "the pipeline is running", "state " + file.state.string(),
                "stop it first (SIGINT or SIGTERM)");
  return found.state_is_readable ? open_state(file.state, false) : nullptr;
}

std::string left_or_dropped(const std::string& name, bool made) {
  return name + (made ? "" : " (stays: leat did not make it)");
}

bool confirmed(const pipeline_file& file, const pipeline_identity& identity) {
  std::vector<std::string> sinks;
  for (const auto& s : file.sinks) sinks.push_back(s.name);
  std::printf("This drops slot %s, publication %s, the progress at %s and %s.\n"
              "Tables at the targets stay, with their rows.\n"
              "Type the pipeline's name to go on: ",
              left_or_dropped(identity.slot, identity.made_slot).c_str(),
              left_or_dropped(identity.publication, identity.made_publication).c_str(),
              join_names(sinks, "and").c_str(), file.state.c_str());
  std::fflush(stdout);
  std::string answer;
  if (!std::getline(std::cin, answer)) std::puts("");
  return answer == file.name;
}

/// A walsender of a process that has just ended may hold the slot for a moment.
source::dropped drop_at_source(const pipeline_file& file, const pipeline_identity& identity) {
  const auto origin = make_source(file);
  const auto deadline = std::chrono::steady_clock::now() + slot_patience;
  for (;;) {
    try {
      return origin->drop(identity);
    } catch (const error& e) {
      if (!e.transient() || std::chrono::steady_clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(200ms);
  }
}

void tell(const char* kind, const std::string& name, bool made, bool was_there) {
  const auto* outcome = !made       ? "stays: leat did not make it"
                        : was_there ? "dropped"
                                    : "was not there";
  std::printf("%s %s: %s\n", kind, name.c_str(), outcome);
}

} // namespace

int drop(const common_options& o) {
  const auto file = load_checked_file(o.file, o.settings);
  const auto found = find_belongings(file);
  const auto& identity = found.identity;
  auto lock = lock_state(file, found);
  if (!o.yes && !confirmed(file, identity))
    throw error(error_kind::usage, "nothing was dropped: the answer is not the pipeline's name",
                "leat drop", "type " + file.name + ", or give --yes");
  const auto gone = drop_at_source(file, identity);
  tell("slot", identity.slot, identity.made_slot, gone.slot);
  tell("publication", identity.publication, identity.made_publication, gone.publication);
  for (const auto& s : file.sinks) {
    make_sink(file, s)->forget();
    std::printf("progress at sink %s: gone\n", s.name.c_str());
  }
  lock.reset();
  tell("state", file.state, true, std::filesystem::remove_all(file.state) != 0);
  std::puts("Tables at the targets stay: empty them before the pipeline is run again.");
  return 0;
}

} // namespace leat::cli
