#include "tests/crash/workload.hpp"

#include <fmt/format.h>

#include <chrono>
#include <functional>

namespace leat::test {

using namespace std::chrono_literals;

/// One thread's transactions.
class workload_worker {
 public:
  workload_worker(workload& owner, int number)
      : owner_(owner), number_(number),
        dice_(owner.seed_ * 16 + static_cast<std::uint64_t>(number)) {}

  void run() {
    while (!owner_.stopping_) {
      try {
        if (!session_) connect();
        transaction();
        ++owner_.committed_;
      } catch (const pg_failure& failure) {
        ++owner_.refused_;
        recover(failure);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(dice_.between(0, 6000))
                                  * owner_.options_.slowness);
    }
  }

 private:
  using operation = std::string (workload_worker::*)();

  void connect() {
    session_ = std::make_unique<pg_session>(owner_.server_.conninfo(owner_.database_)
                                            + " application_name=workload");
    session_->execute("SET lock_timeout = '3s'; SET synchronous_commit = "
                      + std::string(dice_.chance(0.2) ? "off" : "on"));
    finish_prepared();
  }

  /// Prepared transactions of this worker that a restart of the server has left.
  void finish_prepared() {
    const auto left = session_->query(
        fmt::format("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'w{}-%'", number_));
    for (const auto& row : left) finish_prepared(*row[0]);
  }

  void finish_prepared(const std::string& gid) {
    auto other =
        pg_session(owner_.server_.conninfo(owner_.database_) + " application_name=workload");
    other.execute(fmt::format("{} PREPARED '{}'", dice_.chance(0.8) ? "COMMIT" : "ROLLBACK", gid));
  }

  void recover(const pg_failure& failure) {
    const bool lost = failure.sqlstate.empty() || failure.sqlstate.starts_with("57P");
    if (!lost && session_) {
      try {
        session_->execute("ROLLBACK");
        return;
      } catch (const pg_failure&) { // then it is lost after all
      }
    }
    session_.reset();
    std::this_thread::sleep_for(20ms);
  }

  void transaction() {
    if (number_ == 0 && dice_.chance(0.01 * owner_.options_.slowness)) owner_.make_late(*session_);
    session_->execute("BEGIN");
    if (dice_.chance(0.02) && owner_.options_.truncates) return truncate();
    const int operations = dice_.between(1, 4);
    for (int i = 0; i < operations; ++i) {
      if (dice_.chance(0.15)) savepoint();
      session_->execute(random_operation());
    }
    session_->execute(count());
    if (dice_.chance(0.03))
      session_->execute(fmt::format("SELECT pg_sleep({})", dice_.between(20, 500) / 1000.0));
    if (dice_.chance(0.05)) return session_->execute("ROLLBACK");
    if (dice_.chance(0.08)) return prepare();
    session_->execute("COMMIT");
  }

  /// Alone: PostgreSQL 15 cannot decode some longer transactions with TRUNCATE ("could not map
  /// filenode").
  void truncate() {
    session_->execute(dice_.chance(0.2) ? "TRUNCATE pairs_left, pairs_right" : "TRUNCATE scratch");
    if (dice_.chance(0.7))
      session_->execute("INSERT INTO scratch VALUES (nextval('scratch_ids'), 'after')");
    session_->execute(count());
    session_->execute("COMMIT");
  }

  void savepoint() {
    session_->execute("SAVEPOINT s");
    session_->execute(random_operation());
    if (dice_.chance(0.3)) session_->execute("SAVEPOINT s2; " + random_operation());
    session_->execute(dice_.chance(0.6) ? "ROLLBACK TO s" : "RELEASE s");
  }

  void prepare() {
    const auto gid = fmt::format("w{}-{}", number_, ++prepared_);
    session_->execute(fmt::format("PREPARE TRANSACTION '{}'", gid));
    std::this_thread::sleep_for(std::chrono::milliseconds(dice_.between(0, 100)));
    finish_prepared(gid);
  }

  std::string random_operation() {
    static const std::vector<std::pair<operation, double>> operations = {
        {&workload_worker::transfer, 6}, {&workload_worker::pair, 4},
        {&workload_worker::keyed, 6},    {&workload_worker::toasted, 4},
        {&workload_worker::ledger, 4},   {&workload_worker::weird, 2},
        {&workload_worker::keyless, 2},  {&workload_worker::parted, 2},
        {&workload_worker::scratch, 1},  {&workload_worker::late, 3},
        {&workload_worker::bulk, 0.08}};
    static const std::vector<double> weights = [] {
      std::vector<double> result;
      for (const auto& [ignored, weight] : operations) result.push_back(weight);
      return result;
    }();
    return (this->*operations[dice_.weighted(weights)].first)();
  }

  std::string count() {
    return fmt::format("UPDATE counters SET n = n + 1 WHERE id = {0};"
                       "INSERT INTO journal SELECT n, 'w', id FROM counters WHERE id = {0}",
                       number_);
  }

