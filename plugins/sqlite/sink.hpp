#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/sink.hpp"

namespace leat::sqlite {

struct session;
class table_writer;

/// Keeps tables in one SQLite file. All changes of an epoch, its DDL and the progress record commit
/// in one transaction with synchronous FULL; readers are never blocked (WAL). Between the first
/// write of an epoch and its commit the file is locked for other writers.
class sink final : public leat::sink {
 public:
  sink(std::string pipeline, sink_options options);
  ~sink() override;

  std::optional<target_progress> open() override;
  void use(const sink_resources&) override;
  writer& attach(const route_ptr&) override;
  void keep(const dead_letter&) override;
  std::map<route_id, missing_rows> prepare() override;
  void commit(const target_progress& next) override;
  void cancel() noexcept override;
  void forget() override;
  std::string ddl(const route&) const override;
  std::vector<kept_column> kept_columns(const route&) const override;
  std::vector<error> check(const std::vector<route_ptr>&) override;
  std::optional<found_progress> look() override;
  std::string identity() override;

 private:
  std::string pipeline_;
  sink_options options_;
  std::mutex opening_; ///< guards the pointer for cancel()
  std::unique_ptr<session> session_;
  std::map<route_id, std::unique_ptr<table_writer>> writers_;
  bool consistent_ = false; ///< what the progress record says
};

} // namespace leat::sqlite
