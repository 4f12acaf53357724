#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace leat::cli {

/// Options that several commands share.
struct common_options {
  std::filesystem::path file;
  std::vector<std::string> settings;
  std::vector<std::string> tables;
  bool json = false;
  bool watch = false;
  bool yes = false;
  std::string until;
};

// Each gives the exit code; what ends a command is thrown as leat::error.
int check(const common_options&);
int plan(const common_options&);
int run(const common_options&);
int status(const common_options&);
int resnapshot(const common_options&);
int drop(const common_options&);

/// `leat: error: <what> (<where>)` and the remedy, on stderr.
void print_error(const std::string& what, const std::string& where, const std::string& remedy);

} // namespace leat::cli
