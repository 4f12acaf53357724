#include "actors/catalog_watch.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "actors/assembly.hpp"
#include "actors/caf.hpp"
#include "dataflow/admission.hpp"
#include "dataflow/catalog_news.hpp"
#include "dataflow/crash_point.hpp"
#include "dataflow/merge.hpp"

namespace leat {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds settling{1000}; ///< tables are often made many at a time
constexpr int most_settling_looks = 20;
/// What speaks against a table may lie at a target, where nothing is seen to change.
constexpr int looks_between_trials = 20;

/// Tables that exist with what they look like: a plan goes by that alone.
bool same_tables(const std::vector<source_table>& a, const std::vector<source_table>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return *x.schema == *y.schema; });
}

class catalog_watch_impl : public stage<catalog_watch_actor> {
 public:
  catalog_watch_impl(caf::actor_config& config, catalog_watch_setup setup)
      : stage(config), setup_(std::move(setup)), takes_(takes_table(setup_.file)) {}

  const char* name() const override { return "leat.catalog_watch"; }

  behavior_type make_behavior() override {
    post(caf::actor_cast<catalog_watch_actor>(this), tick{});
    return {[this](const tick&) {
      look();
      const auto rest =
          settling_looks_ == 0 ? setup_.interval : std::min(setup_.interval, settling);
      post_after(rest, caf::actor_cast<catalog_watch_actor>(this), tick{});
    }};
  }

 protected:
  void release() override {
    setup_.origin.reset();
    setup_.supervisor = nullptr;
  }

 private:
  void look() {
    try {
      if (!setup_.origin) setup_.origin = setup_.plugins.make_source(setup_.file);
      now_ = setup_.origin->tables();
      catalog_news news;
      news.gone = gone_tables(setup_.captured, now_);
      judge(new_tables(setup_.captured, now_, takes_), news);
      tell(std::move(news));
    } catch (const error& e) {
      setup_.origin.reset();
      if (!e.transient() && !std::exchange(complained_, true))
        setup_.log(log_level::warn, "the catalog cannot be looked at: " + e.brief());
    }
  }

  void judge(const std::vector<source_table>& found, catalog_news& news) {
    const auto fate = setup_.ends ? new_table::fate::next_run : new_table::fate::joins;
    for (const auto& t : found) news.appeared[t.schema->qualified_name()].is = fate;
    if (setup_.ends || asked_) return;
    auto refused = look_for_obstacles(found);
    std::vector<source_table> candidates;
    for (const auto& t : found)
      if (!refused.contains(t.schema->id)) candidates.push_back(t);
    const bool news_of_some = try_out(candidates);
    join(news_of_some, news);
    refused.insert(trial_.refused.begin(), trial_.refused.end());
    for (const auto& t : found)
      if (const auto why = refused.find(t.schema->id); why != refused.end())
        news.appeared[t.schema->qualified_name()] = {new_table::fate::left_out, why->second.brief(),
                                                     why->second.remedy()};
  }

  std::map<oid, error> look_for_obstacles(const std::vector<source_table>& found) const {
    if (found.empty()) return {};
    std::vector<schema_ptr> schemas;
    for (const auto& t : found) schemas.push_back(t.schema);
    auto out = setup_.origin->obstacles(schemas);
    for (const auto& schema : schemas) {
      const auto failed = setup_.failed.find(schema->id);
      if (failed != setup_.failed.end() && *failed->second.table == *schema)
        out.insert_or_assign(schema->id, failed->second.why);
    }
    return out;
  }

  /// Whether they are others than before. Only then they are tried, or when it was long ago: a plan
  /// of many tables, and targets that are asked, cost time.
  bool try_out(const std::vector<source_table>& candidates) {
    const bool same = same_tables(candidates, tried_);
    if (same && (trial_.refused.empty() || ++looks_since_trial_ < looks_between_trials))
      return false;
    tried_.clear();
    trial_ = admit(candidates, [this](const auto& joined) { return objection_to(joined); });
    tried_ = candidates;
    looks_since_trial_ = 0;
    return !same;
  }

  /// What a beginning would refuse, as far as it can be seen from here.
  std::optional<error> objection_to(const std::vector<source_table>& joined) const {
    try {
      const table_choice choice{setup_.captured, {}};
      auto tables = kept_tables(now_, choice, joined);
      for (auto& t : tables) t.known = true;
      plan_by_old_names(tables, choice);
      tables.insert(tables.end(), joined.begin(), joined.end());
      auto made = make_plan(setup_.file, tables, setup_.plugins.transforms);
      return objection_to_routes(std::move(made.routes), joined);
    } catch (const error& e) {
      if (e.transient()) throw;
      return e;
    }
  }

