#include "plugins/postgres/replication_stream.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "dataflow/crash_point.hpp"
#include "plugins/postgres/replication_connection.hpp"

namespace leat::postgres {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using seconds = std::chrono::duration<double>;

constexpr milliseconds status_interval{5000};
constexpr milliseconds first_backoff{100};
constexpr milliseconds last_backoff{30000};
/// A walsender of a connection that was lost holds the slot until its timeout (60 s here), and a
/// bit.
constexpr milliseconds slot_patience{70000};
constexpr milliseconds shutdown_patience{2000};
constexpr int shutdown_asks = 50;
/// Bytes pile up before they are read: a wake-up for each message costs server and client most of
/// their time. What begins to come has so long to come whole; where much comes, the socket is left
/// alone until it is filled to less than half, so that the server need not wait for room in it.
constexpr std::chrono::microseconds shortest_nap{100};
constexpr std::chrono::microseconds longest_nap{1000};
constexpr double piled_up = 60 << 10;
/// Much comes when it would take less than this to pile up.
constexpr std::chrono::microseconds flow{4000};
/// What the kernel takes for a message beside its bytes.
constexpr std::size_t message_overhead = 600;
/// So far are batches apart, for the stages behind; a full one goes at once, and so does one after
/// a pause. Where much comes, rows wait for more.
constexpr std::chrono::microseconds emit_interval{1000};
constexpr std::chrono::microseconds emit_interval_in_flow{4000};
constexpr std::size_t batch_rows = 1024;
constexpr auto never = std::chrono::nanoseconds::max();

} // namespace

/// The state of one run(): survives reconnects.
class replication_stream::session {
 public:
  session(stream_options& options, relation_resolver& resolver, spill_area& spill,
          stream_output& output)
      : options_(options), output_(output), backlog_(spill),
        decoder_(resolver, spill, {.batch_rows = batch_rows}), passed_(options.resume) {
    decoder_.restart({options_.position, position::whole});
  }

  void run() {
    milliseconds backoff = first_backoff;
    std::optional<clock::time_point> slot_busy_since;
    while (!output_.stopping()) {
      try {
        connect();
        backoff = first_backoff;
        slot_busy_since.reset();
        stream();
      } catch (const server_error& e) {
        connection_.reset();
        if (lacks_publication(e)) refuse_missing_publication(e);
        if (!e.transient() && !cannot_stream(e)) {
          // Of a slot that was lost since it was looked at: that look says so, with the way out.
          if (e.sqlstate() == "55000") options_.slot_is_free(options_.resume);
          throw;
        }
        if (e.sqlstate() == "55006") give_up_on_busy_slot(slot_busy_since, e);
        output_.report(e.brief());
        // What the decoder could not finish is sent again, and with it what came behind.
        if (std::exchange(decoder_failed_, false))
          backlog_.clear();
        else
          drain();
        wait(backoff);
        backoff = std::min(backoff * 2, last_backoff);
      }
    }
  }

 private:
  void connect() {
    connection_ = std::make_unique<replication_connection>(options_.connection);
    const auto id = connection_->identify();
    if (id.system_id != options_.system_id || id.timeline != options_.timeline)
      throw error(error_kind::source,
                  "the source is another cluster, or was failed over: system identifier "
                      + std::to_string(id.system_id) + " timeline " + std::to_string(id.timeline)
                      + ", not " + std::to_string(options_.system_id) + " timeline "
                      + std::to_string(options_.timeline),
                  "[source]", "point `url` at the right server, or `leat drop` and begin anew");
    if (!options_.slot_is_free(options_.resume))
      throw server_error(error_kind::source, "55006",
                         "the slot is held by the walsender of a lost connection", options_.slot,
                         "", error_retry::transient);
    if (std::exchange(connected_before_, true)) {
      decoder_.restart();
      output_.emit(source_reconnected{});
    }
    connection_->start(options_.slot, options_.publication, options_.resume, streaming_);
    output_.report("");
  }

