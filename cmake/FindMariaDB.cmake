# Finds MariaDB's client library, which ships no CMake configuration. Target: MariaDB::Client.
find_path(MariaDB_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb)
find_library(MariaDB_LIBRARY mariadb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MariaDB REQUIRED_VARS MariaDB_INCLUDE_DIR MariaDB_LIBRARY)
if(MariaDB_FOUND AND NOT TARGET MariaDB::Client)
  add_library(MariaDB::Client UNKNOWN IMPORTED)
  set_target_properties(
    MariaDB::Client PROPERTIES IMPORTED_LOCATION "${MariaDB_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                     "${MariaDB_INCLUDE_DIR}")
endif()
