#include "bench/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

namespace leat::bench {

namespace {

std::string number(double value) {
  if (std::abs(value) < 100) return fmt::format("{:.{}f}", value, std::abs(value) < 10 ? 2 : 1);
  auto digits = fmt::format("{:.0f}", value);
  for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

bool reached(const figure& f) {
  const double ratio = f.peer && *f.peer > 0 ? f.leat / *f.peer : 0;
  switch (f.wanted.what) {
  case goal::kind::none:
    return true;
  case goal::kind::at_least:
    return f.leat >= f.wanted.bound;
  case goal::kind::at_most:
    return f.leat <= f.wanted.bound;
  case goal::kind::ratio_at_least:
    return ratio >= f.wanted.bound;
  case goal::kind::ratio_at_most:
    return ratio <= f.wanted.bound;
  }
  return false;
}

std::string text_of(const goal& g) {
  switch (g.what) {
  case goal::kind::none:
    return "";
  case goal::kind::at_least:
    return "≥ " + number(g.bound);
  case goal::kind::at_most:
    return "≤ " + number(g.bound);
  case goal::kind::ratio_at_least:
    return fmt::format("≥ {:g} × peer", g.bound);
  case goal::kind::ratio_at_most:
    return fmt::format("≤ {:g} × peer", g.bound);
  }
  return "";
}

} // namespace

report::report() {
  std::puts("| case | peer | figure | leat | of the peer | ratio | goal | reached |\n"
            "|---|---|---|---:|---:|---:|---|---|");
  std::fflush(stdout);
}

void report::add(const std::string& what, const std::string& peer,
                 const std::vector<figure>& figures) {
  for (const auto& f : figures) {
    const bool good = reached(f);
    missed_ += good ? 0 : 1;
    const bool judged = f.wanted.what != goal::kind::none;
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} |\n", what, f.peer ? peer : "", f.unit,
               number(f.leat), f.peer ? number(*f.peer) : "",
               f.peer && *f.peer > 0 ? fmt::format("{:.2f}", f.leat / *f.peer) : "",
               text_of(f.wanted),
               !judged ? ""
               : good  ? "yes"
                       : "**no**");
  }
  std::fflush(stdout);
}

} // namespace leat::bench
