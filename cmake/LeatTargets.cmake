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

# A GoogleTest program, run whole as one ctest entry with a label. Its own sources are compiled without optimization, which
# halves their share of a build; what it tests, and OPTIMIZED ones, are not. It runs alone: tests measure memory, and wait
# for limits of time. How long it may take is scripts/test's to say, since --full takes longer.
function(leat_test name)
  cmake_parse_arguments(arg "OPTIMIZED" "LABEL" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(NOT arg_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_link_libraries(${name} PRIVATE leat_options ${arg_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" RUN_SERIAL TRUE)
endfunction()
