#include "state/checkpoint_codec.hpp"

#include <nlohmann/json.hpp>

#include "dataflow/error.hpp"

namespace leat {

namespace {

using json = nlohmann::json;

[[noreturn]] void damaged(std::string_view what, const std::string& detail) {
  throw error(
      error_kind::state, "the state is damaged: " + std::string(what) + ": " + detail, "",
      "restore the state directory from a copy, or remove it with `leat drop` and start with a "
      "new snapshot");
}

std::string bytes_of(const json& value) {
  std::string out;
  json::to_cbor(value, out);
  return out;
}

template <class F>
auto decode(std::string_view what, std::string_view bytes, F read) {
  try {
    return read(json::from_cbor(bytes.begin(), bytes.end()));
  } catch (const json::exception& e) {
    damaged(what, e.what());
  }
}

template <class T>
T number(const json& object, const char* name) {
  const auto value = object.at(name).get<std::int64_t>();
  return static_cast<T>(value);
}

std::uint64_t unsigned_number(const json& object, const char* name) {
  return object.at(name).get<std::uint64_t>();
}

json to_json(const column& c) {
  json out{{"name", c.name},
           {"type", c.type},
           {"modifier", c.modifier},
           {"type_name", c.type_name},
           {"class", static_cast<int>(c.kind)},
           {"identity", c.identity},
           {"nullable", c.nullable},
           {"number", c.number},
           {"built_in", c.built_in}};
  if (!c.labels.empty()) out["labels"] = c.labels;
  return out;
}

column to_column(const json& j) {
  column c;
  c.name = j.at("name");
  c.type = number<oid>(j, "type");
  c.modifier = number<std::int32_t>(j, "modifier");
  c.type_name = j.at("type_name");
  c.kind = number<value_class>(j, "class");
  c.identity = j.at("identity");
  c.nullable = j.at("nullable");
  c.number = number<std::int16_t>(j, "number");
  c.built_in = j.at("built_in");
  if (j.contains("labels")) c.labels = j.at("labels");
  return c;
}

// Hashes one after another, 16 bytes each, both halves little endian.
json to_json(const key_set& keys) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(keys.size() * sizeof(key_hash));
  keys.for_each([&](const key_hash& key) {
    for (const auto half : key)
      for (int shift = 0; shift < 64; shift += 8)
        bytes.push_back(static_cast<std::uint8_t>(half >> shift));
  });
  return json::binary(std::move(bytes));
}

key_set to_key_set(const json& j) {
  const auto& bytes = j.get_binary();
  if (bytes.size() % sizeof(key_hash) != 0) damaged("checkpoint", "key hashes are cut off");
  key_set keys;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(key_hash)) {
    key_hash key{};
    for (std::size_t i = 0; i < sizeof(key_hash); ++i)
      key[i / 8] |= std::uint64_t{bytes[at + i]} << (i % 8 * 8);
    keys.insert(key);
  }
  return keys;
}

json to_json(const std::map<std::uint32_t, touched_keys>& touched) {
  auto list = json::array();
  for (const auto& [xid, t] : touched)
    list.push_back({{"xid", xid},
                    {"all", t.all},
                    {"overflowed", t.overflowed},
                    {"and_older", t.and_older},
                    {"keys", to_json(t.keys)}});
  return list;
}

std::map<std::uint32_t, touched_keys> to_touched(const json& list) {
  std::map<std::uint32_t, touched_keys> touched;
  for (const auto& j : list) {
    auto& t = touched[number<std::uint32_t>(j, "xid")];
    t.all = j.at("all");
    t.overflowed = j.at("overflowed");
    t.and_older = j.at("and_older");
    t.keys = to_key_set(j.at("keys"));
  }
  return touched;
}

json to_json(const std::vector<chunk_reference>& references) {
  auto list = json::array();
  for (const auto& r : references) {
    auto runs = json::array();
    for (const auto& run : r.runs) runs.push_back(json::array({run.number, run.index, run.count}));
    list.push_back({{"list", r.list}, {"runs", std::move(runs)}});
  }
  return list;
}

std::vector<chunk_reference> to_references(const json& list) {
  std::vector<chunk_reference> references;
  for (const auto& j : list) {
    auto& r = references.emplace_back(chunk_reference{j.at("list").get<std::string>(), {}});
    for (const auto& run : j.at("runs"))
      r.runs.push_back({run.at(0).get<std::uint64_t>(), run.at(1).get<std::uint64_t>(),
                        run.at(2).get<std::uint64_t>()});
  }
  return references;
}

