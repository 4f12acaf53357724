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

option replacement_option() {
  return {.name = "replacement",
          .kind = kind::string,
          .sentence = "Instead of what `pattern` finds; \\1 to \\9 stand for its groups. Nothing "
                      "unless given.",
          .store = into_values};
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
       replacement_option()});
}

option_section hash_section() {
  return of_type(
      "hash",
      "Makes pseudonyms: keyed SHA-256 of the value's text, in hexadecimal digits. Equal values "
      "give equal pseudonyms in all tables with this salt, so that they join. NULL stays NULL.",
      {columns_option("Columns to make pseudonyms of; they become text."),
       {.name = "salt",
        .kind = kind::string,
        .sentence =
            "Secret that pseudonyms are keyed with, at least 8 bytes, from the environment: "
            "\"${VAR}\".",
        .store = into_values,
        .not_beside = {"salt_file"}},
       {.name = "salt_file",
        .kind = kind::secret_file,
        .sentence = "File with the secret.",
        .store = into_values},
       {.name = "length",
        .kind = kind::integer,
        .sentence = "Digits of a pseudonym.",
        .store = into_values,
        .fallback = "32",
        .least = 16,
        .most = 64}});
}

option some_columns_option(std::string_view sentence) {
  auto made = columns_option(sentence);
  made.required = false;
  return made;
}

option_section rename_section() {
  return of_type(
      "rename", "Gives columns other names at the target.",
      {some_columns_option("Columns to rename; all unless given."),
       {.name = "pattern",
        .kind = kind::string,
        .sentence = "Regular expression (RE2); what it finds in a name becomes `replacement`.",
        .store = into_values,
        .check = wrong_if_empty},
       replacement_option(),
       {.name = "case",
        .kind = kind::choice,
        .sentence = "After that: lower makes ASCII letters small, snake makes OrderID order_id.",
        .store = into_values,
        .fallback = "keep",
        .choices = {"keep", "lower", "snake"}}});
}

option_section dedup_section() {
  return of_type("dedup",
                 "Drops updates that change nothing in the chosen columns. Keeps a digest of each "
                 "row in its state.",
                 {some_columns_option("Columns that count; all unless given.")});
}

option_section remember_section() {
  return of_type(
      "remember",
      "Keeps the last row of each key in its state: fills large values that an update left out, "
      "and "
      "shows whole old rows in mode append, without REPLICA IDENTITY FULL.",
      {{.name = "before",
        .kind = kind::string,
        .sentence = "Mode append: beside each column another one with this before its name, which "
                    "holds the value before the change. None unless given.",
        .store = into_values,
        .check = wrong_if_empty}});
}

option column_option(std::string_view sentence) {
  return {.name = "column",
          .kind = kind::string,
          .sentence = sentence,
          .store = into_values,
          .check = wrong_if_empty,
          .required = true};
}

option_section flatten_section() {
  return of_type(
      "flatten", "Makes columns of the members of a JSON object.",
      {column_option("Column with the object: json, jsonb or text."),
       {.name = "fields",
        .kind = kind::list,
        .sentence = "Members: \"city\", \"address.city\", or with a name and a type "
                    "\"town=address.city::varchar(40)\". Without a type they are text; one that is "
                    "not there is NULL.",
        .store = into_values,
        .check = wrong_if_empty,
        .required = true},
       {.name = "prefix",
        .kind = kind::string,
        .sentence = "Before the names of columns that have none; the column's name and _ unless "
                    "given.",
        .store = into_values},
       {.name = "keep",
        .kind = kind::boolean,
        .sentence = "Whether the object stays as well; false unless given.",
        .store = into_values}});
}

option_section explode_section() {
  return of_type(
      "explode",
      "Makes a row of each element of an array; the key is that of the row and the element's "
      "number. Keeps the number of elements in its state.",
      {column_option(
           "Column with the array: an array of SQL or JSON; it becomes text, the element."),
       {.name = "index",
        .kind = kind::string,
        .sentence = "Name of the column with the element's number, from 1; the column's name and "
                    "_index unless given.",
        .store = into_values,
        .check = wrong_if_empty}});
}

} // namespace

std::vector<std::string_view> transform_types() {
  return {"mask", "hash", "rename", "dedup", "remember", "flatten", "explode"};
}

std::vector<option_section> transform_sections() {
  return {any_transform(), mask_section(),     hash_section(),    rename_section(),
          dedup_section(), remember_section(), flatten_section(), explode_section()};
}

} // namespace leat
