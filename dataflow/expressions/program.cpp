#include <algorithm>

#include "dataflow/expressions/program.hpp"

namespace leat::sql {

/// Flattens a tree: arguments before their call, branches with jumps.
class program_builder {
 public:
  explicit program_builder(expression& out) : out_(out) {}

  void build(const node& root) {
    out_.result_ = emit(root);
    out_.type_ = root.type;
    out_.registers_ = next_;
    std::sort(out_.reads_.begin(), out_.reads_.end());
    out_.reads_.erase(std::unique(out_.reads_.begin(), out_.reads_.end()), out_.reads_.end());
  }

 private:
  using kind = instruction::kind;

  std::uint32_t add(kind what, std::uint32_t out, std::uint32_t from = 0) {
    instruction i;
    i.what = what;
    i.out = static_cast<std::uint16_t>(out);
    i.from = from;
    out_.steps_.push_back(i);
    return static_cast<std::uint32_t>(out_.steps_.size() - 1);
  }
  void land(std::uint32_t step) {
    out_.steps_[step].target = static_cast<std::uint32_t>(out_.steps_.size());
  }

  std::uint32_t emit(const node& n) {
    switch (n.kind) {
    case node_kind::constant:
      out_.constants_.emplace_back(next_, n.value);
      return next_++;
    case node_kind::column: {
      const auto to = next_++;
      out_.reads_.push_back(n.column);
      out_.steps_[add(kind::load, to)].column = n.column;
      return to;
    }
    case node_kind::metadata: {
      const auto to = next_++;
      out_.reads_change_ = true;
      out_.steps_[add(kind::load_metadata, to)].column = n.column;
      return to;
    }
    case node_kind::call:
      return emit_call(n);
    case node_kind::all_of:
      return emit_logic(n, kind::all_begin, kind::all_step);
    case node_kind::any_of:
      return emit_logic(n, kind::any_begin, kind::any_step);
    case node_kind::choice:
      return emit_choice(n);
    case node_kind::first_known:
      break;
    }
    return emit_first_known(n);
  }

  std::uint32_t emit_call(const node& n) {
    std::vector<std::uint32_t> from;
    for (const auto& a : n.arguments) from.push_back(emit(*a));
    const auto to = next_++;
    auto& step =
        out_.steps_[add(kind::call, to, static_cast<std::uint32_t>(out_.arguments_.size()))];
    step.count = static_cast<std::uint32_t>(from.size());
    step.strict = n.strict;
    step.run = n.run;
    step.info = static_cast<std::uint32_t>(out_.infos_.size());
    out_.infos_.push_back(info_of(n));
    out_.arguments_.insert(out_.arguments_.end(), from.begin(), from.end());
    return to;
  }

  std::uint32_t emit_logic(const node& n, kind begin, kind step) {
    const auto to = next_++;
    add(begin, to);
    std::vector<std::uint32_t> leaves;
    for (const auto& a : n.arguments) {
      const auto from = emit(*a);
      leaves.push_back(add(step, to, from));
    }
    for (const auto l : leaves) land(l);
    return to;
  }

  std::uint32_t emit_choice(const node& n) {
    const auto to = next_++;
    std::vector<std::uint32_t> ends;
    std::size_t i = 0;
    for (; i + 1 < n.arguments.size(); i += 2) {
      const auto condition = emit(*n.arguments[i]);
      const auto skip = add(kind::jump_unless_true, 0, condition);
      add(kind::copy, to, emit(*n.arguments[i + 1]));
      ends.push_back(add(kind::jump, 0));
      land(skip);
    }
    add(kind::copy, to, emit(*n.arguments[i]));
    for (const auto e : ends) land(e);
    return to;
  }

  std::uint32_t emit_first_known(const node& n) {
    const auto to = next_++;
    std::vector<std::uint32_t> ends;
    for (const auto& a : n.arguments) {
      const auto from = emit(*a);
      add(kind::copy, to, from);
      ends.push_back(add(kind::jump_if_known, 0, to));
    }
    for (const auto e : ends) land(e);
    return to;
  }

  expression& out_;
  std::uint32_t next_ = 0;
};

void build_program(const node& root, expression& out) { program_builder(out).build(root); }

} // namespace leat::sql
