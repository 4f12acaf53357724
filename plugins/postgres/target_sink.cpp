#include "plugins/postgres/target_sink.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "plugins/postgres/target_check.hpp"
#include "plugins/postgres/target_errors.hpp"
#include "plugins/postgres/target_progress.hpp"
#include "plugins/postgres/target_session.hpp"
#include "plugins/postgres/target_table.hpp"
#include "plugins/postgres/target_transaction.hpp"
#include "plugins/postgres/target_writer.hpp"

namespace leat::postgres {

namespace {

class target_sink final : public sink {
 public:
  target_sink(const std::string& pipeline, const sink_options& options)
      : options_(options), progress_(pipeline, options_.schema),
        letters_(pipeline, options_.schema, options_.dead_letter) {}

  std::optional<target_progress> open() override {
    auto& session = connect();
    check_server(session);
    make_schema(session);
    const auto found = progress_.open(session);
    letters_.open(session);
    consistent_ = found && found->consistent;
    transaction_.emplace(session, progress_, letters_);
    return found;
  }

  void use(const sink_resources& given) override {
    transaction_->missing() = missing_gatherer(given.missing_bytes);
  }

  writer& attach(const route_ptr& r) override {
    session_->finish(); // of what an earlier writer of the route has sent
    auto made = make_target_writer(*transaction_, r, options_.schema);
    if (consistent_) made->became_consistent();
    auto& owned = writers_[r->id];
    owned = std::move(made);
    return *owned;
  }

  void keep(const dead_letter& letter) override {
    transaction_->begin();
    letters_.add(*session_, letter);
  }

  std::map<route_id, missing_rows> prepare() override {
    for (auto& [id, w] : writers_) w->flush();
    session_->finish();
    return transaction_->missing().take();
  }

  void commit(const target_progress& next) override {
    transaction_->commit(next);
    consistent_ = next.consistent;
    if (!consistent_) return;
    for (auto& [id, w] : writers_) w->became_consistent();
  }

  void cancel() noexcept override {
    const std::lock_guard lock(cancelling_);
    cancelled_ = true;
    if (session_) session_->cancel();
  }

  void forget() override {
    if (!session_) connect();
    session_->finish();
    writers_.clear();
    progress_.forget(*session_);
  }

  std::string ddl(const route& r) const override {
    return create_table_sql(r, place_of(r, options_.schema), wanted_columns(r, session_.get()));
  }

  std::vector<kept_column> kept_columns(const route& r) const override {
    std::vector<kept_column> kept;
    for (const auto& c : wanted_columns(r, session_.get())) {
      if (!c.source) continue;
      const auto& source = r.schema->columns[*c.source].type_name;
      kept.push_back({c.name, source, c.type,
                      c.type == source            ? ""
                      : refers_to_catalog(source) ? "since its objects are the source's"
                      : session_                  ? "since the target has no such type"
                                                  : "unless the target has such a type"});
    }
    return kept;
  }

  std::vector<error> check(const std::vector<route_ptr>& routes) override {
    try {
      auto& session = connect();
      check_server(session);
      return check_target(session, progress_, options_.schema, routes);
    } catch (const error& e) {
      return {e};
    }
  }

  std::optional<found_progress> look() override {
    return found_progress{progress_.look(connect())};
  }

  /// A server's start tells it from others, and any role may ask for it.
  std::string identity() override {
    const auto found = session_->query(
        "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, oid "
        "FROM pg_database WHERE datname = current_database()");
    return found.string(0, 0) + " " + found.string(0, 1) + " " + options_.schema;
  }

 private:
  target_session& connect() {
    auto session = std::make_unique<target_session>(options_.connection);
    const std::lock_guard lock(cancelling_);
    session_ = std::move(session);
    if (cancelled_) session_->cancel();
    return *session_;
  }

  void check_server(target_session& session) {
    const auto server =
        session.query("SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), "
                      "current_setting('server_encoding')");
    const auto where = session.where();
    if (server.boolean(0, 0))
      refuse("the target is a standby (in recovery) and takes no writes", where,
             "connect to the primary, for instance with target_session_attrs=read-write");
    if (server.text(0, 1) == "on")
      refuse("the target's sessions are read-only", where,
             "ALTER ROLE ... SET default_transaction_read_only = off (or ALTER DATABASE)");
    if (server.text(0, 2) != "UTF8")
      refuse("the target database's encoding is " + server.string(0, 2), where,
             "use a database with ENCODING 'UTF8'");
  }

  /// Asked for first, because CREATE SCHEMA needs a right even when there is nothing to do.
  void make_schema(target_session& session) {
    const auto there =
        session.ask("SELECT 1 FROM pg_namespace WHERE nspname = $1", {options_.schema});
    if (there.rows() == 0)
      session.query("CREATE SCHEMA IF NOT EXISTS " + quote_identifier(options_.schema));
  }

  sink_options options_;
  std::mutex cancelling_; ///< guards the pointer and the flag, for cancel()
  bool cancelled_ = false;
  std::unique_ptr<target_session> session_;
  target_progress_record progress_;
  target_dead_letters letters_;
  std::optional<target_transaction> transaction_;
  std::map<route_id, std::unique_ptr<target_writer>> writers_;
  bool consistent_ = false;
};

} // namespace

std::unique_ptr<sink> make_target_sink(const std::string& pipeline, const sink_options& options) {
  return std::make_unique<target_sink>(pipeline, options);
}

} // namespace leat::postgres
