#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "plugins/sqlite/sink.hpp"
#include "tests/support/caught_error.hpp"
#include "tests/support/items.hpp"
#include "tests/support/sink_driver.hpp"
#include "tests/support/sqlite_reader.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

struct items_options {
  route_mode mode = route_mode::upsert;
  delete_mode removal = delete_mode::hard;
  std::string target = "items";
};

/// A SQLite sink on a file of its own, opened, and a reader beside it.
class sqlite_fixture : public testing::Test, protected sink_driver {
 protected:
  sqlite_fixture() { reopen(); }

  struct item_column {
    const char* name;
    std::int16_t number; ///< attnum
    value_class kind = value_class::text;
  };
  /// A version of items with other columns.
  static route items_with(std::initializer_list<item_column> columns, const char* key = "id") {
    auto made = table("public.items");
    for (const auto& c : columns) made.column(c.name, c.kind, c.number);
    return route_of(made.key({key}).build());
  }

  void attach_items(items_options o = {}) {
    auto r = route_of(items());
    r.mode = o.mode;
    r.removal = o.removal;
    r.target = o.target;
    attach(std::move(r));
  }

  /// As after a crash: the sink is thrown away, and made anew.
  std::optional<target_progress> reopen(const std::string& pipeline = "shop") {
    close();
    return open(std::make_unique<sqlite::sink>(pipeline, options()));
  }
  void fresh_file() {
    close();
    ++files_;
    reopen();
  }

  /// reopen(), with the route that was attached last.
  void restart() {
    const auto r = attached();
    reopen();
    attach(r);
  }
  /// One row of items, committed as epoch 1.
  void write_first_row() {
    write(changes().insert({1, "a", "x"}));
    commit(1);
  }

  /// What the error that `action` ends with says; fails the test when there is none, or one that
  /// does not tell a person what to do.
  template <class Action>
  std::string error_of(const Action& action) {
    const auto e = test::error_of(action);
    EXPECT_EQ(e.kind(), error_kind::sink);
    EXPECT_FALSE(e.transient());
    EXPECT_NE(e.where(), "");
    return e.what();
  }
  text_rows query(const std::string& sql) { return sqlite_reader(path()).query(sql); }

  /// Runs statements as another user of the file would.
  void execute(const std::string& sql) {
    const auto db = connect();
    ASSERT_EQ(sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db.get());
  }
  using connection = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;
  /// Locks the file for writing until the connection is closed.
  connection hold_lock() {
    auto db = connect();
    EXPECT_EQ(sqlite3_exec(db.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    return db;
  }

  /// From the next reopen() on.
  void keep_dead_letters(std::string table) { dead_letter_ = std::move(table); }

  sink_options options() const {
    sink_options o;
    o.name = "test";
    o.connector = "sqlite";
    o.path = path();
    o.dead_letter = dead_letter_;
    return o;
  }
  std::filesystem::path path() const {
    return directory_ / ("target" + std::to_string(files_) + ".db");
  }
  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  connection connect() const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    return {db, sqlite3_close};
  }

  temp_directory directory_;
  int files_ = 0;
  std::optional<std::string> dead_letter_;
};

} // namespace leat::test
