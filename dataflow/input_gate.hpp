#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "dataflow/credit.hpp"

namespace leat {

/// Barrier alignment over the inputs of one stage (R2), with credit and numbering per input. An
/// input that has delivered barrier N waits until every open input has; what comes on it meanwhile
/// is kept (at most its window, since nothing of it is granted). End-of-stream is taken in its
/// place in the FIFO, so never while its input waits. Not thread-safe.
///
/// Algorithm: asynchronous barrier snapshotting, Carbone et al. 2015, aligned variant.
class input_gate {
 public:
  /// All inputs must be opened before the first frame.
  void open(channel_id channel, credit_window window);

  /// Takes a frame off the wire. Throws leat::error of kind bug on a gap or an unknown channel.
  void push(frame f);

  /// The next thing to work off: a frame of an input that does not wait, or a barrier on which all
  /// open inputs have aligned. Nothing when all wait or are empty, or while held. Every frame
  /// returned must be followed by done() before the next call.
  std::optional<frame> next();

  /// The frame that next() gave is worked off; a grant to send upstream when one is due.
  std::optional<grant> done(const frame& f);

  /// While held, next() gives nothing: a sink waits for its commit.
  void hold(bool on) noexcept { held_ = on; }
  bool held() const noexcept { return held_; }

  /// Every input has ended and everything is worked off.
  bool ended() const;
  /// Some input waits for a barrier of another.
  bool aligning() const;
  std::size_t stashed() const;

 private:
  struct input {
    credit_receiver credit;
    std::deque<frame> queue;
    std::optional<barrier> waiting;
    bool ended = false;
  };
  std::optional<frame> aligned_barrier();

  std::map<channel_id, input> inputs_;
  channel_id last_ = 0; ///< round robin: the input served last
  bool held_ = false;
};

} // namespace leat
