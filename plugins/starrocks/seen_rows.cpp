#include "plugins/starrocks/seen_rows.hpp"

namespace leat::starrocks {

seen_rows::seen_rows(target_context& context, route_ptr r,
                     const std::vector<wanted_column>& columns)
    : context_(context), route_(std::move(r)), columns_(columns),
      table_(context.progress.seen_table(route_->progress_name())) {
  if (context_.progress.table(route_->progress_name()).snapshot > 1) collect();
}

/// Columns of the side table have names of their own, so that a renamed key changes nothing there.
std::vector<wanted_column> seen_rows::key_columns() const {
  std::vector<wanted_column> keys;
  for (const auto& c : columns_) {
    if (!c.key) continue;
    keys.push_back(c);
    keys.back().name = "k" + std::to_string(keys.size());
  }
  return keys;
}

void seen_rows::collect() {
  rows_.emplace(load_columns(key_columns()), context_.options.starrocks.format, context_.policies,
                true);
}

void seen_rows::start() {
  drop();
  auto options = options_for(context_.traits, context_.options.starrocks.table);
  options.order_by.clear();
  context_.sql.query(create_table_sql(context_.database(), table_, key_columns(), options), table_);
  collect();
}

void seen_rows::add(std::span<const std::string_view> texts) {
  rows_->begin(row_op::upsert);
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (!rows_->value(i, texts[i]).empty()) return rows_->drop();
  rows_->end();
  if (rows_->bytes() >= context_.piece_bytes()) send();
}

void seen_rows::send() {
  if (!rows_ || rows_->empty()) return;
  load_piece piece{rows_->headers(), {}, {}, {}, {}};
  piece.body = rows_->take();
  context_.loads->load(table_, std::move(piece));
}

void seen_rows::drain() {
  send();
  context_.loads->drain(table_);
}

void seen_rows::remove_unseen() {
  if (route_->removal == delete_mode::ignore) return;
  const auto target = quoted_table(context_.database(), route_->target);
  std::string same;
  const auto keys = key_columns();
  for (std::size_t i = 0; i < keys.size(); ++i)
    same += (i == 0 ? "" : " AND ") + ("seen." + quote_identifier(keys[i].name)) + " = " + target
            + "." + quote_identifier(columns_[i].name);
  const auto own = own_rows(*route_);
  const auto unseen = (own.empty() ? "" : own + " AND ") + "NOT EXISTS (SELECT 1 FROM "
                      + quoted_table(context_.database(), table_) + " AS seen WHERE " + same + ")";
  const auto flag = quote_identifier(deleted_column);
  if (route_->removal == delete_mode::soft)
    context_.sql.query("UPDATE " + target + " SET " + flag + " = TRUE WHERE " + flag
                           + " = FALSE AND " + unseen,
                       target);
  else
    context_.sql.query("DELETE FROM " + target + " WHERE " + unseen, target);
}

void seen_rows::drop() {
  rows_.reset();
  context_.sql.query("DROP TABLE IF EXISTS " + quoted_table(context_.database(), table_), table_);
}

void seen_rows::use(const route_ptr& r) {
  route_ = r;
  if (rows_) collect();
}

} // namespace leat::starrocks
