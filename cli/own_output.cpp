#include "cli/own_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace leat::cli {

namespace {

void flush_all() {
  std::fflush(stdout);
  std::cout.flush();
}

} // namespace

others_print_to_stderr::others_print_to_stderr() {
  flush_all();
  kept_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (kept_ >= 0) ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

others_print_to_stderr::~others_print_to_stderr() {
  flush_all();
  if (kept_ < 0) return;
  ::dup2(kept_, STDOUT_FILENO);
  ::close(kept_);
}

} // namespace leat::cli
