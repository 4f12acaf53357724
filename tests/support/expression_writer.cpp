#include "tests/support/expression_writer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "dataflow/expressions/casts.hpp"

namespace leat::test {

using sql::scalar;
using sql::sql_type;
using sql::type_id;

namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

const std::vector<type_id> types{type_id::boolean,     type_id::int2,        type_id::int4,
                                 type_id::int8,        type_id::numeric,     type_id::float4,
                                 type_id::float8,      type_id::text,        type_id::bytea,
                                 type_id::date,        type_id::time_of_day, type_id::timestamp,
                                 type_id::timestamptz, type_id::interval,    type_id::uuid,
                                 type_id::json,        type_id::jsonb};

const std::vector<std::string>& values_of(type_id id) {
  using list = std::vector<std::string>;
  static const list truths{"t", "f"}, int2s{"0", "1", "-1", "2", "7", "100", "-32768", "32767"},
      int4s{"0", "1", "-1", "2", "3", "10", "-7", "1000", "65536", "2147483647", "-2147483648"},
      int8s{"0",
            "1",
            "-1",
            "5",
            "12",
            "-300",
            "4294967296",
            "9223372036854775807",
            "-9223372036854775808"},
      numerics{"0",
               "1",
               "-1",
               "0.5",
               "2.50",
               "-3.125",
               "100",
               "0.0001",
               "12345.678",
               "-0.10",
               "1e10",
               "NaN",
               "99999999999999999999.999",
               "0.00000000012",
               "3.3333333"},
      floats{"0",         "1",   "-1",       "0.5",       "2.5", "-3.25", "1e10",   "1e-5",
             "123456.78", "NaN", "Infinity", "-Infinity", "-0",  "1e30",  "3.3e-20"},
      texts{"",     "a",          "abc",        "Abc",   "  pad ", "12",      "-7",     "3.5",
            "true", "Größe",      "naïve",      "a,b,c", "x_y",    "50%",     "日本語", "a\\b",
            "null", "{\"a\": 1}", "2024-02-29", "it's",  "1e3",    "foo bar", "aaa"},
      padded{"", "a", "ab", " b", "A%", "ö", "a_b", "aaaaa"},
      byteas{"\\x", "\\x00ff", "\\xdeadbeef", "\\x616263", "\\x5c"},
      dates{"2000-01-01", "2024-02-29", "1999-12-31", "1970-01-01", "0044-03-15 BC",
            "infinity",   "-infinity",  "2023-01-01", "12345-06-07"},
      moments{"2000-01-01 00:00:00", "2024-02-29 12:34:56.789012", "1999-12-31 23:59:59.999999",
              "1970-01-01 00:00:00", "0044-03-15 10:00:00 BC",     "infinity",
              "-infinity",           "2023-06-30 05:06:07.5",      "2024-03-31 02:30:00",
              "2024-10-27 02:30:00", "2045-07-01 12:00:00",        "1890-01-01 00:00:00"},
      clocks{"00:00:00",        "24:00:00", "12:34:56.789012",
             "23:59:59.999999", "05:00:00", "13:01:00.5"},
      spans{"00:00:00",
            "1 day",
            "-1 days",
            "1 mon",
            "1 year 2 mons 3 days 04:05:06.7",
            "-00:00:01",
            "23:59:59.999999",
            "30 days",
            "-5 mons",
            "100:00:00",
            "1 year -1 days"},
      uuids{"00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff"},
      jsons{"null",
            "1",
            "\"x\"",
            "{}",
            "[]",
            "{\"a\": 1, \"b\": [1, 2, {\"c\": null}]}",
            "[1, \"two\", 3.50, true, null]",
            "{\"a\": {\"b\": \"ä\\n\"}}",
            "1.0",
            "[[1, 2], [3]]",
            "{\"a\": \"1\", \"key\": false}"};
  switch (id) {
  case type_id::boolean:
    return truths;
  case type_id::int2:
    return int2s;
  case type_id::int4:
    return int4s;
  case type_id::int8:
    return int8s;
  case type_id::numeric:
    return numerics;
  case type_id::float4:
  case type_id::float8:
    return floats;
  case type_id::bpchar:
    return padded;
  case type_id::bytea:
    return byteas;
  case type_id::date:
    return dates;
  case type_id::time_of_day:
    return clocks;
  case type_id::timestamp:
  case type_id::timestamptz:
    return moments;
  case type_id::interval:
    return spans;
  case type_id::uuid:
    return uuids;
  case type_id::json:
  case type_id::jsonb:
    return jsons;
  default:
    return texts;
  }
}

bool has_order(const sql_type& t) {
  return t.id != type_id::json && t.id != type_id::jsonb && t.id != type_id::opaque;
}

} // namespace

