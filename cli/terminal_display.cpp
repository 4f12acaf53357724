#include "cli/terminal_display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace leat::cli {

namespace {

constexpr std::size_t usual_width = 80;

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return size.ws_col;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

/// The first `width` characters of a line, and no control characters: names come from the source.
std::string fitted(const std::string& line, std::size_t width) {
  std::string out;
  std::size_t characters = 0;
  for (const char c : line) {
    if (begins_character(c) && ++characters > width) break;
    out += static_cast<unsigned char>(c) < 0x20U ? '?' : c;
  }
  return out;
}

} // namespace

void terminal_display::print_above(const std::function<void()>& print) {
  const std::scoped_lock lock(mutex_);
  if (shown_ != 0) std::printf("\x1b[%dA\x1b[J", shown_);
  std::fflush(stdout);
  shown_ = 0;
  print();
}

void terminal_display::show(const std::string& lines) {
  const auto width = terminal_width();
  const std::scoped_lock lock(mutex_);
  std::string out = shown_ == 0 ? "" : "\x1b[" + std::to_string(shown_) + "A\x1b[J";
  shown_ = 0;
  for (std::size_t at = 0; at < lines.size(); ++shown_) {
    const auto end = std::min(lines.find('\n', at), lines.size());
    out += fitted(lines.substr(at, end - at), width) + "\n";
    at = end + 1;
  }
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

} // namespace leat::cli
