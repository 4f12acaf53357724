#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <nlohmann/json.hpp>

#include "plugins/starrocks/array_text.hpp"
#include "plugins/starrocks/encode.hpp"
#include "plugins/starrocks/json_numbers.hpp"

namespace leat::starrocks {
namespace {

using nlohmann::json;

load_column of(value_class kind, const std::string& type_name, bool nullable = true) {
  column c;
  c.kind = kind;
  c.type_name = type_name;
  return {"v", type_of(c, false, {}), nullable};
}

/// The JSON of one value; what is wrong with it, after "!".
std::string encoded(const load_column& c, std::string_view text, value_policies policies = {}) {
  row_encoder rows({c}, load_format::json, policies, false);
  rows.begin(row_op::upsert);
  const auto problem = rows.value(0, text);
  if (!problem.empty()) return "!" + std::string(problem);
  rows.end();
  const auto parsed = json::parse(rows.take());
  return parsed.at(0).begin().value().dump();
}

std::string csv(const load_column& c, std::string_view text) {
  row_encoder rows({c}, load_format::csv, {}, true);
  rows.begin(row_op::upsert);
  const auto problem = rows.value(0, text);
  if (!problem.empty()) return "!";
  rows.end();
  return rows.take();
}

load_column berlin(const std::string& type_name = "timestamp with time zone") {
  const bool list = type_name.ends_with("[]");
  auto c = of(list ? value_class::array : value_class::timestamptz, type_name);
  c.type = in_zone(c.type, "Europe/Berlin");
  return c;
}

bool refused(const std::string& text) { return text.starts_with('!'); }

TEST(StarrocksRows, AreAJsonArrayWithTheirOperation) {
  row_encoder rows({of(value_class::int4, "integer", false), of(value_class::text, "text")},
                   load_format::json, {}, true);
  rows.begin(row_op::upsert);
  EXPECT_EQ(rows.value(0, "7"), "");
  rows.null(1);
  rows.end();
  rows.begin(row_op::remove);
  EXPECT_EQ(rows.value(0, "8"), "");
  rows.end();
  EXPECT_EQ(rows.rows(), 2u);
  EXPECT_EQ(rows.take(), "[{\"v\":7,\"v\":null,\"__op\":0},\n{\"v\":8,\"v\":null,\"__op\":1}]\n");
  EXPECT_TRUE(rows.empty());
}

TEST(StarrocksRows, ATextStaysItselfWhateverIsInIt) {
  const auto text = of(value_class::text, "text");
  for (const auto& nasty : {std::string("a\"b\\c"), std::string("\n\r\t\x01\x1f\x7f"),
                            std::string("\\N"), std::string("Таблица 𝔘"),
                            std::string("\"}],[{\"__op\":1"), std::string(), std::string("null")}) {
    EXPECT_EQ(json::parse(encoded(text, nasty)).get<std::string>(), nasty);
  }
}

TEST(StarrocksRows, ATextIsEscapedWhereverInItThatIsNeeded) {
  const auto column = of(value_class::text, "text");
  for (int byte = 1; byte < 0x80; ++byte)
    for (std::size_t place = 0; place < 18; ++place) {
      auto text = std::string("eighteen and more.");
      text[place] = static_cast<char>(byte);
      row_encoder rows({column}, load_format::json, {}, false);
      rows.begin(row_op::upsert);
      EXPECT_EQ(rows.value(0, text), "");
      rows.end();
      auto body = rows.take();
      EXPECT_EQ(json::parse(body).at(0).at("v").get<std::string>(), text);
      body.pop_back(); // the line's end
      EXPECT_TRUE(std::all_of(body.begin(), body.end(),
                              [](unsigned char c) { return c >= 0x20 && c != 0x7f; }))
          << byte << " at " << place;
    }
}

TEST(StarrocksRows, HostileColumnNamesStayNames) {
  auto c = of(value_class::int4, "integer");
  c.name = "a\":1,\"__op\":1,\"Таблица";
  row_encoder rows({c}, load_format::json, {}, true);
  rows.begin(row_op::upsert);
  rows.value(0, "1");
  rows.end();
  const auto row = json::parse(rows.take()).at(0);
  EXPECT_EQ(row.size(), 2u);
  EXPECT_EQ(row.at(c.name), 1);
  EXPECT_EQ(row.at("__op"), 0);
}

TEST(StarrocksRows, TypesAreWrittenAsStarRocksReadsThem) {
  EXPECT_EQ(encoded(of(value_class::boolean, "boolean"), "t"), "true");
  EXPECT_EQ(encoded(of(value_class::int8, "bigint"), "-9223372036854775808"),
            "-9223372036854775808");
  EXPECT_EQ(encoded(of(value_class::numeric, "numeric(38,10)"), "1.10"), "\"1.10\"");
  EXPECT_EQ(encoded(of(value_class::bytea, "bytea"), "\\x00ff"), "\"00ff\"");
  EXPECT_EQ(encoded(of(value_class::date, "date"), "2024-02-29"), "\"2024-02-29\"");
  EXPECT_EQ(encoded(of(value_class::timestamp, "timestamp without time zone"),
                    "2024-02-29 23:59:59.123456"),
            "\"2024-02-29 23:59:59.123456\"");
  EXPECT_EQ(
      encoded(of(value_class::timestamptz, "timestamp with time zone"), "2024-02-29 23:59:59.5+00"),
      "\"2024-02-29 23:59:59.5\"");
  EXPECT_EQ(encoded(of(value_class::jsonb, "jsonb"), R"({"a": [1, null, "x"]})"),
            R"({"a":[1,null,"x"]})");
  EXPECT_EQ(encoded(of(value_class::array, "text[]"), R"({a,NULL,"NULL","x \"y\" \\ {,}",""})"),
            R"(["a",null,"NULL","x \"y\" \\ {,}",""])");
  EXPECT_EQ(encoded(of(value_class::array, "boolean[]"), "{t,f}"), "[true,false]");
  EXPECT_EQ(encoded(of(value_class::array, "integer[]"), "{}"), "[]");
}

