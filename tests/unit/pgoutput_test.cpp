#include "plugins/postgres/pgoutput.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "dataflow/error.hpp"
#include "tests/support/pgoutput_builder.hpp"

namespace leat::postgres {
namespace {

using test::pgoutput_builder;
using test::unchanged;
using test::wire_value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const test::wire_table items{.id = 16384, .name = "items", .columns = {"*id", "name", "note"}};

/// The parsed message is a view: its bytes stay until the program ends.
template <class Message>
Message parse(const pgoutput_builder& b, bool streamed = false) {
  static std::deque<std::string> kept;
  return std::get<Message>(parse_pgoutput(kept.emplace_back(b.last()), streamed));
}

error error_of(std::string_view message, bool streamed = false) {
  try {
    parse_pgoutput(message, streamed);
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "it was taken";
  return {error_kind::bug, "", "", ""};
}

std::vector<std::string> cells(const tuple_view& tuple) {
  std::vector<std::string> out;
  tuple_cursor cursor(tuple);
  for (int i = 0; i < tuple.columns; ++i) {
    const auto c = cursor.next();
    out.push_back(c.kind + std::string(tuple.body.substr(c.offset, c.size)));
  }
  return out;
}

TEST(pgoutput, ReadsBeginAndCommit) {
  const auto begin = parse<begin_message>(pgoutput_builder().begin(0x16B374D848, 4000000000U));
  EXPECT_EQ(to_string(begin.commit), "16/B374D848");
  EXPECT_EQ(begin.xid, 4000000000U);
  EXPECT_EQ(begin.commit_time, static_cast<std::int64_t>(pgoutput_builder::time(0x16B374D848)));
  const auto commit = parse<commit_message>(pgoutput_builder().commit(0x100));
  EXPECT_EQ(commit.commit, commit_lsn{0x100});
  EXPECT_EQ(commit.end, wal_lsn{0x108});
}

TEST(pgoutput, ReadsATableAsTheStreamDescribesIt) {
  auto table = items;
  table.identity = 'i';
  table.type = 1043;
  const auto schema = parse<relation_message>(pgoutput_builder().relation(table)).to_schema();
  EXPECT_EQ(schema.id, 16384U);
  EXPECT_EQ(schema.qualified_name(), "public.items");
  EXPECT_EQ(schema.identity, replica_identity::index);
  ASSERT_EQ(schema.columns.size(), 3U);
  EXPECT_EQ(schema.columns[0].name, "id");
  EXPECT_TRUE(schema.columns[0].identity);
  EXPECT_EQ(schema.columns[2].name, "note");
  EXPECT_FALSE(schema.columns[2].identity);
  EXPECT_EQ(schema.columns[2].type, 1043U);
  EXPECT_EQ(schema.columns[2].modifier, -1);
}

TEST(pgoutput, NamesArriveRaw) {
  const test::wire_table weird{
      .id = 1, .schema = "", .name = "We\"ird Таблица", .columns = {"*a\"b", "CaMeL ключ"}};
  const auto schema = parse<relation_message>(pgoutput_builder().relation(weird)).to_schema();
  EXPECT_EQ(schema.qualified_name(), "pg_catalog.We\"ird Таблица");
  EXPECT_EQ(schema.columns[0].name, "a\"b");
  EXPECT_EQ(schema.columns[1].name, "CaMeL ключ");
}

TEST(pgoutput, TellsEmptyTextFromNullFromUnchanged) {
  const auto m = parse<update_message>(pgoutput_builder().on(9).update({"", nullptr, unchanged}));
  EXPECT_EQ(m.relation, 9U);
  EXPECT_EQ(m.old_kind, old_row_kind::none);
  EXPECT_THAT(cells(m.new_row), ElementsAre("t", "n", "u"));
}

TEST(pgoutput, ReadsOldRowsOfBothKinds) {
  const auto key =
      parse<update_message>(pgoutput_builder().on(9).update('K', {"1", nullptr}, {"2", "x"}));
  EXPECT_EQ(key.old_kind, old_row_kind::key);
  EXPECT_THAT(cells(key.old_row), ElementsAre("t1", "n"));
  EXPECT_THAT(cells(key.new_row), ElementsAre("t2", "tx"));
  const auto full = parse<delete_message>(pgoutput_builder().on(9).remove('O', {"1", "x"}));
  EXPECT_EQ(full.old_kind, old_row_kind::full);
  EXPECT_THAT(cells(full.old_row), ElementsAre("t1", "tx"));
}

TEST(pgoutput, ReadsARowOf1600Columns) {
  const auto m = parse<insert_message>(pgoutput_builder().insert(test::wire_row(1600, "v")));
  EXPECT_THAT(cells(m.new_row), ::testing::Each("tv"));
  EXPECT_EQ(m.new_row.columns, 1600);
}

TEST(pgoutput, ReadsTruncate) {
  const auto m = parse<truncate_message>(pgoutput_builder().truncate({5, 70000}, 3));
  EXPECT_TRUE(m.cascade);
  EXPECT_TRUE(m.restart_identity);
  ASSERT_EQ(m.relations, 2U);
  EXPECT_EQ(m.relation(0), 5U);
  EXPECT_EQ(m.relation(1), 70000U);
}

TEST(pgoutput, ReadsWhatIsSkippedLater) {
  EXPECT_EQ(parse<origin_message>(pgoutput_builder().origin("north")).name, "north");
  EXPECT_EQ(parse<type_message>(pgoutput_builder().type(16500, "mood")).name, "mood");
  const auto m = parse<logical_message>(pgoutput_builder().message("app", "hello"));
  EXPECT_EQ(m.prefix, "app");
  EXPECT_EQ(m.content, "hello");
  EXPECT_TRUE(m.transactional);
}

TEST(pgoutput, InAStreamEveryMessageCarriesItsXid) {
  pgoutput_builder b;
  b.stream_start(700, true);
  EXPECT_EQ(parse<stream_start_message>(b).xid, 700U);
  EXPECT_TRUE(parse<stream_start_message>(b).first);
  EXPECT_EQ(parse<relation_message>(b.as(701).relation(items), true).xid, 701U);
  EXPECT_EQ(parse<type_message>(b.as(702).type(1, "t"), true).xid, 702U);
  EXPECT_EQ(parse<insert_message>(b.as(703).insert({"1"}), true).xid, 703U);
  EXPECT_EQ(parse<update_message>(b.as(704).update({"1"}), true).xid, 704U);
  EXPECT_EQ(parse<delete_message>(b.as(705).remove('K', {"1"}), true).xid, 705U);
  EXPECT_EQ(parse<truncate_message>(b.as(706).truncate({1}), true).xid, 706U);
  EXPECT_EQ(parse<logical_message>(b.as(707).message("p", "c"), true).xid, 707U);
}

TEST(pgoutput, ReadsTheEndsOfAStreamedTransaction) {
  const auto commit = parse<stream_commit_message>(pgoutput_builder().stream_commit(700, 0x200));
  EXPECT_EQ(commit.xid, 700U);
  EXPECT_EQ(commit.commit, commit_lsn{0x200});
  EXPECT_EQ(commit.end, wal_lsn{0x208});
  pgoutput_builder b;
  const auto abort = parse<stream_abort_message>(b.stream_abort(700, 702));
  EXPECT_EQ(abort.xid, 700U);
  EXPECT_EQ(abort.subxid, 702U);
  EXPECT_EQ(parse<stream_abort_message>(b.raw(b.last() + std::string(16, '\1'))).subxid, 702U);
}

TEST(pgoutput, AValueInBinaryIsAnError) {
  EXPECT_THAT(error_of(pgoutput_builder().insert({wire_value('b', "\1")}).last()).what(),
              HasSubstr("Insert message that has a value in binary"));
}

TEST(pgoutput, AValueOf1GiBIsAnErrorBeforeItIsRead) {
  std::string message = pgoutput_builder().insert({"x"}).last();
  const auto length = message.size() - 5;
  message[length] = 0x40;
  EXPECT_THAT(error_of(message).what(), HasSubstr("1 GiB"));
}

TEST(pgoutput, ALengthBeyondTheMessageIsAnError) {
  std::string message = pgoutput_builder().insert({"xyz"}).last();
  message[message.size() - 4] = 4;
  EXPECT_THAT(error_of(message).what(), HasSubstr("ends too early"));
}

TEST(pgoutput, AnUpdateThatEntersARowFilterIsAnInsertThatMayLeaveValuesOut) {
  const auto m = parse<insert_message>(pgoutput_builder().insert({"EU", unchanged}));
  EXPECT_THAT(cells(m.new_row), ElementsAre("tEU", "u"));
}

TEST(pgoutput, OldRowsMustBeWhole) {
  EXPECT_THAT(error_of(pgoutput_builder().remove('O', {unchanged}).last()).what(),
              HasSubstr("Delete"));
  EXPECT_THAT(error_of(pgoutput_builder().update('O', {unchanged}, {"1"}).last()).what(),
              HasSubstr("Update"));
}

void expect_two_phase_refused(std::string_view message, bool streamed) {
  const auto e = error_of(message, streamed);
  EXPECT_EQ(e.kind(), error_kind::source);
  EXPECT_THAT(e.what(), HasSubstr(std::string(pgoutput_name(message[0])) + " message: the slot"));
  EXPECT_THAT(e.remedy(), HasSubstr("two_phase"));
}

TEST(pgoutput, TwoPhaseMessagesAreRefusedWithTheRemedyWhateverFollowsTheirKind) {
  for (const char kind : std::string("bPKrp")) {
    pgoutput_builder b;
    const auto message = b.two_phase(kind, 700, 0x200, "gid").last();
    for (const bool streamed : {false, true})
      for (std::size_t size = 1; size <= message.size(); ++size)
        expect_two_phase_refused(std::string_view(message).substr(0, size), streamed);
    expect_two_phase_refused(message + '\0', false);
  }
}

TEST(pgoutput, UnknownKindsAndEmptyMessagesAreErrors) {
  EXPECT_THAT(error_of("Zabc").what(), HasSubstr("unknown kind 0x5a"));
  EXPECT_THAT(error_of(std::string_view("\xff", 1)).what(), HasSubstr("unknown kind 0xff"));
  EXPECT_THAT(error_of("").what(), HasSubstr("empty"));
}

std::vector<std::string> one_of_each() {
  pgoutput_builder b;
  b.begin(0x100).relation(items).type(1, "t").origin("o").insert({"1", nullptr, "x"});
  b.update({"1", unchanged, "x"}).update('K', {"1", nullptr}, {"2", "x"});
  b.update('O', {"1", "y"}, {"2", "x"}).remove('K', {"1", nullptr}).remove('O', {"1", "z"});
  b.truncate({1, 2}).message("p", "c").commit();
  b.stream_start(5, true).stream_stop().stream_commit(5, 0x200).stream_abort(5, 6);
  return b.messages();
}

TEST(pgoutput, EveryMessageCutShortAnywhereIsAnError) {
  for (const auto& message : one_of_each())
    for (std::size_t size = 0; size < message.size(); ++size)
      EXPECT_EQ(error_of(std::string_view(message).substr(0, size)).kind(), error_kind::source)
          << pgoutput_name(message[0]) << " of " << size << " bytes";
}

TEST(pgoutput, EveryMessageWithAByteMoreIsAnError) {
  for (const auto& message : one_of_each()) {
    EXPECT_NO_THROW(parse_pgoutput(message, false));
    EXPECT_EQ(error_of(message + '\0').kind(), error_kind::source) << pgoutput_name(message[0]);
  }
}

} // namespace
} // namespace leat::postgres
