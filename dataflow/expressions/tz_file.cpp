#include <algorithm>
#include <charconv>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/time_zone.hpp"

// TZif, RFC 8536, and the POSIX rule at its end.

namespace leat::sql {

namespace {

[[noreturn]] void bad_file() {
  throw evaluation_error("22023",
                         "a file of the system's time zones is not of the form TZif 2 or later");
}

constexpr std::size_t header_size = 44;

class bytes_reader {
 public:
  explicit bytes_reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t n) {
    if (n > rest_.size()) bad_file();
    const auto out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::int64_t number(std::size_t size) {
    const auto bytes = take(size);
    std::uint64_t n = (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (const char c : bytes) n = n << 8U | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(n);
  }
  std::size_t count() {
    const auto n = number(4);
    if (n < 0) bad_file();
    return static_cast<std::size_t>(n);
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

struct counts {
  std::size_t utc, standard, leaps, times, types, letters;

  explicit counts(bytes_reader& in) {
    if (in.take(4) != "TZif" || in.take(1)[0] < '2') bad_file();
    in.take(15);
    utc = in.count();
    standard = in.count();
    leaps = in.count();
    times = in.count();
    types = in.count();
    letters = in.count();
  }
  std::size_t bytes(std::size_t time_size) const {
    return times * (time_size + 1) + types * 6 + letters + leaps * (time_size + 4) + standard + utc;
  }
};

} // namespace

/// Reads a POSIX rule from its front: "CET-1CEST,M3.5.0,M10.5.0/3". A text that is none ends with
/// bad_file().
class tz_rule_reader {
 public:
  tz_rule_reader(std::string_view text, time_zone& zone) : rest_(text), zone_(zone) {}

  void read() {
    skip_name();
    zone_.standard_ = -seconds();
    zone_.ruled_ = true;
    if (rest_.empty()) return;
    skip_name();
    zone_.summer_ = rest_.empty() || rest_.front() == ',' ? zone_.standard_ + 3600 : -seconds();
    zone_.has_summer_ = true;
    day(zone_.to_summer_);
    day(zone_.to_standard_);
    if (!rest_.empty()) bad_file();
  }

 private:
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_name() {
    const auto end = take('<') ? rest_.find('>') + 1 : rest_.find_first_of("+-0123456789,");
    rest_.remove_prefix(std::min(end, rest_.size()));
  }
  int number() {
    int n = 0;
    const auto [end, wrong] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), n);
    if (wrong != std::errc{}) bad_file();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return n;
  }
  std::int32_t seconds() {
    const bool minus = take('-');
    if (!minus) take('+');
    std::int32_t n = number() * 3600;
    if (take(':')) n += number() * 60;
    if (take(':')) n += number();
    return minus ? -n : n;
  }
  void day(time_zone::rule_day& out) {
    if (!take(',')) bad_file();
    if (take('M')) {
      out.kind = 'M';
      out.month = number();
      if (!take('.')) bad_file();
      out.week = number();
      if (!take('.')) bad_file();
      out.day = number();
    } else {
      out.kind = take('J') ? 'J' : '0';
      out.day = number();
    }
    if (take('/')) out.time = seconds();
    if (out.kind == 'M' && (out.month < 1 || out.month > 12 || out.week < 1)) bad_file();
  }

  std::string_view rest_;
  time_zone& zone_;
};

time_zone::time_zone(std::string_view bytes) {
  bytes_reader in(bytes);
  const counts old(in); // with times of four bytes
  in.take(old.bytes(4));
  const counts now(in);
  if (now.types == 0) bad_file();
  std::vector<std::int64_t> times(now.times);
  for (auto& t : times) t = in.number(8);
  std::vector<std::size_t> which(now.times);
  for (auto& w : which) {
    w = static_cast<unsigned char>(in.take(1)[0]);
    if (w >= now.types) bad_file();
  }
  std::vector<std::int32_t> offsets(now.types);
  std::vector<bool> summers(now.types);
  for (std::size_t i = 0; i < now.types; ++i) {
    offsets[i] = static_cast<std::int32_t>(in.number(4));
    summers[i] = in.take(1)[0] != 0;
    in.take(1);
  }
  in.take(now.bytes(8) - now.times * 9 - now.types * 6);
  // Early times have the first type, unless a change leads to it; then the first that is no summer
  // time.
  std::size_t first = 0;
  if (std::find(which.begin(), which.end(), 0U) != which.end())
    while (first + 1 < now.types && summers[first]) ++first;
  first_ = offsets[first];
  auto before = first_;
  for (std::size_t i = 0; i < times.size(); ++i) {
    transitions_.push_back({times[i], before, offsets[which[i]]});
    before = offsets[which[i]];
  }
  auto rule = in.rest();
  if (!rule.starts_with('\n') || !rule.ends_with('\n')) bad_file();
  read_rule(rule.substr(1, std::max<std::size_t>(rule.size(), 2) - 2));
}

void time_zone::read_rule(std::string_view text) {
  if (!text.empty()) tz_rule_reader(text, *this).read();
}

} // namespace leat::sql
