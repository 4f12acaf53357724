#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

/// What is written to a table while it is out of the publication never comes by the stream.
class PublicationMembership : public pipeline_fixture {
 protected:
  PublicationMembership() {
    source("CREATE TABLE item (id int PRIMARY KEY, name text);"
           "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 200) i;"
           "CREATE TABLE other (id int PRIMARY KEY)");
    start();
    wait_until_caught_up();
  }

  void leave_and_write() const {
    source("ALTER PUBLICATION leat_shop DROP TABLE item;"
           "INSERT INTO item VALUES (1000, 'unseen'); DELETE FROM item WHERE id = 1;"
           "UPDATE item SET name = 'other' WHERE id = 2");
  }
  void leave_write_and_come_back() const {
    source("ALTER PUBLICATION leat_shop DROP TABLE item; DELETE FROM item WHERE id = 1;"
           "INSERT INTO item VALUES (1000, 'unseen');"
           "ALTER PUBLICATION leat_shop ADD TABLE item");
  }

  bool item_was_read_again() const {
    return log().find("public.item: it had left the publication: it is read again")
           != std::string::npos;
  }
};

TEST_F(PublicationMembership, OfATableThatCameBackWhileLeatWasAwayReadsItAgain) {
  stop();
  leave_write_and_come_back();
  start();
  wait_until_caught_up();
  expect_same("item");
  EXPECT_TRUE(item_was_read_again()) << log();
}

TEST_F(PublicationMembership, ThatLeatHasToGiveBackReadsTheTableAgain) {
  stop();
  leave_and_write();
  start();
  wait_until_caught_up();
  expect_same("item");
  EXPECT_TRUE(item_was_read_again()) << log();
}

TEST_F(PublicationMembership, OfATableThatCameBackUnderTheStreamReadsItAgain) {
  leave_write_and_come_back();
  source("DELETE FROM item WHERE id = 3");
  wait_until_caught_up();
  expect_same("item");
  EXPECT_TRUE(item_was_read_again()) << log();
}

TEST_F(PublicationMembership, OfATableThatLeavesUnderTheStreamIsSeenAndMended) {
  leave_and_write();
  wait_until("the table is not read again", [&] { return item_was_read_again(); });
  wait_until_caught_up();
  expect_same("item");
}

TEST_F(PublicationMembership, ThatNothingHasTouchedReadsNothingAgain) {
  source(
      "ALTER PUBLICATION leat_shop DROP TABLE other; ALTER PUBLICATION leat_shop ADD TABLE other;"
      "DELETE FROM item WHERE id = 3");
  wait_until_caught_up();
  stop();
  start();
  wait_until_caught_up();
  expect_same("item");
  EXPECT_FALSE(item_was_read_again()) << log();
}

} // namespace

} // namespace leat::test
