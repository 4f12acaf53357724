#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/keyed_state.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// The rows that come to a transform: what the route's `columns` and the transforms before it
/// leave.
struct transform_input {
  /// Columns and key; id, schema and name are the table's. `column::identity`: old rows bring it,
  /// of a table without REPLICA IDENTITY FULL.
  schema_ptr rows;
  route_mode mode = route_mode::upsert;
  bool may_leave_out = false; ///< rows may come with cells that are `unchanged`
};

/// What a transform makes of them.
struct transform_output {
  /// Columns and key as they leave it. Id, schema, name and identity are as they came. A column's
  /// `number` is given by leat.
  schema_ptr rows;
  /// By column of `rows`: the column of the input that it passes on as it is, if it does.
  std::vector<std::optional<std::uint16_t>> from;
  /// The state begins again with a snapshot of its table: it speaks of rows that are read again.
  bool keeps_state = false;
  /// No row of mode upsert leaves it with cells that are `unchanged`: it fills them, or asks.
  bool completes = false;
  std::string note = {}; ///< what a person should know, for the plan; empty: nothing
};

/// What a running transform is given.
struct transform_place {
  schema_ptr input;
  schema_ptr output;
  route_mode mode = route_mode::upsert;
  std::string where;            ///< "transform NAME of public.orders to orders", for errors
  keyed_state* state = nullptr; ///< when it keeps any; outlives the transform
  /// The row of this key is to be read at the source again (R6), and comes as change_kind::read.
  /// The transform lets a change_kind::remove of the key go out. `row`: cells of `input`, the key's
  /// among them. Null where the key does not tell which row of the source it is.
  std::function<void(const batch& rows, std::span<const cell> row)> ask = {};
  std::vector<std::optional<std::uint16_t>> from = {};  ///< as transform_output::from
  expression_policy on_error = expression_policy::stop; ///< of the route
  /// Keeps the change's row as a dead letter. Only with on_error = dead_letter.
  std::function<void(const batch& rows, const change&, const std::string& reason)> keep_letter = {};
};

/// A transform at work in one route. Used by one thread at a time; what it throws ends the pipeline
/// and loses nothing.
class transform {
 public:
  virtual ~transform() = default;

  /// `rows` come with cells of the input's columns and leave with the output's; changes may go,
  /// come and change. Deletes, and updates with an old row, need the same done to their old rows,
  /// so that keys that move go away at the target. Cells may be of any state, whatever their
  /// column. A row of a snapshot (change_kind::read) may come again, and must go out again. The
  /// order of what goes out is the order of `rows.changes`; transactions are left alone.
  virtual void apply(batch& rows) = 0;

  /// The epoch ends: what goes out now still belongs to it. `rows` is empty, and has one
  /// transaction.
  virtual void flush(batch& /*rows*/) {}
};

/// Puts into `next`, instead of an update whose row did not come whole and is read at the source:
/// the removal of its old row, if it came, and of its new one, of which what did not come is
/// absent.
void remove_incomplete(batch& rows, change c, std::vector<change>& next);

/// The change's row, of `input`, cannot be transformed: a dead letter is kept of it where the route
/// says so, and the change goes out no more, but for the removal of a key that it leaves. Otherwise
/// throws leat::error of kind source that names the row.
void refuse_row(const transform_place&, const batch& rows, const change&, const std::string& what,
                const std::string& remedy);

/// An update of mode upsert whose old row differs in these columns of `input`: the target has to
/// lose the row under them.
bool leaves_key(const transform_place&, const batch& rows, const change&,
                std::span<const std::uint16_t> key);

/// Numbers of columns (column::number) that transforms make begin here, beyond those of computed
/// ones.
inline constexpr std::int16_t first_made_number = 22000;

/// A [transform.NAME] with its options, which the registry has checked. Immutable.
class transform_type {
 public:
  virtual ~transform_type() = default;

  /// Throws leat::error of kind usage when it does not fit: its place is the option, or empty.
  virtual transform_output describe(const transform_input&) const = 0;

  virtual std::unique_ptr<transform> create(const transform_place&) const = 0;

  /// Standing first it works on the table's own rows, before `where` and `columns`: it gives them
  /// the cells that updates leave out, and changes nothing else.
  virtual bool completes_table() const { return false; }

  /// For `leat plan`: "mask email, phone: all but the last 4".
  virtual std::string text() const = 0;

  /// Another text: other rows (R12). Without secrets, it is kept in the state.
  virtual std::string fingerprint() const { return text(); }
};

using transform_type_ptr = std::shared_ptr<const transform_type>;

/// The type that a section of the file stands for. Throws leat::error of kind usage.
using transform_registry = std::function<transform_type_ptr(const transform_options&)>;

} // namespace leat