std::string sent(const load_column& c, std::string_view text, bool printed = false) {
  row_encoder rows({c}, load_format::json, {}, false);
  rows.begin(row_op::upsert);
  EXPECT_EQ(printed ? rows.printed(0, text) : rows.value(0, text), "");
  rows.end();
  return rows.take();
}

TEST(StarrocksRows, TheLargestFloatIsNoLargerAsTheDoubleThatABeReads) {
  const auto real = of(value_class::float4, "real");
  const auto reals = of(value_class::array, "real[]");
  const std::string largest = "3.4028234663852886e38";
  ASSERT_EQ(std::stod(largest), double{FLT_MAX});
  for (const bool printed : {false, true}) {
    EXPECT_EQ(sent(real, "3.4028235e+38", printed), "[{\"v\":" + largest + "}]\n");
    EXPECT_EQ(sent(real, "-3.4028235e+38", printed), "[{\"v\":-" + largest + "}]\n");
    EXPECT_EQ(sent(real, "3.4028233e+38", printed), "[{\"v\":3.4028233e+38}]\n");
    EXPECT_EQ(sent(real, "138", printed), "[{\"v\":138}]\n");
  }
  EXPECT_EQ(sent(reals, "{-3.4028235e+38,NULL}"), "[{\"v\":[-" + largest + ",null]}]\n");
  EXPECT_EQ(sent(reals, "[-3.4028235e+38, null]", true), "[{\"v\":[-" + largest + ", null]}]\n");
  EXPECT_EQ(csv(real, "3.4028235e+38"), largest
                                            + "\x01"
                                              "0\x02");
}

TEST(StarrocksRows, ANegativeZeroStaysOne) {
  for (const auto& column :
       {of(value_class::float4, "real"), of(value_class::float8, "double precision")})
    for (const bool printed : {false, true})
      EXPECT_EQ(sent(column, "-0", printed), "[{\"v\":-0.0}]\n");
  const auto list = of(value_class::array, "double precision[]");
  EXPECT_EQ(sent(list, "{-0,0,-0.5}"), "[{\"v\":[-0.0,0,-0.5]}]\n");
  EXPECT_EQ(sent(list, "[-0,0,-0.5]", true), "[{\"v\":[-0.0,0,-0.5]}]\n");
}

TEST(StarrocksRows, WhatAColumnCannotHoldStopsUnlessAPolicySaysElse) {
  const auto real = of(value_class::float8, "double precision");
  const auto date = of(value_class::date, "date");
  const auto stamp = of(value_class::timestamp, "timestamp without time zone");
  const auto list = of(value_class::array, "integer[]");
  for (const char* text : {"NaN", "Infinity", "-Infinity"})
    EXPECT_TRUE(refused(encoded(real, text)));
  for (const char* text : {"infinity", "-infinity", "10000-01-01", "0044-03-15 BC"})
    EXPECT_TRUE(refused(encoded(date, text))) << text;
  EXPECT_TRUE(refused(encoded(list, "{{1,2},{3,4}}")));
  EXPECT_TRUE(refused(encoded(list, "[0:1]={1,2}")));
  const value_policies null{value_policy::null, value_policy::null, value_policy::null};
  EXPECT_EQ(encoded(real, "NaN", null), "null");
  EXPECT_EQ(encoded(list, "{{1}}", null), "null");
  EXPECT_TRUE(refused(encoded(of(value_class::float8, "double precision", false), "NaN", null)));
  const value_policies clamp{value_policy::clamp, value_policy::clamp, value_policy::clamp};
  EXPECT_TRUE(refused(encoded(real, "NaN", clamp)));
  EXPECT_EQ(encoded(real, "-Infinity", clamp), "-1.7976931348623157e+308");
  EXPECT_EQ(encoded(date, "infinity", clamp), "\"9999-12-31\"");
  EXPECT_EQ(encoded(date, "0044-03-15 BC", clamp), "\"0000-01-01\"");
  EXPECT_EQ(encoded(stamp, "-infinity", clamp), "\"0000-01-01 00:00:00\"");
}

