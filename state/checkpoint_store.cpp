#include "state/checkpoint_store.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "dataflow/error.hpp"
#include "state/checkpoint_codec.hpp"
#include "state/chunk_lists.hpp"
#include "state/database.hpp"
#include "state/digest.hpp"
#include "state/operator_database.hpp"

namespace leat {

namespace {

constexpr int format = 1;

std::string hex(epoch_id epoch) {
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(epoch >> shift) & 15U];
  return text;
}

std::string checkpoint_key(epoch_id epoch) { return "checkpoint/" + hex(epoch); }

std::string request_key(std::uint64_t number) { return "resnapshot/" + hex(number); }

// The number of `resnapshot/<number>`, and the epoch of `checkpoint/<epoch>` or
// `missing/<epoch>/<sink>`.
epoch_id epoch_in(std::string_view key) {
  const auto text = key.substr(key.find('/') + 1, 16);
  epoch_id epoch = 0;
  std::from_chars(text.data(), text.data() + text.size(), epoch, 16);
  return epoch;
}

std::set<std::string> named_by(const checkpoint_record& r) {
  std::set<std::string> keys{r.routes};
  if (!r.stamps.empty()) keys.insert(r.stamps);
  for (const auto& [table, key] : r.schemas) keys.insert(key);
  for (const auto& [table, references] : r.chunks)
    for (const auto& reference : references) keys.insert(reference.list);
  return keys;
}

class checkpoint_store final : public state_store {
 public:
  checkpoint_store(const std::filesystem::path& directory, bool read_only,
                   std::size_t operator_memory)
      : db_(directory, read_only), read_only_(read_only), operator_memory_(operator_memory) {
    check_format();
    for (const auto* prefix : {"schema/", "chunks/", "routes/", "stamps/"})
      for (auto& key : db_.keys(prefix)) shared_.insert(std::move(key));
    for (const auto& key : db_.keys("checkpoint/"))
      named_.emplace(epoch_in(key), named_by(decode_checkpoint(read(key))));
  }

  std::optional<pipeline_identity> identity() const override {
    const auto value = db_.get("identity");
    if (!value) return std::nullopt;
    return decode_identity(*value);
  }

  void set_identity(const pipeline_identity& id) override {
    write({.puts = {{"identity", encode(id)}}, .removals = {}}, true);
  }

  std::vector<epoch_id> epochs() const override {
    std::vector<epoch_id> all;
    for (const auto& [epoch, keys] : named_) all.push_back(epoch);
    return all;
  }

  std::optional<checkpoint> load(epoch_id) const override;
  void save(const checkpoint&) override;
  void add_missing(epoch_id, const missing_keys&) override;
  std::uint64_t ask_resnapshot(oid table) override;
  std::vector<resnapshot_request> resnapshots() const override;
  void forget_resnapshots(const std::vector<std::uint64_t>& numbers) override;
  void prune(epoch_id oldest) override;
  std::shared_ptr<key_value_store> operators(bool make) override;

 private:
  struct known_schema {
    schema_ptr schema;
    std::string key;
  };
  struct known_chunks {
    std::uint32_t generation;
    chunk_lists lists;
  };

  void check_format();
  void write(const database_write&, bool synced);
  std::string read(const std::string& key) const;
  std::string refer_to_schema(const schema_ptr&, database_write&);
  std::vector<chunk_reference> refer_to_chunks(oid, const table_snapshot&, database_write&);
  void share(const std::string& key, std::string_view content, database_write&) const;
  void forget(const std::vector<epoch_id>&, database_write);
  [[noreturn]] void refuse(std::string what, std::string remedy) const;

