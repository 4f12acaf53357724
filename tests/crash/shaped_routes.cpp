#include "tests/crash/shaped_routes.hpp"

#include <algorithm>

namespace leat::test {

std::string shaped_transforms(const std::string& plugins) {
  return "[transform.last]\ntype = \"remember\"\n[transform.changes]\ntype = \"dedup\"\n"
         "[transform.sums]\nplugin = \""
         + plugins + "/totals.so\"\ngroup = \"value\"\namount = \"id\"\n";
}

std::vector<shaped_route> shaped_routes(const std::set<std::string>& without) {
  std::vector<shaped_route> routes = {
      // Most updates take a row in or out. Without its large value, which would have to be looked
      // up
      // all the time: then no target is ever a cut.
      {"toasted_odd",
       {"toasted"},
       "where = \"n % 2 = 1\"\nexclude = [\"big\"]\n",
       "SELECT id, n, mark, other FROM toasted WHERE n % 2 = 1",
       "id, n, mark, other"},
      {"keyed_made",
       {"keyed"},
       "where = \"flag IS NOT FALSE\"\nkey = [\"k\"]\n"
       "columns = [{ name = \"k\", expr = \"id * 10\" }, \"v\", "
       "{ name = \"label\", expr = \"coalesce(v, '?') || ':' || id\" }]\n",
       "SELECT id * 10, v, coalesce(v, '?') || ':' || id FROM keyed WHERE flag IS NOT FALSE",
       "k, v, label"},
      {"pairs",
       {"pairs_left", "pairs_right"},
       "key = [\"side\", \"id\"]\n"
       "columns = [\"id\", \"value\", { name = \"side\", expr = \"leat.table\" }]\n",
       "SELECT 'pairs_left', id, value FROM pairs_left UNION ALL "
       "SELECT 'pairs_right', id, value FROM pairs_right",
       "side, id, value"},
      {"money",
       {"accounts_a", "accounts_b"},
       "where = \"balance <> 1000\"\ndelete = \"soft\"\nkey = [\"of\", \"id\"]\n"
       "columns = [{ name = \"of\", expr = \"right(leat.table, 1)\" }, \"id\", \"balance\"]\n",
       "SELECT 'a', id, balance FROM accounts_a WHERE balance <> 1000 UNION ALL "
       "SELECT 'b', id, balance FROM accounts_b WHERE balance <> 1000",
       "of, id, balance"},
      // State that is lost, or that a replay meets, fills a wrong value or drops a change.
      {"toasted_kept",
       {"toasted"},
       "transform = [\"last\", \"changes\"]\n",
       "SELECT id, n, mark, other, big FROM toasted",
       "id, n, mark, other, big"},
      {"keyed_kept",
       {"keyed"},
       "columns = [\"id\", \"v\", { name = \"half\", expr = \"id / 2\" }]\ntransform = "
       "[\"changes\"]\n",
       "SELECT id, v, id / 2 FROM keyed",
       "id, v, half"},
      // A change that the plugin meets twice, or never, is wrong in a sum for ever.
      {"pairs_summed",
       {"pairs_left"},
       "transform = [\"sums\"]\n",
       "SELECT value, sum(id)::bigint FROM pairs_left GROUP BY value",
       "value, total"},
  };
  std::erase_if(routes, [&](const shaped_route& r) {
    return std::any_of(r.tables.begin(), r.tables.end(),
                       [&](const std::string& t) { return without.contains(t); });
  });
  return routes;
}

} // namespace leat::test
