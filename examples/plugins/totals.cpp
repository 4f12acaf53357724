// One row for each group of a table's rows: how many there are, the total of a column, and how many
// changes have come. Keeps state: groups, and of each row its group and amount, so that updates and
// deletes are right without their old rows.
//
//     [transform.per_customer]
//     plugin = "./totals.so"
//     group  = "customer_id"
//     amount = "cents"
#include <map>
#include <stdexcept>
#include <string>

#include "leat/plugin.hpp"

namespace {

using namespace leat::plugin;

/// Texts one behind the other, each with its length, so that they can be told apart.
void append(std::string& to, std::string_view text) {
  to += std::to_string(text.size());
  to += ':';
  to += text;
}

std::string_view take(std::string_view& from) {
  const auto colon = from.find(':');
  const auto size = std::stoul(std::string(from.substr(0, colon)));
  const auto text = from.substr(colon + 1, size);
  from.remove_prefix(colon + 1 + size);
  return text;
}

struct group_totals {
  std::int64_t rows = 0;
  std::int64_t total = 0;
  std::int64_t changes = 0;

  std::string text() const {
    return std::to_string(rows) + " " + std::to_string(total) + " " + std::to_string(changes);
  }
  static group_totals read(const std::string& text) {
    std::size_t at = 0;
    const auto next = [&] {
      std::size_t used = 0;
      const auto number = std::stoll(text.substr(at), &used);
      at += used;
      return number;
    };
    group_totals g;
    g.rows = next();
    g.total = next();
    g.changes = next();
    return g;
  }
};

class totals {
 public:
  static constexpr const char* name = "totals";
  static constexpr const char* version = "1";
  static constexpr bool keeps_state = true;
  static constexpr leat_option options[] = {{"group", LEAT_OPTION_TEXT, 1},
                                            {"amount", LEAT_OPTION_TEXT, 1}};

  static void describe(const setup& s, description& d) {
    const auto in = s.input();
    if (in.raw().append != 0) throw std::runtime_error("totals have a key: use mode upsert");
    if (in.key().empty()) throw std::runtime_error("the table's rows need a key");
    const auto& amount = in[in.column(*s.option("amount"))];
    if (amount.type_class != LEAT_INT2 && amount.type_class != LEAT_INT4
        && amount.type_class != LEAT_INT8)
      throw std::runtime_error("the column `amount` must be of an integer type");
    const auto& group = in[in.column(*s.option("group"))];
    d.add(group.name, group.type, false, true);
    d.add("rows", "bigint", false);
    d.add("total", "bigint", false);
    d.add("changes", "bigint", false);
    d.key({0});
  }

  explicit totals(const setup& s)
      : group_(s.input().column(*s.option("group"))),
        amount_(s.input().column(*s.option("amount"))), key_(s.input().key()) {}

  void process(const batch& changes, output& out) {
    for (const auto c : changes) {
      if (c.kind() == kind::truncate) {
        out.clear();
        touched_.clear();
        out.keep(c);
        continue;
      }
      if (c.old_row()) forget(c.old_row(), out);
      if (c.new_row()) {
        forget(c.new_row(), out);
        remember(c, out);
      }
    }
  }

  /// A group goes out once an epoch, however often it was touched.
  void flush(output& out) {
    made_row made(4);
    for (const auto& [group, g] : touched_) {
      made.set(0, group);
      made.set(1, g.rows);
      made.set(2, g.total);
      made.set(3, g.changes);
      if (g.rows == 0) {
        out.remove(made);
        out.erase("group" + group);
      } else {
        out.upsert(made);
        out.put("group" + group, g.text());
      }
    }
    touched_.clear();
  }

 private:
  std::string key_of(const row& r) const {
    std::string key = "row";
    for (const auto k : key_) append(key, r[k].text());
    return key;
  }

  group_totals& totals_of(std::string_view group, output& out) {
    const auto found = touched_.find(group);
    if (found != touched_.end()) return found->second;
    const auto kept = out.get("group" + std::string(group));
    return touched_[std::string(group)] = kept ? group_totals::read(*kept) : group_totals{};
  }

  void forget(const row& r, output& out) {
    const auto key = key_of(r);
    const auto kept = out.get(key);
    if (!kept) return;
    std::string_view rest = *kept;
    auto& g = totals_of(take(rest), out);
    g.rows -= 1;
    g.total -= std::stoll(std::string(take(rest)));
    g.changes += 1;
    out.erase(key);
  }

  void remember(const change& c, output& out) {
    const auto r = c.new_row();
    if (!r[group_].has_value()) return; // a row without a group counts nowhere
    const auto amount = r[amount_].get<std::int64_t>().value_or(0);
    auto& g = totals_of(r[group_].text(), out);
    g.rows += 1;
    g.total += amount;
    g.changes += 1;
    std::string kept;
    append(kept, r[group_].text());
    append(kept, std::to_string(amount));
    out.put(key_of(r), kept);
  }

  std::uint32_t group_;
  std::uint32_t amount_;
  std::vector<std::uint32_t> key_;
  std::map<std::string, group_totals, std::less<>> touched_; ///< since the last flush
};

} // namespace

LEAT_PLUGIN(totals)
