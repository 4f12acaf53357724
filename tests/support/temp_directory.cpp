#include "tests/support/temp_directory.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace leat::test {

temp_directory::temp_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "leat-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  path_ = pattern;
  ::chmod(path_.c_str(), 0711);
}

temp_directory::~temp_directory() {
  std::error_code ignored; // what could not be removed is left to the system's own cleaning of /tmp
  if (!kept_) std::filesystem::remove_all(path_, ignored);
}

} // namespace leat::test