sql_type expression_writer::any_type() {
  if (roll(12) == 0) return {roll(2) == 0 ? type_id::int4 : type_id::text, true, -1};
  return scalar(pick(types));
}

sql_type expression_writer::comparable() {
  for (;;) {
    const auto t = any_type();
    if (t.id != type_id::json) return t;
  }
}

std::string expression_writer::value(const sql_type& t) {
  if (!t.array) {
    if (roll(3) == 0)
      if (auto made = made_up(t.id); !made.empty()) return made;
    return pick(values_of(t.id));
  }
  std::string out = "{";
  const auto n = roll(4);
  for (std::size_t i = 0; i < n; ++i) {
    if (i != 0) out += ",";
    std::string item = roll(6) == 0 ? "NULL" : pick(values_of(t.id));
    if (item != "NULL" && t.id == type_id::text) {
      std::string escaped = "\"";
      for (const char c : item)
        escaped += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
      item = escaped + "\"";
    }
    out += item;
  }
  return out + "}";
}

std::string expression_writer::digits(std::size_t most) {
  std::string out;
  for (auto n = 1 + roll(most); n != 0; --n) out += static_cast<char>('0' + roll(10));
  return out;
}

/// A value that is on nobody's list; empty for types that have none.
std::string expression_writer::made_up(type_id id) {
  const auto sign = [this] { return std::string(roll(3) == 0 ? "-" : ""); };
  const auto between = [this](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(roll(static_cast<std::size_t>(high - low + 1)));
  };
  const auto printed = [](const char* format, auto... values) {
    char text[64];
    std::snprintf(text, sizeof text, format, values...);
    return std::string(text);
  };
  const auto day = [&] {
    return printed("%04d-%02d-%02d",
                   static_cast<int>(roll(3) == 0 ? between(1, 9999) : between(1900, 2100)),
                   static_cast<int>(between(1, 12)), static_cast<int>(between(1, 28)));
  };
  const auto clock = [&] {
    auto out = printed("%02d:%02d:%02d", static_cast<int>(roll(24)), static_cast<int>(roll(60)),
                       static_cast<int>(roll(60)));
    return roll(2) == 0 ? out : out + "." + digits(6);
  };
  switch (id) {
  case type_id::int2:
    return std::to_string(static_cast<std::int16_t>(dice_()));
  case type_id::int4:
    return std::to_string(static_cast<std::int32_t>(dice_()) >> roll(31));
  case type_id::int8:
    return std::to_string(static_cast<std::int64_t>(dice_()) >> roll(63));
  case type_id::numeric: {
    auto out = sign() + digits(roll(4) == 0 ? 40 : 9);
    if (roll(3) != 0) out += "." + digits(roll(4) == 0 ? 25 : 5);
    return roll(10) == 0 ? out + "e" + std::to_string(between(-12, 12)) : out;
  }
  case type_id::float4:
  case type_id::float8: {
    if (roll(2) == 0) return sign() + digits(6) + "." + digits(4);
    const auto bits = static_cast<std::uint32_t>(dice_());
    const auto any = std::bit_cast<float>(bits);
    return std::isnan(any) ? "0.1" : printed("%.9g", static_cast<double>(any));
  }
  case type_id::text: {
    static const std::vector<std::string> pieces{"a", "b", "A",  "c",  " ", ",",  ".",
                                                 "_", "%", "-",  "1",  "0", "ab", "ö",
                                                 "Ö", "ß", "日", "\\", "'", "\t", "x"};
    std::string out;
    for (auto n = 1 + roll(8); n != 0; --n) out += pick(pieces);
    return out;
  }
  case type_id::bytea: {
    std::string out = "\\x";
    for (auto n = roll(8); n != 0; --n) out += printed("%02x", static_cast<unsigned>(roll(256)));
    return out;
  }
  case type_id::date:
    return day();
  case type_id::time_of_day:
    return clock();
  case type_id::timestamp:
  case type_id::timestamptz:
    return day() + " " + clock();
  case type_id::interval:
    return std::to_string(between(-50, 50)) + " mons " + std::to_string(between(-400, 400))
           + " days " + sign() + std::to_string(roll(200)) + clock().substr(2);
  case type_id::json:
  case type_id::jsonb:
    return "{\"a\": " + made_up(type_id::int8) + "." + digits(5) + ", \"b\": [\"" + digits(3)
           + "\", " + made_up(type_id::int8) + "], \"key\": " + pick(values_of(type_id::json))
           + "}";
  default:
    return {};
  }
}