  std::string transfer() {
    static const std::vector<std::string> tables = {"accounts_a", "accounts_b"};
    return fmt::format(
        "WITH taken AS (UPDATE {} SET balance = balance - {amount} WHERE id = {} RETURNING 1) "
        "UPDATE {} SET balance = balance + {amount} WHERE id = {} AND EXISTS (SELECT FROM taken)",
        tables[0], dice_.between(1, 1500), tables[1], dice_.between(1, 1500),
        fmt::arg("amount", dice_.between(-50, 50)));
  }

  std::string pair() {
    const int value = dice_.between(1, 1000);
    const int id = dice_.chance(0.5) ? dice_.between(1, 400) : dice_.between(1000, 1400);
    switch (dice_.between(0, 3)) {
    case 0:
    case 1:
      return fmt::format("WITH s AS (SELECT nextval('pair_ids') AS id), l AS (INSERT INTO "
                         "pairs_left SELECT id, {0} FROM s)"
                         " INSERT INTO pairs_right SELECT {0}, id FROM s",
                         value);
    case 2:
      return fmt::format("WITH l AS (UPDATE pairs_left SET value = {0} WHERE id = {1} RETURNING id)"
                         " UPDATE pairs_right SET value = {0} WHERE id IN (SELECT id FROM l)",
                         value, id);
    default:
      return fmt::format("WITH l AS (DELETE FROM pairs_left WHERE id = {} RETURNING id)"
                         " DELETE FROM pairs_right WHERE id IN (SELECT id FROM l)",
                         id);
    }
  }

  std::string keyed() {
    const int id = dice_.between(1, 800);
    const int other = dice_.between(1, 1000);
    const auto row = fmt::format(
        "(id, v, amount, at, flag, raw) VALUES ({{}}, {}, {}.{:02}, now(), {}, '\\x{:04x}')",
        dice_.chance(0.1) ? "NULL" : fmt::format("'w{}'", other), other, id % 100,
        dice_.chance(0.5) ? "true" : "NULL", other);
    const auto insert = [&](int key) {
      return "INSERT INTO keyed " + fmt::format(fmt::runtime(row), key);
    };
    switch (dice_.between(0, 6)) {
    case 0:
      return insert(id)
             + " ON CONFLICT (id) DO UPDATE SET v = excluded.v, amount = excluded.amount";
    case 1:
      return fmt::format("UPDATE keyed SET v = v || '+', flag = NOT flag WHERE id = {}", id);
    case 2:
      return fmt::format("DELETE FROM keyed WHERE id = {}", id);
    case 3:
      return fmt::format("DELETE FROM keyed WHERE id = {}; ", id) + insert(id);
    case 4:
      return fmt::format(
          "DELETE FROM keyed WHERE id = {1}; UPDATE keyed SET id = {1} WHERE id = {0}", id, other);
    case 5: // away and back
      return fmt::format("UPDATE keyed SET id = {1} WHERE id = {0}; UPDATE keyed SET id = {0}, v = "
                         "'back' WHERE id = {1}",
                         id, -1 - number_);
    default:
      return fmt::format(
          "UPDATE keyed SET id = {2} WHERE id = {0}; UPDATE keyed SET id = {0} WHERE id = {1};"
          "UPDATE keyed SET id = {1} WHERE id = {2}",
          id, other, -1 - number_);
    }
  }

  std::string toasted() {
    const int id = dice_.between(1, 120);
    const int other = dice_.between(1, 150);
    const auto fresh = fmt::format("(SELECT string_agg(md5('{}' || random()::text || i), '') AS "
                                   "big FROM generate_series(1, {}) i) b",
                                   number_, dice_.between(280, 400));
    const auto insert = [&](int key) {
      return fmt::format("INSERT INTO toasted SELECT {}, 0, big, left(big, 32), 'new' FROM {}", key,
                         fresh);
    };
    const auto touch = [](int key) {
      return fmt::format("UPDATE toasted SET n = n + 1, other = 'touched' WHERE id = {}", key);
    };
    const auto move = [&] {
      return fmt::format(
          "DELETE FROM toasted WHERE id = {1}; UPDATE toasted SET id = {1} WHERE id = {0}", id,
          other);
    };
    switch (dice_.between(0, 8)) {
    case 0:
    case 1:
      return touch(id);
    case 2:
      return fmt::format(
          "UPDATE toasted SET big = b.big, mark = left(b.big, 32) FROM {} WHERE id = {}", fresh,
          id);
    case 3:
      return move();
    case 4:
      return touch(id) + ";" + move() + ";" + touch(other);
    case 5:
      return fmt::format("DELETE FROM toasted WHERE id = {}; ", id) + insert(id);
    case 6:
      return insert(other)
             + fmt::format(" WHERE NOT EXISTS (SELECT FROM toasted WHERE id = {})", other);
    case 7:
      return fmt::format("DELETE FROM toasted WHERE id = {}", id);
    default:
      return fmt::format(
          "UPDATE toasted SET id = {2} WHERE id = {0}; UPDATE toasted SET id = {0} WHERE id = {1};"
          "UPDATE toasted SET id = {1} WHERE id = {2}",
          id, other, -1 - number_);
    }
  }

