#include "cli/run_log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace leat::cli {

namespace {

constexpr const char* text_pattern = "%Y-%m-%d %H:%M:%S.%e %l %v";

class json_lines : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& event, spdlog::memory_buf_t& out) override {
    spdlog::memory_buf_t time;
    time_.format(event, time);
    const auto level = spdlog::level::to_string_view(event.level);
    const nlohmann::ordered_json line{
        {"time", std::string(time.data(), time.size())},
        {"level", std::string(level.data(), level.size())},
        {"message", std::string(event.payload.data(), event.payload.size())}};
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_lines>();
  }

 private:
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%f%z", spdlog::pattern_time_type::local, ""};
};

} // namespace

std::shared_ptr<spdlog::logger> make_run_log(const pipeline_file& file) {
  auto log =
      std::make_shared<spdlog::logger>("leat", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_level(spdlog::level::from_str(file.log_level));
  if (file.log_format == "json")
    log->set_formatter(std::make_unique<json_lines>());
  else
    log->set_pattern(text_pattern);
  return log;
}

} // namespace leat::cli
