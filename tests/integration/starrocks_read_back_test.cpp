#include "plugins/starrocks/read_back.hpp"

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

/// R9 at StarRocks: rows that are read back are as large as they are.
class StarrocksReadBack : public starrocks_fixture {
 protected:
  static constexpr std::size_t mib = 1U << 20;

  /// Rows `first`..`last` with a body of this size.
  void rows(int first, int last, std::size_t size) {
    for (int id = first; id <= last; ++id) {
      write(changes().insert({id, "a", std::string(size, 'x')}));
      if (size >= mib / 2) flush();
    }
  }
};

TEST_F(StarrocksReadBack, HoldsFewMebibytesAtATimeWhateverTheRowsBefore) {
  begin();
  rows(1, 300, 5);
  rows(301, 312, mib - 1);
  rows(313, 400, 5);
  commit(1);
  starrocks::mysql_client sql(sql_settings());
  const auto columns = starrocks::wanted_columns(*attached(), {});
  starrocks::read_back target(sql, table("items"), columns);
  std::vector<std::string> ids;
  for (int id = 0; id <= 401; ++id) ids.push_back(std::to_string(id));
  std::vector<std::vector<std::string_view>> keys;
  for (const auto& id : ids) keys.push_back({id});

  std::size_t found = 0;
  for (std::size_t begin = 0; begin < keys.size();) {
    const auto end = begin + target.fetch(std::span(keys).subspan(begin));
    ASSERT_GT(end, begin);
    std::size_t bytes = 0;
    for (auto i = begin; i < end; ++i) {
      const auto* row = target.find(starrocks::read_back::key_of(columns, keys[i]));
      ASSERT_EQ(row != nullptr, i >= 1 && i <= 400) << i;
      if (row == nullptr) continue;
      ++found;
      bytes += row->at(2)->size();
    }
    EXPECT_LE(bytes, 8 * mib) << begin << " to " << end;
    target.clear();
    begin = end;
  }
  EXPECT_EQ(found, 400u);
}

TEST_F(StarrocksReadBack, CompletesHugeRowsAfterNarrowOnes) {
  begin();
  rows(1, 200, 5);
  rows(201, 210, mib - 1);
  commit(1);
  auto b = changes();
  for (int id = 1; id <= 210; ++id) b.update({id, "b", unchanged});
  write(b);
  flush(); // waits spilled
  EXPECT_TRUE(commit(2).empty());
  EXPECT_EQ(rows_of("SELECT name, length(body) AS l, count(*) AS n FROM " + table("items")
                    + " GROUP BY name, l ORDER BY l"),
            "b|5|200 b|" + std::to_string(mib - 1) + "|10");
}

} // namespace
} // namespace leat::test
