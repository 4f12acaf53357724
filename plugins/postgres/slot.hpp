#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataflow/position.hpp"
#include "dataflow/visibility.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// Which cluster, and which of its histories, a connection talks to (IDENTIFY_SYSTEM).
struct server_identity {
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  wal_lsn position{};       ///< flushed so far
  bool in_recovery = false; ///< a standby
};

/// Needs a replication connection.
server_identity identify_server(connection& replication);

/// A row of pg_replication_slots. What a server version does not know is at its default.
struct slot_state {
  bool logical = true;
  std::string plugin;
  std::string database;
  bool temporary = false;
  std::int32_t active_pid = 0; ///< 0: nobody uses it
  std::string holder;          ///< application_name of the walsender behind active_pid
  wal_lsn restart{};           ///< 0 when lost
  wal_lsn confirmed{};
  std::string wal_status; ///< reserved, extended, unreserved, lost; empty: not known yet
  std::optional<std::int64_t> safe_wal_size; ///< bytes until it may be lost; nothing: no limit
  bool two_phase = false;
  std::string invalidation; ///< why it was invalidated; empty: valid
  bool failover = false;
  bool synced = false;           ///< a standby's copy of a slot of the primary
  std::uint64_t catalog_age = 0; ///< transactions since catalog_xmin
};

std::optional<slot_state> read_slot(connection&, const std::string& name);

struct slot_expectation {
  std::string name;
  std::string database;
  std::string application; ///< `leat:<pipeline id>`, what this pipeline's connections are called
};

/// free: may be started now. held_by_us: by the walsender of a lost connection of this pipeline,
/// wait for it. held_by_other: by somebody else, who has to stop first.
enum class slot_hold : std::uint8_t { free, held_by_us, held_by_other };

/// Whether leat may consume the slot; throws a permanent leat::error with the remedy when it never
/// may: physical, temporary, another plugin or database, two_phase, synced, lost or invalidated.
slot_hold check_slot(const slot_state&, const slot_expectation&);

/// The error for slot_hold::held_by_other.
error slot_in_use(const slot_state&, const slot_expectation&);

struct created_slot {
  wal_lsn consistent{}; ///< the stream holds every transaction that commits after this
  xid_snapshot seen;    ///< what the slot counts as committed before (R5.5)
};

/// Creates a permanent pgoutput slot on a replication connection. Blocks until the transactions
/// that run at that moment have ended; connection::cancel() ends the wait and leaves no slot.
/// Publications have to be there before. A connection that is lost at the very end leaves the slot
/// behind.
created_slot create_slot(connection& replication, const std::string& name);

/// False when there was none. Throws (55006, transient) while somebody uses it.
bool drop_slot(connection&, const std::string& name);

} // namespace leat::postgres
