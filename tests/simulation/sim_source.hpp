#pragma once

#include <memory>
#include <vector>

#include "actors/messages.hpp"
#include "dataflow/source.hpp"
#include "tests/simulation/world.hpp"

namespace leat::sim {

/// The source database as the engine sees it: its catalog, its slot and its readers. The stream is
/// apart (sim_stream.hpp): the simulation moves it on itself.
class sim_source : public source {
 public:
  sim_source(world& w, model::random& r) : world_(w), random_(r) {}

  void identify(pipeline_identity&) override;
  std::vector<source_table> tables() override;
  wal_lsn prepare(pipeline_identity&, const std::vector<schema_ptr>&,
                  const std::function<void()>&) override;
  std::vector<std::string> open_transactions(std::optional<std::uint64_t>) override { return {}; }
  wal_lsn position() override { return world_.database.wal_end(); }
  std::unique_ptr<change_stream> open_stream(const pipeline_identity&, stream_start,
                                             const std::vector<schema_ptr>&, spill_area&) override;
  std::shared_ptr<table_reader> open_reader(const pipeline_identity&,
                                            std::shared_ptr<spill_area>) override;
  dropped drop(const pipeline_identity&) override { return {}; }
  void cancel() noexcept override {}

 private:
  world& world_;
  model::random& random_;
};

/// Appends a row as the table shows it; without `large` unless `whole`.
std::uint32_t add_row(batch&, const table_schema&, const std::string& key, const row_version&,
                      bool whole);

/// The row was read since a sink missed it.
bool is_lookup(const change&);

} // namespace leat::sim
