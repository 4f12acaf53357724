#include "plugins/postgres/target_transaction.hpp"

namespace leat::postgres {

void target_transaction::begin() {
  if (open_) return;
  session_.send("BEGIN ISOLATION LEVEL READ COMMITTED", {});
  progress_.send_fence(session_);
  open_ = true;
}

void target_transaction::commit(const target_progress& next) {
  begin();
  session_.finish(); // the fence's answer comes before anything of the record is sent
  progress_.send(session_, next);
  session_.send("COMMIT", {});
  session_.finish();
  progress_.written(next);
  open_ = false;
}

} // namespace leat::postgres
