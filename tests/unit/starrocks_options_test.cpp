#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "dataflow/error.hpp"
#include "dataflow/pipeline_file.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// What a pipeline file says of a StarRocks sink.
class StarrocksOptions : public testing::Test {
 protected:
  pipeline_file load(const std::string& of_sink, const std::string& rest = {}) {
    const auto path = directory_ / "shop.toml";
    std::ofstream(path)
        << "[pipeline]\nname = \"shop\"\n[source]\nurl = \"postgresql://leat@localhost/shop\"\n"
           "tables = [\"public.*\"]\n[sink.dwh]\nconnector = \"starrocks\"\nuser = \"leat\"\n"
           "mysql = \"fe:9030\"\ndatabase = \"shop\"\nhttp = \"fe:8030\"\n"
        << of_sink << "\n"
        << rest;
    return load_pipeline_file(path);
  }
  std::string failure(const std::string& of_sink, const std::string& rest = {}) {
    try {
      load(of_sink, rest);
      return "no error";
    } catch (const error& e) {
      return e.brief() + " | " + e.remedy();
    }
  }

  test::temp_directory directory_;
};

TEST_F(StarrocksOptions, ARoutesTableStandsInForTheSinksKeyByKey) {
  const auto file = load("[sink.dwh.table]\nbuckets = 2\norder_by = [\"a\"]\n"
                         "properties = { replication_num = \"1\", compression = \"LZ4\" }",
                         "[[route]]\nfrom = \"public.a\"\n[route.table]\nbuckets = 7\n"
                         "properties = { compression = \"ZSTD\" }\n"
                         "[[route]]\nfrom = \"public.b\"\n");
  const auto made = file.routes.at(0).table.over(file.sinks.at(0).starrocks.table);
  EXPECT_EQ(made.buckets, 7u);
  EXPECT_THAT(made.order_by, ElementsAre("a"));
  EXPECT_THAT(made.properties,
              ElementsAre(Pair("compression", "ZSTD"), Pair("replication_num", "1")));
  EXPECT_FALSE(file.routes.at(1).table.given());
}

TEST_F(StarrocksOptions, ARouteToAnotherConnectorHasNoTable) {
  EXPECT_THAT(
      failure("",
              "[sink.lite]\nconnector = \"sqlite\"\npath = \"x.db\"\n[[route]]\nsink = \"lite\"\n"
              "from = \"public.a\"\n[route.table]\nbuckets = 7\n"),
      HasSubstr("connector `sqlite` has no section `table`"));
}

TEST_F(StarrocksOptions, AMistypedKeyOfARoutesTableIsNamed) {
  EXPECT_THAT(failure("", "[[route]]\nfrom = \"public.a\"\n[route.table]\nbucket = 7\n"),
              HasSubstr("did you mean `buckets`"));
}

TEST_F(StarrocksOptions, DeadLettersGoToATableThatAHeaderCanName) {
  EXPECT_EQ(load("dead_letter = \"leat_dead_letter\"").sinks.at(0).dead_letter, "leat_dead_letter");
  EXPECT_THAT(failure("dead_letter = \"мусор\""), HasSubstr("HTTP headers do not carry"));
}

TEST_F(StarrocksOptions, CompressionIsOneOfFour) {
  EXPECT_EQ(load("").sinks.at(0).starrocks.compression, load_compression::none);
  EXPECT_EQ(load("compression = \"zstd\"").sinks.at(0).starrocks.compression,
            load_compression::zstd);
  EXPECT_EQ(load("compression = \"gzip\"").sinks.at(0).starrocks.compression,
            load_compression::gzip);
  EXPECT_EQ(load("compression = \"lz4\"").sinks.at(0).starrocks.compression, load_compression::lz4);
  EXPECT_THAT(failure("compression = \"bzip2\""), HasSubstr("none, gzip, lz4 or zstd"));
}

} // namespace
} // namespace leat
