#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/error.hpp"
#include "plugins/shared_objects/transform_type.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// A state in memory.
class state_in_memory : public keyed_state {
 public:
  std::optional<std::string> get(std::string_view key) override {
    const auto found = values.find(std::string(key));
    if (found == values.end()) return std::nullopt;
    return found->second;
  }
  void put(std::string_view key, std::string_view value) override {
    values[std::string(key)] = value;
  }
  void erase(std::string_view key) override { values.erase(std::string(key)); }
  void clear() override { values.clear(); }

  std::map<std::string, std::string> values;
};

/// What `call` throws; fails the test when it does not.
template <class Call>
error error_of(Call&& call) {
  try {
    call();
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {error_kind::bug, "", "", ""};
}

/// Changes as lines: "update 1|ada <- 1|-". NULL is ~, unchanged ?, absent -.
inline std::vector<std::string> lines_of(const batch& rows) {
  constexpr const char* kinds[] = {"insert", "update", "remove", "truncate", "read"};
  const auto text = [&](std::span<const cell> cells) {
    std::string out;
    for (const auto c : cells)
      out += (out.empty() ? "" : "|")
             + (c.has_value()                        ? std::string(rows.text(c))
                : c.is_null()                        ? "~"
                : c.state() == cell_state::unchanged ? "?"
                                                     : "-");
    return out;
  };
  std::vector<std::string> lines;
  for (const auto& c : rows.changes) {
    std::string line = kinds[static_cast<int>(c.kind)];
    if (c.new_row != change::no_row) line += " " + text(rows.new_row(c));
    if (c.old_row != change::no_row) line += " <- " + text(rows.old_row(c));
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Plugins in shared objects, without a pipeline around them.
class plugin_fixture : public testing::Test {
 protected:
  static inline const std::filesystem::path examples = LEAT_EXAMPLE_PLUGINS;
  static inline const std::filesystem::path broken = LEAT_BROKEN_PLUGINS;

  transform_type_ptr load(const std::filesystem::path& object, const std::string& json = "{}",
                          std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    transform_options o;
    o.name = "tested";
    o.plugin = object;
    o.timeout = limit;
    o.json = json;
    o.file = directory / "pipeline.toml";
    return shared_objects::make_transform_type(
        o, [this](const std::string& plugin, const std::string& call, auto) {
          if (on_overdue) on_overdue(plugin + " " + call);
        });
  }

  /// An instance that takes rows of `input`.
  std::unique_ptr<transform> make(const transform_type_ptr& type, const schema_ptr& input,
                                  route_mode mode = route_mode::upsert) {
    described = type->describe({input, mode, false});
    transform_place place{input, described.rows, mode,
                          "transform tested of public.people to people"};
    place.from = described.from;
    place.on_error = on_error;
    if (on_error == expression_policy::dead_letter)
      place.keep_letter = [this](const batch& rows, const change& c, const std::string& reason) {
        letters.push_back(std::string(rows.text(rows.new_row(c)[0])) + ": " + reason);
      };
    if (described.keeps_state) place.state = &state;
    place.ask = [this](const batch& rows, std::span<const cell> cells) {
      asked.push_back(std::string(rows.text(cells[0])));
    };
    return type->create(place);
  }
  std::unique_ptr<transform> make(const std::filesystem::path& object, const std::string& json,
                                  const schema_ptr& input) {
    return make(load(object, json), input);
  }

  static batch apply(transform& t, batch_builder& rows) {
    batch b(*rows.build());
    t.apply(b);
    return b;
  }
  static batch flush(transform& t) {
    batch b;
    b.transactions = {{0, commit_lsn{77}, 0}};
    t.flush(b);
    return b;
  }

  static schema_ptr people() {
    return table("public.people")
        .column("id", value_class::int4)
        .column("name", value_class::text)
        .column("phone", value_class::text)
        .key({"id"})
        .build();
  }

  std::filesystem::path directory = LEAT_EXAMPLE_PLUGINS;
  std::function<void(const std::string&)> on_overdue;
  transform_output described;
  state_in_memory state;
  std::vector<std::string> asked;
  expression_policy on_error = expression_policy::stop;
  std::vector<std::string> letters;
};

} // namespace leat::test