TEST(StarrocksRows, NoPolicyMakesOneKeyOfTwo) {
  auto date = of(value_class::date, "date", false);
  date.key = true;
  auto text = of(value_class::text, "character varying(1)", false);
  text.key = true;
  for (const auto policy : {value_policy::null, value_policy::clamp, value_policy::text}) {
    EXPECT_TRUE(refused(encoded(date, "infinity", {policy, policy, policy})));
    EXPECT_TRUE(refused(encoded(date, "0044-03-15 BC", {policy, policy, policy})));
    EXPECT_TRUE(refused(encoded(text, "abcde", {policy, policy, policy})));
  }
}

TEST(StarrocksRows, ATextOfTooManyBytesIsCutAtACharacterOnlyWhenAskedTo) {
  const auto short_text = of(value_class::text, "character varying(1)");
  EXPECT_EQ(encoded(short_text, "𝔘"), "\"𝔘\"");
  EXPECT_TRUE(refused(encoded(short_text, "abcde")));
  const value_policies clamp{{}, {}, value_policy::clamp};
  EXPECT_EQ(encoded(short_text, "aйй", clamp), "\"aй\"");
}

TEST(StarrocksRows, TextThatIsNotOfItsTypeIsRefusedWhateverThePolicy) {
  const value_policies null{value_policy::null, value_policy::null, value_policy::null};
  EXPECT_TRUE(refused(encoded(of(value_class::int4, "integer"), "1,\"__op\":1", null)));
  EXPECT_TRUE(refused(encoded(of(value_class::float8, "double precision"), "1}", null)));
  EXPECT_TRUE(refused(encoded(of(value_class::boolean, "boolean"), "true", null)));
  EXPECT_TRUE(refused(encoded(of(value_class::timestamptz, "timestamp with time zone"),
                              "2024-01-01 00:00:00+02", null)));
}

TEST(StarrocksRows, NumbersInJsonThatADoubleWouldRoundAreRefused) {
  EXPECT_TRUE(json_numbers_fit(R"({"a": 1, "b": [-1.5e10, 18446744073709551615, 0.1]})"));
  EXPECT_TRUE(json_numbers_fit(R"(["12345678901234567890123", "\"1e999"])"));
  EXPECT_TRUE(json_numbers_fit("0.30000000000000004"));
  EXPECT_FALSE(json_numbers_fit("12345678901234567890123"));
  EXPECT_FALSE(json_numbers_fit("1e999"));
  EXPECT_FALSE(json_numbers_fit("0.12345678901234567890"));
}

TEST(StarrocksRows, HalfASurrogatePairInJsonIsNoCharacter) {
  const auto doc = of(value_class::json, "json");
  for (const char* good : {R"("\ud83d\ude00")", R"({"\uD83D\uDE00\ud83d\ude00": "\u00e9"})",
                           R"("\\ud800")", R"("\\")"})
    EXPECT_EQ(encoded(doc, good), json::parse(good).dump()) << good;
  value_policies any;
  for (const char* bad : {R"({"s":"\ud800"})", R"("\uDC00")", R"("\ud83d\ud83d")", R"("\ud83d\n")",
                          R"("\\\ud83d")", R"("\ud83d\ude00\ude00")"}) {
    any.out_of_range = value_policy::stop;
    EXPECT_TRUE(refused(encoded(doc, bad, any))) << bad;
    any.out_of_range = value_policy::clamp;
    EXPECT_TRUE(refused(encoded(doc, bad, any))) << bad;
    any.out_of_range = value_policy::null;
    EXPECT_EQ(encoded(doc, bad, any), "null");
    any.out_of_range = value_policy::text;
    EXPECT_EQ(json::parse(encoded(doc, bad, any)).get<std::string>(), bad);
  }
}

TEST(StarrocksRows, CsvRefusesWhatItCannotCarry) {
  const auto text = of(value_class::text, "text");
  EXPECT_EQ(csv(text, "a\tb\n\"c\""), "a\tb\n\"c\"\x01"
                                      "0\x02");
  EXPECT_EQ(csv(text, ""), "\x01"
                           "0\x02");
  EXPECT_EQ(csv(text, "\\N"), "!");
  EXPECT_EQ(csv(text, "a\x01"), "!");
  EXPECT_EQ(csv(text, "\x02"), "!");
  EXPECT_EQ(csv(of(value_class::date, "date"), "2024-01-01"), "2024-01-01\x01"
                                                              "0\x02");
}

