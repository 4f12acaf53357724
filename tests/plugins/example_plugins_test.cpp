#include <fstream>

#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/temp_directory.hpp"

// What the plugins of examples/plugins/ make of rows.

namespace leat::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ExamplePlugins : public plugin_fixture {};

TEST_F(ExamplePlugins, RedactReplacesDigitsOfOneColumnInNewAndOldRows) {
  const auto t = make(examples / "redact.so", R"({"column": "phone"})", people());
  auto rows = batch_builder(people());
  rows.insert({1, "Ada 1", "030-12"})
      .update({1, "Ada 2", nullptr})
      .update({1, "Ada 2", unchanged})
      .update({1, "Ada 2", "7"}, {2, "Ada 3", ""}, old_row_kind::full)
      .remove({2, absent, absent})
      .truncate();
  EXPECT_THAT(lines_of(apply(*t, rows)),
              ElementsAre("insert 1|Ada 1|###-##", "update 1|Ada 2|~", "update 1|Ada 2|?",
                          "update 2|Ada 3| <- 1|Ada 2|#", "remove <- 2|-|-", "truncate"));
}

TEST_F(ExamplePlugins, LookupAddsWhatItsFileSays) {
  const temp_directory there;
  directory = there.path();
  std::ofstream(there / "names.csv") << "030,Berlin\n040,Hamburg, Altona\nno comma\n";
  const auto t = make(examples / "lookup.so",
                      R"({"file": "names.csv", "column": "phone", "add": "city"})", people());
  ASSERT_EQ(described.rows->columns.size(), 4u);
  EXPECT_EQ(described.rows->columns[3].type_name, "text");
  EXPECT_THAT(described.from, ElementsAre(0, 1, 2, std::nullopt));
  auto rows = batch_builder(people());
  rows.insert({1, "Ada", "030"})
      .read({2, "Bob", "040"})
      .insert({3, "Eve", "099"})
      .insert({4, "Kim", nullptr})
      .update({1, "Ada", unchanged})
      .remove({1, absent, absent});
  EXPECT_THAT(lines_of(apply(*t, rows)),
              ElementsAre("insert 1|Ada|030|Berlin", "read 2|Bob|040|Hamburg, Altona",
                          "insert 3|Eve|099|~", "insert 4|Kim|~|~", "update 1|Ada|?|?",
                          "remove <- 1|-|-|-"));
}

TEST_F(ExamplePlugins, LookupNamesTheFileThatIsMissing) {
  const auto type =
      load(examples / "lookup.so", R"({"file": "no.csv", "column": "id", "add": "x"})");
  const auto e = error_of([&] { type->describe({people(), route_mode::upsert, false}); });
  EXPECT_THAT(e.what(), testing::HasSubstr("no.csv cannot be read"));
}

schema_ptr orders() {
  return table("public.orders")
      .column("id", value_class::int4)
      .column("customer", value_class::text)
      .column("cents", value_class::int8)
      .key({"id"})
      .build();
}

constexpr const char* by_customer = R"({"group": "customer", "amount": "cents"})";

TEST_F(ExamplePlugins, TotalsSendsEachTouchedGroupOnceAnEpoch) {
  auto input = std::make_shared<table_schema>(*orders());
  input->columns[1].type_name = "text";
  const auto t = make(examples / "totals.so", by_customer, input);
  EXPECT_TRUE(described.keeps_state);
  EXPECT_THAT(described.rows->key, ElementsAre(0));
  auto first = batch_builder(input);
  first.insert({1, "ada", 100}).insert({2, "ada", 50}).insert({3, "bob", 7});
  EXPECT_THAT(lines_of(apply(*t, first)), IsEmpty());
  EXPECT_THAT(lines_of(flush(*t)), ElementsAre("insert ada|2|150|2", "insert bob|1|7|1"));
  EXPECT_THAT(lines_of(flush(*t)), IsEmpty());

  auto second = batch_builder(input);
  second.update({2, "bob", 60}).remove({1, absent, absent}).read({3, "bob", 7});
  apply(*t, second);
  EXPECT_THAT(lines_of(flush(*t)), ElementsAre("remove <- ada|0|0|4", "insert bob|2|67|4"));
}

TEST_F(ExamplePlugins, TotalsGoesOnFromItsState) {
  auto input = std::make_shared<table_schema>(*orders());
  input->columns[1].type_name = "text";
  const auto type = load(examples / "totals.so", by_customer);
  {
    const auto t = make(type, input);
    auto rows = batch_builder(input);
    rows.insert({1, "ada", 100});
    apply(*t, rows);
    flush(*t);
  }
  const auto t = make(type, input);
  auto rows = batch_builder(input);
  rows.insert({2, "ada", 1});
  apply(*t, rows);
  EXPECT_THAT(lines_of(flush(*t)), ElementsAre("insert ada|2|101|2"));
  auto end = batch_builder(input);
  end.truncate();
  EXPECT_THAT(lines_of(apply(*t, end)), ElementsAre("truncate"));
  EXPECT_THAT(state.values, IsEmpty());
}

TEST_F(ExamplePlugins, ThePlanNamesPluginVersionAndFile) {
  const auto type = load(examples / "redact.so", R"({"column": "phone"})");
  EXPECT_EQ(type->text(), "plugin redact 1 (" + (examples / "redact.so").string() + ")");
}

TEST_F(ExamplePlugins, OtherOptionsAreOtherRows) {
  const auto one = load(examples / "redact.so", R"({"column": "phone"})");
  const auto other = load(examples / "redact.so", R"({"column": "name"})");
  EXPECT_NE(one->fingerprint(), other->fingerprint());
  EXPECT_THAT(one->fingerprint(), testing::Not(testing::HasSubstr("phone")));
}

} // namespace
} // namespace leat::test
