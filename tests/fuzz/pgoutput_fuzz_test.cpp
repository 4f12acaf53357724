#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "dataflow/error.hpp"
#include "plugins/postgres/stream_decoder.hpp"
#include "tests/support/change_log.hpp"
#include "tests/support/pgoutput_builder.hpp"
#include "tests/support/temp_directory.hpp"

// Mutated streams: whatever comes, the decoder gives well-formed batches or one error of kind
// source. LEAT_FUZZ_ITERATIONS and LEAT_FUZZ_SEED choose how many and which; LEAT_TEST_FULL makes
// it ten times as many.
namespace leat::postgres {
namespace {

using messages = std::vector<std::string>;
using random_source = std::mt19937_64;
using test::pgoutput_builder;
using test::unchanged;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

const test::wire_table items{.id = 1, .name = "items", .columns = {"*id", "note"}};
const test::wire_table pairs{.id = 2, .name = "pairs", .columns = {"v", "*b", "*a"}};
const test::wire_table logs{.id = 3, .name = "logs", .columns = {"at", "text"}, .identity = 'f'};

/// Streams that are right, with every message kind in them.
std::vector<messages> corpus() {
  auto wider = items;
  wider.columns.push_back("extra");
  return {
      pgoutput_builder()
          .begin(0x100)
          .origin("north")
          .relation(items)
          .type(16500, "mood")
          .insert({"1", "x"})
          .update({"1", unchanged})
          .update('K', {"1", nullptr}, {"2", ""})
          .remove('K', {"2", nullptr})
          .message("app", "hello")
          .relation(wider)
          .insert({"3", "x", "y"})
          .commit()
          .begin(0x180)
          .relation(logs)
          .insert({"t", "x"})
          .update('O', {"t", "x"}, {"u", unchanged})
          .remove('O', {"u", "x"})
          .truncate({1, 3}, 3)
          .commit()
          .messages(),
      pgoutput_builder()
          .stream_start(70, true)
          .relation(pairs)
          .insert({"1", "2", "3"})
          .as(71)
          .update('K', {nullptr, "2", "3"}, {unchanged, "2", "4"})
          .message("app", "x")
          .stream_stop()
          .stream_start(80, true)
          .relation(items)
          .insert({"1", "x"})
          .stream_stop()
          .begin(0x100)
          .relation(items)
          .insert({"5", "x"})
          .commit()
          .stream_abort(70, 71)
          .stream_start(70, false)
          .type(16500, "mood")
          .relation(pairs)
          .remove('K', {nullptr, "2", "3"})
          .truncate({2})
          .stream_stop()
          .stream_commit(70, 0x200)
          .stream_abort(80, 80)
          .begin(0x280)
          .commit()
          .messages(),
  };
}

constexpr std::string_view two_phase_kinds = "bPKrp";

/// Streams of a slot with two_phase, which leat refuses: one for each kind of message that no other
/// slot sends, after rows and within a transaction that they would end.
std::vector<messages> two_phase_corpus() {
  std::vector<messages> streams;
  for (const char kind : two_phase_kinds) {
    pgoutput_builder b;
    b.begin(0x100).relation(items).insert({"1", "x"}).commit();
    if (kind == 'p')
      b.stream_start(90, true).relation(items).insert({"2", "y"}).stream_stop();
    else if (kind == 'P')
      b.begin(0x180).insert({"2", "y"});
    b.two_phase(kind, 90, 0x180, "gid-1");
    b.begin(0x200).insert({"3", "z"}).commit();
    streams.push_back(b.messages());
  }
  return streams;
}

class mutator {
 public:
  explicit mutator(random_source& random) : random_(random) {}