  /// PostgreSQL 14 to 18 fail to stream some transactions that alter or truncate a table and roll a
  /// savepoint back, each time again; sent whole, most come (docs/limits.md).
  bool cannot_stream(const server_error& e) {
    if (std::string_view(e.what()).find("could not map filen") == std::string_view::npos)
      return false;
    if (!std::exchange(streaming_, false))
      throw error(
          error_kind::source, e.what(), "slot " + options_.slot,
          "the server cannot decode its own WAL here (docs/limits.md): `leat drop`, empty the "
          "target's tables, run");
    return true;
  }

  /// That the slot is there has been seen before; the server may speak any language.
  bool lacks_publication(const server_error& e) const {
    return e.sqlstate() == "42704"
           && std::string_view(e.what()).find(options_.publication) != std::string_view::npos;
  }

  /// The catalog is read as it was where the stream stands: making it again does not help.
  [[noreturn]] void refuse_missing_publication(const server_error& e) const {
    throw error(error_kind::source, e.what(), "slot " + options_.slot,
                "changes were made while the publication was missing: `leat drop`, empty the "
                "target's tables, run");
  }

  void give_up_on_busy_slot(std::optional<clock::time_point>& since, const server_error& e) {
    if (!since) since = clock::now();
    if (clock::now() - *since < slot_patience) return;
    throw error(error_kind::source, e.what(), "slot " + options_.slot,
                "stop the other reader of this slot, or name another slot");
  }

  void stream() {
    while (!output_.stopping()) {
      output_.drain_wakeups();
      const bool worked = pump();
      cut_barrier();
      confirm();
      if (!worked) await_input();
    }
    flush();
  }

  /// Works off what is there: backlog first, then the connection. True when something moved.
  bool pump() {
    bool worked = spool();
    for (int i = 0; i < 256; ++i) {
      if (!may_emit() || !step()) return worked;
      worked = true;
    }
    return worked;
  }

  /// One unit of decoding. False when there is nothing to decode.
  bool step() {
    if (decoder_.full()) {
      flush();
      return true;
    }
    if (decoder_.replaying()) {
      decoder_failed_ = true;
      decoder_.replay();
      decoder_failed_ = false;
      if (decoder_.between_transactions()) finish_transaction();
      return true;
    }
    if (!backlog_.empty()) {
      decode_backlog();
      return true;
    }
    if (!connection_) return false;
    const auto message = next_message();
    if (!message) return false;
    if (message->what == wal_message::kind::keepalive) {
      take_keepalive(*message);
      pass(message->wal_end);
      return true;
    }
    decode(message->data);
    return true;
  }

  std::optional<wal_message> next_message() {
    auto message = connection_->next();
    if (message) read_cost_ += static_cast<double>(message->data.size() + message_overhead);
    return message;
  }

  void decode(std::string_view message) {
    decoder_failed_ = true;
    decoder_.feed(message);
    decoder_failed_ = false;
    if (decoder_.between_transactions()) finish_transaction();
  }

  void finish_transaction() {
    pass(decoder_.last_end());
    if (connection_) connection_->report(decoder_.last_end());
  }

  /// Records of the backlog: 'w' and a pgoutput message, or 'k' and a WAL end.
  void decode_backlog() {
    const auto record = backlog_.pop();
    if (record[0] == 'w') return decode(record.substr(1));
    pass(wal_lsn{std::stoull(std::string(record.substr(1)))});
  }

  bool may_emit() {
    if (output_.has_credit()) {
      paused_since_.reset();
      return true;
    }
    if (!paused_since_) paused_since_ = clock::now();
    return false;
  }

  /// What comes has to go to disk: a pause beyond the limit would stall the server's checkpointer
  /// (R4), and what follows a backlog has to queue behind it.
  bool spooling() const {
    if (!connection_) return false;
    return !backlog_.empty()
           || (paused_since_ && clock::now() - *paused_since_ >= options_.pause_limit);
  }

