#include "actors/catalog_watch.hpp"

#include <algorithm>
#include <optional>

#include "actors/caf.hpp"
#include "dataflow/catalog_news.hpp"
#include "dataflow/crash_point.hpp"

namespace leat {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds settling{1000}; ///< tables are often made many at a time
constexpr int most_settling_looks = 20;

class catalog_watch_impl : public stage<catalog_watch_actor> {
 public:
  catalog_watch_impl(caf::actor_config& config, catalog_watch_setup setup)
      : stage(config), setup_(std::move(setup)), takes_(takes_table(setup_.file)),
        trial_(setup_.file, setup_.plugins, setup_.captured, std::move(setup_.failed)) {}

  const char* name() const override { return "leat.catalog_watch"; }

  behavior_type make_behavior() override {
    post(caf::actor_cast<catalog_watch_actor>(this), tick{});
    return {[this](const tick&) {
      look();
      if (ended_by_) throw *ended_by_;
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
      const auto now = setup_.origin->tables();
      catalog_news news;
      news.gone = gone_tables(setup_.captured, now);
      ended_by_ = what_ends(news.gone);
      if (!ended_by_) ended_by_ = unpublished_table();
      if (!ended_by_) judge(now, new_tables(setup_.captured, now, takes_), news);
      tell(std::move(news));
    } catch (const error& e) {
      setup_.origin.reset();
      if (!e.transient() && !std::exchange(complained_, true))
        setup_.log(log_level::warn, "the catalog cannot be looked at: " + e.brief());
    }
  }

  std::optional<error> what_ends(const std::map<oid, table_fate>& gone) const {
    for (const auto& [id, fate] : gone)
      if (setup_.kept.contains(id) && told_ && told_->gone.contains(id))
        return error(error_kind::source, "the table was dropped, and schema_changes = \"stop\"",
                     setup_.captured.at(id)->qualified_name(),
                     "run again to go on without it, its rows stay at the targets; with "
                     "schema_changes = \"evolve\" nothing stops");
    return std::nullopt;
  }

  /// The next beginning puts it back and reads it again, or says who has to.
  std::optional<error> unpublished_table() {
    std::vector<schema_ptr> tables;
    for (const auto& [id, schema] : setup_.captured) tables.push_back(schema);
    for (const auto& [id, stamp] : setup_.origin->stamps(tables))
      if (stamp.membership == 0)
        return error(error_kind::source, "the table has left the publication",
                     setup_.captured.at(id)->qualified_name(),
                     "what is written to it meanwhile does not come: leat begins again, which puts "
                     "it back and reads it again",
                     error_retry::transient);
    return std::nullopt;
  }

  void judge(const std::vector<source_table>& catalog, const std::vector<source_table>& found,
             catalog_news& news) {
    const auto fate = setup_.ends ? new_table::fate::next_run : new_table::fate::joins;
    for (const auto& t : found) news.appeared[t.schema->qualified_name()].is = fate;
    if (setup_.ends || asked_) return;
    std::shared_ptr<const std::map<std::string, std::string>> routes;
    setup_.board->update([&](const pipeline_status& s) { routes = s.routes; });
    join(trial_.try_out(*setup_.origin, catalog, found, *routes), news);
    const auto& refused = trial_.refused();
    for (const auto& t : found)
      if (const auto why = refused.find(t.schema->id); why != refused.end())
        news.appeared[t.schema->qualified_name()] = {new_table::fate::left_out, why->second.brief(),
                                                     why->second.remedy()};
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
    const auto busy = trial_.taken().empty() ? std::nullopt : read_in_one_piece();
    if (busy)
      for (const auto& t : trial_.taken())
        waits_for(t.schema, "it waits until " + *busy + ", which has no key, is read");
    settling_looks_ = trial_.taken().empty() || busy ? 0 : settling_looks_ + 1;
    if (settling_looks_ == 0 || (news_of_some && settling_looks_ < most_settling_looks)) return;
    std::vector<schema_ptr> all;
    for (const auto& t : trial_.taken()) all.push_back(t.schema);
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
  join_trial trial_;
  int settling_looks_ = 0; ///< since there is something to join; 0: nothing is
  bool asked_ = false;     ///< the supervisor, to begin again
  std::optional<catalog_news> told_;
  std::optional<error> ended_by_;
  bool complained_ = false;
};

} // namespace

catalog_watch_actor make_catalog_watch(caf::actor_system& system, catalog_watch_setup setup) {
  return system.spawn<catalog_watch_impl, caf::detached>(std::move(setup));
}

} // namespace leat
