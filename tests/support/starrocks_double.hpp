#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace leat::test {

/// The control port of a StarRocks double on this machine. All throw std::runtime_error when the
/// call is refused, or not answered. Any thread.
class starrocks_control {
 public:
  using json = nlohmann::json;

  /// Gives an order; returns its answer.
  json control(const std::string& path, const json& order) const;
  /// Asks.
  json control(const std::string& path) const;
  void remove(const std::string& path) const;

 protected:
  int control_port_ = 0;
};

/// The StarRocks double in a process of its own (tests/starrocks_double/README.md). Its state
/// survives kill(). One thread at a time, but for orders and the addresses.
class starrocks_double : public starrocks_control {
 public:
  /// Starts it over `state`, a directory, with further options of its command line; throws
  /// std::runtime_error unless it is ready within 60 s.
  explicit starrocks_double(std::filesystem::path state, std::vector<std::string> options = {});

  /// The same ports as before.
  void start();
  /// SIGKILL.
  void kill();
  bool running() { return process_ && process_->running(); }

  /// Of the FEs: HTTP and MySQL ports, leader at the first start and follower.
  std::vector<std::string> http() const { return {address("fe"), address("fe2")}; }
  std::vector<std::string> mysql() const { return {address("mysql"), address("mysql2")}; }
  int port(const std::string& name) const { return ports_.at(name); }

  /// What it wrote to stderr: mistakes of its own.
  std::string complaints() const { return read_file(state_ / "stderr.log"); }

 private:
  std::string address(const char* name) const;

  std::filesystem::path state_;
  std::vector<std::string> command_;
  std::unique_ptr<process> process_;
  std::map<std::string, int> ports_;
};

} // namespace leat::test
