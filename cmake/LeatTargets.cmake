# One library per directory: leat_library(NAME dataflow DEPENDS ...), with leat's warnings as errors.
add_library(leat_options INTERFACE)
target_compile_features(leat_options INTERFACE cxx_std_20)
target_compile_options(
  leat_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
            -Werror)
# Some libraries bring it; precompiled headers are for sources that are compiled alike.
target_compile_options(leat_options INTERFACE -pthread)
target_include_directories(leat_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")

# What of libraries most sources include is compiled once for all of them: reading it is a third of what a small source
# costs. (What brings large templates, as JSON does, costs every source more than it saves.) Sources include what they use
# all the same, and compile without (-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON).
function(leat_precompiled name)
  cmake_parse_arguments(arg "" "" "OPTIONS;DEPENDS;HEADERS" ${ARGN})
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${name}.cpp" CONTENT "")
  add_library(${name} OBJECT "${PROJECT_BINARY_DIR}/${name}.cpp")
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  target_link_libraries(${name} PRIVATE leat_options ${arg_DEPENDS})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

leat_precompiled(leat_headers HEADERS
  <algorithm> <array> <charconv> <chrono> <cstdint> <filesystem> <functional> <map> <memory> <mutex> <optional> <set> <span>
  <string> <string_view> <thread> <utility> <variant> <vector>)
# Of tests, which are not optimized.
leat_precompiled(leat_test_headers OPTIONS -O0 DEPENDS GTest::gtest GTest::gmock HEADERS
  <gmock/gmock.h> <gtest/gtest.h> <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <random>
  <set> <string> <thread> <vector>)

function(leat_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(leat_${name} STATIC ${arg_SOURCES})
  target_link_libraries(leat_${name} PUBLIC leat_options ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
  target_precompile_headers(leat_${name} REUSE_FROM leat_headers)
endfunction()

# A GoogleTest program, run as one ctest entry with a label, or as SHARDS of them. Its own sources are compiled without
# optimization, which halves their share of a build; what it tests, and OPTIMIZED ones, are not. How long it may take is
# scripts/test's to say, since --full takes longer.
function(leat_test name)
  cmake_parse_arguments(arg "OPTIMIZED" "LABEL;SHARDS" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(NOT arg_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
    target_precompile_headers(${name} REUSE_FROM leat_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE leat_options ${arg_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  if(NOT arg_SHARDS)
    set(arg_SHARDS 1)
  endif()
  foreach(shard RANGE 1 ${arg_SHARDS})
    set(entry ${name})
    if(arg_SHARDS GREATER 1)
      string(APPEND entry "_${shard}")
    endif()
    math(EXPR index "${shard} - 1")
    add_test(NAME ${entry} COMMAND ${name})
    set_tests_properties(${entry} PROPERTIES LABELS "${arg_LABEL}"
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
