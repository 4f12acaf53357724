#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataflow/shaping.hpp"
#include "dataflow/transform_chain.hpp"

namespace leat {

/// What one route makes of its table's rows on their way to the writer: condition and computed
/// columns, then transforms. Rows of a route that has neither pass as they came, and are not looked
/// at. Used by one thread.
class row_maker {
 public:
  row_maker() = default;
  /// What `open` gives outlives this.
  row_maker(const route_ptr& r, const open_keyed_state& open) {
    const auto& inner = r->chain ? r->chain->inner : r;
    if (inner->shape) shape_ = std::make_unique<shaping>(inner);
    if (r->chain) chain_ = std::make_unique<transform_chain>(r, open);
  }

  /// `rows` are of the source table. `write(rows, changes)` takes what is left of them, which may
  /// be no call at all; `keep(letter)` each row that was refused.
  template <class Write, class Keep>
  void take(const batch_ptr& rows, std::span<const std::uint32_t> changes, Write&& write,
            Keep&& keep) {
    if (!shape_ && !chain_) return write(rows, changes);
    if (!chain_ || !chain_->completes_table()) return shape(rows, changes, write, keep);
    if (const auto whole = chain_->complete(*rows, changes))
      shape(whole, all_changes(*whole), write, keep);
  }

  /// The epoch ends at `position`: what the transforms still had.
  template <class Write, class Keep>
  void flush(commit_lsn position, Write&& write, Keep&& keep) {
    if (!chain_) return;
    for (const auto& rows : chain_->flush(position)) write(rows, all_changes(*rows));
    for (const auto& letter : chain_->take_letters()) keep(letter);
  }

  /// Keys, at the source, of rows that have to be read again (R6), since the last call.
  std::vector<std::vector<std::string>> take_asked() {
    return chain_ ? chain_->take_asked() : std::vector<std::vector<std::string>>();
  }

 private:
  template <class Write, class Keep>
  void shape(const batch_ptr& rows, std::span<const std::uint32_t> changes, Write& write,
             Keep& keep) {
    if (!shape_) return transform(rows, changes, write, keep);
    const auto made = shape_->apply(rows, changes);
    for (const auto& letter : made.refused) keep(letter);
    if (!made.changes.empty()) transform(made.rows, made.changes, write, keep);
  }

  template <class Write, class Keep>
  void transform(const batch_ptr& rows, std::span<const std::uint32_t> changes, Write& write,
                 Keep& keep) {
    if (!chain_) return write(rows, changes);
    if (const auto made = chain_->apply(*rows, changes)) write(made, all_changes(*made));
    for (const auto& letter : chain_->take_letters()) keep(letter);
  }

  std::unique_ptr<shaping> shape_;
  std::unique_ptr<transform_chain> chain_;
};

} // namespace leat
