// A program that has an actor system of its own and runs leat pipelines in it. It includes nothing
// of leat but this.
#include <leat/engine.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

bool status_says(const leat::engine& e, const std::string& text) {
  for (int i = 0; i < 600; ++i) {
    if (e.status().find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(50ms);
  }
  std::cerr << "the status never said " << text << ":\n" << e.status() << "\n";
  return false;
}

bool ended_well(leat::engine& e) {
  const auto outcome = e.wait_for(30s);
  if (outcome && outcome->exit_code == 0) return true;
  std::cerr << (outcome ? outcome->what + " (" + outcome->where + ")" : "no end in time") << "\n";
  return false;
}

leat::engine_options options(const char* file) {
  leat::engine_options o;
  o.file = file;
  o.log = [](leat::engine_options::level, std::string_view text) { std::cerr << text << "\n"; };
  return o;
}

/// Two at once: one ends by itself, one is told to.
bool run_two(caf::actor_system& system, const char* first_file, const char* second_file) {
  auto caught_up = options(first_file);
  caught_up.until = "caught-up";
  leat::engine first(system, caught_up);
  leat::engine second(system, options(second_file));
  first.start();
  second.start();
  if (!ended_well(first) || !status_says(second, "\"consistent\": true")) return false;
  second.stop();
  return ended_well(second);
}

/// The destructor ends a pipeline that runs; nothing is lost.
bool drop_running(caf::actor_system& system, const char* file) {
  leat::engine e(system, options(file));
  e.start();
  return status_says(e, "\"running\"");
}

bool refuse_missing_file(caf::actor_system& system) {
  leat::engine e(system, options("/nonexistent.toml"));
  e.start();
  const auto outcome = e.wait();
  return outcome.exit_code == 2 && !outcome.what.empty();
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: embedding_host FILE FILE\n";
    return 2;
  }
  caf::actor_system_config config;
  caf::actor_system system(config);
  const bool well = run_two(system, argv[1], argv[2]) && drop_running(system, argv[1])
                    && run_two(system, argv[1], argv[2]) && refuse_missing_file(system);
  return well ? 0 : 1;
}