json to_json(const std::optional<xid_snapshot>& seen) {
  if (!seen) return nullptr;
  return {{"xmin", seen->xmin}, {"xmax", seen->xmax}, {"running", seen->running}};
}

std::optional<xid_snapshot> to_seen(const json& j) {
  if (j.is_null()) return std::nullopt;
  return xid_snapshot{unsigned_number(j, "xmin"), unsigned_number(j, "xmax"),
                      j.at("running").get<std::vector<std::uint64_t>>()};
}

json to_json(oid table, const table_snapshot& s, const std::vector<chunk_reference>& chunks) {
  return {{"table", table},
          {"generation", s.generation},
          {"phase", static_cast<int>(s.phase)},
          {"fence_xid", s.fence_xid},
          {"storage", s.storage},
          {"chunks", to_json(chunks)},
          {"chunks_emitted", s.chunks_emitted},
          {"rows_emitted", s.rows_emitted},
          {"rows_estimated", s.rows_estimated},
          {"high", static_cast<std::uint64_t>(s.high)},
          {"seen", to_json(s.seen)},
          {"touched", to_json(s.touched)},
          {"sinks", s.sinks}};
}

table_snapshot to_snapshot(const json& j) {
  table_snapshot s;
  s.generation = number<std::uint32_t>(j, "generation");
  s.phase = number<snapshot_phase>(j, "phase");
  if (s.phase > snapshot_phase::finished) damaged("checkpoint", "an unknown phase");
  s.fence_xid = unsigned_number(j, "fence_xid");
  s.storage = unsigned_number(j, "storage");
  s.chunks_emitted = unsigned_number(j, "chunks_emitted");
  s.rows_emitted = unsigned_number(j, "rows_emitted");
  s.rows_estimated = unsigned_number(j, "rows_estimated");
  s.high = wal_lsn{unsigned_number(j, "high")};
  s.seen = to_seen(j.at("seen"));
  s.touched = to_touched(j.at("touched"));
  s.sinks = j.at("sinks").get<std::vector<std::string>>();
  return s;
}

json to_json(const missing_keys& missing) {
  auto list = json::array();
  for (const auto& [sink, tables] : missing)
    for (const auto& [table, rows] : tables)
      list.push_back(
          {{"sink", sink}, {"table", table}, {"keys", rows.whole ? json() : json(rows.keys)}});
  return list;
}

missing_keys to_missing(const json& list) {
  missing_keys missing;
  for (const auto& j : list) {
    auto& rows = missing[j.at("sink").get<std::string>()][number<oid>(j, "table")];
    const auto& keys = j.at("keys");
    rows.whole = keys.is_null();
    if (!rows.whole) keys.get_to(rows.keys);
  }
  return missing;
}

} // namespace

std::string encode(const pipeline_identity& id) {
  return bytes_of({{"id", id.id},
                   {"name", id.name},
                   {"system_id", id.system_id},
                   {"timeline", id.timeline},
                   {"database", id.database},
                   {"slot", id.slot},
                   {"publication", id.publication},
                   {"made_slot", id.made_slot},
                   {"made_publication", id.made_publication}});
}

pipeline_identity decode_identity(std::string_view bytes) {
  return decode("identity", bytes, [](const json& j) {
    pipeline_identity id;
    id.id = j.at("id");
    id.name = j.at("name");
    id.system_id = unsigned_number(j, "system_id");
    id.timeline = number<std::uint32_t>(j, "timeline");
    id.database = j.at("database");
    id.slot = j.at("slot");
    id.publication = j.at("publication");
    id.made_slot = j.at("made_slot");
    id.made_publication = j.at("made_publication");
    return id;
  });
}

std::string encode(const table_schema& s) {
  auto columns = json::array();
  for (const auto& c : s.columns) columns.push_back(to_json(c));
  return bytes_of({{"id", s.id},
                   {"schema", s.schema},
                   {"name", s.name},
                   {"identity", std::string(1, static_cast<char>(s.identity))},
                   {"columns", std::move(columns)},
                   {"key", s.key}});
}