  void mutate(messages& stream) {
    for (auto n = 1 + below(4); n > 0; --n) mutate_once(stream);
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void mutate_once(messages& stream) {
    if (stream.empty()) return;
    const auto i = below(stream.size());
    auto& message = stream[i];
    const auto at = static_cast<std::ptrdiff_t>(i);
    switch (below(10)) {
    case 0:
      stream.erase(stream.begin() + at);
      return;
    case 1:
      stream.insert(stream.begin() + at, stream[below(stream.size())]);
      return;
    case 2:
      std::swap(message, stream[below(stream.size())]);
      return;
    case 3:
      message.resize(below(message.size() + 1));
      return;
    case 4:
      message.append(1 + below(20), static_cast<char>(below(256)));
      return;
    case 5:
      splice(message, stream[below(stream.size())]);
      return;
    default:
      spoil_byte(message);
      return;
    }
  }

  void splice(std::string& message, const std::string& other) {
    message = message.substr(0, below(message.size() + 1)) + other.substr(below(other.size() + 1));
  }

  void spoil_byte(std::string& message) {
    static constexpr char letters[] = "BCORYIUDTMSEcAbPKrpNKOntub\0\1\x7f\x80\xff";
    if (message.empty()) return;
    auto& byte = message[below(message.size())];
    switch (below(3)) {
    case 0:
      byte = static_cast<char>(below(256));
      return;
    case 1:
      byte = static_cast<char>(byte ^ (1 << below(8)));
      return;
    default:
      byte = letters[below(sizeof letters - 1)];
      return;
    }
  }

  random_source& random_;
};

/// Every cell lies in the arena, every row in the cells, every index in its vector; positions
/// ascend.
void expect_well_formed(const batch& rows, position& last) {
  for (const auto& c : rows.changes) {
    ASSERT_LT(c.table, rows.tables.size());
    ASSERT_LT(c.transaction, rows.transactions.size());
    const auto width = rows.schema_of(c).columns.size();
    for (const auto first : {c.new_row, c.old_row}) {
      if (first == change::no_row) continue;
      ASSERT_LE(first + width, rows.cells.size());
      for (const auto& cell : rows.row(c, first)) {
        if (!cell.has_value()) continue;
        ASSERT_LE(std::size_t{cell.offset} + cell.size, rows.arena.size());
      }
    }
    ASSERT_LT(last, rows.position_of(c));
    last = rows.position_of(c);
  }
  EXPECT_FALSE(test::describe(rows).empty());
}

class pgoutput_fuzz : public ::testing::Test {
 protected:
  /// Gives whether the stream was taken without an error.
  bool decode(const messages& stream) {
    stream_decoder decoder(resolver, area, {.batch_rows = 3, .batch_bytes = 4096});
    position last{};
    try {
      for (const auto& message : stream) {
        decoder.feed(message);
        while (decoder.full() || decoder.replaying()) {
          if (const auto rows = decoder.take()) expect_well_formed(*rows, last);
          if (decoder.replaying()) decoder.replay();
        }
      }
    } catch (const error& e) {
      EXPECT_EQ(e.kind(), error_kind::source) << e.brief();
      EXPECT_FALSE(e.remedy().empty());
      return false;
    }
    if (const auto rows = decoder.take()) expect_well_formed(*rows, last);
    return true;
  }

  test::temp_directory directory;
  spill_area area{directory.path(), 64U << 20};
  test::plain_resolver resolver;
};

TEST_F(pgoutput_fuzz, TheCorpusItselfIsTaken) {
  for (const auto& stream : corpus()) EXPECT_TRUE(decode(stream));
}

TEST_F(pgoutput_fuzz, StreamsOfATwoPhaseSlotAreTakenUpToTheMessageThatNoOtherSlotSends) {
  for (const auto& stream : two_phase_corpus()) {
    const auto at = std::ranges::find_if(stream, [](const std::string& m) {
      return two_phase_kinds.find(m.front()) != std::string_view::npos;
    });
    ASSERT_NE(at, stream.end());
    EXPECT_TRUE(decode({stream.begin(), at})) << *at;
    EXPECT_FALSE(decode({stream.begin(), at + 1})) << *at;
  }
}

TEST_F(pgoutput_fuzz, AMutatedStreamGivesWellFormedRowsOrAnError) {
  const auto seed = setting("LEAT_FUZZ_SEED", 1);
  const auto iterations =
      setting("LEAT_FUZZ_ITERATIONS", std::getenv("LEAT_TEST_FULL") != nullptr ? 500'000 : 50'000);
  auto streams = corpus();
  std::uint64_t errors = 0;
  for (auto& stream : two_phase_corpus()) streams.push_back(std::move(stream));
  for (std::uint64_t i = 0; i < iterations && !HasFatalFailure(); ++i) {
    random_source random(seed + i);
    auto stream = streams[random() % streams.size()];
    mutator(random).mutate(stream);
    if (!decode(stream)) ++errors;
    if (HasFailure()) {
      ADD_FAILURE() << "LEAT_FUZZ_SEED=" << seed + i << " LEAT_FUZZ_ITERATIONS=1 shows it again";
      break;
    }
  }
  // most mutations are found out; those that are not changed a value or left out a whole change
  EXPECT_GT(errors, iterations / 2);
  EXPECT_EQ(area.bytes(), 0U);
}

} // namespace
} // namespace leat::postgres
