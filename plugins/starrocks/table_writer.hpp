#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/sink.hpp"
#include "plugins/starrocks/context.hpp"
#include "plugins/starrocks/table.hpp"

namespace leat::starrocks {

/// What the writers of all modes share: the table, made or checked, and the loads of its rows.
class table_writer : public writer {
 public:
  /// Makes the table when missing, checks it otherwise. One that this pipeline has written to may
  /// be a later version than the route, after a crash: it is judged when something is written. When
  /// that one is missing, its rows are lost: it is made again when snapshots of all its sources
  /// begin.
  table_writer(target_context&, route_ptr);

  void change_schema(const route_ptr& after) override;

  /// The target is a cut of the source (target_progress::consistent).
  virtual void became_consistent() {}
  /// The end of an epoch begins: what cannot be in its transaction is done ahead of it, before any
  /// writer's finish_epoch(), so that no row goes ahead that need not.
  virtual void commit_ahead() {}
  /// Makes the table when it was dropped at the target and snapshots of all its sources have begun.
  /// Throws when it was dropped otherwise, whether or not something is written to it.
  void make_lost();
  /// Ends the epoch's rows: all that is kept goes into the load.
  virtual void finish_epoch() = 0;

 protected:
  /// Rows have other columns from now on.
  virtual void reshaped() = 0;

  row_encoder make_encoder() const;
  /// Sends what is encoded; the encoder is empty then.
  void send(row_encoder&);
  /// Ends a row. `letter` makes what is kept of it, should the server refuse it.
  template <class Letter>
  void end(row_encoder& rows, const Letter& letter) {
    rows.end();
    if (context_.keeps_letters()) letters_.push_back(dead_letters::note(letter()));
    send_if_large(rows);
  }
  /// A row that has a value which its column does not hold: becomes a dead letter, where these are
  /// kept.
  template <class Letter>
  void reject(row_encoder& rows, std::size_t column, std::string_view problem,
              const std::string& row, const Letter& letter) {
    if (!context_.keeps_letters()) fail_value(column, problem, row);
    rows.drop();
    context_.loads->bury(dead_letters::note(letter()),
                         "column " + columns_[column].name + " has " + std::string(problem));
  }
  /// Sends it when it is large.
  void send_if_large(row_encoder&);
  /// Fails for a value that the column does not hold.
  [[noreturn]] void fail_value(std::size_t column, std::string_view problem,
                               const std::string& row) const;
  /// As make_lost(); throws when the table does not fit the route.
  void check_fit();
  /// A snapshot of the table begins that brings all rows of the source.
  void make_again();
  bool lost() const { return lost_; }
  /// As at the end of an epoch.
  void send_all() {
    make_lost();
    commit_ahead();
    finish_epoch();
  }
  /// Commits what is under way for the table, so that a statement may follow.
  virtual void drain() { context_.loads->drain(table_); }

  target_context& context_;
  route_ptr route_;
  std::string table_;  ///< its name
  std::string quoted_; ///< with its database
  std::vector<wanted_column> columns_;

 private:
  /// Makes the table unless it is `there`; else sees that it is empty, or partly this pipeline's.
  void take_table(bool there);
  /// True when there was something to end.
  bool end_change();
  void become(const route& before, const route& after);
  void read_shape(const std::optional<real_table>&);
  std::optional<leat::error> name_problem() const;

  std::vector<std::string> shown_; ///< names of columns_ as the target has them
  bool lost_ = false;              ///< the table was dropped at the target
  std::optional<leat::error> misfit_;
  std::vector<std::string> letters_; ///< of the encoder's rows
};

std::unique_ptr<table_writer> make_keyed_writer(target_context&, const route_ptr&);
std::unique_ptr<table_writer> make_append_writer(target_context&, const route_ptr&);

/// Whether the source's comments differ between two versions of the route.
bool same_comments(const route& before, const route& after);
/// Gives the table the comments of the route's source.
void follow_comments(target_context&, const std::string& table, const route&);

/// ALTERs that bring the table of `before` to that of `after`; nothing when they are done.
void evolve(target_context&, const std::string& table, const route& before, const route& after);
/// A version on the way, for columns of which one takes the name that another has had: neither step
/// is ambiguous when it is done again after a crash. Null: evolve() needs none.
route_ptr between(target_context&, const std::string& table, const route& before,
                  const route& after);

} // namespace leat::starrocks
