#include "plugins/postgres/target_transaction.hpp"

namespace leat::postgres {

void target_transaction::begin() {
  if (open_) return;
  session_.send("BEGIN ISOLATION LEVEL READ COMMITTED", {});
  progress_.send_fence(session_);
  open_ = true;
}

void target_transaction::commit(const target_progress& next) {
  // With data in it, the fence's answer comes before COMMIT is sent. Without, the update's own
  // condition is fence enough: it changes nothing when the row is another's.
  if (open_) session_.finish();
  begin();
  progress_.send(session_, next);
  session_.send("COMMIT", {});
  session_.finish();
  progress_.written(next);
  open_ = false;
}

} // namespace leat::postgres
