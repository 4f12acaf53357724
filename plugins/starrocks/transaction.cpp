#include "plugins/starrocks/transaction.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "dataflow/crash_point.hpp"
#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/timeouts.hpp"

namespace leat::starrocks {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds pause{200};
constexpr seconds patience = timeouts::new_leader;
constexpr int busy_tries = 50;

} // namespace

load_transaction::load_transaction(load_api& api, load_name name, std::string some_table)
    : api_(api), name_(std::move(name)), some_table_(std::move(some_table)) {}

void load_transaction::fail(const char* what, const load_reply& reply,
                            const std::string& table) const {
  const auto where = api_.database() + (table.empty() ? "" : "." + table);
  const auto e =
      server_error(what + std::string(" (") + reply.status + ", label " + name_.label + ")",
                   reply.message, where);
  if (is_about_rows(reply.message)) throw row_error(e, api_.row_errors(reply));
  throw e;
}

bool load_transaction::begin() {
  const auto reply = api_.begin(name_);
  if (reply.ok()) return true;
  if (reply.status == "LABEL_ALREADY_EXISTS"
      || reply.message.find("has already been used") != reply.message.npos)
    return false;
  fail("StarRocks begins no load", reply, name_.table);
}

void load_transaction::load(const std::string& table, const load_api::header_lines& headers,
                            std::string_view body) {
  for (int tried = 0;; ++tried) {
    const auto reply = api_.load(name_, table, headers, body);
    if (reply.ok()) return;
    // Nothing of such a request was taken.
    if (reply.status != "TXN_IN_PROCESSING" || tried == busy_tries)
      fail("StarRocks refuses a load", reply, table);
    std::this_thread::sleep_for(pause);
  }
}

void load_transaction::prepare() {
  for (int tried = 0;; ++tried) {
    std::optional<load_reply> reply;
    try {
      reply = api_.prepare(name_);
    } catch (const leat::error& e) {
      if (!e.transient()) throw;
    }
    if (reply && reply->ok()) return;
    if (reply && reply->status == "TXN_IN_PROCESSING" && tried < busy_tries) {
      std::this_thread::sleep_for(pause);
      continue;
    }
    // The answer may have been lost, and the second one then knows no such transaction.
    if ((!reply || reply->status == "TXN_NOT_EXISTS") && ask() == load_state::prepared) return;
    if (reply) fail("StarRocks cannot prepare a load", *reply, name_.table);
    retry_later("the answer to prepare was lost (label " + name_.label + ")", api_.database());
  }
}

load_state load_transaction::ask() const {
  const auto until = clock::now() + patience;
  while (true) {
    try {
      return api_.state(name_.label);
    } catch (const leat::error& e) {
      if (!e.transient() || clock::now() > until || api_.cancelled()) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

commit_outcome load_transaction::wait_visible() const {
  const auto until = clock::now() + timeouts::visible;
  while (clock::now() < until) {
    const auto state = ask();
    if (state == load_state::visible) return commit_outcome::visible;
    if (state != load_state::committed) return commit_outcome::forgotten;
    std::this_thread::sleep_for(pause / 4);
  }
  retry_later("a committed load is not visible yet (label " + name_.label + ")", api_.database(),
              "see that the BEs are alive and not behind with publishing");
}

commit_outcome load_transaction::commit() {
  std::optional<load_reply> refused;
  bool unknown_before = false;
  const auto until = clock::now() + patience;
  do {
    std::optional<load_reply> reply;
    try {
      crash_point("starrocks_commit_before");
      reply = api_.commit(name_);
      crash_point("starrocks_commit_after");
    } catch (const leat::error& e) {
      if (!e.transient()) throw;
    }
    // An early 4.0 says OK to a commit that failed: only the state is believed.
    switch (ask()) {
    case load_state::visible:
      return commit_outcome::visible;
    case load_state::committed:
      return wait_visible();
    case load_state::aborted:
      if (reply && !reply->ok()) fail("StarRocks has aborted a load", *reply, name_.table);
      if (refused) fail("StarRocks has aborted a load", *refused, name_.table);
      return commit_outcome::aborted;
    case load_state::unknown:
      if (unknown_before) return commit_outcome::forgotten;
      unknown_before = true;
      break;
    case load_state::prepare:
    case load_state::prepared:
      break;
    }
    if (reply && !reply->ok()) refused = reply;
    std::this_thread::sleep_for(pause);
  } while (clock::now() < until);
  if (refused) fail("StarRocks does not commit a load", *refused, name_.table);
  retry_later("a load is not committed in time (label " + name_.label + ")", api_.database());
}

commit_outcome load_transaction::finish() {
  switch (ask()) {
  case load_state::visible:
    return commit_outcome::visible;
  case load_state::committed:
    return wait_visible();
  case load_state::prepared:
    return commit();
  case load_state::unknown:
    return commit_outcome::forgotten;
  default:
    return commit_outcome::aborted;
  }
}

load_state load_transaction::roll_back() {
  const auto until = clock::now() + patience;
  for (bool first = true;; first = false) {
    try {
      api_.rollback(name_);
      if (!first) api_.cancel(name_, some_table_);
    } catch (const leat::error& e) {
      if (!e.transient() || clock::now() > until) throw;
    }
    const auto state = ask();
    const bool open = state == load_state::prepare || state == load_state::prepared;
    if (state == load_state::committed) return wait_visible(), load_state::visible;
    if (!open) return state;
    if (clock::now() > until)
      retry_later("an open load cannot be rolled back (label " + name_.label + ")", api_.database(),
                  "see SHOW TRANSACTION; it ends by its timeout");
    std::this_thread::sleep_for(pause);
  }
}

} // namespace leat::starrocks
