#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "dataflow/fold.hpp"
#include "plugins/postgres/target_writer.hpp"

namespace leat::postgres {

/// Mode upsert with a key: folds changes by key. Rows that are new at the target are tried by COPY,
/// which is twice as fast as INSERT ... ON CONFLICT; all else goes as arrays, one statement a kind
/// of change.
class target_keyed_writer : public target_writer {
 public:
  target_keyed_writer(target_transaction&, route_ptr, const std::string& default_schema);

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override;
  std::size_t buffered() const override { return fold_.retained() + copied_.retained(); }
  void flush() override;
  void begin_snapshot(std::uint32_t generation) override;
  void finish_snapshot(std::uint32_t generation) override { end_snapshot(generation, true); }
  void give_up_snapshot(std::uint32_t generation) override { end_snapshot(generation, false); }

  void became_consistent() override;

 protected:
  void reshaped() override;
  void write_begun(std::uint32_t generation, bool interrupted) override;

 private:
  struct base_row {
    std::vector<std::optional<std::string>> texts; ///< by column of the route
  };
  /// Entries of one flush by what is done with them.
  struct work {
    std::vector<const fold_entry*> removed;
    std::vector<const fold_entry*> fresh;
    std::vector<const fold_entry*> whole;
    std::map<std::vector<std::size_t>, std::vector<const fold_entry*>>
        partial;                          ///< by columns that came
    std::vector<const fold_entry*> stale; ///< such too, whose rows at the target lack a change
  };

  void renew_statements();
  void widen_seen();
  void read_bases();
  work sort_out();
  void put_in_key_order(std::vector<const fold_entry*>&) const;
  void remove(const std::vector<const fold_entry*>&);
  void copy(std::vector<const fold_entry*>);
  void skip_copies(bool collided);
  void upsert(const fold&, const std::vector<const fold_entry*>&);
  void update(const std::vector<std::size_t>& columns, const std::vector<const fold_entry*>&);
  void deliver(const fold&, const std::vector<const fold_entry*>&,
               const std::function<void(std::span<const fold_entry* const>)>& send);
  void note_seen(const work&);
  void end_snapshot(std::uint32_t generation, bool whole);
  void miss(std::uint32_t key);
  /// What the target has under the key is from before a change that was refused.
  bool lacks_a_change(const fold_entry&, std::uint32_t key);
  std::optional<std::string_view> cell_of(const fold&, const fold_entry&, std::size_t column) const;
  std::vector<std::size_t> columns_that_came(const fold_entry&) const;
  void add_key(std::span<text_array>, std::uint32_t key) const;
  bool worth_copying(std::size_t rows);

  fold fold_;
  fold copied_;                    ///< rows of a COPY whose end the session has not seen
  bool only_new_ = true;           ///< nothing but inserts and reads since the last flush
  std::size_t copies_to_skip_ = 0; ///< after a collision, for a while
  std::size_t last_skip_ = 0;
  std::map<std::uint32_t, base_row> bases_; ///< by key number, of this flush
  target_statement upsert_, remove_, read_, add_seen_;
  std::map<std::vector<std::size_t>, target_statement> updates_;
  std::string seen_; ///< quoted; the side table of a running resnapshot
  bool seeing_ = false;
};

} // namespace leat::postgres
