#include "plugins/postgres/source.hpp"

#include <mutex>

#include "dataflow/restart_point.hpp"
#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/catalog_resolver.hpp"
#include "plugins/postgres/open_transactions.hpp"
#include "plugins/postgres/publication.hpp"
#include "plugins/postgres/reading_gaps.hpp"
#include "plugins/postgres/replication_stream.hpp"
#include "plugins/postgres/slot.hpp"
#include "plugins/postgres/snapshot_predicates.hpp"
#include "plugins/postgres/table_reader.hpp"
#include "plugins/postgres/table_stamps.hpp"

namespace leat::postgres {

namespace {

constexpr int oldest_version = 130000;

error slot_is_gone(const std::string& name) {
  return {error_kind::source, "the slot is gone", name,
          "changes since the last checkpoint cannot be read any more: `leat drop`, empty the "
          "target's tables, run"};
}

class postgres_source : public source {
 public:
  postgres_source(source_options options, std::string file)
      : options_(std::move(options)), file_(std::move(file)) {}

  void identify(pipeline_identity& id) override {
    if (server().server_version() < oldest_version)
      throw error(error_kind::source,
                  "PostgreSQL " + std::to_string(server().server_version() / 10000) + " is too old",
                  server().where(), "upgrade the server to PostgreSQL 13 or later");
    const auto level = server().query("SELECT current_setting('wal_level')").string(0, 0);
    if (level != "logical")
      throw error(error_kind::source, "wal_level is " + level + ", not logical", server().where(),
                  "ALTER SYSTEM SET wal_level = 'logical'; then restart the server");
    connection replication(walsender(id), connection_use::replication);
    const auto identity = identify_server(replication);
    if (identity.in_recovery)
      throw error(error_kind::source, "the server is a standby", server().where(),
                  "point [source] at the primary: on a standby, snapshots do not show which "
                  "transactions are running");
    id.system_id = identity.system_id;
    id.timeline = identity.timeline;
    id.database = server().query("SELECT current_database()").string(0, 0);
  }

  std::vector<source_table> tables() override {
    types_ = type_catalog::load(server());
    view_ = view_of(read_publication(server(), options_.publication), options_.publication);
    tables_ = list_tables(server(), types_, view_);
    std::vector<source_table> out;
    for (const auto& t : tables_) {
      source_table table;
      table.schema = t.schema;
      table.rows_estimated = static_cast<std::uint64_t>(t.rows_estimated);
      out.push_back(std::move(table));
    }
    return out;
  }

  wal_lsn prepare(pipeline_identity& id, const std::vector<schema_ptr>& tables,
                  const std::function<void()>& made) override {
    const bool had_slot = !id.slot.empty();
    if (!had_slot) check_predicates(tables);
    id.publication = options_.publication;
    if (ensure_publication(server(), options_.publication, told_of(tables)).created) {
      id.made_publication = true;
      made();
    }
    auto slot = read_slot(server(), options_.slot);
    if (!slot && had_slot) throw slot_is_gone(options_.slot);
    if (!slot) {
      create(id);
      id.slot = options_.slot;
      id.made_slot = true;
      made();
      slot = read_slot(server(), options_.slot);
    }
    if (!slot)
      throw error(error_kind::source, "the slot vanished", options_.slot, "run leat again",
                  error_retry::transient);
    id.slot = options_.slot;
    check_slot(*slot, expectation(id));
    // One that is being made is listed, and goes away again when its connection is lost.
    if (slot->confirmed == wal_lsn{})
      throw error(error_kind::source, "the slot is still being made by another connection",
                  options_.slot, "", error_retry::transient);
    return slot->confirmed;
  }

  std::map<oid, table_stamp> stamps(const std::vector<schema_ptr>& tables) override {
    std::vector<oid> ids;
    for (const auto& t : tables) ids.push_back(t->id);
    return read_stamps(server(), options_.publication, ids);
  }

  std::optional<wal_lsn> look_at_slot(const pipeline_identity& id) override {
    if (id.slot.empty()) return std::nullopt;
    const auto slot = read_slot(server(), options_.slot);
    if (!slot) throw slot_is_gone(options_.slot);
    return slot->confirmed;
  }

  std::vector<std::string> open_transactions(std::optional<std::uint64_t> before) override {
    if (!before) {
      const auto slot = read_slot(server(), options_.slot);
      if (!slot || slot->confirmed != wal_lsn{}) return {};
    }
    return postgres::open_transactions(server(), before);
  }

  std::map<oid, error> obstacles(const std::vector<schema_ptr>& tables) override {
    wait_little_for_locks();
    const auto publication = read_publication(server(), options_.publication);
    const auto role = server().query("SELECT current_user").string(0, 0);
    std::map<oid, error> out;
    for (const auto& t : told_of(tables)) {
      if (const auto why = publication_obstacle(server(), publication ? &*publication : nullptr,
                                                options_.publication, t)) {
        out.emplace(t.schema->id, *why);
        continue;
      }
      const auto gaps = reading_gaps(t, role);
      if (gaps.empty()) continue;
      const auto& gap = gaps.front();
      out.emplace(t.schema->id, error(error_kind::source, gap.what, gap.where, gap.remedy));
    }
    return out;
  }

