#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "plugins/postgres/stream_decoder.hpp"
#include "tests/support/change_log.hpp"
#include "tests/support/pgoutput_builder.hpp"
#include "tests/support/temp_directory.hpp"

// Random histories of transactions with subtransactions and rollbacks, delivered in the two ways a
// server may choose between: each transaction whole at its commit, or streamed in blocks while in
// progress.
namespace leat::postgres {
namespace {

using test::pgoutput_builder;
using test::wire_table;

struct row_event {
  std::uint32_t xid = 0; ///< of the subtransaction
  std::size_t table = 0;
  int kind = 0; ///< 0 to 5: insert, two updates with old rows, update, remove, truncate
  int value = 0;
  bool rolled_back = false;
};

/// A subtransaction ends after `at` events of its transaction.
struct rollback {
  std::size_t at = 0;
  std::vector<std::uint32_t> xids;
};

struct history_transaction {
  std::uint32_t xid = 0;
  std::uint64_t commit = 0; ///< 0: rolled back
  std::vector<row_event> events;
  std::vector<rollback> rollbacks;
};

using history = std::vector<history_transaction>;
using random_source = std::mt19937;

std::size_t below(random_source& random, std::size_t n) { return random() % n; }

const std::vector<wire_table>& tables() {
  static const std::vector<wire_table> all{
      {.id = 1, .name = "a", .columns = {"*id", "v"}},
      {.id = 2, .name = "b", .columns = {"v", "*k2", "*k1"}},
      {.id = 3, .name = "c", .columns = {"v"}, .identity = 'f'}};
  return all;
}

class history_maker {
 public:
  explicit history_maker(random_source& random) : random_(random) {}

  history make() {
    history all;
    for (auto n = 2 + below(random_, 6); n > 0; --n) {
      transaction_ = {};
      transaction_.xid = ++xid_;
      transaction_.commit = below(random_, 6) == 0 ? 0 : (lsn_ += 0x10 + below(random_, 0x40));
      run(transaction_.xid, 0);
      all.push_back(transaction_);
    }
    return all;
  }

 private:
  /// One (sub)transaction; gives the xids in it that are not rolled back yet.
  std::vector<std::uint32_t> run(std::uint32_t xid, int depth) {
    std::vector<std::uint32_t> alive{xid};
    const auto first = transaction_.events.size();
    for (auto n = below(random_, 12); n > 0; --n) {
      if (depth < 3 && below(random_, 4) == 0) {
        const auto inner = run(++xid_, depth + 1);
        alive.insert(alive.end(), inner.begin(), inner.end());
        continue;
      }
      transaction_.events.push_back({xid, below(random_, tables().size()),
                                     static_cast<int>(below(random_, 6)), ++value_, false});
    }
    if (depth == 0 || below(random_, 2) == 0) return alive;
    for (auto i = first; i < transaction_.events.size(); ++i)
      transaction_.events[i].rolled_back = true;
    std::ranges::reverse(alive);
    transaction_.rollbacks.push_back({transaction_.events.size(), alive});
    return {};
  }

  random_source& random_;
  history_transaction transaction_;
  std::uint32_t xid_ = 500;
  std::uint64_t lsn_ = 0x1000;
  int value_ = 0;
};

void write_event(pgoutput_builder& out, const row_event& e) {
  const auto& table = tables()[e.table];
  const test::wire_row fresh(table.columns.size(), std::to_string(e.value));
  const test::wire_row old(table.columns.size(), "old " + std::to_string(e.value));
  out.as(e.xid).on(table.id);
  switch (e.kind) {
  case 0:
    out.insert(fresh);
    break;
  case 1:
    out.update('K', old, fresh);
    break;
  case 2:
    out.update('O', old, test::wire_row(table.columns.size(), test::unchanged));
    break;
  case 3:
    out.update(fresh);
    break;
  case 4:
    out.remove('K', old);
    break;
  default:
    out.truncate({1, 2, 3});
    break;
  }
}

void describe_tables(pgoutput_builder& out, std::uint32_t xid = 0) {
  for (const auto& table : tables()) out.as(xid).relation(table);
}

std::vector<std::string> deliver_whole(const history& all) {
  pgoutput_builder out;
  for (const auto& t : all) {
    if (t.commit == 0) continue;
    out.begin(t.commit, t.xid);
    describe_tables(out);
    for (const auto& e : t.events)
      if (!e.rolled_back) write_event(out, e);
    out.commit();
  }
  return out.messages();
}

/// What is known of one transaction at the server while it decodes.
class streaming_server {
 public:
  streaming_server(const history& all, random_source& random) : random_(random) {
    for (const auto& t : all) waiting_.push_back({&t, 0, 0, 0, false, true, {}});
  }

