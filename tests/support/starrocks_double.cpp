#include "tests/support/starrocks_double.hpp"

#include <httplib.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace leat::test {

using namespace std::chrono_literals;

namespace {

nlohmann::json checked(const httplib::Result& reply, const std::string& path) {
  if (!reply || reply->status != 200)
    throw std::runtime_error("the StarRocks double refuses " + path + ": "
                             + (reply ? reply->body : "no answer"));
  return nlohmann::json::parse(reply->body);
}

httplib::Client client_of(int port) {
  httplib::Client client("127.0.0.1", port);
  client.set_read_timeout(30);
  return client;
}

} // namespace

nlohmann::json starrocks_control::control(const std::string& path, const json& order) const {
  return checked(client_of(control_port_).Post(path, order.dump(), "application/json"), path);
}

nlohmann::json starrocks_control::control(const std::string& path) const {
  return checked(client_of(control_port_).Get(path), path);
}

void starrocks_control::remove(const std::string& path) const {
  checked(client_of(control_port_).Delete(path), path);
}

starrocks_double::starrocks_double(std::filesystem::path state, std::vector<std::string> options)
    : state_(std::move(state)), command_{std::string(LEAT_SOURCE_DIRECTORY)
                                             + "/scripts/starrocks-double",
                                         "--dir", (state_ / "cluster").string()} {
  command_.insert(command_.end(), options.begin(), options.end());
  std::filesystem::create_directories(state_);
  start();
}

void starrocks_double::start() {
  process_options options;
  options.err = state_ / "stderr.log";
  process_ = std::make_unique<process>(command_, options);
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (process_->out().find('\n') == std::string::npos) {
    if (!process_->running() || std::chrono::steady_clock::now() > until)
      throw std::runtime_error("the StarRocks double does not start: " + complaints());
    std::this_thread::sleep_for(10ms);
  }
  json::parse(process_->out()).get_to(ports_);
  control_port_ = port("control");
}

void starrocks_double::kill() { process_->kill(); }

std::string starrocks_double::address(const char* name) const {
  return "127.0.0.1:" + std::to_string(port(name));
}

} // namespace leat::test
