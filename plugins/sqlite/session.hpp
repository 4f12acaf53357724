#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/lost_tables.hpp"
#include "dataflow/sink.hpp"
#include "plugins/sqlite/database.hpp"
#include "plugins/sqlite/dead_letters.hpp"
#include "plugins/sqlite/progress.hpp"

namespace leat::sqlite {

/// What the writers of one sink share: the connection with its one open transaction, and the
/// epoch's missing rows.
struct session {
  session(std::filesystem::path path, const std::string& pipeline,
          const std::optional<std::string>& dead_letter_table)
      : db(std::move(path)), progress(db, pipeline), letters(db, pipeline, dead_letter_table) {}

  /// Opens the epoch's transaction unless it is open: from here on the file is locked for other
  /// writers.
  void begin() {
    if (!db.in_transaction()) db.execute("BEGIN IMMEDIATE");
  }

  database db;
  progress_record progress;
  dead_letters letters;
  missing_gatherer missing;
  lost_tables lost;
};

} // namespace leat::sqlite