TEST(StarrocksRows, TextsInCsvArraysDoubleTheirQuotesAndEscapeNothing) {
  const auto list = of(value_class::array, "text[]");
  EXPECT_EQ(csv(list, R"({a,NULL,"NULL","x \"y\" \\ {,}",""})"),
            R"(["a",null,"NULL","x ""y"" \ {,}",""])"
            "\x01"
            "0\x02");
  EXPECT_EQ(csv(list, "{\"a\n\"}"), "[\"a\n\"]\x01"
                                    "0\x02");
  EXPECT_EQ(csv(list, "{\"a\x01\"}"), "!");
}

TEST(StarrocksRows, BytesComeThroughATemporaryColumn) {
  auto bytes = of(value_class::bytea, "bytea");
  bytes.name = "b`c";
  const row_encoder rows({of(value_class::int4, "integer"), bytes}, load_format::json, {}, true);
  const auto headers = rows.headers();
  ASSERT_EQ(headers.back().first, "columns");
  EXPECT_EQ(headers.back().second, "`v`,_leat_hex_1,__op,`b``c`=to_binary(_leat_hex_1,'hex')");
}

TEST(StarrocksRows, ATemporaryColumnHasANameOfItsOwn) {
  auto bytes = of(value_class::bytea, "bytea");
  auto user = of(value_class::text, "text");
  user.name = "_LEAT_hex_0";
  row_encoder rows({bytes, user}, load_format::json, {}, false);
  EXPECT_EQ(rows.headers().back().second,
            "_leat_hex_0_,`_LEAT_hex_0`,`v`=to_binary(_leat_hex_0_,'hex')");
  rows.begin(row_op::upsert);
  rows.value(0, "\\x01");
  rows.end();
  EXPECT_EQ(rows.take(), "[{\"_leat_hex_0_\":\"01\",\"_LEAT_hex_0\":null}]\n");
}

TEST(StarrocksKeys, AreEqualHoweverTheyArePrinted) {
  EXPECT_EQ(key_text(value_form::boolean, "t"), key_text(value_form::boolean, "1"));
  EXPECT_EQ(key_text(value_form::timestamptz, "2024-01-01 00:00:00.5+00"),
            key_text(value_form::timestamp, "2024-01-01 00:00:00.500000"));
}

TEST(StarrocksZones, SkipTheHourThatTheClockSkips) {
  EXPECT_EQ(encoded(berlin(), "2024-03-31 00:59:59.999999+00"), "\"2024-03-31 01:59:59.999999\"");
  EXPECT_EQ(encoded(berlin(), "2024-03-31 01:00:00+00"), "\"2024-03-31 03:00:00\"");
  EXPECT_EQ(encoded(berlin("timestamp with time zone[]"), "{\"2024-03-31 01:00:00+00\",NULL}"),
            "[\"2024-03-31 03:00:00\",null]");
  EXPECT_EQ(csv(berlin(), "2024-03-31 01:00:00+00"), "2024-03-31 03:00:00\x01"
                                                     "0\x02");
}

TEST(StarrocksZones, ShowTheHourThatComesTwiceTwice) {
  EXPECT_EQ(encoded(berlin(), "2024-10-27 00:30:00+00"), "\"2024-10-27 02:30:00\"");
  EXPECT_EQ(encoded(berlin(), "2024-10-27 01:30:00+00"), "\"2024-10-27 02:30:00\"");
  EXPECT_NE(berlin().type.loss.find("Europe/Berlin"), std::string::npos);
}

TEST(StarrocksZones, KnowThePastAndTheFuture) {
  EXPECT_EQ(encoded(berlin(), "1800-01-01 00:00:00+00"), "\"1800-01-01 00:53:28\"");
  EXPECT_EQ(encoded(berlin(), "2500-07-01 00:00:00+00"), "\"2500-07-01 02:00:00\"");
  EXPECT_TRUE(refused(encoded(berlin(), "9999-12-31 23:30:00+00")));
  EXPECT_TRUE(refused(encoded(berlin(), "infinity")));
  value_policies clamp;
  clamp.out_of_range = value_policy::clamp;
  EXPECT_EQ(encoded(berlin(), "9999-12-31 23:30:00+00", clamp), "\"9999-12-31 23:59:59.999999\"");
}

TEST(StarrocksZones, LeaveOtherTypesAlone) {
  const auto plain = of(value_class::timestamp, "timestamp without time zone").type;
  EXPECT_EQ(in_zone(plain, "Europe/Berlin"), plain);
}

} // namespace
} // namespace leat::starrocks
