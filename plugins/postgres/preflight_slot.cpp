#include <array>

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

slot_expectation expectation(const preflight_view& view) {
  return {view.request().slot, view.database(), view.request().application};
}

void check_usable(const preflight_view& view, std::vector<finding>& out) {
  if (!view.slot()) return;
  const auto expected = expectation(view);
  const auto place = "slot " + view.slot_name();
  try {
    const auto hold = check_slot(*view.slot(), expected);
    if (hold == slot_hold::held_by_other) {
      const auto in_use = slot_in_use(*view.slot(), expected);
      out.push_back({severity::error, "", in_use.what(), place, in_use.remedy()});
    } else if (hold == slot_hold::held_by_us) {
      out.push_back({severity::note, "", "the slot is in use by this pipeline", place, ""});
    }
  } catch (const server_error&) {
    throw;
  } catch (const error& refused) {
    out.push_back({severity::error, "", refused.what(), refused.where(), refused.remedy()});
  }
}

void check_danger(const preflight_view& view, std::vector<finding>& out) {
  if (!view.slot() || view.slot()->wal_status == "lost") return;
  const auto& slot = *view.slot();
  const auto limit = view.number("max_slot_wal_keep_size").value_or(-1) * 1024 * 1024;
  const bool little_left = slot.safe_wal_size && limit > 0 && *slot.safe_wal_size < limit / 5;
  if (slot.wal_status != "unreserved" && !little_left) return;
  out.push_back({severity::warning, "",
                 "the slot is about to be lost: " + std::to_string(slot.safe_wal_size.value_or(0))
                     + " bytes of WAL are left",
                 "slot " + view.slot_name(),
                 "run leat now, or ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT "
                 "pg_reload_conf();"});
}

void check_catalog_age(const preflight_view& view, std::vector<finding>& out) {
  constexpr std::uint64_t old = 500'000'000;
  if (!view.slot() || view.slot()->catalog_age < old) return;
  out.push_back({severity::warning, "",
                 "the slot keeps vacuum from " + std::to_string(view.slot()->catalog_age)
                     + " transactions of the catalogs",
                 "slot " + view.slot_name(), "run leat, or drop the slot"});
}

constexpr std::array checks{
    preflight_check{"slot", "The slot is leat's to consume, and nobody else does.", check_usable},
    preflight_check{"slot_danger", "The slot is not about to be lost.", check_danger},
    preflight_check{"slot_age", "The slot does not hold up vacuum.", check_catalog_age},
};

} // namespace

std::span<const preflight_check> slot_checks() { return checks; }

} // namespace leat::postgres
