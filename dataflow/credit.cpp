#include "dataflow/credit.hpp"

#include <algorithm>

#include "dataflow/error.hpp"

namespace leat {

frame credit_sender::stamp(payload content) {
  const auto cost = cost_of(content);
  if (cost != 0) {
    sent_.bytes += cost;
    ++sent_.frames;
  }
  return {channel_, ++sequence_, std::move(content)};
}

void credit_sender::take(const grant& total) noexcept {
  granted_.bytes = std::max(granted_.bytes, total.bytes);
  granted_.frames = std::max(granted_.frames, total.frames);
}

void credit_receiver::accept(const frame& f) {
  if (f.channel == consumed_.channel && f.sequence == sequence_ + 1) {
    ++sequence_;
    return;
  }
  throw error(error_kind::bug,
              "frame " + std::to_string(f.sequence) + " came where " + std::to_string(sequence_ + 1)
                  + " was due",
              "channel " + std::to_string(consumed_.channel), "report this");
}

std::optional<grant> credit_receiver::consume(const payload& content) {
  const auto cost = cost_of(content);
  if (cost == 0) return std::nullopt;
  consumed_.bytes += cost;
  ++consumed_.frames;
  const bool due =
      consumed_.bytes - announced_.bytes >= window_.bytes / 2
      || consumed_.frames - announced_.frames >= std::max<std::uint64_t>(1, window_.frames / 2);
  if (!due) return std::nullopt;
  announced_ = consumed_;
  return consumed_;
}

} // namespace leat
