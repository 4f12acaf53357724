#include "plugins/starrocks/sink.hpp"

#include <chrono>
#include <map>
#include <utility>

#include "dataflow/taken_table.hpp"
#include "plugins/starrocks/context.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/table_writer.hpp"

namespace leat::starrocks {

namespace {

class starrocks_sink final : public sink {
 public:
  starrocks_sink(const std::string& pipeline, const sink_options& options)
      : context_(pipeline, options) {}

  std::optional<target_progress> open() override {
    context_.look_at_server();
    context_.make_database();
    context_.ask_frontend();
    context_.progress.claim(context_.options.starrocks.table);
    if (const auto& letters = context_.services.letters)
      letters->make(context_.sql, context_.database(), context_.options.starrocks.table);
    auto found = context_.progress.read();
    if (auto moved = context_.recover()) found = std::move(moved);
    context_.progress.drop_left_tables();
    if (found && context_.progress.is_ahead()) found->consistent = false;
    consistent_ = found && found->consistent;
    return found;
  }

  std::chrono::milliseconds pace() const override { return context_.pace->least(); }

  void use(const sink_resources& given) override { context_.use(given); }

  bool gathers_epochs() const override { return true; }

  writer& attach(const route_ptr& r) override {
    auto made = r->mode == route_mode::append ? make_append_writer(context_, r)
                                              : make_keyed_writer(context_, r);
    if (consistent_) made->became_consistent();
    auto& owned = writers_[r->id];
    owned = std::move(made);
    return *owned;
  }

  void keep(const dead_letter& letter) override {
    context_.loads->bury(dead_letters::note(letter), letter.reason);
  }

  std::map<route_id, missing_rows> prepare() override {
    for (auto& [id, w] : writers_) w->make_lost();
    context_.progress.settle();
    for (auto& [id, w] : writers_) w->commit_ahead();
    for (auto& [id, w] : writers_) w->finish_epoch();
    context_.loads->prepare();
    return context_.missing.take();
  }

  void commit(const target_progress& next) override {
    using clock = std::chrono::steady_clock;
    auto told = next;
    if (context_.progress.is_ahead_of(next.position)) told.consistent = false;
    const auto begin = clock::now();
    context_.loads->commit(told);
    const auto end = clock::now();
    context_.pace->committed(end,
                             std::chrono::duration_cast<std::chrono::milliseconds>(end - begin));
    consistent_ = told.consistent;
    if (!consistent_) return;
    for (auto& [id, w] : writers_) w->became_consistent();
  }

  void cancel() noexcept override {
    context_.http.cancel();
    context_.sql.cancel();
  }

  void forget() override {
    context_.look_at_server();
    if (!context_.database_exists()) return;
    context_.progress.look();
    context_.recover();
    context_.progress.forget();
  }

  std::string ddl(const route& r) const override {
    return create_table_sql(context_.database(), r, context_.traits,
                            context_.options.starrocks.table);
  }

  std::vector<kept_column> kept_columns(const route& r) const override {
    std::vector<kept_column> kept;
    for (const auto& c : wanted_columns(r, context_.traits))
      if (c.source)
        kept.push_back({c.name, r.schema->columns[*c.source].type_name, c.type.sql, c.type.loss});
    return kept;
  }

  std::vector<error> check(const std::vector<route_ptr>& routes) override {
    std::vector<error> problems;
    try {
      context_.look_at_server();
      const bool there = context_.database_exists();
      ask_by_http(there);
      if (there) context_.progress.look();
      for (const auto& r : routes)
        if (auto problem = check_table(*r, there)) problems.push_back(std::move(*problem));
    } catch (const error& e) {
      problems.push_back(e);
    }
    return problems;
  }

  /// What a crash has left pending is decided by open().
  std::optional<found_progress> look() override {
    context_.look_at_server();
    if (!context_.database_exists()) return found_progress{};
    found_progress found{context_.progress.look()};
    if (context_.progress.pending()) return std::nullopt;
    return found;
  }

 private:
  void ask_by_http(bool database_exists) {
    try {
      context_.ask_frontend();
    } catch (const error& e) {
      if (database_exists || !is_about_database(e.what())) throw;
    }
  }

  /// Asks an FE with the headers that loads of the columns have: it may be set to take more or
  /// less.
  std::optional<error> header_problem(const route& r, const std::vector<wanted_column>& wanted) {
    const row_encoder rows(load_columns(wanted), context_.options.starrocks.format, {}, true);
    const auto headers = rows.headers();
    constexpr std::size_t always_taken = 4096; // servers take 8 KiB or more
    if (headers.back().first != "columns" || headers.back().second.size() < always_taken)
      return std::nullopt;
    try {
      context_.ask_frontend(headers);
    } catch (const error& e) {
      if (e.remedy() != longer_headers) throw;
      return error(error_kind::sink, e.what(), quoted_table(context_.database(), r.target),
                   e.remedy());
    }
    return std::nullopt;
  }

  std::optional<error> check_table(const route& r, bool database_exists) {
    const auto wanted = wanted_columns(r, context_.traits);
    if (auto wrong =
            misnamed(context_.database(), r.target, wanted, context_.options.starrocks.format))
      return wrong;
    if (!database_exists) return std::nullopt;
    if (auto problem = header_problem(r, wanted)) return problem;
    const auto real = read_table(context_.sql, context_.database(), r.target);
    if (!real) return std::nullopt;
    const auto quoted = quoted_table(context_.database(), r.target);
    const bool foreign = !context_.progress.owns_some_of(r.target);
    if (foreign)
      if (const auto other = context_.progress.other_owner(r.target))
        return taken_table(quoted, *other);
    if (foreign
        && !context_.sql.query("SELECT 1 AS one FROM " + quoted + " LIMIT 1", quoted).empty())
      return error(error_kind::sink,
                   "the target table holds rows that this pipeline has not written", quoted,
                   "TRUNCATE TABLE " + quoted + ", or drop it, or name another target with `to`");
    return misfit(context_.database(), r.target, wanted, *real);
  }

  target_context context_;
  bool consistent_ = false; ///< what the target's record says by now
  std::map<route_id, std::unique_ptr<table_writer>> writers_;
};

} // namespace

std::unique_ptr<sink> make_sink(const std::string& pipeline, const sink_options& options) {
  return std::make_unique<starrocks_sink>(pipeline, options);
}

} // namespace leat::starrocks
