#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>

#include "cli/commands.hpp"
#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/options.hpp"

namespace {

using leat::cli::common_options;

constexpr int usage = static_cast<int>(leat::error_kind::usage);
constexpr int incomplete = 1;
constexpr std::array later_commands{"pause", "resume", "add-table", "verify", "import"};

/// The command line, declared; what was parsed is in `options`.
struct command_line {
  CLI::App app{"leat carries changes out of PostgreSQL into other databases, exactly once", "leat"};
  common_options options;
  std::vector<std::string> topic; ///< of help
  std::vector<std::pair<CLI::App*, int (*)(const common_options&)>> commands;
  CLI::Option* until = nullptr;
  CLI::App* help = nullptr;
  CLI::App* version = nullptr;

  command_line() {
    app.require_subcommand(1);
    app.set_help_flag("-h,--help", "prints this");
    app.set_version_flag("--version", "leat " LEAT_VERSION, "the same as the command version");
    with_json(add("check",
                  "what is wrong with file, source, sinks and types, and what fixes each; "
                  "changes nothing",
                  leat::cli::check));
    with_json(add("plan",
                  "tables, routes, targets with their DDL, types that lose something, "
                  "actors; changes nothing",
                  leat::cli::plan));
    until = add("run", "snapshots and streams until SIGINT or SIGTERM", leat::cli::run)
                ->add_option("--until", options.until,
                             "ends when this is committed at every target: caught-up, or an LSN");
    with_json(add("status",
                  "what a running pipeline is doing or, when none runs, what its state says",
                  leat::cli::status))
        ->add_flag("--watch", options.watch, "again every second, until interrupted");
    add("resnapshot",
        "reads tables again under the stream; those of a stopped pipeline at its next run",
        leat::cli::resnapshot)
        ->add_option("TABLE", options.tables, "schema.table")
        ->required();
    add("drop", "removes slot, publication, progress at the targets and state; tables stay",
        leat::cli::drop)
        ->add_flag("--yes", options.yes, "does not ask");
    help = app.add_subcommand("help", "explains a command, or keys of the pipeline file");
    help->add_option("TOPIC", topic, "COMMAND, or config [KEY]");
    version = app.add_subcommand("version", "prints the version");
  }

 private:
  CLI::App* add(const std::string& name, const std::string& text,
                int (*execute)(const common_options&)) {
    auto* command = app.add_subcommand(name, text);
    command->add_option("FILE", options.file, "the pipeline file")->required();
    command
        ->add_option("--set", options.settings,
                     "puts a value over the file's: section.key=value; may be repeated")
        ->allow_extra_args(false);
    commands.emplace_back(command, execute);
    return command;
  }
  CLI::App* with_json(CLI::App* command) {
    command->add_flag("--json", options.json, "as JSON");
    return command;
  }
};

int misused(const std::string& what, const std::string& remedy) {
  leat::cli::print_error(what, "command line", remedy);
  return usage;
}

int no_such_command(const CLI::App& app, const std::string& name) {
  if (std::ranges::find(later_commands, name) != later_commands.end())
    return misused("`" + name + "` is not available in this version", "see `leat help`");
  std::vector<std::string> known;
  for (const auto* c : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(c->get_name());
  const auto near = leat::nearest_names(name, known);
  return misused("there is no command `" + name + "`",
                 near.empty() ? "see `leat help`" : "did you mean `" + near.front() + "`?");
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands([&](const CLI::App* c) { return c->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

/// Of the first word that looks like an option and is none of the command's.
std::optional<int> unknown_option(const CLI::App& command, int argc, char** argv) {
  std::vector<std::string> known;
  for (const auto* o : command.get_options())
    for (const auto& name : o->get_lnames()) known.push_back("--" + name);
  for (int i = 2; i < argc; ++i) {
    const std::string word(argv[i], std::strcspn(argv[i], "="));
    if (!word.starts_with("--") || std::ranges::find(known, word) != known.end()) continue;
    const auto near = leat::nearest_names(word, known);
    return misused("`" + command.get_name() + "` has no option " + word,
                   near.empty() ? "see `leat help " + command.get_name() + "`"
                                : "did you mean " + near.front() + "?");
  }
  return std::nullopt;
}

int print_help(const command_line& line) {
  const auto& topic = line.topic;
  if (topic.empty()) {
    std::cout << command_line().app.help(); // one that has parsed `help` would print that one's
    return 0;
  }
  if (topic[0] == "config") {
    if (topic.size() > 2) return misused("`help config` takes one key", "leat help config KEY");
    std::cout << leat::config_help(topic.size() == 2 ? topic[1] : "");
    return 0;
  }
  const auto* command = find_command(line.app, topic[0]);
  if (command == nullptr) return no_such_command(line.app, topic[0]);
  std::cout << command->help("leat");
  return 0;
}

int dispatch(int argc, char** argv) {
  command_line line;
  if (argc > 1 && argv[1][0] != '-' && find_command(line.app, argv[1]) == nullptr)
    return no_such_command(line.app, argv[1]);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::Success& e) { // help or version
    return line.app.exit(e);
  } catch (const CLI::ParseError& e) {
    const auto* command = argc > 1 ? find_command(line.app, argv[1]) : nullptr;
    if (command == nullptr) return misused(e.what(), "see `leat help`");
    if (const auto wrong = unknown_option(*command, argc, argv)) return *wrong;
    return misused(e.what(), "see `leat help " + command->get_name() + "`");
  }
  if (line.until->count() > 0 && line.options.until.empty())
    return misused("--until names no position", "write caught-up, or an LSN like 16/B374D848");
  for (const auto& [command, execute] : line.commands)
    if (*command) return execute(line.options);
  if (*line.help) return print_help(line);
  std::puts("leat " LEAT_VERSION);
  return 0;
}

/// Like `head`, which has what it wanted.
bool reader_has_gone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/// The exit code, once what was printed has gone where it was to go.
int written_out(int code) {
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (code != 0 || written || reader_has_gone()) return code;
  leat::cli::print_error("the output could not be written", "standard output",
                         "make room where it goes");
  return incomplete;
}

constexpr const char* general_remedy = "correct what the message names, then run the command again";

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return written_out(dispatch(argc, argv));
  } catch (const leat::error& e) {
    leat::cli::print_error(e.what(), e.where(), e.remedy().empty() ? general_remedy : e.remedy());
    return static_cast<int>(e.kind());
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) return written_out(0); // {fmt} throws then
    leat::cli::print_error(e.what(), "an unexpected exception", "report this");
    return static_cast<int>(leat::error_kind::bug);
  }
}