  void publish(const std::vector<schema_ptr>& tables) override {
    wait_little_for_locks();
    ensure_publication(server(), options_.publication, told_of(tables));
  }

  wal_lsn position() override {
    return wal_lsn{
        parse_lsn(server().query("SELECT pg_current_wal_insert_lsn()").text(0, 0)).value_or(0)};
  }

  std::unique_ptr<change_stream> open_stream(const pipeline_identity& id, stream_start start,
                                             const std::vector<schema_ptr>& known,
                                             spill_area& spill) override {
    auto resolver = std::make_unique<catalog_resolver>(parameters(id), options_.publication);
    for (const auto& schema : known) resolver->remember(schema);
    stream_options o;
    o.connection = walsender(id);
    o.slot = options_.slot;
    o.publication = options_.publication;
    o.position = start.position;
    o.resume = start.resume;
    o.system_id = id.system_id;
    o.timeline = id.timeline;
    o.slot_is_free = [parameters = parameters(id), expected = expectation(id)](wal_lsn resume) {
      connection c(parameters, connection_use::query);
      const auto slot = read_slot(c, expected.name);
      if (!slot) throw slot_is_gone(expected.name);
      const auto hold = check_slot(*slot, expected);
      // The server would go on from what it was moved to, and say nothing.
      check_slot_position(resume, slot->confirmed);
      if (hold == slot_hold::held_by_other) throw slot_in_use(*slot, expected);
      return hold == slot_hold::free;
    };
    return std::make_unique<replication_stream>(std::move(o), std::move(resolver), spill);
  }

  std::shared_ptr<table_reader> open_reader(const pipeline_identity& id,
                                            std::shared_ptr<spill_area> spill) override {
    snapshot_options o;
    o.spill = std::move(spill);
    o.chunk_rows = options_.chunk_rows;
    o.chunk_bytes = options_.chunk_bytes;
    o.publication = view_;
    for (const auto& t : tables_) {
      const auto where = options_.where.find(t.schema->qualified_name());
      if (where != options_.where.end()) o.where[t.schema->id] = where->second;
      if (!t.row_filter.empty()) o.row_filter[t.schema->id] = t.row_filter;
    }
    return make_table_reader(parameters(id), std::move(o));
  }

  dropped drop(const pipeline_identity& id) override {
    dropped gone;
    if (id.made_slot) gone.slot = drop_slot(server(), id.slot);
    if (id.made_publication) gone.publication = drop_publication(server(), id.publication);
    return gone;
  }

  void cancel() noexcept override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    if (creating_ != nullptr) creating_->cancel();
  }

 private:
  connection& server() {
    if (!connection_)
      connection_ = std::make_unique<connection>(options_.connection, connection_use::query);
    return *connection_;
  }

  std::vector<catalog_table> told_of(const std::vector<schema_ptr>& tables) const {
    std::map<oid, const catalog_table*> known;
    for (const auto& t : tables_) known.emplace(t.schema->id, &t);
    std::vector<catalog_table> out;
    for (const auto& t : tables)
      if (const auto found = known.find(t->id); found != known.end()) out.push_back(*found->second);
    return out;
  }

  /// Before anything is made. Later a table may have lost a column that its snapshot was read by.
  void check_predicates(const std::vector<schema_ptr>& tables) {
    const auto wrong = find_wrong_predicates(server(), {options_.where, file_}, tables);
    if (!wrong.empty()) throw error(wrong.front());
  }

  /// pg_publication_tables locks every table of the publication, one after the other.
  void wait_little_for_locks() { server().query("SET lock_timeout = '500ms'"); }

  /// The name by which a walsender of this pipeline's own lost connection is known.
  connection_parameters walsender(const pipeline_identity& id) const {
    auto p = options_.connection;
    p["application_name"] = "leat:" + id.id;
    return p;
  }

  /// Of connections that do not stream: the user's name for them goes first.
  connection_parameters parameters(const pipeline_identity& id) const {
    return given(options_.connection, "application_name") ? options_.connection : walsender(id);
  }

  slot_expectation expectation(const pipeline_identity& id) const {
    return {options_.slot, id.database, "leat:" + id.id};
  }

  void create(const pipeline_identity& id) {
    connection replication(walsender(id), connection_use::replication);
    {
      const std::scoped_lock lock(mutex_);
      if (cancelled_)
        throw error(error_kind::source, "cancelled", options_.slot, "", error_retry::transient);
      creating_ = &replication;
    }
    struct reset {
      postgres_source* self;
      ~reset() {
        const std::scoped_lock lock(self->mutex_);
        self->creating_ = nullptr;
      }
    } const at_end{this};
    create_slot(replication, options_.slot);
  }

  source_options options_;
  std::string file_;
  std::unique_ptr<connection> connection_;
  type_catalog types_;
  std::vector<catalog_table> tables_;
  publication_view view_;
  std::mutex mutex_;
  bool cancelled_ = false;
  connection* creating_ = nullptr; ///< creating a slot waits for running transactions
};

} // namespace

std::unique_ptr<source> make_source(const source_options& options, std::string file) {
  return std::make_unique<postgres_source>(options, std::move(file));
}

} // namespace leat::postgres
