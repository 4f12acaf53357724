#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dataflow/source.hpp"
#include "dataflow/spill.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/stream_decoder.hpp"

namespace leat::postgres {

struct stream_options {
  connection_parameters connection;
  std::string slot;
  std::string publication;
  commit_lsn position{};       ///< last transaction of the checkpoint the stream starts from
  wal_lsn resume{};            ///< where START_REPLICATION starts
  std::uint64_t system_id = 0; ///< of the source; another one after a reconnect ends the pipeline
  std::uint32_t timeline = 0;
  std::chrono::milliseconds pause_limit{
      2000}; ///< longest pause in reading; then the source spools (R4)
  /// Checks the slot before each START_REPLICATION: true when it may be started, false while the
  /// walsender of a lost connection of ours still holds it. `resume`: as above, moved on by what
  /// was confirmed since.
  std::function<bool(wal_lsn resume)> slot_is_free;
};

/// Streams one slot through pgoutput: keeps the connection alive, spools what must be read but
/// cannot be handed on, cuts barriers between transactions, confirms what is durable. Reconnects
/// with backoff.
///
/// Source of the protocol: PostgreSQL manual, "Streaming Replication Protocol" and "Logical
/// Streaming Replication Protocol".
class replication_stream : public change_stream {
 public:
  replication_stream(stream_options, std::unique_ptr<relation_resolver>, spill_area&);
  ~replication_stream() override;
  void run(stream_output&) override;

 private:
  class session;

  stream_options options_;
  std::unique_ptr<relation_resolver> resolver_;
  spill_area& spill_;
};

} // namespace leat::postgres
