#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/dead_letter.hpp"
#include "dataflow/planned_transforms.hpp"

namespace leat {

/// Gives the state of a transform of a route: its place in the chain, from 0, and its name.
using open_keyed_state =
    std::function<keyed_state*(const route&, std::size_t place, const std::string& name)>;

/// The transforms of one route at work, between shaping and the writer. Used by one thread.
class transform_chain {
 public:
  /// The route must have a chain. What `open` gives outlives this.
  transform_chain(route_ptr, const open_keyed_state& open);

  /// The first transform works on the table's rows, before shaping (complete()).
  bool completes_table() const { return plan_.completes_table(); }
  /// `rows` are of the source table. Gives all that is to be shaped; null for none.
  batch_ptr complete(const batch& rows, std::span<const std::uint32_t> changes);

  /// `rows` are of inner->schema. Gives rows of the route's schema, all of whose changes go to the
  /// writer; null for none.
  batch_ptr apply(const batch& rows, std::span<const std::uint32_t> changes);

  /// The epoch ends at `position`: what the transforms still had.
  std::vector<batch_ptr> flush(commit_lsn position);

  /// Keys, at the source, of rows that have to be read again (R6), since the last call.
  std::vector<std::vector<std::string>> take_asked() { return std::exchange(asked_, {}); }

  /// Rows that a transform refused (on_error), since the last call.
  std::vector<dead_letter> take_letters() { return std::exchange(letters_, {}); }

 private:
  struct stage {
    const planned_transforms::step* is;
    std::unique_ptr<transform> runs;
  };

  void run(batch& rows, std::size_t from);
  void ask_for_incomplete(batch& rows, const planned_transforms::step&);
  void ask(const planned_transforms::step&, const batch& rows, std::span<const cell> row);
  std::uint32_t add_row(batch& out, const batch& rows, std::span<const cell> row,
                        std::span<const cell> filling) const;
  std::uint32_t add_table_row(batch& out, const batch& rows, std::span<const cell> row,
                              cell_state unread) const;
  std::shared_ptr<batch> chosen(const batch& rows, std::span<const std::uint32_t> changes) const;

  route_ptr route_;
  const planned_transforms& plan_;
  std::vector<stage> stages_;
  std::size_t first_ = 0;   ///< of the stages behind shaping
  std::vector<bool> reads_; ///< by column of the table: complete() keeps it
  std::vector<std::vector<std::string>> asked_;
  std::vector<dead_letter> letters_;
};

} // namespace leat