/// A regular expression of what PostgreSQL and RE2 share.
std::string expression_writer::regular(int depth) {
  static const std::vector<std::string> atoms{"a",           "b",   "c",  "[ab]",  "[^a]", "\\d",
                                              "\\w",         "\\s", "ö",  "[a-c]", "\\.",  ".",
                                              "[[:alpha:]]", "1",   "日", " "};
  static const std::vector<std::string> many{"*", "+", "?", "{2}", "{1,2}", "{1,}"};
  std::string out;
  for (auto n = 1 + roll(3); n != 0; --n) {
    std::string atom = pick(atoms);
    if (depth > 0 && roll(4) == 0) atom = (roll(2) == 0 ? "(" : "(?:") + regular(depth - 1) + ")";
    out += atom;
    if (roll(3) == 0) out += pick(many);
  }
  if (roll(8) == 0) out = "^" + out;
  if (roll(8) == 0) out += "$";
  return depth > 0 && roll(6) == 0 ? out + "|" + regular(depth - 1) : out;
}

std::string expression_writer::literal(const sql_type& t) {
  if (roll(12) == 0) return "NULL::" + sql::name_of(t);
  const auto text = value(t);
  const bool bare = !t.array && (t.id == type_id::int4 || t.id == type_id::boolean) && roll(2) == 0;
  if (bare && t.id == type_id::boolean) return text == "t" ? "true" : "false";
  if (bare && text != "-2147483648") return text[0] == '-' ? "(" + text + ")" : text;
  return quoted(text) + "::" + sql::name_of(t);
}

std::string expression_writer::leaf(const sql_type& t) {
  std::vector<std::string> fitting;
  for (const auto& c : columns_)
    if (c.type.same_kind(t)) fitting.push_back(c.name);
  if (!fitting.empty() && roll(5) != 0) return pick(fitting);
  return literal(t);
}

/// Arguments that only make sense from a short list.
std::string expression_writer::argument(const sql::function& f, std::size_t i, int depth) {
  const std::string name(f.name);
  const auto one_of = [&](const std::vector<std::string>& from) { return quoted(pick(from)); };
  const bool pattern = name.find('~') != std::string::npos;
  if ((name == "extract" || name == "date_trunc" || name == "date_part") && i == 0)
    return one_of({"year", "month", "day", "hour", "minute", "second", "milliseconds",
                   "microseconds", "epoch", "week", "dow", "doy", "quarter", "decade", "century",
                   "millennium", "isoyear", "isodow"});
  if (name == "timezone" && i == 0)
    return f.parameters[0].id == type_id::interval
               ? one_of({"05:30", "-08:00:00", "00:00:01.5", "1 day"}) + "::interval"
               : one_of({"UTC", "Europe/Berlin", "America/New_York", "asia/kolkata",
                         "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Etc/GMT+3",
                         "America/Sao_Paulo"});
  // The server computes these late, since they are stable there: a NULL out of constants would come
  // before errors here.
  if (name == "to_char" && i == 0) {
    const std::string moment = f.parameters[0].id == type_id::timestamp     ? "ts"
                               : f.parameters[0].id == type_id::timestamptz ? "tz"
                                                                            : "da";
    return moment == "da" || roll(2) == 0
               ? moment
               : "(" + moment + " + " + leaf(scalar(type_id::interval)) + ")";
  }
  if (name == "concat_ws" && i == 0) return pick(std::vector<std::string>{"t", "t2"});
  if (name == "to_char" && i == 1)
    return one_of({"YYYY-MM-DD HH24:MI:SS.US", "YYYY-MM-DD\"T\"HH24:MI:SSOF", "DD.MM.YY",
                   "FMDay, FMDD. FMMonth YYYY", "Day DY Dy Month MON Mon RM", "day mon rm",
                   "IYYY-\"W\"IW-ID", "HH12:MI AM p.m.", "FMHH:MI a.m.", "Q CC J DDD WW W D",
                   "DDth FMDDth DTH", "Y,YYY YYY YY Y I IY IYY BC b.c.",
                   "SSSS SSSSS MS FF1 FF3 FF6", "TZ tz TZH:TZM", "YYYYMMDD", "\"quo\\\"ted\" \\\"x",
                   "FMYYYY-FMMM-FMDD", "Größe", "IDDD FMIDDD fmmm"});
  if ((name == "encode" || name == "decode") && i == 1) return one_of({"hex", "base64", "escape"});
  if (pattern && i == 1 && name.find("~~") != std::string::npos && roll(2) == 0)
    return quoted(made_up(type_id::text));
  if ((pattern || name == "regexp_replace") && i == 1 && name.find("~~") == std::string::npos
      && roll(2) == 0)
    return quoted(regular(2));
  if (pattern && i == 1 && name.find("~~") != std::string::npos)
    return one_of({"%a%", "a_c", "", "%", "_", "abc", "A%", "%\\%", "%ö%", "%,%,_"});
  if ((pattern || name == "regexp_replace") && i == 1)
    return one_of({"a+", "^a", "[0-9]+", "b|c", "^$", "(a)(b)?", "\\.", "[^a-z]", "^.*$", "ö",
                   "a{2,3}", "(?:a|b)c"});
  if (name == "regexp_replace" && i == 2) return one_of({"", "X", "<\\&>", "\\1-", "\\\\"});
  if (name == "regexp_replace" && i == 3) return one_of({"", "g", "i", "gi"});
  if (name == "#>" || name == "#>>")
    if (i == 1) return one_of({"{a}", "{a,b}", "{b,1}", "{}", "{1}", "{-1,c}"}) + "::text[]";
  if (name == "->" || name == "->>") {
    if (i == 1 && f.parameters[1].id == type_id::text) return one_of({"a", "b", "key", "", "0"});
    if (i == 1) return pick(std::vector<std::string>{"0", "1", "2", "(-1)", "5"});
  }
  const auto& wanted = f.parameters[std::min(i, f.parameters.size() - 1)];
  const bool count = wanted.same_kind(scalar(type_id::int4)) && f.parameters[0].id == type_id::text;
  const bool scale =
      wanted.same_kind(scalar(type_id::int4)) && (name == "round" || name == "trunc");
  if (count || scale)
    return pick(std::vector<std::string>{"0", "1", "2", "3", "(-1)", "(-2)", "5", "20"});
  if (wanted == sql::any_array)
    return of({roll(2) == 0 ? type_id::int4 : type_id::text, true, -1}, depth);
  if (wanted == sql::any_type) {
    // `||` of two that are not text does something else.
    if (name == "||" && f.parameters[1 - i].id != type_id::text)
      return of(scalar(type_id::text), depth);
    for (;;) {
      const auto t = any_type();
      if (name == "||" && (t.array || t.id == type_id::jsonb)) continue;
      return of(t, depth);
    }
  }
  return of(wanted, depth);
}

