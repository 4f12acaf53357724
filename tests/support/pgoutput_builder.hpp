#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat::test {

/// A cell of a tuple as pgoutput sends it: a text, nullptr for NULL, `unchanged`.
struct wire_value {
  struct unchanged_tag {};
  wire_value(const char* t) : kind('t'), text(t) {}
  wire_value(std::string t) : kind('t'), text(std::move(t)) {}
  wire_value(std::nullptr_t) : kind('n') {}
  wire_value(unchanged_tag) : kind('u') {}
  wire_value(char k, std::string t) : kind(k), text(std::move(t)) {}
  char kind;
  std::string text;
};
inline constexpr wire_value::unchanged_tag unchanged{};

using wire_row = std::vector<wire_value>;

/// A table as a Relation message describes it; a column whose name begins with * is part of the
/// identity.
struct wire_table {
  std::uint32_t id = 0;
  std::string schema = "public";
  std::string name;
  std::vector<std::string> columns;
  char identity = 'd';
  std::uint32_t type = 25;
};

/// Writes pgoutput messages, byte for byte as the server does. Rows belong to the table described
/// or named last. Between stream_start and stream_stop every message carries the xid that as() set.
class pgoutput_builder {
 public:
  pgoutput_builder& begin(std::uint64_t lsn, std::uint32_t xid = 7) {
    lsn_ = lsn;
    open('B').u64(lsn).u64(time(lsn)).u32(xid);
    return done();
  }
  pgoutput_builder& commit() { return commit(lsn_); }
  pgoutput_builder& commit(std::uint64_t lsn) {
    open('C').u8(0).u64(lsn).u64(lsn + 8).u64(time(lsn));
    return done();
  }
  pgoutput_builder& origin(std::string_view name) {
    open('O').u64(1).text(name);
    return done();
  }
  pgoutput_builder& relation(const wire_table& t) {
    table_ = t.id;
    open('R').xid().u32(t.id).text(t.schema).text(t.name).letter(t.identity);
    u16(t.columns.size());
    for (const auto& c : t.columns) {
      const bool key = c.starts_with('*');
      u8(key || t.identity == 'f' ? 1 : 0).text(key ? c.substr(1) : c).u32(t.type).u32(0xffffffff);
    }
    return done();
  }
  pgoutput_builder& type(std::uint32_t id, std::string_view name) {
    open('Y').xid().u32(id).text("public").text(name);
    return done();
  }
  /// Rows that follow belong to this table.
  pgoutput_builder& on(std::uint32_t table) {
    table_ = table;
    return *this;
  }
  pgoutput_builder& insert(const wire_row& fresh) {
    open('I').xid().u32(table_).letter('N').row(fresh);
    return done();
  }
  pgoutput_builder& update(const wire_row& fresh) {
    open('U').xid().u32(table_).letter('N').row(fresh);
    return done();
  }
  /// `kind`: K (old key) or O (whole old row).
  pgoutput_builder& update(char kind, const wire_row& old, const wire_row& fresh) {
    open('U').xid().u32(table_).letter(kind).row(old).letter('N').row(fresh);
    return done();
  }
  pgoutput_builder& remove(char kind, const wire_row& old) {
    open('D').xid().u32(table_).letter(kind).row(old);
    return done();
  }
  pgoutput_builder& truncate(const std::vector<std::uint32_t>& tables, std::uint8_t flags = 0) {
    open('T').xid().u32(static_cast<std::uint32_t>(tables.size())).u8(flags);
    for (const auto t : tables) u32(t);
    return done();
  }
  pgoutput_builder& message(std::string_view prefix, std::string_view content) {
    open('M').xid().u8(1).u64(1).text(prefix).u32(static_cast<std::uint32_t>(content.size()));
    out_.append(content);
    return done();
  }
  pgoutput_builder& stream_start(std::uint32_t xid, bool first) {
    open('S').u32(xid).u8(first ? 1 : 0);
    done();
    streamed_ = true;
    return as(xid);
  }
  /// The (sub)transaction of the messages that follow.
  pgoutput_builder& as(std::uint32_t xid) {
    xid_ = xid;
    return *this;
  }
  pgoutput_builder& stream_stop() {
    streamed_ = false;
    open('E');
    return done();
  }
  pgoutput_builder& stream_commit(std::uint32_t xid, std::uint64_t lsn) {
    open('c').u32(xid).u8(0).u64(lsn).u64(lsn + 8).u64(time(lsn));
    return done();
  }
  pgoutput_builder& stream_abort(std::uint32_t xid, std::uint32_t subxid) {
    open('A').u32(xid).u32(subxid);
    return done();
  }
  /// The messages of a slot with two_phase: `kind` b, P, K, r or p.
  pgoutput_builder& two_phase(char kind, std::uint32_t xid, std::uint64_t lsn,
                              std::string_view gid) {
    open(kind);
    if (kind != 'b') u8(0);
    u64(lsn).u64(lsn + 8).u64(time(lsn));
    if (kind == 'r') u64(time(lsn));
    u32(xid).text(gid);
    return done();
  }
  pgoutput_builder& raw(std::string bytes) {
    messages_.push_back(std::move(bytes));
    return *this;
  }

  const std::vector<std::string>& messages() const { return messages_; }
  const std::string& last() const { return messages_.back(); }

  static std::uint64_t time(std::uint64_t lsn) { return lsn * 1000; }

 private:
  pgoutput_builder& open(char kind) {
    out_.assign(1, kind);
    return *this;
  }
  pgoutput_builder& done() {
    messages_.push_back(out_);
    return *this;
  }
  template <class Number>
  pgoutput_builder& number(Number n) {
    for (int shift = static_cast<int>(sizeof n) * 8 - 8; shift >= 0; shift -= 8)
      out_.push_back(static_cast<char>((n >> shift) & 0xff));
    return *this;
  }
  pgoutput_builder& u8(int n) { return number(static_cast<std::uint8_t>(n)); }
  pgoutput_builder& u16(std::size_t n) { return number(static_cast<std::uint16_t>(n)); }
  pgoutput_builder& u32(std::uint32_t n) { return number(n); }
  pgoutput_builder& u64(std::uint64_t n) { return number(n); }
  pgoutput_builder& letter(char c) {
    out_.push_back(c);
    return *this;
  }
  pgoutput_builder& text(std::string_view t) {
    out_.append(t);
    out_.push_back('\0');
    return *this;
  }
  pgoutput_builder& xid() { return streamed_ ? u32(xid_) : *this; }
  pgoutput_builder& row(const wire_row& values) {
    u16(values.size());
    for (const auto& v : values) {
      letter(v.kind);
      if (v.kind == 'n' || v.kind == 'u') continue;
      u32(static_cast<std::uint32_t>(v.text.size()));
      out_.append(v.text);
    }
    return *this;
  }

  std::vector<std::string> messages_;
  std::string out_;
  std::uint64_t lsn_ = 0;
  std::uint32_t table_ = 0;
  std::uint32_t xid_ = 0;
  bool streamed_ = false;
};

} // namespace leat::test
