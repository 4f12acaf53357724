#include "actors/cancel_list.hpp"

namespace leat {

void cancel_list::add(std::function<void()> cancel) {
  const std::scoped_lock lock(mutex_);
  if (cancelled_) cancel();
  calls_.push_back(std::move(cancel));
}

void cancel_list::cancel_all() {
  const std::scoped_lock lock(mutex_);
  cancelled_ = true;
  for (const auto& call : calls_) call();
}

void cancel_list::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true; // first: a clear() in between forgets nothing
  }
  cancel_all();
}

void cancel_list::clear() {
  const std::scoped_lock lock(mutex_);
  cancelled_ = closed_;
  calls_.clear();
}

} // namespace leat
