#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <variant>

#include "dataflow/batch.hpp"

/// The messages of PostgreSQL's logical decoding plugin pgoutput, protocol versions 1 to 4
/// ("Logical Replication Message Formats"). Every struct is a view into the bytes it was parsed
/// from. `xid` is that of the (sub)transaction, sent only between Stream Start and Stream Stop; 0
/// elsewhere.
namespace leat::postgres {

/// A row's values. Parsed and checked: every length lies within `body`, every kind is one of the
/// letters n (null), u (unchanged TOAST) and t (text).
struct tuple_view {
  std::uint16_t columns = 0;
  std::string_view body;
};

/// One cell of a tuple_view; `offset` of its text within the body.
struct tuple_cell {
  char kind = 'n';
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

/// Gives the cells of a tuple_view in turn; `next` at most `columns` times.
class tuple_cursor {
 public:
  explicit tuple_cursor(tuple_view tuple) : body_(tuple.body.data()) {}

  tuple_cell next() {
    tuple_cell c;
    c.kind = body_[at_++];
    if (c.kind != 't') return c;
    std::memcpy(&c.size, body_ + at_, sizeof c.size);
    c.size = __builtin_bswap32(c.size);
    at_ += sizeof c.size;
    c.offset = at_;
    at_ += c.size;
    return c;
  }

 private:
  const char* body_;
  std::uint32_t at_ = 0;
};

struct begin_message {
  commit_lsn commit{};          ///< final_lsn: where the commit record starts
  std::int64_t commit_time = 0; ///< microseconds since 2000-01-01 UTC
  std::uint32_t xid = 0;        ///< top-level
};

struct commit_message {
  commit_lsn commit{};
  wal_lsn end{};
  std::int64_t commit_time = 0;
};

struct origin_message {
  std::uint64_t lsn = 0; ///< at the origin
  std::string_view name;
};

struct relation_message {
  std::uint32_t xid = 0;
  oid id = 0;
  std::string_view schema; ///< "pg_catalog" is sent as ""
  std::string_view name;
  replica_identity identity = replica_identity::by_default;
  std::uint16_t columns = 0;
  std::string_view body;       ///< the columns, checked
  std::string_view definition; ///< all bytes after `id`: equal in equal versions

  /// The table as far as the stream tells: names, type oids, modifiers and identity columns. `key`
  /// is empty.
  table_schema to_schema() const;
};

struct type_message {
  std::uint32_t xid = 0;
  oid id = 0;
  std::string_view schema;
  std::string_view name;
};

struct insert_message {
  std::uint32_t xid = 0;
  oid relation = 0;
  tuple_view new_row;
};

struct update_message {
  std::uint32_t xid = 0;
  oid relation = 0;
  old_row_kind old_kind = old_row_kind::none;
  tuple_view old_row;
  tuple_view new_row;
};

struct delete_message {
  std::uint32_t xid = 0;
  oid relation = 0;
  old_row_kind old_kind = old_row_kind::key;
  tuple_view old_row;
};

struct truncate_message {
  std::uint32_t xid = 0;
  std::uint32_t relations = 0;
  bool cascade = false;
  bool restart_identity = false;
  std::string_view body; ///< `relations` oids

  oid relation(std::uint32_t i) const;
};

struct logical_message {
  std::uint32_t xid = 0;
  bool transactional = false;
  std::uint64_t lsn = 0;
  std::string_view prefix;
  std::string_view content;
};

struct stream_start_message {
  std::uint32_t xid = 0; ///< top-level
  bool first = false;    ///< the transaction's first block
};

struct stream_stop_message {};

struct stream_commit_message {
  std::uint32_t xid = 0;
  commit_lsn commit{};
  wal_lsn end{};
  std::int64_t commit_time = 0;
};

/// The whole transaction is gone when `subxid` equals `xid`, else one subtransaction.
struct stream_abort_message {
  std::uint32_t xid = 0;
  std::uint32_t subxid = 0;
};

using pgoutput_message =
    std::variant<begin_message, commit_message, origin_message, relation_message, type_message,
                 insert_message, update_message, delete_message, truncate_message, logical_message,
                 stream_start_message, stream_stop_message, stream_commit_message,
                 stream_abort_message>;

/// Parses one message (the payload of XLogData). `streamed`: it came between Stream Start and
/// Stream Stop. Throws leat::error of kind source for anything but a whole well-formed message: an
/// unknown kind or flag, a length beyond the message, bytes after its end, a cell in binary or of 1
/// GiB, and the messages of two-phase slots, which leat refuses.
pgoutput_message parse_pgoutput(std::string_view message, bool streamed);

/// The name PostgreSQL's manual has for a message by its first byte; "pgoutput" for one it does not
/// know.
std::string_view pgoutput_name(char kind);

/// Ends the pipeline over a message that breaks the protocol: "the server sent a Begin message that
/// <fault>".
[[noreturn]] void throw_bad_message(char kind, std::string_view fault);

} // namespace leat::postgres
