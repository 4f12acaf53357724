#include "plugins/postgres/stream_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataflow/error.hpp"

namespace leat::postgres {

namespace {

constexpr std::uint64_t replay_step = 1U << 20;

template <class Number>
Number load(const char* from) {
  Number n;
  std::memcpy(&n, from, sizeof n);
  return n;
}

[[noreturn]] void throw_not_sent_again(commit_lsn missing, std::string what) {
  throw error(
      error_kind::source, std::move(what), "transaction " + to_string(missing),
      "the slot no longer has what leat needs: `leat resnapshot` the tables; if nothing moved or "
      "made the slot anew meanwhile, report this");
}

} // namespace

stream_decoder::stream_decoder(relation_resolver& resolver, spill_area& spill, options o)
    : relations_(resolver), spill_(spill), builder_(o.batch_rows, o.batch_bytes) {}

void stream_decoder::restart(position through) {
  relations_.clear();
  streamed_.clear();
  block_ = nullptr;
  replay_.reset();
  failure_ = nullptr;
  in_transaction_ = false;
  session_commit_ = {};
  // its tables would not be recognised as the ones that are described anew
  builder_.must_take();
  if (through == position{}) return;
  handed_on_ = std::max(handed_on_, through);
  if (through.index == position::whole) last_commit_ = std::max(last_commit_, through.commit);
}

void stream_decoder::feed(std::string_view message) {
  guard([&] { decode(message); });
}

void stream_decoder::replay() {
  guard([&] { replay_some(); });
}

/// A message that failed is missing from what the decoder knows: going on would give wrong rows.
template <class Step>
void stream_decoder::guard(Step step) {
  if (failure_) std::rethrow_exception(failure_);
  try {
    step();
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

void stream_decoder::decode(std::string_view message) {
  if (replaying() || full())
    throw error(error_kind::bug, "a message was decoded before the batch of the last one was taken",
                "replication stream", "report this");
  if (block_ != nullptr) return decode_block(message);
  std::visit([this](const auto& m) { handle(m); }, parse_pgoutput(message, false));
}

void stream_decoder::replay_some() {
  const auto left = replay_->content.messages.unread();
  const auto stop = left - std::min(left, replay_step);
  while (!full() && replay_->content.messages.unread() >= stop) {
    const auto record = replay_->content.messages.next();
    if (!record) return finish_replay();
    replay_record(*record);
  }
}

void stream_decoder::finish_replay() {
  finish(replay_->commit.commit, replay_->commit.end, 'c');
  replay_.reset();
  for (const auto table : relations_.end_replay())
    if (builder_.uses(table)) builder_.must_take();
}

bool stream_decoder::between_transactions() const noexcept {
  // a replayed transaction is one that is open, too
  return !in_transaction_ && !handed_on_in_part();
}

void stream_decoder::handle(const begin_message& m) {
  begin({m.xid, m.commit, m.commit_time}, 'B');
}

void stream_decoder::handle(const commit_message& m) {
  expect_transaction('C');
  if (m.commit != transaction_.commit)
    throw_bad_message('C', fmt::format("is of transaction {}, not of {}, which is open",
                                       to_string(m.commit), to_string(transaction_.commit)));
  finish(m.commit, m.end, 'C');
}

void stream_decoder::handle(const relation_message& m) { learn(m, relations_.next_place()); }

void stream_decoder::handle(const insert_message& m) {
  auto& table = relation_of_row(m.relation, m.new_row.columns, 'I');
  const auto index = next_index_++;
  if (!admit(index)) return;
  builder_.insert(table, m, index);
  added(index);
}

void stream_decoder::handle(const update_message& m) {
  auto& table = relation_of_row(m.relation, m.new_row.columns, 'U');
  if (m.old_kind != old_row_kind::none && m.old_row.columns != m.new_row.columns)
    throw_bad_message('U', "has an old row of other columns than the new one");
  const auto index = next_index_++;
  if (!admit(index)) return;
  builder_.update(table, m, index);
  added(index);
}

void stream_decoder::handle(const delete_message& m) {
  auto& table = relation_of_row(m.relation, m.old_row.columns, 'D');
  const auto index = next_index_++;
  if (!admit(index)) return;
  builder_.remove(table, m, index);
  added(index);
}

void stream_decoder::handle(const truncate_message& m) {
  expect_transaction('T');
  // all or none: an unknown table must not leave half a TRUNCATE behind
  for (std::uint32_t i = 0; i < m.relations; ++i) relations_.get(m.relation(i), 'T');
  for (std::uint32_t i = 0; i < m.relations; ++i) {
    const auto index = next_index_++;
    if (!admit(index)) continue;
    builder_.truncate(relations_.get(m.relation(i), 'T'), index);
    added(index);
  }
}

void stream_decoder::handle(const stream_start_message& m) {
  expect_no_transaction('S');
  const bool known = streamed_.contains(m.xid);
  if (m.first && known)
    throw_bad_message('S', fmt::format("begins transaction {} a second time", m.xid));
  if (!m.first && !known)
    throw_bad_message('S', fmt::format("continues transaction {}, which was not begun", m.xid));
  block_ =
      &streamed_.try_emplace(m.xid, spill_.create(), std::vector<std::uint32_t>{}).first->second;
}

void stream_decoder::handle(const stream_stop_message&) {
  throw_bad_message('E', "comes without a Stream Start");
}

void stream_decoder::handle(const stream_commit_message& m) {
  expect_no_transaction('c');
  const auto found = streamed_.find(m.xid);
  if (found == streamed_.end())
    throw_bad_message('c', fmt::format("is of transaction {}, which was not streamed", m.xid));
  begin({m.xid, m.commit, m.commit_time}, 'c');
  replay_.emplace(std::move(found->second), m);
  streamed_.erase(found);
  std::ranges::sort(replay_->content.aborted);
  relations_.begin_replay();
}

void stream_decoder::handle(const stream_abort_message& m) {
  expect_no_transaction('A');
  const auto found = streamed_.find(m.xid);
  // nothing of it came, so there is nothing to drop
  if (found == streamed_.end()) return;
  if (m.subxid == m.xid)
    streamed_.erase(found);
  else
    found->second.aborted.push_back(m.subxid);
}

void stream_decoder::decode_block(std::string_view message) {
  switch (message.empty() ? '\0' : message.front()) {
  case 'R':
  case 'I':
  case 'U':
  case 'D':
  case 'T':
    return spool(message);
  case 'Y':
  case 'M':
  case 'O':
    parse_pgoutput(message, true);
    return;
  case 'E':
    parse_pgoutput(message, true);
    block_ = nullptr;
    return;
  default:
    parse_pgoutput(message, true);
    throw_bad_message(message.front(), "comes between Stream Start and Stream Stop");
  }
}

void stream_decoder::spool(std::string_view message) {
  if (message.front() != 'R') return block_->messages.append(message);
  // a Relation message is followed by its place among all that were received
  const auto place = relations_.next_place();
  std::string record(message);
  record.append(reinterpret_cast<const char*>(&place), sizeof place);
  block_->messages.append(record);
}

void stream_decoder::replay_record(std::string_view record) {
  if (aborted(record)) return;
  std::uint64_t place = 0;
  if (record.front() == 'R') {
    place = load<std::uint64_t>(record.data() + record.size() - sizeof place);
    record.remove_suffix(sizeof place);
  }
  const auto message = parse_pgoutput(record, true);
  if (const auto* relation = std::get_if<relation_message>(&message))
    return learn(*relation, place);
  std::visit([this](const auto& m) { handle(m); }, message);
}

bool stream_decoder::aborted(std::string_view record) const {
  const auto& gone = replay_->content.aborted;
  if (gone.empty() || record.size() < 1 + sizeof(std::uint32_t)) return false;
  return std::ranges::binary_search(gone,
                                    __builtin_bswap32(load<std::uint32_t>(record.data() + 1)));
}

void stream_decoder::begin(const transaction& t, char kind) {
  expect_no_transaction(kind);
  if (t.commit <= session_commit_)
    throw_bad_message(kind, fmt::format("is of transaction {}, after one of {}",
                                        to_string(t.commit), to_string(session_commit_)));
  if (handed_on_in_part() && t.commit > handed_on_.commit)
    throw_not_sent_again(handed_on_.commit,
                         "the server went on without sending the rest of a transaction again");
  session_commit_ = t.commit;
  in_transaction_ = true;
  transaction_ = t;
  next_index_ = 0;
  if (t.commit > handed_on_.commit)
    first_new_ = 0;
  else if (t.commit == handed_on_.commit && handed_on_in_part())
    first_new_ = handed_on_.index + 1;
  else
    first_new_ = position::whole;
  builder_.begin(t);
}

void stream_decoder::finish(commit_lsn commit, wal_lsn end, char kind) {
  in_transaction_ = false;
  if (handed_on_in_part() && commit == handed_on_.commit && next_index_ <= handed_on_.index)
    throw_not_sent_again(commit,
                         fmt::format("the server sent a transaction again with {} changes "
                                     "instead of at least {}, by a {} message",
                                     next_index_, handed_on_.index + 1, pgoutput_name(kind)));
  if (commit >= handed_on_.commit) handed_on_ = {commit, position::whole};
  if (commit < last_commit_) return;
  last_commit_ = commit;
  last_end_ = std::max(last_end_, end);
}

void stream_decoder::learn(const relation_message& m, std::uint64_t place) {
  if (relations_.learn(m, place, transaction_.xid) && builder_.uses(m.id)) builder_.must_take();
}

stream_relation& stream_decoder::relation_of_row(oid id, std::size_t columns, char kind) {
  expect_transaction(kind);
  auto& table = relations_.get(id, kind);
  if (columns != table.identity.size())
    throw_bad_message(kind, fmt::format("has {} columns, but {} has {}", columns,
                                        table.schema->qualified_name(), table.identity.size()));
  return table;
}

void stream_decoder::expect_transaction(char kind) const {
  if (!in_transaction_) throw_bad_message(kind, "comes outside of any transaction");
}

void stream_decoder::expect_no_transaction(char kind) const {
  if (in_transaction_)
    throw_bad_message(
        kind, fmt::format("comes inside of transaction {}", to_string(transaction_.commit)));
}

} // namespace leat::postgres
