#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/dead_letter.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

/// Turns changes of a source table into changes of what a route makes of it: its rows are those
/// that `where` holds for, with the computed columns. Used by one thread.
///
/// An update whose new row does not hold removes the key; one whose row begins to hold is passed
/// on, and finds no row at the target: then the source is asked for it (R6), as for every row that
/// the stream did not bring whole. A delete needs no test: to delete an absent key does nothing.
/// Where the stream did not bring a value that an expression reads, the key is removed and its row
/// is asked for, too.
///
/// With on_error = "dead_letter" a row that an expression fails for is given as a letter, and the
/// target keeps what it has under the row's key; a key that the row left is removed.
///
/// In mode append a change is left out when its new row is known not to hold (of a delete: its old
/// one).
class shaping {
 public:
  /// The route must have a shape.
  explicit shaping(route_ptr);

  struct result {
    batch_ptr rows;                     ///< the given ones, where nothing had to be made
    std::vector<std::uint32_t> changes; ///< of `rows`, in stream order; may be empty
    std::vector<dead_letter> refused;   ///< rows that an expression failed for (on_error)
  };

  /// `rows` are of the table's version that the route was made for. Throws leat::error of kind
  /// source for a row that an expression fails for, unless the route's on_error says otherwise.
  result apply(const batch_ptr& rows, std::span<const std::uint32_t> changes);

 private:
  enum class action : std::uint8_t { drop, pass, remove, remove_old, insert, ask };
  enum class verdict : std::uint8_t { no, yes, unknown };

  action decide(const batch&, const change&);
  action decide_new(const batch&, const change&);
  action decide_update(const batch&, const change&);
  verdict holds(const batch&, std::span<const cell>, const change&);
  bool was_left_out(const batch&, const change&);
  verdict test(sql::evaluation&, const batch&, std::span<const cell>, const change&);
  std::span<const cell> effective(const batch&, const change&);

  void make(batch& out, const batch& rows, const change&, action);
  void make_ask(batch& out, const batch& rows, const change&);
  std::uint32_t add_row(batch& out, const batch& rows, std::span<const cell> cells, const change&,
                        bool old, bool* incomplete);
  std::uint32_t add_key_row(batch& out, const batch& rows, std::span<const cell> cells,
                            const change&, cell_state rest);
  cell computed(batch& out, std::size_t i, const batch& rows, std::span<const cell> cells,
                const change&, bool old, bool* incomplete);
  [[noreturn]] void fail(const std::string& option, const batch&, const change&,
                         const std::string& what) const;
  action refuse(const batch&, const change&, const std::string& reason, result&) const;
  bool key_moves(const batch&, const change&) const;
  bool key_came(const batch& out, std::uint32_t row) const;

  route_ptr route_;
  const route_shape& shape_;
  std::optional<sql::evaluation> where_;
  std::vector<sql::evaluation> unless_;
  std::vector<sql::evaluation> computed_;
  std::vector<bool> wanted_; ///< by column of route::schema: the writer looks at it
  std::vector<cell> filled_; ///< of the change at hand
  bool judging_old_ = false; ///< an error says nothing: the row was judged when it was new
  std::vector<action> actions_;
  std::string scratch_;
};

} // namespace leat
