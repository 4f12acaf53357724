#include "tests/support/starrocks_double.hpp"

#include <httplib.h>

#include <chrono>
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

httplib::Client client_of(const nlohmann::json& ports) {
  httplib::Client client("127.0.0.1", ports.at("control").get<int>());
  client.set_read_timeout(30);
  return client;
}

} // namespace

starrocks_double::starrocks_double(std::filesystem::path state) : state_(std::move(state)) {
  std::filesystem::create_directories(state_);
  start();
}

void starrocks_double::start() {
  process_options options;
  options.err = state_ / "stderr.log";
  process_ = std::make_unique<process>(
      std::vector<std::string>{std::string(LEAT_SOURCE_DIRECTORY) + "/scripts/starrocks-double",
                               "--dir", (state_ / "cluster").string()},
      options);
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (process_->out().find('\n') == std::string::npos) {
    if (!process_->running() || std::chrono::steady_clock::now() > until)
      throw std::runtime_error("the StarRocks double does not start: " + complaints());
    std::this_thread::sleep_for(10ms);
  }
  ports_ = json::parse(process_->out());
}

void starrocks_double::kill() { process_->kill(); }

std::string starrocks_double::address(const char* name) const {
  return "127.0.0.1:" + std::to_string(ports_.at(name).get<int>());
}

nlohmann::json starrocks_double::order(const std::string& path, const json& order) const {
  return checked(client_of(ports_).Post(path, order.dump(), "application/json"), path);
}

nlohmann::json starrocks_double::ask(const std::string& path) const {
  return checked(client_of(ports_).Get(path), path);
}

void starrocks_double::remove(const std::string& path) const {
  checked(client_of(ports_).Delete(path), path);
}

} // namespace leat::test