  std::vector<std::string> deliver() {
    // transactions overlap, but end in the history's order
    while (!waiting_.empty()) {
      auto& any = waiting_[below(random_, std::min<std::size_t>(waiting_.size(), 4))];
      advance(any, below(random_, 8));
      if (below(random_, 3) == 0) stream(any);
      if (below(random_, 3) != 0) continue;
      end(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    return out_.messages();
  }

 private:
  struct progress {
    const history_transaction* of;
    std::size_t decoded; ///< events
    std::size_t sent;
    std::size_t rollbacks; ///< of them decoded
    bool streamed;
    bool describe; ///< tables are to be described (again)
    std::vector<std::uint32_t> sent_xids;
  };

  void advance(progress& p, std::size_t steps) {
    const auto& t = *p.of;
    for (auto left = steps; left > 0; --left) {
      if (p.rollbacks < t.rollbacks.size() && t.rollbacks[p.rollbacks].at == p.decoded)
        roll_back(p, t.rollbacks[p.rollbacks++]);
      else if (p.decoded < t.events.size())
        ++p.decoded;
    }
  }

  /// Only subtransactions of which something was sent are aborted in the stream.
  void roll_back(progress& p, const rollback& r) {
    for (const auto xid : r.xids) {
      gone_.push_back(xid);
      if (std::ranges::find(p.sent_xids, xid) == p.sent_xids.end()) continue;
      out_.stream_abort(p.of->xid, xid);
      p.describe = true;
    }
  }

  bool is_gone(std::uint32_t xid) const { return std::ranges::find(gone_, xid) != gone_.end(); }

  void stream(progress& p) {
    if (p.sent == p.decoded) return;
    out_.stream_start(p.of->xid, !p.streamed);
    p.streamed = true;
    send_rest(p);
    out_.stream_stop();
  }

  void send_rest(progress& p) {
    for (; p.sent < p.decoded; ++p.sent) {
      const auto& e = p.of->events[p.sent];
      if (is_gone(e.xid)) continue;
      if (std::exchange(p.describe, false)) describe_tables(out_, e.xid);
      write_event(out_, e);
      p.sent_xids.push_back(e.xid);
    }
  }

  void end(progress& p) {
    const auto& t = *p.of;
    advance(p, t.events.size() + t.rollbacks.size());
    if (t.commit == 0) {
      if (p.streamed) out_.stream_abort(t.xid, t.xid);
    } else if (p.streamed) {
      stream(p);
      out_.stream_commit(t.xid, t.commit);
    } else {
      out_.begin(t.commit, t.xid);
      describe_tables(out_);
      send_rest(p);
      out_.commit();
    }
  }

  random_source& random_;
  std::vector<progress> waiting_;
  std::vector<std::uint32_t> gone_;
  pgoutput_builder out_;
};

/// Decodes messages into lines, with a hook at every batch taken.
class decoding {
 public:
  decoding(spill_area& area, std::size_t batch_rows)
      : decoder_(resolver_, area, {.batch_rows = batch_rows}) {}

  stream_decoder& decoder() { return decoder_; }
  const std::vector<std::string>& log() const { return log_; }
  std::size_t batches() const { return batches_; }

  /// Stops, as if the connection was lost, once `stop_after` batches have been taken.
  bool feed(const std::vector<std::string>& messages, std::size_t stop_after = SIZE_MAX) {
    for (const auto& message : messages) {
      if (!settle(stop_after)) return false;
      decoder_.feed(message);
    }
    if (!settle(stop_after)) return false;
    take();
    return true;
  }

  void take() {
    const auto rows = decoder_.take();
    if (!rows) return;
    ++batches_;
    for (const auto& c : rows->changes) positions_.push_back(rows->position_of(c));
    for (const auto& line : test::describe(*rows)) log_.push_back(line);
  }

  const std::vector<position>& positions() const { return positions_; }

 private:
  bool settle(std::size_t stop_after) {
    while (decoder_.full() || decoder_.replaying()) {
      if (decoder_.full()) {
        take();
        if (batches_ == stop_after) return false;
      }
      if (decoder_.replaying()) decoder_.replay();
    }
    return true;
  }

  test::plain_resolver resolver_;
  stream_decoder decoder_;
  std::vector<std::string> log_;
  std::size_t batches_ = 0;
  std::vector<position> positions_;
};

class stream_decoder_delivery : public ::testing::TestWithParam<unsigned> {
 protected:
  random_source random{GetParam()};
  test::temp_directory directory;
  spill_area area{directory.path(), 64U << 20};
};

constexpr int rounds = 40;

TEST_P(stream_decoder_delivery, StreamedOrWholeTheChangesAndPositionsAreTheSame) {
  for (int round = 0; round < rounds; ++round) {
    const auto all = history_maker(random).make();
    decoding whole(area, 1 + below(random, 20));
    ASSERT_TRUE(whole.feed(deliver_whole(all)));
    decoding streamed(area, 1 + below(random, 20));
    ASSERT_TRUE(streamed.feed(streaming_server(all, random).deliver()));
    ASSERT_EQ(whole.log(), streamed.log());
    ASSERT_EQ(whole.decoder().last_commit(), streamed.decoder().last_commit());
    ASSERT_EQ(whole.decoder().last_end(), streamed.decoder().last_end());
    ASSERT_TRUE(streamed.decoder().between_transactions());
  }
}

TEST_P(stream_decoder_delivery, ALostConnectionAtAnyBatchLosesAndRepeatsNothing) {
  for (int round = 0; round < rounds / 10; ++round) {
    const auto all = history_maker(random).make();
    const auto rows = 1 + below(random, 5);
    decoding undisturbed(area, rows);
    ASSERT_TRUE(undisturbed.feed(deliver_whole(all)));
    for (std::size_t stop = 1; stop <= undisturbed.batches(); ++stop) {
      decoding d(area, rows);
      d.feed(streaming_server(all, random).deliver(), stop);
      d.decoder().restart();
      d.take();
      ASSERT_TRUE(d.feed(below(random, 2) == 0 ? deliver_whole(all)
                                               : streaming_server(all, random).deliver()));
      ASSERT_EQ(undisturbed.log(), d.log()) << "stopped after batch " << stop;
    }
  }
}

TEST_P(stream_decoder_delivery, AnotherDecoderGoesOnFromAnyPosition) {
  for (int round = 0; round < rounds / 10; ++round) {
    const auto all = history_maker(random).make();
    decoding undisturbed(area, 3);
    ASSERT_TRUE(undisturbed.feed(deliver_whole(all)));
    for (std::size_t stop = 1; stop <= undisturbed.batches(); ++stop) {
      decoding first(area, 3);
      first.feed(streaming_server(all, random).deliver(), stop);
      decoding second(area, 3);
      second.decoder().restart(first.positions().back());
      ASSERT_TRUE(second.feed(streaming_server(all, random).deliver()));
      auto log = first.log();
      log.insert(log.end(), second.log().begin(), second.log().end());
      ASSERT_EQ(undisturbed.log(), log) << "stopped after batch " << stop;
    }
  }
}

TEST_P(stream_decoder_delivery, BetweenTransactionsWhatWasTakenIsWholeTransactions) {
  const auto all = history_maker(random).make();
  decoding whole(area, 1000);
  whole.feed(deliver_whole(all));
  decoding d(area, 3);
  for (const auto& message : streaming_server(all, random).deliver()) {
    d.feed({message});
    if (!d.decoder().between_transactions()) continue;
    const auto expected = std::ranges::count_if(
        whole.positions(), [&](position p) { return p.commit <= d.decoder().last_commit(); });
    ASSERT_EQ(d.log().size(), static_cast<std::size_t>(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, stream_decoder_delivery, ::testing::Range(0U, 25U));

} // namespace
} // namespace leat::postgres
