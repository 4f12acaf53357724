#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace leat::test {

/// The StarRocks double in a process of its own (tests/starrocks_double/README.md). Its state
/// survives kill(). One thread at a time, but for order(), ask() and the addresses.
class starrocks_double {
 public:
  using json = nlohmann::json;

  /// Starts it over `state`, a directory; throws std::runtime_error unless it is ready within 60 s.
  explicit starrocks_double(std::filesystem::path state);

  /// The same ports as before.
  void start();
  /// SIGKILL.
  void kill();
  bool running() { return process_ && process_->running(); }

  /// Of the FEs: HTTP and MySQL ports, leader at the first start and follower.
  std::vector<std::string> http() const { return {address("fe"), address("fe2")}; }
  std::vector<std::string> mysql() const { return {address("mysql"), address("mysql2")}; }

  /// A call of the control port that gives an order; throws std::runtime_error when it is refused,
  /// or not answered.
  json order(const std::string& path, const json&) const;
  json ask(const std::string& path) const;
  void remove(const std::string& path) const;

  /// What it wrote to stderr: mistakes of its own.
  std::string complaints() const { return read_file(state_ / "stderr.log"); }

 private:
  std::string address(const char* name) const;

  std::filesystem::path state_;
  std::unique_ptr<process> process_;
  json ports_;
};

} // namespace leat::test
