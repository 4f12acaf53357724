#include "actors/status_server.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "dataflow/error.hpp"

namespace leat {

namespace {

/// Socket paths are limited to about 100 bytes; a path through an open directory is short, however
/// deep the state directory lies.
class short_path {
 public:
  explicit short_path(const std::filesystem::path& directory)
      : descriptor_(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  ~short_path() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  short_path(const short_path&) = delete;
  short_path& operator=(const short_path&) = delete;

  bool exists() const { return descriptor_ >= 0; }
  std::string socket() const {
    return "/proc/self/fd/" + std::to_string(descriptor_) + "/leat.sock";
  }

 private:
  int descriptor_;
};

struct tcp_address {
  std::string host;
  int port = 0;
};

/// The pipeline file has checked the form.
tcp_address parse_listen(const std::string& listen) {
  const auto colon = listen.rfind(':');
  return {listen.substr(0, colon), std::atoi(listen.c_str() + colon + 1)};
}

void answer(httplib::Server& server, const status_handlers& handlers) {
  server.Get("/status", [handlers](const httplib::Request&, httplib::Response& response) {
    response.set_content(handlers.status(), "application/json");
  });
  server.Get("/status.txt", [handlers](const httplib::Request&, httplib::Response& response) {
    response.set_content(handlers.lines(), "text/plain; charset=utf-8");
  });
  server.Post("/resnapshot",
              [handlers](const httplib::Request& request, httplib::Response& response) {
                try {
                  const bool known = handlers.resnapshot(request.get_param_value("table"));
                  response.status = known ? 200 : 404;
                } catch (const error& e) {
                  response.status = 503;
                  response.set_content(e.what() + ("\n" + e.remedy()), "text/plain; charset=utf-8");
                }
              });
}

} // namespace

struct status_server::impl {
  short_path directory;
  std::filesystem::path socket_file;
  std::vector<std::unique_ptr<httplib::Server>> servers;
  std::vector<std::jthread> threads;

  explicit impl(const std::filesystem::path& state)
      : directory(state), socket_file(state / "leat.sock") {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void listen(const std::string& host, int port, bool local, const status_handlers& handlers) {
    auto server = std::make_unique<httplib::Server>();
    server->new_task_queue = [] { return new httplib::ThreadPool(2); };
    if (local) server->set_address_family(AF_UNIX);
    answer(*server, handlers);
    if (!server->bind_to_port(host, port))
      throw error(error_kind::usage,
                  "cannot listen on "
                      + (local ? socket_file.string() : host + ":" + std::to_string(port)),
                  local ? "pipeline.state" : "[http] listen",
                  "choose another address, or stop who holds it");
    threads.emplace_back([s = server.get()] { s->listen_after_bind(); });
    // stop() is not heard by a server that does not listen yet.
    while (!server->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    servers.push_back(std::move(server));
  }

  ~impl() {
    for (const auto& s : servers) s->stop();
    threads.clear();
    std::error_code ignored;
    std::filesystem::remove(socket_file, ignored);
  }
};

status_server::status_server(const std::filesystem::path& state_directory,
                             const std::optional<std::string>& listen, status_handlers handlers)
    : impl_(std::make_unique<impl>(state_directory)) {
  // The state directory's lock is held by now, so a socket that is there is a dead process's.
  std::filesystem::remove(impl_->socket_file);
  impl_->listen(impl_->directory.socket(), 80, true, handlers);
  if (!listen) return;
  const auto address = parse_listen(*listen);
  impl_->listen(address.host, address.port, false, handlers);
}

status_server::~status_server() = default;

namespace {

void set_timeouts(httplib::Client& client) {
  client.set_connection_timeout(2);
  client.set_read_timeout(5);
}

/// Over the socket; when nobody answers there, over TCP.
template <class Ask>
auto ask(const std::filesystem::path& state_directory, const std::optional<std::string>& listen,
         Ask&& request) -> decltype(request(std::declval<httplib::Client&>())) {
  const short_path directory(state_directory);
  if (directory.exists()) {
    httplib::Client client(directory.socket(), 80);
    client.set_address_family(AF_UNIX);
    set_timeouts(client);
    if (auto answered = request(client)) return answered;
  }
  if (!listen) return std::nullopt;
  const auto address = parse_listen(*listen);
  httplib::Client client(address.host, address.port);
  set_timeouts(client);
  return request(client);
}

} // namespace

std::optional<std::string> ask_status(const std::filesystem::path& state_directory,
                                      const std::optional<std::string>& listen, status_form form) {
  const auto* path = form == status_form::json ? "/status" : "/status.txt";
  return ask(state_directory, listen,
             [path](httplib::Client& client) -> std::optional<std::string> {
               const auto response = client.Get(path);
               if (!response || response->status != 200) return std::nullopt;
               return response->body;
             });
}

std::optional<bool> ask_resnapshot(const std::filesystem::path& state_directory,
                                   const std::optional<std::string>& listen,
                                   const std::string& table) {
  return ask(state_directory, listen, [&](httplib::Client& client) -> std::optional<bool> {
    const auto response = client.Post("/resnapshot", httplib::Params{{"table", table}});
    if (!response) return std::nullopt;
    if (response->status == 503) {
      const auto& said = response->body; // what, and in the next line the remedy
      const auto what = said.substr(0, said.find('\n'));
      const auto remedy = said.size() > what.size() ? said.substr(what.size() + 1) : "ask again";
      throw error(error_kind::state, what, "state " + state_directory.string(), remedy);
    }
    return response->status == 200;
  });
}

} // namespace leat
