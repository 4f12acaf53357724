#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/expressions/datum.hpp"
#include "dataflow/expressions/node.hpp"

namespace leat::sql {

/// One step of a compiled expression; registers are numbers.
struct instruction {
  enum class kind : std::uint8_t {
    call,
    load,
    load_metadata,
    copy,
    all_begin,
    all_step, ///< AND: leave to `target` when an argument is false
    any_begin,
    any_step, ///< OR: when one is true
    jump,
    jump_unless_true,
    jump_if_known,
  };
  kind what = kind::call;
  bool strict = true;
  std::uint16_t out = 0;
  std::uint16_t column = 0;
  std::uint32_t from = 0; ///< register, or the first of `arguments`
  std::uint32_t count = 0;
  std::uint32_t target = 0; ///< instruction
  builtin run = nullptr;
  std::uint32_t info = 0;
};

/// A PostgreSQL expression over one row, compiled for one version of a table. Immutable; shared by
/// threads, which evaluate it with an `evaluation` each.
class expression {
 public:
  /// Parses and compiles. `wanted`: a type to cast to, as SQL writes it ("numeric(10,2)"); empty:
  /// the expression's own. Throws leat::error of kind usage: what is wrong, `where` the place in
  /// the expression ("at character 7: ..."), and a remedy.
  static std::shared_ptr<const expression> compile(const std::string& text, const table_schema&,
                                                   const std::string& wanted = {});
  /// The same for a condition: of type boolean.
  static std::shared_ptr<const expression> compile_condition(const std::string& text,
                                                             const table_schema&);

  /// Throws leat::error where a constant says how a function is to work (a pattern, a unit, a zone)
  /// and the function does not take it. PostgreSQL fails for the rows that come to it.
  void check_constants() const;

  const std::string& text() const { return text_; }
  const sql_type& type() const { return type_; }
  /// The column that it is, and whose type it keeps, where leat does not look into that type.
  std::optional<std::uint16_t> copied_column() const { return copied_; }
  /// Columns that are read, ascending.
  const std::vector<std::uint16_t>& reads() const { return reads_; }
  /// Reads what belongs to the change and not to the row: leat.op, leat.commit_time, ...
  bool reads_change() const { return reads_change_; }
  /// The server gives the same value for every row when it computes text() (it may fail for
  /// others).
  bool same_at_server() const { return same_at_server_; }
  bool is_null() const; ///< for every row
  /// The value is the same for every row (of this table).
  bool is_constant() const { return reads_.empty() && !reads_change_; }

 private:
  friend class evaluation;
  friend class program_builder;
  friend struct expression_factory;
  std::string text_;
  sql_type type_;
  std::optional<std::uint16_t> copied_;
  std::vector<std::uint16_t> reads_;
  bool reads_change_ = false;
  bool same_at_server_ = false;
  std::vector<instruction> steps_;
  std::vector<std::uint32_t> arguments_;
  std::vector<call_info> infos_;
  std::vector<std::pair<std::uint32_t, datum>> constants_; ///< register and value
  std::vector<sql_type> column_types_;                     ///< by column of the table
  std::uint32_t registers_ = 0;
  std::uint32_t result_ = 0;
};

using expression_ptr = std::shared_ptr<const expression>;

/// The registers of one thread's evaluation. Rows of the table's version that it was compiled for.
class evaluation {
 public:
  explicit evaluation(expression_ptr);

  const expression& of() const { return *expression_; }
  /// The value for a row, valid until the next call. `what` may be null when no metadata is read.
  /// Throws evaluation_error, and value_missing when a cell that is read did not come.
  const datum& run(const batch& rows, std::span<const cell> row, const change* what);

 private:
  void load(const instruction&, const batch&, std::span<const cell>);
  void load_metadata(const instruction&, const batch&, const change*);

  expression_ptr expression_;
  std::vector<datum> registers_;
  std::vector<const datum*> arguments_;
};

/// The operator's letter in `leat.op` and `_leat_op`: i, u, d, t, r.
char letter_of(change_kind);

} // namespace leat::sql
