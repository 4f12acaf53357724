# One library per directory: leat_library(NAME dataflow DEPENDS ...), with leat's warnings as errors.
add_library(leat_options INTERFACE)
target_compile_features(leat_options INTERFACE cxx_std_20)
target_compile_options(
  leat_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
            -Werror)
target_include_directories(leat_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")

function(leat_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(leat_${name} STATIC ${arg_SOURCES})
  target_link_libraries(leat_${name} PUBLIC leat_options ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
endfunction()

# GoogleTest, and what of the standard library most tests include, compiled once for all tests that are not optimized:
# most of what it costs to read a small test. Sources include what they use all the same, and compile without
# (-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON).
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/test_headers.cpp" CONTENT "")
add_library(leat_test_headers OBJECT "${PROJECT_BINARY_DIR}/test_headers.cpp")
target_compile_options(leat_test_headers PRIVATE -O0)
target_link_libraries(leat_test_headers PRIVATE leat_options GTest::gtest GTest::gmock)
target_precompile_headers(leat_test_headers PRIVATE
  <gmock/gmock.h> <gtest/gtest.h> <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <random>
  <set> <string> <thread> <vector>)

# A GoogleTest program, run whole as one ctest entry with a label. Its own sources are compiled without optimization, which
# halves their share of a build; what it tests, and OPTIMIZED ones, are not. It runs alone: tests measure memory, and wait
# for limits of time. How long it may take is scripts/test's to say, since --full takes longer.
function(leat_test name)
  cmake_parse_arguments(arg "OPTIMIZED" "LABEL" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(NOT arg_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
    target_precompile_headers(${name} REUSE_FROM leat_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE leat_options ${arg_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" RUN_SERIAL TRUE)
endfunction()
