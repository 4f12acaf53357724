#include <charconv>
#include <cstdio>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/expression.hpp"

namespace leat::sql {

char letter_of(change_kind kind) {
  switch (kind) {
  case change_kind::insert:
    return 'i';
  case change_kind::update:
    return 'u';
  case change_kind::remove:
    return 'd';
  case change_kind::truncate:
    return 't';
  case change_kind::read:
    return 'r';
  }
  return '?';
}

evaluation::evaluation(expression_ptr e)
    : expression_(std::move(e)), registers_(expression_->registers_) {
  for (const auto& [number, value] : expression_->constants_) registers_[number] = value;
  for (const auto number : expression_->arguments_) arguments_.push_back(&registers_[number]);
}

void evaluation::load(const instruction& step, const batch& rows, std::span<const cell> row) {
  auto& out = registers_[step.out];
  const auto c = row[step.column];
  if (c.is_null()) return out.set_null();
  if (!c.has_value()) throw value_missing();
  const auto text = rows.text(c);
  const auto& type = expression_->column_types_[step.column];
  // The server printed it: digits and perhaps a sign.
  if (is_integer(type.id) && !type.array) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out.i);
    if (read.ec == std::errc{} && read.ptr == text.data() + text.size()) {
      out.null = false;
      return;
    }
  }
  // jsonb comes as it is printed, and a text needs no reading.
  if (!type.array
      && (is_text(type.id) || type.id == type_id::jsonb || type.id == type_id::json
          || type.id == type_id::uuid || type.id == type_id::enumeration))
    return out.set_view(text);
  read_value(type, text, out);
}

void evaluation::load_metadata(const instruction& step, const batch& rows, const change* what) {
  auto& out = registers_[step.out];
  const auto& t = rows.transaction_of(*what);
  const bool read = what->kind == change_kind::read;
  switch (static_cast<metadata_column>(step.column)) {
  case metadata_column::op:
    return out.set_own(std::string(1, letter_of(what->kind)));
  case metadata_column::snapshot:
    return out.set(read ? 1 : 0);
  case metadata_column::xid:
    return read ? out.set_null() : out.set(std::int64_t{t.xid});
  case metadata_column::commit_time:
    return read ? out.set_null() : out.set(t.commit_time);
  case metadata_column::commit_lsn: {
    char buffer[40];
    const auto lsn = static_cast<std::uint64_t>(t.commit);
    std::snprintf(buffer, sizeof buffer, "%X/%X", static_cast<unsigned>(lsn >> 32),
                  static_cast<unsigned>(lsn));
    return out.set_own(buffer);
  }
  }
}

const datum& evaluation::run(const batch& rows, std::span<const cell> row, const change* what) {
  const auto& steps = expression_->steps_;
  using kind = instruction::kind;
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const auto& step = steps[at];
    switch (step.what) {
    case kind::load:
      load(step, rows, row);
      break;
    case kind::load_metadata:
      load_metadata(step, rows, what);
      break;
    case kind::call: {
      const auto* arguments = arguments_.data() + step.from;
      auto& out = registers_[step.out];
      if (step.strict) {
        bool null = false;
        for (std::uint32_t i = 0; i < step.count; ++i) null = null || arguments[i]->null;
        if (null) {
          out.set_null();
          break;
        }
      }
      step.run(out, arguments, expression_->infos_[step.info]);
      break;
    }
    case kind::copy:
      registers_[step.out].assign(registers_[step.from]);
      break;
    case kind::all_begin:
      registers_[step.out].set(1);
      break;
    case kind::any_begin:
      registers_[step.out].set(0);
      break;
    case kind::all_step:
    case kind::any_step: {
      const auto& argument = registers_[step.from];
      auto& out = registers_[step.out];
      if (argument.null) {
        out.set_null();
      } else if (argument.truth() != (step.what == kind::all_step)) {
        out.set(argument.i);
        at = step.target - 1;
      }
      break;
    }
    case kind::jump:
      at = step.target - 1;
      break;
    case kind::jump_unless_true: {
      const auto& d = registers_[step.from];
      if (d.null || !d.truth()) at = step.target - 1;
      break;
    }
    case kind::jump_if_known:
      if (!registers_[step.from].null) at = step.target - 1;
      break;
    }
  }
  return registers_[expression_->result_];
}

} // namespace leat::sql
