#pragma once

namespace leat::cli {

/// Standard output is leat's: while this lives, what is printed there goes to standard error. For
/// calls that may enter a plugin. Not for two threads at a time.
class others_print_to_stderr {
 public:
  others_print_to_stderr();
  ~others_print_to_stderr();
  others_print_to_stderr(const others_print_to_stderr&) = delete;
  others_print_to_stderr& operator=(const others_print_to_stderr&) = delete;

 private:
  int kept_;
};

} // namespace leat::cli
