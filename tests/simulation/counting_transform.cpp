#include "tests/simulation/counting_transform.hpp"

#include "tests/simulation/world.hpp"

namespace leat::sim {

namespace {

/// Keys of the simulated source, and one for what all have in common.
constexpr const char* keys[] = {"a", "b", "c", "d", "e", "f", "all"};

class counting final : public transform {
 public:
  counting(world& w, const transform_place& p, std::string sink, std::string table)
      : world_(w), place_(p), sink_(std::move(sink)), table_(std::move(table)) {
    compare();
  }

  void apply(batch& rows) override {
    for (const auto& c : rows.changes) take(rows, c);
    mirror();
  }

  void flush(batch&) override {
    count("all");
    mirror();
  }

 private:
  std::map<std::string, std::string>& held() { return world_.open_counts[sink_][table_]; }

  void compare() {
    for (const auto* key : keys) {
      const auto is = place_.state->get(key).value_or("none");
      const auto mirrored = held().find(key);
      const auto should = mirrored == held().end() ? "none" : mirrored->second;
      if (is != should)
        world_.violate("the state of " + sink_ + "/" + table_ + " has " + is + " for " + key
                       + ", and its target " + should);
    }
  }

  void mirror() {
    held().clear();
    for (const auto* key : keys)
      if (const auto value = place_.state->get(key)) held()[key] = *value;
  }

  void count(const std::string& key) {
    const auto n = place_.state->get(key);
    place_.state->put(key, std::to_string(n ? std::stoul(*n) + 1 : 1));
  }

  void take(const batch& rows, const change& c) {
    if (c.kind == change_kind::truncate) {
      place_.state->clear();
      return;
    }
    if (c.kind != change_kind::read) {
      const auto at = rows.position_of(c);
      if (last_ && at <= *last_) world_.violate("a change came twice to " + sink_ + "/" + table_);
      last_ = at;
    }
    const auto row = c.new_row == change::no_row ? rows.old_row(c) : rows.new_row(c);
    const std::string key(rows.text(row[place_.input->key[0]]));
    if (c.kind == change_kind::remove)
      place_.state->erase(key);
    else
      count(key);
    count("all");
  }

  world& world_;
  transform_place place_;
  std::string sink_;
  std::string table_;
  std::optional<position> last_;
};

class counting_type final : public transform_type {
 public:
  counting_type(world& w, const transform_options& o) : world_(w) {
    const auto sink = o.name.find('_') + 1;
    const auto table = o.name.find('_', sink) + 1;
    sink_ = o.name.substr(sink, table - sink - 1);
    table_ = o.name.substr(table);
  }

  transform_output describe(const transform_input& in) const override {
    transform_output out;
    out.rows = in.rows;
    for (std::uint16_t i = 0; i < in.rows->columns.size(); ++i) out.from.emplace_back(i);
    out.keeps_state = true;
    return out;
  }
  std::unique_ptr<transform> create(const transform_place& p) const override {
    return std::make_unique<counting>(world_, p, sink_, table_);
  }
  std::string text() const override { return "count"; }

 private:
  world& world_;
  std::string sink_;
  std::string table_;
};

} // namespace

transform_type_ptr make_counting(world& w, const transform_options& o) {
  return std::make_shared<counting_type>(w, o);
}

} // namespace leat::sim