  std::optional<error> objection_to_routes(std::vector<route_ptr> routes,
                                           const std::vector<source_table>& joined) const {
    std::shared_ptr<const std::map<std::string, std::string>> before;
    setup_.board->update([&](const pipeline_status& s) { before = s.routes; });
    keep_progress_names(routes, *before);
    std::set<oid> ids;
    for (const auto& t : joined) ids.insert(t.schema->id);
    std::erase_if(routes, [&](const route_ptr& r) { return !ids.contains(r->source()->id); });
    refuse_changed_routes(*before, fingerprints(routes));
    for (const auto& options : setup_.file.sinks) {
      std::vector<route_ptr> own;
      std::ranges::copy_if(routes, std::back_inserter(own),
                           [&](const route_ptr& r) { return r->sink == options.name; });
      if (own.empty()) continue;
      for (const auto& e : setup_.plugins.make_sink(setup_.file, options)->check(own)) {
        if (e.transient()) throw e;
        return e;
      }
    }
    return std::nullopt;
  }

  /// A beginning would read such a table from its first row again (R5.7).
  std::optional<std::string> read_in_one_piece() const {
    std::optional<std::string> name;
    setup_.board->update([&](const pipeline_status& s) {
      for (const auto& [id, schema] : setup_.captured) {
        const auto shown = s.tables.find(id);
        if (schema->key.empty() && shown != s.tables.end()
            && shown->second.phase != snapshot_phase::finished)
          name = shown->second.name;
      }
    });
    return name;
  }

  void join(bool news_of_some, catalog_news& news) {
    const auto waits_for = [&](const schema_ptr& table, const std::string& what) {
      news.appeared[table->qualified_name()].why = what;
    };
    const auto busy = trial_.taken.empty() ? std::nullopt : read_in_one_piece();
    if (busy)
      for (const auto& t : trial_.taken)
        waits_for(t.schema, "it waits until " + *busy + ", which has no key, is read");
    settling_looks_ = trial_.taken.empty() || busy ? 0 : settling_looks_ + 1;
    if (settling_looks_ == 0 || (news_of_some && settling_looks_ < most_settling_looks)) return;
    std::vector<schema_ptr> all;
    for (const auto& t : trial_.taken) all.push_back(t.schema);
    join_tables joined;
    if (const auto failure = publish(all, joined); failure && all.size() > 1)
      for (const auto& table : all)
        if (const auto why = publish({table}, joined)) waits_for(table, why->brief());
    if (joined.tables.empty()) return;
    asked_ = true;
    crash_point("join_published");
    post(setup_.supervisor, std::move(joined));
  }

  /// While the stream runs: nothing has to wait when a lock is not to be had.
  std::optional<error> publish(const std::vector<schema_ptr>& tables, join_tables& joined) {
    try {
      setup_.origin->publish(tables);
      for (const auto& t : tables) joined.tables[t->id] = t;
      return std::nullopt;
    } catch (const error& e) {
      return e;
    }
  }

  void tell(catalog_news news) {
    if (told_ == news) return;
    log(news, told_.value_or(catalog_news{}));
    setup_.board->update([&](pipeline_status& s) { s.news = news; });
    told_ = std::move(news);
  }

  void log(const catalog_news& news, const catalog_news& told) const {
    for (const auto& [id, fate] : news.gone)
      if (!told.gone.contains(id))
        setup_.log(log_level::warn,
                   setup_.captured.at(id)->qualified_name() + ": " + text_of(fate));
    for (const auto& [name, table] : news.appeared) {
      const auto before = told.appeared.find(name);
      if (before != told.appeared.end() && before->second == table) continue;
      const bool left_out = table.is == new_table::fate::left_out;
      setup_.log(left_out ? log_level::warn : log_level::info, name + ": " + text_of(table));
    }
  }

  catalog_watch_setup setup_;
  std::function<bool(const table_schema&)> takes_;
  std::vector<source_table> now_;
  std::vector<source_table> tried_;
  admission trial_; ///< what came of them
  int looks_since_trial_ = 0;
  int settling_looks_ = 0; ///< since there is something to join; 0: nothing is
  bool asked_ = false;     ///< the supervisor, to begin again
  std::optional<catalog_news> told_;
  bool complained_ = false;
};

} // namespace

catalog_watch_actor make_catalog_watch(caf::actor_system& system, catalog_watch_setup setup) {
  return system.spawn<catalog_watch_impl, caf::detached>(std::move(setup));
}

} // namespace leat
