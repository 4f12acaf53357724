#pragma once

#include <filesystem>

namespace leat::test {

/// A new directory under $TMPDIR (or /tmp), removed with everything in it at the end. Others may
/// enter it, so that a server of another user can have its own directory inside.
class temp_directory {
 public:
  temp_directory();
  ~temp_directory();
  temp_directory(const temp_directory&) = delete;
  temp_directory& operator=(const temp_directory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  /// Leaves it where it is, for a person to look at.
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

} // namespace leat::test
