#include "plugins/postgres/pgoutput.hpp"

#include <fmt/format.h>

#include "dataflow/error.hpp"
#include "plugins/postgres/wire_reader.hpp"

namespace leat::postgres {

namespace {

constexpr std::uint32_t cell_limit = (1U << 30) - 1;
constexpr const char* place = "replication stream";

struct reject {
  char kind;
  [[noreturn]] void operator()(const char* fault) const {
    throw_bad_message(kind, fmt::format("is broken: {}", fault));
  }
};

using reader = wire_reader<reject>;

[[noreturn]] void refuse_two_phase(char kind) {
  throw error(error_kind::source,
              fmt::format("the server sent a {} message: the slot decodes prepared transactions",
                          pgoutput_name(kind)),
              place,
              "leat reads slots without two_phase only: drop the slot and let leat create it, or "
              "create one with two_phase = false");
}

commit_lsn read_commit_lsn(reader& in) { return commit_lsn{in.u64()}; }

wal_lsn read_wal_lsn(reader& in) { return wal_lsn{in.u64()}; }

void expect_no_flags(reader& in, char kind) {
  if (in.u8() != 0) throw_bad_message(kind, "has flags that leat does not know");
}

tuple_view read_tuple(reader& in, char kind, bool may_be_unchanged) {
  tuple_view tuple;
  tuple.columns = in.u16();
  const char* start = in.here();
  for (std::uint16_t i = 0; i < tuple.columns; ++i) {
    switch (in.letter()) {
    case 't': {
      const auto size = in.u32();
      if (size > cell_limit) throw_bad_message(kind, "has a value of 1 GiB or more");
      in.bytes(size);
      break;
    }
    case 'n':
      break;
    case 'u':
      if (!may_be_unchanged)
        throw_bad_message(kind, "leaves out a value that this kind of row must carry");
      break;
    case 'b':
      throw_bad_message(kind, "has a value in binary, which leat never asks for");
    default:
      throw_bad_message(kind, "has a value of an unknown format");
    }
  }
  tuple.body = {start, static_cast<std::size_t>(in.here() - start)};
  return tuple;
}

old_row_kind old_kind_of(char letter) {
  return letter == 'K'   ? old_row_kind::key
         : letter == 'O' ? old_row_kind::full
                         : old_row_kind::none;
}

begin_message read_begin(reader& in) {
  begin_message m;
  m.commit = read_commit_lsn(in);
  m.commit_time = in.i64();
  m.xid = in.u32();
  return m;
}

commit_message read_commit(reader& in) {
  expect_no_flags(in, 'C');
  commit_message m;
  m.commit = read_commit_lsn(in);
  m.end = read_wal_lsn(in);
  m.commit_time = in.i64();
  return m;
}

origin_message read_origin(reader& in) {
  origin_message m;
  m.lsn = in.u64();
  m.name = in.string();
  return m;
}

replica_identity read_identity(reader& in) {
  switch (const char letter = in.letter()) {
  case 'd':
  case 'n':
  case 'f':
  case 'i':
    return replica_identity{letter};
  default:
    throw_bad_message('R', "has an unknown replica identity");
  }
}

void read_column(reader& in, column& c) {
  c.identity = (in.u8() & 1U) != 0;
  c.name = in.string();
  c.type = in.u32();
  c.modifier = static_cast<std::int32_t>(in.u32());
}

relation_message read_relation(reader& in, std::uint32_t xid) {
  relation_message m;
  m.xid = xid;
  m.id = in.u32();
  const char* definition = in.here();
  m.schema = in.string();
  m.name = in.string();
  m.identity = read_identity(in);
  m.columns = in.u16();
  const char* start = in.here();
  for (std::uint16_t i = 0; i < m.columns; ++i) {
    in.u8();
    in.string();
    in.u64();
  }
  m.body = {start, static_cast<std::size_t>(in.here() - start)};
  m.definition = {definition, static_cast<std::size_t>(in.here() - definition)};
  return m;
}

type_message read_type(reader& in, std::uint32_t xid) {
  type_message m;
  m.xid = xid;
  m.id = in.u32();
  m.schema = in.string();
  m.name = in.string();
  return m;
}

insert_message read_insert(reader& in, std::uint32_t xid) {
  insert_message m;
  m.xid = xid;
  m.relation = in.u32();
  if (in.letter() != 'N') throw_bad_message('I', "has no new row");
  // an update that enters a row filter comes as one, and leaves out what it did not touch
  m.new_row = read_tuple(in, 'I', true);
  return m;
}

update_message read_update(reader& in, std::uint32_t xid) {
  update_message m;
  m.xid = xid;
  m.relation = in.u32();
  char letter = in.letter();
  m.old_kind = old_kind_of(letter);
  if (m.old_kind != old_row_kind::none) {
    m.old_row = read_tuple(in, 'U', false);
    letter = in.letter();
  }
  if (letter != 'N') throw_bad_message('U', "has no new row");
  m.new_row = read_tuple(in, 'U', true);
  return m;
}

delete_message read_delete(reader& in, std::uint32_t xid) {
  delete_message m;
  m.xid = xid;
  m.relation = in.u32();
  m.old_kind = old_kind_of(in.letter());
  if (m.old_kind == old_row_kind::none) throw_bad_message('D', "has no old row");
  m.old_row = read_tuple(in, 'D', false);
  return m;
}

truncate_message read_truncate(reader& in, std::uint32_t xid) {
  truncate_message m;
  m.xid = xid;
  m.relations = in.u32();
  const auto flags = in.u8();
  if (flags > 3) throw_bad_message('T', "has flags that leat does not know");
  m.cascade = (flags & 1U) != 0;
  m.restart_identity = (flags & 2U) != 0;
  m.body = in.bytes(std::size_t{m.relations} * sizeof(oid));
  return m;
}

logical_message read_logical(reader& in, std::uint32_t xid) {
  logical_message m;
  m.xid = xid;
  m.transactional = (in.u8() & 1U) != 0;
  m.lsn = in.u64();
  m.prefix = in.string();
  m.content = in.bytes(in.u32());
  return m;
}

stream_start_message read_stream_start(reader& in) {
  stream_start_message m;
  m.xid = in.u32();
  const auto first = in.u8();
  if (first > 1) throw_bad_message('S', "has flags that leat does not know");
  m.first = first == 1;
  return m;
}

stream_commit_message read_stream_commit(reader& in) {
  stream_commit_message m;
  m.xid = in.u32();
  expect_no_flags(in, 'c');
  m.commit = read_commit_lsn(in);
  m.end = read_wal_lsn(in);
  m.commit_time = in.i64();
  return m;
}

stream_abort_message read_stream_abort(reader& in) {
  stream_abort_message m;
  m.xid = in.u32();
  m.subxid = in.u32();
  // streaming = parallel adds the abort's LSN and time
  if (in.remaining() != 0) in.bytes(16);
  return m;
}

pgoutput_message read_message(reader& in, char kind, bool streamed) {
  const auto xid = [&] { return streamed ? in.u32() : 0; };
  switch (kind) {
  case 'I':
    return read_insert(in, xid());
  case 'U':
    return read_update(in, xid());
  case 'D':
    return read_delete(in, xid());
  case 'B':
    return read_begin(in);
  case 'C':
    return read_commit(in);
  case 'O':
    return read_origin(in);
  case 'R':
    return read_relation(in, xid());
  case 'Y':
    return read_type(in, xid());
  case 'T':
    return read_truncate(in, xid());
  case 'M':
    return read_logical(in, xid());
  case 'S':
    return read_stream_start(in);
  case 'E':
    return stream_stop_message{};
  case 'c':
    return read_stream_commit(in);
  case 'A':
    return read_stream_abort(in);
  case 'b':
  case 'P':
  case 'K':
  case 'r':
  case 'p':
    refuse_two_phase(kind);
  default:
    throw_bad_message(
        kind, fmt::format("is of the unknown kind 0x{:02x}", static_cast<unsigned char>(kind)));
  }
}

} // namespace

table_schema relation_message::to_schema() const {
  table_schema table;
  table.id = id;
  table.schema = schema.empty() ? "pg_catalog" : std::string(schema);
  table.name = name;
  table.identity = identity;
  table.columns.resize(columns);
  reader in(body, reject{'R'});
  for (auto& c : table.columns) read_column(in, c);
  return table;
}

oid truncate_message::relation(std::uint32_t i) const {
  return reader(body.substr(std::size_t{i} * sizeof(oid)), reject{'T'}).u32();
}

pgoutput_message parse_pgoutput(std::string_view message, bool streamed) {
  if (message.empty()) throw_bad_message('\0', "is empty");
  const char kind = message.front();
  reader in(message.substr(1), reject{kind});
  const auto parsed = read_message(in, kind, streamed);
  in.expect_end();
  return parsed;
}

std::string_view pgoutput_name(char kind) {
  switch (kind) {
  case 'B':
    return "Begin";
  case 'C':
    return "Commit";
  case 'O':
    return "Origin";
  case 'R':
    return "Relation";
  case 'Y':
    return "Type";
  case 'I':
    return "Insert";
  case 'U':
    return "Update";
  case 'D':
    return "Delete";
  case 'T':
    return "Truncate";
  case 'M':
    return "Message";
  case 'S':
    return "Stream Start";
  case 'E':
    return "Stream Stop";
  case 'c':
    return "Stream Commit";
  case 'A':
    return "Stream Abort";
  case 'b':
    return "Begin Prepare";
  case 'P':
    return "Prepare";
  case 'K':
    return "Commit Prepared";
  case 'r':
    return "Rollback Prepared";
  case 'p':
    return "Stream Prepare";
  default:
    return "pgoutput";
  }
}

void throw_bad_message(char kind, std::string_view fault) {
  throw error(
      error_kind::source,
      fmt::format("the server sent a {} message that {}", pgoutput_name(kind), fault), place,
      "check that the connection leads straight to a PostgreSQL server of version 13 to 18 and "
      "that nothing in between alters it; if so, report this with the server's version");
}

} // namespace leat::postgres