table_schema decode_schema(std::string_view bytes) {
  return decode("schema", bytes, [](const json& j) {
    table_schema s;
    s.id = number<oid>(j, "id");
    s.schema = j.at("schema");
    s.name = j.at("name");
    s.identity =
        static_cast<replica_identity>(j.at("identity").get_ref<const std::string&>().at(0));
    for (const auto& c : j.at("columns")) s.columns.push_back(to_column(c));
    s.key = j.at("key").get<std::vector<std::uint16_t>>();
    for (const auto k : s.key)
      if (k >= s.columns.size()) damaged("schema", "a key column that is not there");
    return s;
  });
}

std::string encode(const std::vector<chunk_bounds>& chunks) {
  auto list = json::array();
  for (const auto& c : chunks) list.push_back(json::array({c.lower, c.upper}));
  return bytes_of(list);
}

std::vector<chunk_bounds> decode_chunks(std::string_view bytes) {
  return decode("chunks", bytes, [](const json& list) {
    std::vector<chunk_bounds> chunks;
    for (const auto& j : list)
      chunks.push_back({.number = 0,
                        .lower = j.at(0).get<std::vector<std::string>>(),
                        .upper = j.at(1).get<std::vector<std::string>>()});
    return chunks;
  });
}

std::string encode(const std::map<std::string, std::string>& routes) {
  return bytes_of(json::object_t(routes.begin(), routes.end()));
}

std::map<std::string, std::string> decode_routes(std::string_view bytes) {
  return decode("routes", bytes,
                [](const json& j) { return j.get<std::map<std::string, std::string>>(); });
}

std::string encode(const std::map<oid, table_stamp>& stamps) {
  auto list = json::array();
  for (const auto& [table, stamp] : stamps)
    list.push_back(json::array({table, stamp.membership, stamp.storage, stamp.columns}));
  return bytes_of(list);
}

std::map<oid, table_stamp> decode_stamps(std::string_view bytes) {
  return decode("stamps", bytes, [](const json& list) {
    std::map<oid, table_stamp> stamps;
    for (const auto& j : list) {
      auto& stamp = stamps[j.at(0).get<oid>()];
      stamp.membership = j.at(1);
      stamp.storage = j.at(2);
      stamp.columns = j.at(3).get<std::map<std::int16_t, std::uint32_t>>();
    }
    return stamps;
  });
}

std::string encode(const missing_keys& missing) { return bytes_of(to_json(missing)); }

missing_keys decode_missing(std::string_view bytes) {
  return decode("missing", bytes, [](const json& j) { return to_missing(j); });
}

std::string encode(const checkpoint_record& r) {
  auto snapshots = json::array();
  static const std::vector<chunk_reference> none;
  for (const auto& [table, s] : r.body.snapshots) {
    const auto chunks = r.chunks.find(table);
    snapshots.push_back(to_json(table, s, chunks == r.chunks.end() ? none : chunks->second));
  }
  return bytes_of({{"epoch", r.body.epoch},
                   {"position", static_cast<std::uint64_t>(r.body.position)},
                   {"resume", static_cast<std::uint64_t>(r.body.resume)},
                   {"schemas", r.schemas},
                   {"snapshots", std::move(snapshots)},
                   {"sink_epochs", r.body.sink_epochs},
                   {"routes", r.routes},
                   {"stamps", r.stamps},
                   {"missing", to_json(r.body.missing)}});
}

checkpoint_record decode_checkpoint(std::string_view bytes) {
  return decode("checkpoint", bytes, [](const json& j) {
    checkpoint_record r;
    r.body.epoch = unsigned_number(j, "epoch");
    r.body.position = commit_lsn{unsigned_number(j, "position")};
    r.body.resume = wal_lsn{unsigned_number(j, "resume")};
    r.schemas = j.at("schemas").get<std::map<oid, std::string>>();
    for (const auto& s : j.at("snapshots")) {
      const auto table = number<oid>(s, "table");
      r.body.snapshots.emplace(table, to_snapshot(s));
      r.chunks.emplace(table, to_references(s.at("chunks")));
    }
    r.body.sink_epochs = j.at("sink_epochs").get<std::map<std::string, epoch_id>>();
    r.routes = j.at("routes");
    r.stamps = j.value("stamps", "");
    r.body.missing = to_missing(j.at("missing"));
    return r;
  });
}

} // namespace leat
