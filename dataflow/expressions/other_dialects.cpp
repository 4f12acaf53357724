#include "dataflow/expressions/other_dialects.hpp"

#include <span>
#include <utility>

namespace leat::sql {

namespace {

using entry = std::pair<std::string_view, std::string_view>;

constexpr entry functions[] = {
    {"if", "CASE WHEN condition THEN a ELSE b END"},
    {"iif", "CASE WHEN condition THEN a ELSE b END"},
    {"ifnull", "COALESCE(a, b)"},
    {"isnull", "a IS NULL, or COALESCE(a, b)"},
    {"nvl", "COALESCE(a, b)"},
    {"date_format", "to_char(a, 'YYYY-MM-DD HH24:MI:SS')"},
    {"to_date", "a::date, for ISO dates"},
    {"str_to_date", "a::date, for ISO dates"},
    {"unix_timestamp", "extract(epoch from a)"},
    {"from_unixtime", "to_timestamp(a)"},
    {"to_timestamp_ltz", "to_timestamp(a), of seconds"},
    {"date_add", "a + interval '1 day'"},
    {"dateadd", "a + interval '1 day'"},
    {"date_sub", "a - interval '1 day'"},
    {"datediff", "a::date - b::date"},
    {"timestampdiff", "extract(epoch from a - b)"},
    {"year", "extract(year from a)"},
    {"month", "extract(month from a)"},
    {"day", "extract(day from a)"},
    {"dayofmonth", "extract(day from a)"},
    {"hour", "extract(hour from a)"},
    {"minute", "extract(minute from a)"},
    {"second", "extract(second from a)"},
    {"instr", "strpos(text, part)"},
    {"locate", "strpos(text, part)"},
    {"charindex", "strpos(text, part)"},
    {"lcase", "lower(a)"},
    {"ucase", "upper(a)"},
    {"len", "length(a)"},
    {"json_value", "a ->> 'member'"},
    {"get_json_object", "a ->> 'member'"},
    {"get_json_string", "a ->> 'member'"},
    {"json_extract_path_text", "a #>> '{member,member}'"},
    {"jsonb_extract_path_text", "a #>> '{member,member}'"},
    {"try_cast", "a::type, and on_error = \"null\" in the route"},
    {"convert", "a::type"},
    {"regexp_like", "a ~ 'pattern'"},
    {"regexp", "a ~ 'pattern'"},
    {"regexp_extract", "regexp_replace(a, '^.*(pattern).*$', '\\1')"},
    {"substring_index", "split_part(a, ',', 1)"},
    {"like_escape", "LIKE with \\ before what stands for itself: '50\\%'"},
    {"proctime", "leat.commit_time, the time of the change"},
    {"current_row_timestamp", "leat.commit_time, the time of the change"},
};

constexpr entry types[] = {
    {"string", "text"},
    {"double", "double precision"},
    {"tinyint", "smallint"},
    {"datetime", "timestamp"},
    {"datetime2", "timestamp"},
    {"bytes", "bytea"},
    {"binary", "bytea"},
    {"varbinary", "bytea"},
    {"blob", "bytea"},
    {"number", "numeric"},
    {"largeint", "numeric"},
    {"nvarchar", "varchar"},
    {"timestamp_ltz", "timestamptz"},
    {"clob", "text"},
    {"long", "bigint"},
    {"uniqueidentifier", "uuid"},
    {"bit", "boolean"},
};

constexpr entry operators[] = {
    {"==", "="}, {"&&", "AND"}, {"<=>", "IS NOT DISTINCT FROM"}, {"!", "NOT"}};

std::string_view find(std::span<const entry> in, std::string_view name) {
  for (const auto& [known, instead] : in)
    if (known == name) return instead;
  return {};
}

} // namespace

std::string_view instead_of_function(std::string_view name) { return find(functions, name); }
std::string_view instead_of_type(std::string_view name) { return find(types, name); }
std::string_view instead_of_operator(std::string_view name) { return find(operators, name); }

} // namespace leat::sql