  database db_;
  bool read_only_;
  std::size_t operator_memory_;
  std::map<epoch_id, std::set<std::string>> named_; ///< checkpoints, with the records they name
  std::set<std::string> shared_;                    ///< records that checkpoints can name
  std::map<oid, known_schema> schemas_;
  std::map<oid, known_chunks> chunks_;
  std::uint64_t last_request_ = 0;
  std::shared_ptr<key_value_store> operators_;
};

void checkpoint_store::check_format() {
  const auto stored = db_.get("format");
  if (!stored) {
    if (!db_.empty())
      refuse("this is a RocksDB database, but not leat's",
             "name another directory in [pipeline] state");
    if (read_only_) refuse("there is no state yet", "start the pipeline with `leat run`");
    return db_.write({.puts = {{"format", std::to_string(format)}}, .removals = {}}, true);
  }
  int version = 0;
  const auto* end = stored->data() + stored->size();
  const auto [rest, failure] = std::from_chars(stored->data(), end, version);
  if (failure != std::errc{} || rest != end || version < 1)
    refuse("the state is damaged: its format is `" + *stored + "`",
           "restore the directory from a copy, or remove it with `leat drop`");
  if (version > format)
    refuse("the state was written by a newer leat (format " + *stored + ", this one knows "
               + std::to_string(format) + ")",
           "run the newer version, or remove the state with its `leat drop`");
}

void checkpoint_store::refuse(std::string what, std::string remedy) const {
  throw error(error_kind::state, std::move(what), "state " + db_.directory().string(),
              std::move(remedy));
}

void checkpoint_store::write(const database_write& changes, bool synced) {
  if (read_only_)
    throw error(error_kind::bug, "the state was opened for reading and is written to",
                "state " + db_.directory().string(), "report this");
  db_.write(changes, synced);
}

std::string checkpoint_store::read(const std::string& key) const {
  auto value = db_.get(key);
  if (!value)
    refuse("the state is damaged: " + key + " is missing",
           "restore the directory from a copy, or remove it with `leat drop`");
  return std::move(*value);
}

std::optional<checkpoint> checkpoint_store::load(epoch_id epoch) const {
  if (!named_.contains(epoch)) return std::nullopt;
  auto record = decode_checkpoint(read(checkpoint_key(epoch)));
  auto state = std::move(record.body);
  state.routes = decode_routes(read(record.routes));
  for (const auto& [table, key] : record.schemas)
    state.schemas.emplace(table, std::make_shared<const table_schema>(decode_schema(read(key))));
  if (!record.stamps.empty())
    for (auto& [table, stamp] : decode_stamps(read(record.stamps)))
      state.snapshots[table].stamp = std::move(stamp);
  for (const auto& [table, references] : record.chunks) {
    auto& chunks = state.snapshots.at(table).chunks;
    for (const auto& reference : references)
      for (auto& c : chosen(decode_chunks(read(reference.list)), reference))
        chunks.push_back(std::move(c));
    std::ranges::sort(chunks, {}, &chunk_bounds::number);
  }
  for (const auto& key : db_.keys("missing/")) add(state.missing, decode_missing(read(key)));
  return state;
}

void checkpoint_store::save(const checkpoint& state) {
  if (!named_.empty() && state.epoch < named_.rbegin()->first)
    throw error(error_kind::bug,
                "checkpoint " + std::to_string(state.epoch) + " comes after "
                    + std::to_string(named_.rbegin()->first),
                "state " + db_.directory().string(), "report this");
  database_write changes;
  checkpoint_record record;
  for (const auto& [table, schema] : state.schemas)
    record.schemas.emplace(table, refer_to_schema(schema, changes));
  for (const auto& [table, snapshot] : state.snapshots)
    record.chunks.emplace(table, refer_to_chunks(table, snapshot, changes));
  const auto routes = encode(state.routes);
  record.routes = "routes/" + digest(routes);
  share(record.routes, routes, changes);
  std::map<oid, table_stamp> all;
  for (const auto& [table, snapshot] : state.snapshots) all.emplace(table, snapshot.stamp);
  const auto stamps = encode(all);
  record.stamps = "stamps/" + digest(stamps);
  share(record.stamps, stamps, changes);
  record.body = state;
  changes.puts.emplace_back(checkpoint_key(state.epoch), encode(record));
  write(changes, true);

  auto named = named_by(record);
  shared_.insert(named.begin(), named.end());
  named_.insert_or_assign(state.epoch, std::move(named));
}

std::string checkpoint_store::refer_to_schema(const schema_ptr& schema, database_write& changes) {
  auto& known = schemas_[schema->id];
  if (known.schema == schema && shared_.contains(known.key)) return known.key;
  const auto content = encode(*schema);
  known = {schema, "schema/" + std::to_string(schema->id) + "/" + digest(content)};
  share(known.key, content, changes);
  return known.key;
}

std::vector<chunk_reference> checkpoint_store::refer_to_chunks(oid table,
                                                               const table_snapshot& snapshot,
                                                               database_write& changes) {
  if (snapshot.chunks.empty()) {
    chunks_.erase(table);
    return {};
  }
  const auto prefix =
      "chunks/" + std::to_string(table) + "/" + std::to_string(snapshot.generation) + "/";
  auto known = chunks_.find(table);
  if (known == chunks_.end() || known->second.generation != snapshot.generation)
    known = chunks_.insert_or_assign(table, known_chunks{snapshot.generation, chunk_lists(prefix)})
                .first;
  auto references = known->second.lists.refer(snapshot.chunks);
  for (const auto& r : references) share(r.list, known->second.lists.content(r.list), changes);
  return references;
}

void checkpoint_store::share(const std::string& key, std::string_view content,
                             database_write& changes) const {
  if (!shared_.contains(key)) changes.puts.emplace_back(key, content);
}

void checkpoint_store::add_missing(epoch_id epoch, const missing_keys& missing) {
  database_write changes;
  for (const auto& [sink, tables] : missing) {
    const auto key = "missing/" + hex(epoch) + "/" + sink;
    missing_keys all;
    if (const auto stored = db_.get(key)) all = decode_missing(*stored);
    add(all, {{sink, tables}});
    changes.puts.emplace_back(key, encode(all));
  }
  if (!changes.puts.empty()) write(changes, true);
}

std::uint64_t checkpoint_store::ask_resnapshot(oid table) {
  const auto kept = resnapshots();
  const auto number = std::max(last_request_, kept.empty() ? 0 : kept.back().number) + 1;
  write({.puts = {{request_key(number), std::to_string(table)}}, .removals = {}}, true);
  return last_request_ = number;
}

std::vector<resnapshot_request> checkpoint_store::resnapshots() const {
  std::vector<resnapshot_request> all;
  for (const auto& key : db_.keys("resnapshot/")) {
    const auto text = read(key);
    const auto* end = text.data() + text.size();
    oid table = 0;
    const auto [rest, failure] = std::from_chars(text.data(), end, table);
    if (failure != std::errc{} || rest != end)
      refuse("the state is damaged: " + key + " is `" + text + "`",
             "restore the directory from a copy, or remove it with `leat drop`");
    all.push_back({epoch_in(key), table});
  }
  return all;
}

void checkpoint_store::forget_resnapshots(const std::vector<std::uint64_t>& numbers) {
  if (numbers.empty()) return;
  database_write changes;
  for (const auto number : numbers) {
    changes.removals.push_back(request_key(number));
    last_request_ = std::max(last_request_, number);
  }
  write(changes, false);
}

void checkpoint_store::prune(epoch_id oldest) {
  auto first_kept = named_.upper_bound(oldest);
  if (first_kept == named_.begin()) return;
  --first_kept;
  std::vector<epoch_id> gone;
  for (auto it = named_.begin(); it != first_kept; ++it) gone.push_back(it->first);
  database_write changes;
  for (auto& key : db_.keys("missing/"))
    if (epoch_in(key) < first_kept->first) changes.removals.push_back(std::move(key));
  forget(gone, std::move(changes));
}

std::shared_ptr<key_value_store> checkpoint_store::operators(bool make) {
  const auto directory = db_.directory() / "operators";
  std::error_code failed;
  if (!operators_ && (make || std::filesystem::exists(directory / "CURRENT", failed)))
    operators_ = open_operator_database(directory, read_only_, operator_memory_);
  return operators_;
}

void checkpoint_store::forget(const std::vector<epoch_id>& gone, database_write changes) {
  std::set<std::string> unnamed;
  for (const auto epoch : gone) unnamed.merge(std::set<std::string>(named_.at(epoch)));
  for (const auto& [epoch, keys] : named_) {
    if (std::ranges::find(gone, epoch) != gone.end()) continue;
    for (const auto& key : keys) unnamed.erase(key);
  }
  for (const auto epoch : gone) changes.removals.push_back(checkpoint_key(epoch));
  changes.removals.insert(changes.removals.end(), unnamed.begin(), unnamed.end());
  if (changes.removals.empty()) return;
  write(changes, false);
  for (const auto epoch : gone) named_.erase(epoch);
  for (const auto& key : unnamed) shared_.erase(key);
}

} // namespace

std::unique_ptr<state_store> open_state(const std::filesystem::path& directory, bool read_only,
                                        std::size_t operator_memory) {
  return std::make_unique<checkpoint_store>(directory, read_only, operator_memory);
}

bool is_in_use(const std::filesystem::path& state_directory) {
  return is_locked_by_another(state_directory);
}

} // namespace leat
