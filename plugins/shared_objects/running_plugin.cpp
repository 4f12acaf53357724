#include "plugins/shared_objects/running_plugin.hpp"

#include <bit>

#include "dataflow/error.hpp"
#include "plugins/shared_objects/option_values.hpp"

namespace leat::shared_objects {

// A plugin reads the engine's cells where they are. That the bits mean the same is held by a test.
static_assert(sizeof(cell) == sizeof(leat_cell) && alignof(cell) == alignof(leat_cell));
static_assert(static_cast<int>(cell_state::null) == LEAT_NULL
              && static_cast<int>(cell_state::value) == LEAT_VALUE
              && static_cast<int>(cell_state::unchanged) == LEAT_UNCHANGED
              && static_cast<int>(cell_state::absent) == LEAT_ABSENT);
static_assert(static_cast<int>(change_kind::insert) == LEAT_INSERT
              && static_cast<int>(change_kind::update) == LEAT_UPDATE
              && static_cast<int>(change_kind::remove) == LEAT_REMOVE
              && static_cast<int>(change_kind::truncate) == LEAT_TRUNCATE
              && static_cast<int>(change_kind::read) == LEAT_READ);
static_assert(static_cast<int>(old_row_kind::none) == LEAT_OLD_NONE
              && static_cast<int>(old_row_kind::key) == LEAT_OLD_KEY
              && static_cast<int>(old_row_kind::full) == LEAT_OLD_FULL);

namespace {

bool same_columns(const table_schema& a, const table_schema& b) {
  if (a.columns.size() != b.columns.size()) return false;
  for (std::size_t i = 0; i < a.columns.size(); ++i)
    if (a.columns[i].name != b.columns[i].name || a.columns[i].type != b.columns[i].type)
      return false;
  return a.key == b.key;
}

} // namespace

plugin_section::plugin_section(const transform_options& options, overdue_handler handler)
    : name(options.name), json(options.json), directory(options.file.parent_path().string()),
      timeout(options.timeout), overdue(std::move(handler)),
      object(options.plugin, host(), timeout, overdue), values(read_option_values(json, object)) {}

void plugin_section::fill(call_context& c) const {
  c.host = &host();
  c.transform = name.c_str();
  c.options = json.c_str();
  c.options_size = json.size();
  c.directory = directory.c_str();
  c.values = &values;
}

running_plugin::running_plugin(std::shared_ptr<const plugin_section> section,
                               const transform_place& place)
    : section_(std::move(section)), place_(place),
      input_(place.input, place.mode == route_mode::append, true),
      output_(place.output, place.mode == route_mode::append, true),
      calls_(section_->object, place.where, section_->timeout, section_->overdue),
      emitted_(*place_.output, place.mode == route_mode::append,
               same_columns(*place.input, *place.output)) {
  section_->fill(context_);
  context_.input = input_.get();
  context_.output = output_.get();
  context_.emitted = &emitted_;
  if ((section_->object.table().flags & LEAT_KEEPS_STATE) != 0) context_.state = place_.state;
  for (const auto k : place_.output->key)
    if (const auto from = place_.from.at(k)) passed_key_.push_back(*from);
  if (passed_key_.size() != place_.output->key.size()) passed_key_.clear();
  instance_ = calls_.create(context_);
}

running_plugin::~running_plugin() { calls_.destroy(instance_); }

const change& running_plugin::change_of(const batch& rows, std::uint32_t i) const {
  if (i < rows.changes.size()) return rows.changes[i];
  throw "it names change " + std::to_string(i) + ", and the batch has "
      + std::to_string(rows.changes.size());
}

void running_plugin::reject(const batch& rows, std::uint32_t i, const std::string& why) {
  const auto& c = change_of(rows, i);
  const auto label = place_.keep_letter ? "" : section_->object.label() + " rejects a row: ";
  refuse_row(place_, rows, c, label + why, "correct the plugin");
  if (!passed_key_.empty() && leaves_key(place_, rows, c, passed_key_))
    emitted_.remove_left(i, passed_key_);
}

void running_plugin::ask(const batch& rows, std::uint32_t i) const {
  const auto& c = change_of(rows, i);
  const auto row = c.new_row == change::no_row ? rows.old_row(c) : rows.new_row(c);
  if (row.empty()) throw std::string("it asks for the row of a change that has none");
  if (place_.ask) return place_.ask(rows, row);
  throw error(
      error_kind::source,
      section_->object.label()
          + " needs a value that an update left unchanged, and the key of its rows does not "
            "say which row of the source it is",
      place_.where,
      "ALTER TABLE ... REPLICA IDENTITY FULL, or put a `remember` transform "
      "before the plugin");
}

void running_plugin::show(const batch& rows) {
  static_assert(std::endian::native == std::endian::little);
  const auto* cells = reinterpret_cast<const leat_cell*>(rows.cells.data());
  shown_.resize(rows.changes.size());
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const auto& c = rows.changes[i];
    const auto& t = rows.transactions[c.transaction];
    auto& s = shown_[i];
    s.new_row = c.new_row == change::no_row ? nullptr : cells + c.new_row;
    s.old_row = c.old_row == change::no_row ? nullptr : cells + c.old_row;
    s.kind = static_cast<std::uint32_t>(c.kind);
    s.old_kind = static_cast<std::uint32_t>(c.old_kind);
    s.commit_lsn = static_cast<std::uint64_t>(t.commit);
    s.index = c.index;
    s.commit_time = t.commit_time;
    s.xid = t.xid;
  }
}

void running_plugin::apply(batch& rows) {
  show(rows);
  emitted_.begin(rows, false);
  context_.reject = [&](std::uint32_t i, const std::string& why) { reject(rows, i, why); };
  context_.ask = [&](std::uint32_t i) { ask(rows, i); };
  leat_batch b{};
  b.bytes = rows.arena.data();
  b.changes = shown_.data();
  b.change_size = sizeof(leat_change);
  b.count = static_cast<std::uint32_t>(shown_.size());
  b.width = static_cast<std::uint32_t>(place_.input->columns.size());
  calls_.process(context_, instance_, b);
  leave(rows);
}

void running_plugin::flush(batch& rows) {
  emitted_.begin(rows, true);
  calls_.flush(context_, instance_);
  leave(rows);
}

void running_plugin::leave(batch& rows) {
  emitted_.finish(rows);
  rows.tables = {place_.output};
}

} // namespace leat::shared_objects