  std::string ledger() {
    const int id = dice_.chance(0.4) ? dice_.between(1, 400) : dice_.between(1000, 1800);
    switch (dice_.between(0, 5)) {
    case 0:
    case 1:
      return fmt::format("INSERT INTO ledger VALUES (nextval('ledger_ids'), 0, {}, 'n')",
                         owner_.whole_ ? "true" : "false");
    case 2:
      return fmt::format("WITH d AS (DELETE FROM ledger WHERE id = {} RETURNING id, n, whole)"
                         " INSERT INTO ledger_deleted SELECT * FROM d",
                         id);
    default:
      return fmt::format("UPDATE ledger SET n = n + 1 WHERE id = {}", id);
    }
  }

  std::string weird() {
    const int id = dice_.between(1, 300);
    switch (dice_.between(0, 2)) {
    case 0:
      return fmt::format(
          R"(INSERT INTO "We""ird Таблица" VALUES ('ключ {}', 'Ω', {}) ON CONFLICT DO NOTHING)",
          dice_.between(0, 50), id);
    case 1:
      return fmt::format(R"(UPDATE "We""ird Таблица" SET v = v || '\' WHERE k2 = {})", id);
    default:
      return fmt::format(R"(DELETE FROM "We""ird Таблица" WHERE k2 = {})", id);
    }
  }

  std::string keyless() {
    const auto one =
        fmt::format("ctid = (SELECT ctid FROM keyless WHERE a = {} LIMIT 1)", dice_.between(0, 60));
    switch (dice_.between(0, 3)) {
    case 0:
      return fmt::format("INSERT INTO keyless SELECT {}, 'b' FROM generate_series(1, {})",
                         dice_.between(0, 60), dice_.between(1, 3));
    case 1:
      return "DELETE FROM keyless WHERE " + one;
    case 2:
      return "UPDATE keyless SET b = b WHERE " + one;
    default:
      return fmt::format("UPDATE keyless SET a = {}, b = NULLIF(b, 'b') WHERE ",
                         dice_.between(0, 60))
             + one;
    }
  }

  std::string parted() {
    const int id = dice_.between(1, 300);
    switch (dice_.between(0, 3)) {
    case 0:
      return fmt::format("INSERT INTO parted VALUES ({}, {}, 'i') ON CONFLICT DO NOTHING", id,
                         dice_.between(1, 2));
    case 1:
      return fmt::format("UPDATE parted SET v = v || '.' WHERE id = {}", id);
    case 2:
      return fmt::format("DELETE FROM parted WHERE id = {}", id);
    default:
      return fmt::format("UPDATE parted SET region = 3 - region WHERE id = {}",
                         id); // from one partition to the other
    }
  }

  std::string scratch() {
    if (dice_.chance(0.2))
      return fmt::format("DELETE FROM scratch WHERE id % 10 = {}", dice_.between(0, 9));
    return "INSERT INTO scratch SELECT nextval('scratch_ids'), 'i' FROM generate_series(1, 5)";
  }

  std::string late() {
    const int made = owner_.late_;
    if (made == 0) return scratch();
    const int table = dice_.between(1, made);
    const int id = dice_.between(1, 300);
    switch (dice_.between(0, 3)) {
    case 0:
      return fmt::format("DELETE FROM late_{} WHERE id = {}", table, id);
    case 1:
      return fmt::format("DELETE FROM late_{0} WHERE id = {2}; UPDATE late_{0} SET id = {2} WHERE "
                         "id = {1}",
                         table, id, dice_.between(1, 300));
    default:
      return fmt::format(
          "INSERT INTO late_{} VALUES ({}, 'new') ON CONFLICT (id) DO UPDATE SET v = "
          "late_{}.v || '+'",
          table, id, table);
    }
  }

  /// More than logical_decoding_work_mem: the server streams it, in part rolled back.
  std::string bulk() {
    const int first = dice_.between(1, 500);
    return fmt::format(
        "UPDATE bulk SET v = v + 1 WHERE id >= {0};"
        "SAVEPOINT b; UPDATE bulk SET v = v + 1000000 WHERE id < {0} + 700; ROLLBACK TO b;"
        "DELETE FROM bulk WHERE id BETWEEN {0} AND {0} + 20;"
        "INSERT INTO bulk SELECT i, 0, repeat('y', 100) FROM generate_series({0}, {0} + 10) i",
        first);
  }

  workload& owner_;
  int number_;
  dice dice_;
  int prepared_ = 0;
  std::unique_ptr<pg_session> session_;
};

workload::workload(const pg_server& server, std::string database, std::uint64_t seed,
                   options chosen)
    : server_(server), database_(std::move(database)), seed_(seed), options_(chosen) {}

workload::~workload() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
}

void workload::start() {
  for (int number = 0; number < workers; ++number)
    threads_.emplace_back([this, number] { workload_worker(*this, number).run(); });
}

void workload::stop() {
  end();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  auto session = server_.session(database_);
  for (const auto& row :
       session.query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"))
    session.execute("COMMIT PREPARED '" + *row[0] + "'");
  while (late_ < late_tables) make_late(session);
}

} // namespace leat::test
