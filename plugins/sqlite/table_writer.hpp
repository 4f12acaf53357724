#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/sink.hpp"
#include "plugins/sqlite/session.hpp"
#include "plugins/sqlite/table.hpp"

namespace leat::sqlite {

/// What the writers of all modes have in common: the route's table as it is in the file, and the
/// record of it. The three modes derive from it.
class table_writer : public writer {
 public:
  /// Makes the table when missing. Throws when it does not fit, or holds rows that this pipeline
  /// has not brought. A misfit of a table that is this pipeline's own is kept until something is
  /// written: the target may be ahead of the route by a schema change that is still to be replayed
  /// (R7). So is the loss of such a table, which snapshots alone make anew.
  table_writer(session&, route_ptr);

  void change_schema(const route_ptr& after) final;

  /// The target is a cut of the source (target_progress::consistent).
  virtual void became_consistent() {}

 protected:
  /// Notes that a snapshot has begun. Nothing, when `generation` is the running one, which goes on,
  /// or the last one that ended here, which is replayed. Nothing is written before begin_writing(),
  /// so that a snapshot that waits at the source holds no lock.
  void note_begun(std::uint32_t generation);
  /// Writes the beginning of a snapshot that was noted.
  virtual void write_begun() {}
  /// The table was lost, and is there again without rows. In the open transaction.
  virtual void made_again() {}
  /// Notes the end; false when it is replayed.
  bool note_finished(std::uint32_t generation);

  /// Opens the transaction for writing into the table. Throws the misfit that the constructor kept.
  void begin_writing();
  bool lost() const { return lost_; } ///< the table was dropped, and its rows with it

  /// Statements are of the old columns: prepare them anew.
  virtual void forget_statements() = 0;
  /// route_ is of another version.
  virtual void columns_changed() {}

  /// Binds what a cell of route column `column` holds; throws for a text that is not of the
  /// column's class, naming the row by `key()`. A cell that did not come is NULL.
  template <class Key>
  void bind_cell(statement& s, int parameter, std::size_t column, cell_state state,
                 std::string_view text, const Key& key) const {
    if (state != cell_state::value) return s.bind_null(parameter);
    if (!bind_text(s, parameter, kinds_[column], text)) refuse(column, text, key());
  }
  void save_record() { session_.progress.set_snapshot(route_->progress_name(), record_); }

  session& session_;
  route_ptr route_;
  table_record record_;
  std::vector<storage> kinds_; ///< of the route's columns

 private:
  void take_table();
  /// Makes it again in the open transaction; throws unless rows of all its sources come.
  void make_lost();
  void use(route_ptr);
  void note_columns();
  [[noreturn]] void refuse(std::size_t column, std::string_view text, const std::string& key) const;

  std::optional<error> misfit_;
  bool lost_ = false;
  bool begun_due_ = false;
  bool unnoted_ = true; ///< the record may tell other columns
};

/// The writer that the route's mode and key ask for.
std::unique_ptr<table_writer> make_writer(session&, const route_ptr&);
std::unique_ptr<table_writer> make_upsert_writer(session&, const route_ptr&);
std::unique_ptr<table_writer> make_keyless_writer(session&, const route_ptr&);
std::unique_ptr<table_writer> make_append_writer(session&, const route_ptr&);

} // namespace leat::sqlite
