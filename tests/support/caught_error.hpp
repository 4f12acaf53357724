#pragma once

#include <gtest/gtest.h>

#include <string>

#include "dataflow/error.hpp"

namespace leat::test {

/// The error that `act` ends with; fails the test when there is none.
template <class Act>
error error_of(const Act& act) {
  try {
    act();
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return {error_kind::bug, "no error", "", ""};
}

/// `what | where | remedy` of the error that `act` ends with, or "no error".
template <class Act>
std::string told(const Act& act) {
  try {
    act();
  } catch (const error& e) {
    return std::string(e.what()) + " | " + e.where() + " | " + e.remedy();
  }
  return "no error";
}

} // namespace leat::test
