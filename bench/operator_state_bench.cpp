#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "dataflow/operator_records.hpp"
#include "dataflow/operator_state.hpp"
#include "state/operator_database.hpp"
#include "tests/support/temp_directory.hpp"

// What a checkpoint of transforms' state costs by the state's size: the same changes an epoch, at
// ever more keys. operator_state_bench [LARGEST NUMBER OF KEYS] [CHANGES AN EPOCH]

namespace leat::bench {
namespace {

using clock = std::chrono::steady_clock;

double ms_since(clock::time_point start) {
  return std::chrono::duration<double, std::milli>(clock::now() - start).count();
}

double median(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2),
                   all.end());
  return all[all.size() / 2];
}

std::size_t resident_mb() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

class measurement {
 public:
  explicit measurement(std::uint64_t changes)
      : changes_(changes), store_(std::make_shared<operator_store>(
                               open_operator_database(directory_.path() / "o", false))) {
    store_->make({{name_, "bench"}}, {{"dwh", 0}});
    store_->stands_at("dwh", operator_store::any);
    states_ = std::make_unique<operator_states>(store_, "dwh", 0);
    state_ = &states_->open(name_);
  }

  /// Written in order and past the states, so that it takes seconds.
  void grow(std::uint64_t keys) {
    states_.reset();
    const auto record_key = operator_records::name_key(name_);
    auto record = operator_records::decode_space(*store_->log().get(record_key));
    while (keys_ < keys) {
      key_value_write rows;
      for (int i = 0; i < 10'000 && keys_ < keys; ++i, ++keys_) {
        const auto key = operator_records::data_key(record.id, record.generation, key_of(keys_));
        const std::string value(90, static_cast<char>('a' + keys_ % 20));
        operator_records::account(record, key, std::nullopt, value);
        rows.puts.emplace_back(key, value);
      }
      rows.puts.emplace_back(record_key, operator_records::encode(record));
      store_->log().write(rows, false);
    }
    states_ = std::make_unique<operator_states>(store_, "dwh", epoch_);
    state_ = &states_->open(name_);
    end_epoch();
  }

  void report() {
    std::vector<double> changing, syncing;
    for (int n = 0; n < 30; ++n) {
      auto start = clock::now();
      for (std::uint64_t i = 0; i < changes_; ++i) {
        put(std::uniform_int_distribution<std::uint64_t>(0, keys_ - 1)(random_));
        if (i % 500 == 499) states_->write();
      }
      states_->write();
      changing.push_back(ms_since(start));
      start = clock::now();
      end_epoch();
      syncing.push_back(ms_since(start));
    }
    const auto size = states_->sizes().front();
    std::printf("| %10llu | %8.0f | %9.1f | %10.2f | %6.2f | %4zu |\n",
                static_cast<unsigned long long>(size.keys), static_cast<double>(size.bytes) / 1e6,
                median(changing), 1e3 * median(changing) / static_cast<double>(changes_),
                median(syncing), resident_mb());
    std::fflush(stdout);
  }

 private:
  static std::string key_of(std::uint64_t number) {
    auto digits = std::to_string(number);
    return "row " + std::string(12 - digits.size(), '0') + digits;
  }

  void put(std::uint64_t number) {
    const auto key = key_of(number);
    const auto before = state_->get(key);
    state_->put(key,
                std::string(90, static_cast<char>('a' + number % 20)) + std::to_string(epoch_));
  }

  void end_epoch() {
    states_->pass(++epoch_, true);
    store_->forget_before(epoch_);
  }

  test::temp_directory directory_;
  std::uint64_t changes_;
  std::shared_ptr<operator_store> store_;
  operator_name name_{"dwh", "t", 1, 0, "bench"};
  std::unique_ptr<operator_states> states_;
  keyed_state* state_ = nullptr;
  std::uint64_t keys_ = 0;
  epoch_id epoch_ = 0;
  std::mt19937_64 random_{7};
};

} // namespace
} // namespace leat::bench

int main(int count, char** arguments) {
  const auto largest = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000ULL;
  const auto changes = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 10'000ULL;
  std::printf("%llu changes an epoch, medians of 30 epochs\n\n", changes);
  std::puts("|       keys | state MB | change ms | us a change | checkpoint ms | RSS MB |");
  leat::bench::measurement m(changes);
  for (std::uint64_t keys = 10'000; keys <= largest; keys *= 10) {
    m.grow(keys);
    m.report();
  }
  return 0;
}
