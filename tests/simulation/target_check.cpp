#include "tests/simulation/target_check.hpp"

namespace leat::sim {

namespace {

std::string text(const row_version& r) {
  return std::to_string(r.value) + "/" + std::to_string(r.large)
         + (r.extra ? "/" + std::to_string(*r.extra) : "");
}

row_version without_extra(row_version r) {
  r.extra.reset();
  return r;
}

/// A target knows of new columns only when rows come in them, so that columns are compared that
/// both have.
template <class Row>
Row comparable(const Row& r, bool same_columns) {
  return same_columns ? r : without_extra(r);
}

std::optional<std::string> compare_rows(const target_table& t, const table_rows& truth,
                                        bool same_columns) {
  std::string out;
  for (char c = 'a'; c < 'g'; ++c) {
    const std::string key(1, c);
    const auto held = t.rows.find(key);
    const auto wanted = truth.find(key);
    const bool there = held != t.rows.end() && !held->second.deleted;
    const auto is = there ? text(comparable(held->second.shown, same_columns)) : "nothing";
    const auto should =
        wanted != truth.end() ? text(comparable(wanted->second, same_columns)) : "nothing";
    if (is != should) out += key + " is " + is + " for " + should + "; ";
  }
  if (out.empty()) return std::nullopt;
  return out;
}

bag_rows comparable_bag(const bag_rows& rows, bool same_columns) {
  if (same_columns) return rows;
  bag_rows out;
  for (const auto& r : rows) out.insert(without_extra(r));
  return out;
}

std::string text(const bag_rows& rows) {
  std::string out;
  for (const auto& r : rows) out += " " + text(r);
  return out;
}

std::optional<std::string> compare_bag(const bag_rows& held, const bag_rows& truth) {
  if (held == truth) return std::nullopt;
  return "it holds" + text(held) + " for" + text(truth);
}

/// A row that was there when the snapshot began has come with it.
std::optional<std::string> complete(const target_table& t, const table_rows& truth) {
  for (const auto& [key, row] : truth)
    if (!t.begun.contains(key) && !t.snapshot_rows.contains(key))
      return "neither a change nor a chunk has brought " + key;
  return std::nullopt;
}

std::string text(change_kind k) {
  constexpr const char* names[] = {"i", "u", "d", "t", "r"};
  return names[static_cast<std::size_t>(k)];
}

/// Goes along the changes that a table's log should have.
class log_checker {
 public:
  log_checker(sim_database& db, target_table& t) : db_(db), table_(t) {}

  std::optional<std::string> run(std::size_t n) {
    for (auto at = table_.checked.value_or(0); at < n && !wrong_; ++at) expect_transaction(at);
    skip_reads();
    if (!wrong_ && next_ != table_.log.size()) wrong_ = "more than the source sent: " + found();
    table_.checked = std::max(table_.checked.value_or(0), n);
    table_.log.clear();
    return wrong_;
  }

 private:
  void expect_transaction(std::size_t at) {
    std::uint64_t index = 0;
    for (const auto& c : db_.wal()[at].changes) {
      if (!db_.sends(at, c)) continue;
      const position place{sim_database::commit_of(at), index++};
      if (c.table == table_.source && !wrong_) expect(c, place, db_.version(c.table, at));
    }
  }

  void expect(const streamed_change& c, position at, const table_version& v) {
    skip_reads();
    const auto fail = [&] {
      wrong_ = text(c.kind) + " of " + (c.new_key.empty() ? c.old_key : c.new_key) + " at "
               + to_string(at.commit) + "/" + std::to_string(at.index) + " should follow, not "
               + found();
    };
    if (next_ == table_.log.size()) return fail();
    const auto& row = table_.log[next_];
    if (row.kind != c.kind || row.at != at) return fail();
    const bool fresh = !(c.kind == change_kind::remove || c.kind == change_kind::truncate);
    if (c.kind != change_kind::truncate && row.key != (fresh ? c.new_key : c.old_key))
      return fail();
    const auto& raw = fresh ? c.now : c.before;
    const auto shown = c.kind == change_kind::truncate ? row_version{} : db_.shown(c.table, v, raw);
    if (row.has_value && (row.shown.value != shown.value || row.shown.extra != shown.extra))
      return fail();
    const bool large_came = row.has_large && c.kind != change_kind::truncate;
    if (large_came && row.shown.large != shown.large) return fail();
    if (fresh && (!row.has_value || (c.whole && !row.has_large))) return fail();
    ++next_;
  }

  void skip_reads() {
    while (next_ != table_.log.size() && table_.log[next_].kind == change_kind::read) ++next_;
  }

  std::string found() const {
    if (next_ == table_.log.size()) return "the end";
    const auto& r = table_.log[next_];
    return text(r.kind) + " of " + r.key + " " + text(r.shown) + " at " + to_string(r.at.commit)
           + "/" + std::to_string(r.at.index);
  }

  sim_database& db_;
  target_table& table_;
  std::size_t next_ = 0;
  std::optional<std::string> wrong_;
};

} // namespace

namespace {

table_rows wanted_rows(const target_table& t, table_rows rows) {
  if (t.even_alone) std::erase_if(rows, [](const auto& r) { return r.second.value % 2 != 0; });
  return rows;
}

} // namespace

std::optional<std::string> check_cut(sim_database& db, const target_table& t, std::size_t n) {
  const auto& now = db.version(t.source, n);
  if (t.mode == route_mode::append) {
    if (t.source == bag) return std::nullopt;
    return complete(t, db.shown(t.source, now, db.after(n)));
  }
  const bool same_columns = t.extra() == now.extra;
  if (t.source != bag)
    return compare_rows(t, wanted_rows(t, db.shown(t.source, now, db.after(n))), same_columns);
  return compare_bag(comparable_bag(t.bag, same_columns),
                     comparable_bag(db.shown_bag(now, db.after(n)), same_columns));
}

std::optional<std::string> check_log(sim_database& db, target_table& t, std::size_t n) {
  return log_checker(db, t).run(n);
}

} // namespace leat::sim
