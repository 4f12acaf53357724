#include "actors/progress_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace leat {

namespace {

constexpr std::size_t lines_of_a_display = 8;

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 100 * 60) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  const auto kib = static_cast<double>(bytes) / 1024;
  if (kib < 10'000) return fmt::format("{:.0f} KiB", kib);
  return fmt::format("{:.0f} MiB", kib / 1024);
}

std::string table_line(const table_status& t, std::int64_t now) {
  if (t.phase == snapshot_phase::finished) return fmt::format("{}: {} rows read", t.name, t.rows);
  if (t.phase == snapshot_phase::waiting && t.fence_xid != 0)
    return fmt::format("{}: waits for transactions before xid {} to end", t.name, t.fence_xid);
  auto line = fmt::format("{}: {}, {} rows", t.name, to_string(t.phase), t.rows);
  if (t.rows_estimated != 0)
    line += fmt::format(" of about {} ({}%)", std::max(t.rows, t.rows_estimated),
                        std::min<std::uint64_t>(100, t.rows * 100 / t.rows_estimated));
  if (const auto rate = t.rows_per_second(now); rate > 0)
    line += fmt::format(", {:.0f} rows/s", rate);
  if (const auto left = t.seconds_left(now)) line += ", " + duration_text(*left) + " left";
  return line;
}

std::string waits_text(wait_reason reason) {
  return reason == wait_reason::none ? "" : fmt::format(", waits for {}", to_string(reason));
}

std::string sink_line(const std::string& name, const pipeline_status& s, std::int64_t now) {
  const auto& k = s.sinks.at(name);
  auto line = fmt::format("{}: epoch {}", name, k.progress.epoch);
  if (k.changes != 0) line += fmt::format(", {} changes", k.changes);
  if (const auto lag = s.lag.of(name, now))
    line += fmt::format(", lag {} and {:.1f} s", bytes_text(lag->bytes),
                        static_cast<double>(lag->microseconds) / 1e6);
  line += k.progress.consistent ? ", consistent" : ", not consistent yet";
  return line + waits_text(k.waits);
}

/// Up to `most` tables, and how many more there are.
std::string table_lines(const pipeline_status& s, std::int64_t now, bool all) {
  std::string out;
  std::size_t shown = 0, left_out = 0;
  for (const auto& [id, t] : s.tables) {
    if (!all && t.phase == snapshot_phase::finished) continue;
    if (!all && shown == lines_of_a_display) {
      ++left_out;
      continue;
    }
    out += table_line(t, now);
    if (const auto gone = s.news.gone.find(id); gone != s.news.gone.end())
      out += "; " + text_of(gone->second);
    out += "\n";
    ++shown;
  }
  if (left_out != 0)
    out += fmt::format("... and {} more table{}\n", left_out, left_out == 1 ? "" : "s");
  return out;
}

std::string sink_lines(const pipeline_status& s, std::int64_t now) {
  std::string out;
  for (const auto& [name, k] : s.sinks) {
    out += sink_line(name, s, now) + "\n";
    for (const auto& state : k.states)
      out += fmt::format("  state of {} for {}: {} keys, {}\n", state.of.transform, state.of.target,
                         state.keys, bytes_text(state.bytes));
  }
  return out;
}

std::string trouble_lines(const pipeline_status& s) {
  auto out = s.message.empty() ? "" : s.message + "\n";
  if (!s.open_transactions.empty())
    out += fmt::format("waits for open transactions: {}\n", fmt::join(s.open_transactions, "; "));
  return out;
}

std::string indented(const std::string& lines) {
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = lines.find('\n', at);
    out += "  " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

} // namespace

std::string progress_lines(const pipeline_status& s, std::int64_t now) {
  const auto out = table_lines(s, now, false) + sink_lines(s, now) + trouble_lines(s);
  return out.empty() ? s.state + "\n" : out;
}

std::string status_lines(const pipeline_status& s, std::int64_t now) {
  auto out = fmt::format("{}: {}", s.pipeline, s.state);
  if (s.epoch != 0) out += fmt::format(", epoch {}", s.epoch);
  out += waits_text(s.router_waits) + "\n" + trouble_lines(s);
  if (s.pipeline_id.empty()) return out;
  out += fmt::format("stream: passed {}, slot confirmed up to {}", to_string(s.passed),
                     to_string(s.confirmed));
  if (s.lag.source_end() != wal_lsn{}) out += ", source at " + to_string(s.lag.source_end());
  out += "\n";
  if (!s.tables.empty()) out += "tables:\n" + indented(table_lines(s, now, true));
  for (const auto& [name, table] : s.news.appeared)
    out += fmt::format("  {}: {}\n", name, text_of(table));
  if (!s.sinks.empty()) out += "sinks:\n" + indented(sink_lines(s, now));
  return out;
}

} // namespace leat