std::string expression_writer::call(const sql_type& t, int depth) {
  std::vector<const sql::function*> fitting;
  for (const auto& f : sql::functions())
    if (f.result.same_kind(t)) fitting.push_back(&f);
  if (fitting.empty()) return leaf(t);
  const auto& f = *pick(fitting);
  called_.insert(&f);
  const std::string name(f.name);
  auto count = f.parameters.size();
  if (f.variadic) count += roll(3);
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < count; ++i) arguments.push_back(argument(f, i, depth - 1));
  if (name[0] < 'a' || name[0] > 'z')
    return count == 1 ? "(" + name + " " + arguments[0] + ")"
                      : "(" + arguments[0] + " " + name + " " + arguments[1] + ")";
  if (name == "position") return "position(" + arguments[1] + " in " + arguments[0] + ")";
  if (name == "timezone") return "(" + arguments[1] + " AT TIME ZONE " + arguments[0] + ")";
  if (name == "extract") return "extract(" + arguments[0] + " from " + arguments[1] + ")";
  std::string out = name + "(";
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ", ") + arguments[i];
  return out + ")";
}

std::string expression_writer::condition(int depth) {
  const auto t = comparable();
  const auto a = of(t, depth - 1), b = of(t, depth - 1);
  const std::string c = sql::is_text(t.id) && !t.array ? " COLLATE \"C\"" : "";
  const bool ordered = has_order(t) && !(t.array && t.id == type_id::text);
  switch (roll(12)) {
  case 0:
    return "(" + a + " IS NULL)";
  case 1:
    return "(" + a + " IS NOT NULL)";
  case 2:
    return "(" + a + " IS DISTINCT FROM " + b + ")";
  case 3:
    return "(" + a + " IS NOT DISTINCT FROM " + b + ")";
  case 4:
    return "(" + of(scalar(type_id::boolean), depth - 1)
           + pick(std::vector<std::string>{" AND ", " OR "})
           + of(scalar(type_id::boolean), depth - 1) + ")";
  case 5:
    return "(NOT " + of(scalar(type_id::boolean), depth - 1) + ")";
  case 6:
    return "(" + of(scalar(type_id::boolean), depth - 1)
           + pick(std::vector<std::string>{" IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE",
                                           " IS UNKNOWN", " IS NOT UNKNOWN"})
           + ")";
  case 7:
    return "(" + a + pick(std::vector<std::string>{" IN (", " NOT IN ("}) + b + ", " + leaf(t)
           + ", " + leaf(t) + "))";
  case 8:
    if (!ordered) break;
    return "(" + a + c + pick(std::vector<std::string>{" BETWEEN ", " NOT BETWEEN "}) + b + " AND "
           + leaf(t) + ")";
  case 9: {
    if (t.array || !has_order(t)) break;
    const bool item = t.id == type_id::int4 || t.id == type_id::text;
    const auto list = item ? of({t.id, true, -1}, depth - 1) : "ARRAY[" + a + ", " + leaf(t) + "]";
    return "(" + b + pick(std::vector<std::string>{" = ANY(", " <> ALL(", " = ALL(", " <> ANY("})
           + list + "))";
  }
  default:
    break;
  }
  const auto op = ordered ? pick(std::vector<std::string>{"=", "<>", "<", "<=", ">", ">="})
                          : pick(std::vector<std::string>{"=", "<>"});
  return "(" + a + c + " " + op + " " + b + ")";
}

