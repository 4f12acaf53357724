#include "plugins/sqlite/sink.hpp"

#include <sys/stat.h>

#include <utility>

#include "plugins/sqlite/check.hpp"
#include "plugins/sqlite/session.hpp"
#include "plugins/sqlite/table.hpp"
#include "plugins/sqlite/table_writer.hpp"

namespace leat::sqlite {

sink::sink(std::string pipeline, sink_options options)
    : pipeline_(std::move(pipeline)), options_(std::move(options)) {}

sink::~sink() = default;

std::optional<target_progress> sink::open() {
  auto made = std::make_unique<session>(options_.path, pipeline_, options_.dead_letter);
  auto progress = made->progress.read();
  consistent_ = progress && progress->consistent;
  const std::scoped_lock lock(opening_);
  session_ = std::move(made);
  return progress;
}

void sink::use(const sink_resources& given) {
  session_->missing = missing_gatherer(given.missing_bytes);
}

writer& sink::attach(const route_ptr& r) {
  auto& w = writers_[r->id];
  w = make_writer(*session_, r);
  if (consistent_) w->became_consistent();
  return *w;
}

void sink::keep(const dead_letter& letter) {
  session_->begin();
  session_->letters.add(letter);
}

std::map<route_id, missing_rows> sink::prepare() {
  for (auto& [id, w] : writers_) w->flush();
  return session_->missing.take();
}

void sink::commit(const target_progress& next) {
  session_->begin();
  session_->progress.replace(next);
  session_->db.execute("COMMIT");
  session_->progress.committed();
  consistent_ = next.consistent;
  if (!consistent_) return;
  for (auto& [id, w] : writers_) w->became_consistent();
}

void sink::cancel() noexcept {
  const std::scoped_lock lock(opening_);
  if (session_) session_->db.interrupt();
}

void sink::forget() {
  if (!session_ && !std::filesystem::exists(options_.path)) return;
  if (!session_) open();
  session_->progress.forget();
}

std::string sink::ddl(const route& r) const { return create_statement(r) + ";"; }

std::vector<kept_column> sink::kept_columns(const route& r) const {
  std::vector<kept_column> kept;
  for (std::size_t i = 0; i < r.columns.size(); ++i) {
    const auto& source = r.source_column(i);
    kept.push_back({r.columns[i].name, source.type_name,
                    std::string(type_name(storage_of(source.kind))), loss_of(source.kind)});
  }
  return kept;
}

std::vector<error> sink::check(const std::vector<route_ptr>& routes) {
  return check_target(options_.path, pipeline_, routes);
}

std::optional<sink::found_progress> sink::look() {
  std::error_code failed;
  if (!std::filesystem::exists(options_.path, failed)) return found_progress{};
  return found_progress{look_at_progress(database::look(options_.path), pipeline_)};
}

std::string sink::identity() {
  struct stat file {};
  if (::stat(options_.path.c_str(), &file) == 0)
    return "file " + std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
  std::error_code failed;
  return std::filesystem::weakly_canonical(options_.path, failed).string();
}

} // namespace leat::sqlite
