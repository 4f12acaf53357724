#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "dataflow/options.hpp"

namespace leat {

// The functions that declarations name as option::store.

/// Puts a value of option_kind's alternative into a member of a matching type; a choice becomes the
/// enumerator of that number, or its text.
template <class T>
void assign_option(T& to, option_value&& value) {
  if constexpr (std::is_enum_v<T>) {
    to = static_cast<T>(std::get<choice_value>(value).index);
  } else if constexpr (std::is_same_v<T, std::uint32_t>) {
    to = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    const auto* choice = std::get_if<choice_value>(&value);
    to = choice ? choice->text : std::get<std::string>(std::move(value));
  } else {
    to = std::get<T>(std::move(value));
  }
}

template <class T>
void assign_option(std::optional<T>& to, option_value&& value) {
  assign_option(to.emplace(), std::move(value));
}

template <auto member>
void into_file(const option_target& target, const option&, option_value&& value) {
  assign_option(target.file.*member, std::move(value));
}

template <auto member>
void into_source(const option_target& target, const option&, option_value&& value) {
  assign_option(target.file.source.*member, std::move(value));
}

template <auto member>
void into_sink(const option_target& target, const option&, option_value&& value) {
  assign_option(target.sink->*member, std::move(value));
}

template <auto member>
void into_route(const option_target& target, const option&, option_value&& value) {
  assign_option(target.route->*member, std::move(value));
}

/// `columns` of a route.
inline void into_columns(const option_target& target, const option&, option_value&& value) {
  auto list = std::get<column_list>(std::move(value));
  target.route->columns = std::move(list.names);
  target.route->computed = std::move(list.computed);
}

/// A keyword of libpq, of the sink's connection or else of the source's.
void into_connection(const option_target&, const option&, option_value&&);

/// `atomicity` of a sink, and that the file gives it.
void into_atomicity(const option_target&, const option&, option_value&&);

/// What connector starrocks has besides `user` and `password`, and its section of made tables.
std::vector<option> starrocks_connection_options();
option_section starrocks_table_section();
option_section starrocks_route_table_section();

/// The declarations of libpq's keywords, for the connectors named (empty: all).
std::vector<option> connection_options(const std::vector<std::string_view>& connectors);

} // namespace leat
