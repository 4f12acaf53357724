#include "plugins/postgres/target_keyless_writer.hpp"

#include <utility>

#include "plugins/postgres/target_errors.hpp"

namespace leat::postgres {

namespace {

bool is_new_row(const change& c) {
  return c.kind == change_kind::insert || c.kind == change_kind::read;
}

} // namespace

target_keyless_writer::target_keyless_writer(target_transaction& transaction, route_ptr r,
                                             const std::string& default_schema)
    : target_writer(transaction, std::move(r), default_schema) {
  fresh_ = transaction.progress().seen_table(target_route().progress_name());
  gathering_ = session().ask("SELECT to_regclass($1) IS NOT NULL", {fresh_}).boolean(0, 0);
  reshaped();
}

void target_keyless_writer::reshaped() {
  written_ = shape();
  if (gathering_) written_.table = fresh_;
}

void target_keyless_writer::write(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
  buffer_.add(rows, changes);
}

void target_keyless_writer::begin_snapshot(std::uint32_t generation) { note_begun(generation); }

/// The first snapshot goes into the table itself: what one that did not end has brought is all
/// there is.
void target_keyless_writer::write_begun(std::uint32_t, bool interrupted) {
  const auto& table = shape().table;
  if (interrupted && !gathering_) {
    session().query("DELETE FROM " + table, table);
    return;
  }
  gathering_ = gathering_
               || session().query("SELECT EXISTS (SELECT FROM " + table + ")", table).boolean(0, 0);
  if (gathering_) session().query(make_fresh_sql(shape(), fresh_), table);
  reshaped();
}

void target_keyless_writer::flush() {
  if (buffer_.empty()) return;
  begin();
  for (const auto& part : buffer_.parts()) {
    const auto& changes = part.rows->changes;
    for (std::size_t i = 0; i < part.changes.size();) {
      auto last = i;
      while (last < part.changes.size() && is_new_row(changes[part.changes[last]])) ++last;
      if (last > i) {
        copy_run(part, i, last);
        i = last;
      } else {
        apply(*part.rows, changes[part.changes[i++]]);
      }
    }
  }
  session().flush();
  buffer_.clear();
}

void target_keyless_writer::copy_run(const change_buffer::part& part, std::size_t first,
                                     std::size_t last) {
  session().copy(copy_sql(written_), written_.table, [&](copy_rows& out) {
    const auto& rows = *part.rows;
    const auto row = rows.new_row(rows.changes[part.changes[first]]);
    for (const auto& column : written_.columns) {
      const auto& value = row[column.source];
      value.has_value() ? out.add(rows.text(value)) : out.add_null();
    }
    out.end_row();
    return ++first != last;
  });
}

std::span<const cell> target_keyless_writer::whole_old_row(const batch& rows,
                                                           const change& c) const {
  if (c.old_kind == old_row_kind::full) return rows.old_row(c);
  const auto& source = *target_route().schema;
  refuse("a change of a table without a key came without its old row", source.qualified_name(),
         "ALTER TABLE " + quote_name(source.schema, source.name)
             + " REPLICA IDENTITY FULL, or give the table a primary key, then `leat resnapshot`");
}

void target_keyless_writer::add_row(parameters& out, const batch& rows, std::span<const cell> row,
                                    std::span<const cell> filler) const {
  for (const auto& column : written_.columns) {
    const auto& own = row[column.source];
    const auto& value = came(own) ? own : filler[column.source];
    out.push_back(value.has_value() ? std::optional(std::string(rows.text(value))) : std::nullopt);
  }
}

void target_keyless_writer::apply(const batch& rows, const change& c) {
  const bool update = c.kind == change_kind::update;
  if (!update && target_route().removal == delete_mode::ignore) return;
  if (c.kind == change_kind::truncate) {
    session().query(remove_all_sql(written_), written_.table);
    return;
  }
  const auto old_row = whole_old_row(rows, c);
  parameters given;
  std::vector<bool> nulls;
  for (const auto& column : written_.columns) {
    const auto& value = old_row[column.source];
    nulls.push_back(!value.has_value());
    if (value.has_value()) given.emplace_back(rows.text(value));
  }
  if (update) add_row(given, rows, rows.new_row(c), old_row);
  change_one(update ? update_one_sql(written_, nulls) : remove_one_sql(written_, nulls), given);
}

void target_keyless_writer::change_one(std::string sql, const parameters& given) {
  session().send(sql, given, [table = written_.table](const result& r) {
    if (r.affected() == 1) return;
    refuse("a row that the source changed is not in the target table", table,
           "somebody else has written to the target: run `leat resnapshot`");
  });
}

void target_keyless_writer::finish_snapshot(std::uint32_t generation) {
  if (!note_finished(generation) || !std::exchange(gathering_, false)) return;
  if (target_route().removal != delete_mode::ignore)
    session().query(remove_all_sql(shape()), shape().table);
  session().query(take_fresh_sql(shape(), fresh_), shape().table);
  reshaped();
}

/// What is under way here is an earlier generation, which a crash cut short: the one that is given
/// up has brought no row.
void target_keyless_writer::give_up_snapshot(std::uint32_t) {
  const auto under_way = running_snapshot();
  if (under_way == 0) return;
  note_finished(under_way);
  if (!std::exchange(gathering_, false)) { // it found the table empty
    session().query("DELETE FROM " + shape().table, shape().table);
    return;
  }
  session().query("DROP TABLE " + fresh_, shape().table);
  reshaped();
}

} // namespace leat::postgres