  bool spool() {
    if (!spooling()) return false;
    bool moved = false;
    // Reads what is there, without waiting: a long backlog must not stall the server either.
    connection_->receive();
    for (int i = 0; i < 4096; ++i) {
      const auto message = next_message();
      if (!message) break;
      moved = true;
      if (!backlog_.has_room(message->data.size() + 64)) overflow();
      if (message->what == wal_message::kind::data) {
        record_.assign(1, 'w').append(message->data);
        backlog_.push(record_);
        continue;
      }
      take_keepalive(*message);
      backlog_.push("k" + std::to_string(static_cast<std::uint64_t>(message->wal_end)));
    }
    return moved;
  }

  /// A server that shuts down asks again at once after each answer, until all that it sent is
  /// confirmed; while a target is stuck it would never end. Otherwise it asks twice a minute.
  void take_keepalive(const wal_message& keepalive) {
    if (!keepalive.reply_requested) return;
    reply_wanted_ = true;
    const auto now = clock::now();
    if (now - asked_ > milliseconds(500)) {
      asked_since_ = now;
      times_asked_ = 0;
    }
    asked_ = now;
    if (++times_asked_ < shutdown_asks || now - asked_since_ < shutdown_patience) return;
    throw server_error(error_kind::source, "",
                       "the server shuts down and waits for a target that does not commit: "
                       "disconnected",
                       options_.slot, "", error_retry::transient);
  }

  /// No room left: the rest is asked for again later, from the server.
  [[noreturn]] void overflow() {
    throw server_error(error_kind::source, "",
                       "the spill area is full: disconnected until there is room", "limits.spill",
                       "", error_retry::transient);
  }

  /// After the connection is gone: what was read already is handed on, so that the next connection
  /// begins with an empty backlog.
  void drain() {
    while (!output_.stopping() && (!backlog_.empty() || decoder_.replaying() || decoder_.full())) {
      output_.drain_wakeups();
      const bool worked = pump();
      cut_barrier();
      if (!worked) wait(milliseconds(50));
    }
    if (may_emit()) flush();
  }

  void flush() {
    if (decoder_.pending_rows() == 0 && !decoder_.full()) return;
    if (auto rows = decoder_.take()) output_.emit(std::move(rows));
    last_emit_ = clock::now();
  }

  void cut_barrier() {
    const auto wanted = output_.wanted_barrier();
    if (!wanted || !decoder_.between_transactions()) return;
    if (decoder_.pending_rows() != 0) {
      if (!may_emit()) return;
      flush();
    }
    const auto position = std::max(options_.position, decoder_.last_commit());
    const bool moved = passed_ > barrier_passed_ || position > barrier_position_;
    if (!moved && !wanted->force) return;
    if (wanted->force && !moved) poll_position();
    barrier_passed_ = passed_;
    barrier_position_ = position;
    crash_point("barrier_before");
    output_.emit(barrier{wanted->epoch, position, passed_, false});
    crash_point("barrier_sent");
  }

  /// Asks where the server stands, so that an idle stream passes the chunks' H (R5).
  void poll_position() {
    if (!connection_ || clock::now() - polled_ < milliseconds(200)) return;
    polled_ = clock::now();
    connection_->send_status(confirmed_, true);
  }

  void confirm() {
    if (!connection_) return;
    const auto confirmable = output_.confirmable();
    const auto now = clock::now();
    if (confirmable <= confirmed_ && !reply_wanted_ && now - last_status_ < status_interval) return;
    confirmed_ = std::max(confirmed_, confirmable);
    options_.resume = std::max(options_.resume, confirmed_);
    reply_wanted_ = false;
    last_status_ = now;
    crash_point("slot_confirm_before");
    connection_->send_status(confirmed_, false);
    crash_point("slot_confirm");
  }

