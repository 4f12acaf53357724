#include "actors/reader_stage.hpp"

#include "actors/caf.hpp"
#include "actors/wiring.hpp"

namespace leat {

namespace {

class reader_stage_impl : public stage<reader_actor> {
 public:
  reader_stage_impl(caf::actor_config& config, std::size_t index,
                    std::shared_ptr<table_reader> reader)
      : stage(config), index_(index), reader_(std::move(reader)) {}

  const char* name() const override { return "leat.reader"; }

  behavior_type make_behavior() override {
    return {[this](const read_task& task) {
      read_done answer{index_, task.request, {}, {}};
      try {
        answer.result = std::visit([this](const auto& r) { return work(r); }, task.request);
      } catch (const error& e) {
        if (!e.transient()) throw;
        answer.failure = e.brief();
      }
      if (!answer.failure.empty()) return give_back(std::move(answer));
      post(caf::actor_cast<router_actor>(current_sender()), std::move(answer));
    }};
  }

 protected:
  void release() override { reader_.reset(); }

 private:
  using outcome = decltype(read_done::result);

  /// The router hands the request out again; a pause keeps a server that is down from being asked
  /// all the time.
  void give_back(read_done answer) {
    post_after(std::chrono::milliseconds(300), caf::actor_cast<router_actor>(current_sender()),
               std::move(answer));
  }

  outcome work(const probe_request&) { return reader_->probe(); }
  outcome work(const describe_request& r) { return reader_->describe(r.table); }
  outcome work(const plan_request& r) { return reader_->plan(*r.table); }
  outcome work(const read_request& r) {
    return reader_->read(*r.table, r.bounds, r.storage, r.condition);
  }
  outcome work(const keys_request& r) { return reader_->read_keys(*r.table, r.table->key, r.keys); }

  std::size_t index_;
  std::shared_ptr<table_reader> reader_;
};

} // namespace

reader_actor make_reader_stage(caf::actor_system& system, std::size_t index,
                               std::shared_ptr<table_reader> reader, execution runs) {
  return spawn_stage<reader_stage_impl>(system, runs, index, std::move(reader));
}

} // namespace leat
