#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "plugins/sqlite/database.hpp"
#include "plugins/sqlite/progress.hpp"

namespace leat::sqlite {

/// What the writers of one sink share: the connection with its one open transaction, and the
/// epoch's missing rows.
struct session {
  session(std::filesystem::path path, std::string pipeline)
      : db(std::move(path)), progress(db, std::move(pipeline)) {}

  /// Opens the epoch's transaction unless it is open: from here on the file is locked for other
  /// writers.
  void begin() {
    if (!db.in_transaction()) db.execute("BEGIN IMMEDIATE");
  }

  database db;
  progress_record progress;
  std::vector<missing_row> missing;
};

} // namespace leat::sqlite
