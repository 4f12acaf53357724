#pragma once

#include <chrono>

/// How long leat waits for StarRocks, and StarRocks for leat; docs/starrocks.md has the table.
namespace leat::starrocks::timeouts {

using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr seconds connect{10};
inline constexpr minutes silent_host{1};
inline constexpr minutes answer{1};    ///< to a request, unless said otherwise
inline constexpr minutes redirect{1};  ///< of an FE that does nothing else
inline constexpr minutes go_ahead{10}; ///< of a server that is to say whether it takes a body
inline constexpr minutes load{60};     ///< of one request, from its first byte to the answer
inline constexpr minutes prepare{10};
inline constexpr minutes commit{10};
inline constexpr seconds publish{30};           ///< for which a commit waits before it answers
inline constexpr minutes visible{5};            ///< from commit to VISIBLE
inline constexpr minutes open_transaction{240}; ///< from begin to prepare or commit
inline constexpr seconds new_leader{30};        ///< for which a transaction is asked for
inline constexpr seconds other_sessions{60};    ///< until a follower shows what leat has written
inline constexpr minutes statement{30};
inline constexpr minutes schema_change{30};

} // namespace leat::starrocks::timeouts
