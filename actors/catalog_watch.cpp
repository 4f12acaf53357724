#include "actors/catalog_watch.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "actors/caf.hpp"
#include "dataflow/catalog_news.hpp"

namespace leat {

namespace {

class catalog_watch_impl : public stage<catalog_watch_actor> {
 public:
  catalog_watch_impl(caf::actor_config& config, catalog_watch_setup setup)
      : stage(config), setup_(std::move(setup)), takes_(takes_table(setup_.file)) {}

  const char* name() const override { return "leat.catalog_watch"; }

  behavior_type make_behavior() override {
    post(caf::actor_cast<catalog_watch_actor>(this), tick{});
    return {[this](const tick&) {
      look();
      post_after(setup_.interval, caf::actor_cast<catalog_watch_actor>(this), tick{});
    }};
  }

 protected:
  void release() override { setup_.origin.reset(); }

 private:
  void look() {
    try {
      if (!setup_.origin) setup_.origin = setup_.make_source();
      tell(setup_.origin->tables());
    } catch (const error& e) {
      setup_.origin.reset();
      if (!e.transient() && !std::exchange(complained_, true))
        setup_.log(log_level::warn, "the catalog cannot be looked at: " + e.brief());
    }
  }

  void tell(const std::vector<source_table>& now) {
    if (!before_) {
      before_.emplace();
      for (const auto& t : now) before_->insert(t.schema->id);
    }
    auto news = compare_catalog(setup_.captured, *before_, now, takes_);
    if (told_ == news) return;
    log(news, told_.value_or(catalog_news{}));
    setup_.board->update([&](pipeline_status& s) { s.news = news; });
    told_ = std::move(news);
  }

  void log(const catalog_news& news, const catalog_news& told) const {
    for (const auto& schema : setup_.captured) {
      const auto gone = news.gone.find(schema->id);
      if (gone == news.gone.end() || told.gone.contains(schema->id)) continue;
      setup_.log(log_level::warn, schema->qualified_name() + ": " + text_of(gone->second));
    }
    for (const auto& name : news.appeared)
      if (std::find(told.appeared.begin(), told.appeared.end(), name) == told.appeared.end())
        setup_.log(log_level::info, name + ": " + new_table_text);
  }

  catalog_watch_setup setup_;
  std::function<bool(const table_schema&)> takes_;
  std::optional<std::set<oid>> before_;
  std::optional<catalog_news> told_;
  bool complained_ = false;
};

} // namespace

catalog_watch_actor make_catalog_watch(caf::actor_system& system, catalog_watch_setup setup) {
  return system.spawn<catalog_watch_impl, caf::detached>(std::move(setup));
}

} // namespace leat