  void pass(wal_lsn end) { passed_ = std::max(passed_, end); }

  void await_input() {
    const auto emit_due = emit_when_due();
    const bool paused = paused_since_ && !spooling();
    const bool flows = flowing();
    if (paused || (!flows && emit_due == never)) {
      if (!await_bytes(paused)) return;
      std::this_thread::sleep_for(shortest_nap);
    } else {
      // What comes before rows that wait are handed on need not be looked at before.
      const auto nap = std::clamp<std::chrono::nanoseconds>(pile_time_, shortest_nap, longest_nap);
      const std::chrono::nanoseconds read_due = last_read_ + nap - clock::now();
      std::this_thread::sleep_for(flows ? std::min(read_due, emit_due) : emit_due);
    }
    read();
  }

  /// False when there is none, or something else to do.
  bool await_bytes(bool paused) {
    pollfd descriptors[2] = {{output_.wakeup_fd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (!paused) descriptors[1].fd = connection_->socket();
    ::poll(descriptors, 2, paused ? 100 : 1000);
    return (descriptors[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
  }

  void read() {
    const auto now = clock::now();
    period_ = now - std::exchange(last_read_, now);
    read_cost_ = 0;
    connection_->receive();
  }

  /// What the last read brought says how fast more comes.
  bool flowing() {
    pile_time_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::min<seconds>(period_ * (piled_up / std::max(read_cost_, 1.0)), seconds(1)));
    return pile_time_ < flow;
  }

  /// Hands the open batch on when it may go; gives the time until it may.
  std::chrono::nanoseconds emit_when_due() {
    if (decoder_.pending_rows() == 0 || !may_emit()) return never;
    const auto interval = flowing() ? emit_interval_in_flow : emit_interval;
    const auto left = last_emit_ + interval - clock::now();
    if (left > std::chrono::nanoseconds::zero()) return left;
    flush();
    return never;
  }

  void wait(milliseconds time) {
    const auto until = clock::now() + time;
    while (!output_.stopping()) {
      const auto left = std::chrono::duration_cast<milliseconds>(until - clock::now());
      if (left <= milliseconds::zero()) return;
      pollfd wakeup{output_.wakeup_fd(), POLLIN, 0};
      ::poll(&wakeup, 1, static_cast<int>(left.count()));
      output_.drain_wakeups();
      cut_barrier();
    }
  }

  stream_options& options_;
  stream_output& output_;
  spill_queue backlog_;
  stream_decoder decoder_;
  std::unique_ptr<replication_connection> connection_;

  wal_lsn passed_{}; ///< the stream has passed this, decoded and emitted or pending
  wal_lsn barrier_passed_{};
  commit_lsn barrier_position_{};
  bool connected_before_ = false;
  bool streaming_ = true;       ///< transactions in progress are asked for
  bool decoder_failed_ = false; ///< it takes nothing more before a restart
  wal_lsn confirmed_{};
  bool reply_wanted_ = false;
  std::string record_; ///< scratch of spool()
  std::optional<clock::time_point> paused_since_;
  clock::time_point last_status_{};
  clock::time_point polled_{};
  clock::time_point asked_{}; ///< for a reply, last
  clock::time_point asked_since_{};
  int times_asked_ = 0;
  clock::time_point last_read_{};
  seconds period_{};     ///< from the read before the last one to the last
  double read_cost_ = 0; ///< of the messages that the last one brought, in bytes of the socket
  std::chrono::nanoseconds pile_time_{};
  clock::time_point last_emit_{};
};

replication_stream::replication_stream(stream_options options,
                                       std::unique_ptr<relation_resolver> resolver,
                                       spill_area& spill)
    : options_(std::move(options)), resolver_(std::move(resolver)), spill_(spill) {}

replication_stream::~replication_stream() = default;

void replication_stream::run(stream_output& output) {
  session(options_, *resolver_, spill_, output).run();
}

} // namespace leat::postgres
