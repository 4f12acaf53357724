#include "dataflow/option_checks.hpp"
#include "dataflow/option_storage.hpp"

namespace leat {

namespace {

using kind = option_kind;

/// Of a built-in type: kept as texts.
void into_values(const option_target& target, const option& declared, option_value&& value) {
  auto& texts = target.transform->values[std::string(declared.name)];
  texts.clear();
  if (auto* list = std::get_if<std::vector<std::string>>(&value))
    texts = std::move(*list);
  else if (const auto* choice = std::get_if<choice_value>(&value))
    texts = {choice->text};
  else if (const auto* number = std::get_if<std::uint64_t>(&value))
    texts = {std::to_string(*number)};
  else if (const auto* flag = std::get_if<bool>(&value))
    texts = {*flag ? "true" : "false"};
  else
    texts = {std::get<std::string>(std::move(value))};
}

template <auto member>
void into_transform(const option_target& target, const option&, option_value&& value) {
  assign_option(target.transform->*member, std::move(value));
}

option columns_option(std::string_view sentence) {
  return {.name = "columns",
          .kind = kind::list,
          .sentence = sentence,
          .store = into_values,
          .required = true,
          .one_or_many = true};
}

option_section of_type(std::string_view type, std::string_view sentence,
                       std::vector<option> options) {
  return {.name = "transform.NAME",
          .sentence = sentence,
          .options = std::move(options),
          .written_as = option_section::form::named_tables,
          .variant = type};
}

option_section any_transform() {
  return {.name = "transform.NAME",
          .sentence = "A transform, built in or in a shared object. Routes name it in `transform`.",
          .options =
              {
                  {.name = "type",
                   .kind = kind::choice,
                   .sentence = "Built-in type, which has options of its own.",
                   .store = into_transform<&transform_options::type>,
                   .choices = transform_types(),
                   .not_beside = {"plugin"}},
                  {.name = "plugin",
                   .kind = kind::path,
                   .sentence = "Shared object to load. The keys of the section that are not "
                               "listed here go to it.",
                   .store = into_transform<&transform_options::plugin>},
                  {.name = "timeout",
                   .kind = kind::duration,
                   .sentence = "How long one call of a plugin may take.",
                   .store = into_transform<&transform_options::timeout>,
                   .fallback = "10s",
                   .least = 1,
                   .most = 3'600'000},
              },
          .written_as = option_section::form::named_tables};
}

option_section mask_section() {
  return of_type(
      "mask", "Hides values. NULL stays NULL.",
      {columns_option("Columns to mask; they become text."),
       {.name = "method",
        .kind = kind::choice,
        .sentence = "fixed: `with` instead of the value; keep_last: `with` for each character but "
                    "the last `keep`, or for all when there are no more; pattern: what `pattern` "
                    "finds becomes `replacement`; email: `with` for each character before the @ "
                    "but the first.",
        .store = into_values,
        .fallback = "fixed",
        .choices = {"fixed", "keep_last", "pattern", "email"}},
       {.name = "with",
        .kind = kind::string,
        .sentence = "What stands for a hidden value or character.",
        .store = into_values,
        .fallback = "*"},
       {.name = "keep",
        .kind = kind::integer,
        .sentence = "Characters that are shown.",
        .store = into_values,
        .fallback = "4",
        .most = 1000},
       {.name = "pattern",
        .kind = kind::string,
        .sentence = "Regular expression (RE2).",
        .store = into_values,
        .check = wrong_if_empty},
       {.name = "replacement",
        .kind = kind::string,
        .sentence = "Instead of what `pattern` finds; \\1 to \\9 stand for its groups. Nothing "
                    "unless given.",
        .store = into_values}});
}

} // namespace

std::vector<std::string_view> transform_types() { return {"mask"}; }

std::vector<option_section> transform_sections() { return {any_transform(), mask_section()}; }

} // namespace leat