std::string expression_writer::from_cast(const sql_type& t, int depth) {
  if (t.array) return leaf(t);
  for (int tries = 0; tries < 20; ++tries) {
    const auto from = scalar(pick(types));
    if (from.id == t.id || !sql::can_cast(from, t, sql::cast_context::explicitly)) continue;
    // The spellings of dates and intervals that PostgreSQL reads are many.
    const bool free_text =
        from.id == type_id::text
        && (t.id == type_id::date || t.id == type_id::time_of_day || t.id == type_id::timestamp
            || t.id == type_id::timestamptz || t.id == type_id::interval);
    if (free_text || (t.id == type_id::time_of_day && from.id == type_id::timestamptz)) continue;
    std::string name = sql::name_of(t);
    if (t.id == type_id::numeric && roll(2) == 0) name = "numeric(8,2)";
    if (t.id == type_id::text && roll(5) == 0)
      return "(" + of(from, depth - 1) + ")::varchar(4)::text";
    if (t.id == type_id::timestamp && roll(3) == 0) name = "timestamp(2)";
    if (t.id == type_id::time_of_day && roll(3) == 0) name = "time(1)";
    return "(" + of(from, depth - 1) + ")::" + name;
  }
  return leaf(t);
}

std::string expression_writer::choice(const sql_type& t, int depth) {
  const auto a = of(t, depth - 1), b = of(t, depth - 1);
  const std::string c = sql::is_text(t.id) && !t.array ? " COLLATE \"C\"" : "";
  switch (roll(5)) {
  case 0:
    return "(CASE WHEN " + of(scalar(type_id::boolean), depth - 1) + " THEN " + a + " ELSE " + b
           + " END)";
  case 1:
    return "(CASE WHEN " + of(scalar(type_id::boolean), depth - 1) + " THEN " + a + " WHEN "
           + of(scalar(type_id::boolean), 0) + " THEN " + b + " END)";
  case 2:
    return "COALESCE(" + a + ", " + b + ")";
  case 3:
    if (t.id == type_id::json) break;
    return "NULLIF(" + a + ", " + b + ")";
  default:
    if (!has_order(t) || (t.array && t.id == type_id::text)) break;
    return pick(std::vector<std::string>{"GREATEST(", "LEAST("}) + a + c + ", " + b + ", " + leaf(t)
           + ")";
  }
  return "COALESCE(" + a + ", " + b + ")";
}

std::string expression_writer::of(const sql_type& t, int depth) {
  if (depth <= 0) return leaf(t);
  const auto n = roll(10);
  if (t.array) {
    if (n < 6) return leaf(t);
    if (n < 7) return "ARRAY[" + of(t.element(), depth - 1) + ", " + leaf(t.element()) + "]";
    if (n < 9) {
      const auto one = roll(3);
      const auto a = one == 0 ? of(t.element(), depth - 1) : of(t, depth - 1);
      return "(" + a + " || " + (one == 1 ? of(t.element(), depth - 1) : of(t, depth - 1)) + ")";
    }
    return choice(t, depth);
  }
  if (n == 0) return leaf(t);
  if (n == 1) return choice(t, depth);
  if (n == 2) return from_cast(t, depth);
  if (n == 3 && (t.id == type_id::int4 || t.id == type_id::text))
    return "(" + of({t.id, true, -1}, depth - 1) + ")["
           + pick(std::vector<std::string>{"0", "1", "2", "3"}) + "]";
  if (t.id == type_id::boolean && n < 8) return condition(depth);
  return call(t, depth);
}

} // namespace leat::test
