#include "data/tables/json_rows.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

std::vector<std::string> rows_of(std::string_view text) {
  std::vector<std::string> rows;
  for (const auto& row :
       split_json_rows(text, "a.json", [](const auto& key) { return key == "text"; })) {
    rows.emplace_back(row.text);
  }
  return rows;
}

TEST(JsonRows, LinesArraysValuesAndAListInAnObjectGiveTheSameRows) {
  const auto same = ElementsAre(R"({"text": "a]"})", R"({"text": "b"})");
  EXPECT_THAT(rows_of("{\"text\": \"a]\"}\n\n{\"text\": \"b\"}\n"), same);
  EXPECT_THAT(rows_of(R"([{"text": "a]"}, {"text": "b"}])"), same);
  EXPECT_THAT(rows_of(R"({"text": "a]"} {"text": "b"})"), same);
  EXPECT_THAT(rows_of(R"({"n": 2, "data": [{"text": "a]"},{"text": "b"}]})"), same);
  EXPECT_THAT(rows_of(R"({"text": ["one", "row"]})"), ElementsAre(R"({"text": ["one", "row"]})"));
}

TEST(JsonRows, ADamagedLineCostsNoOther) {
  EXPECT_THAT(rows_of("{\"text\": 1}\n{\"text\": \n{\"text\": 3}\n"),
              ElementsAre("{\"text\": 1}", "{\"text\": ", "{\"text\": 3}"));
}

TEST(JsonRows, OtherShapesAreRefused) {
  expect_error([] { rows_of(R"({"a": [1], "b": [2]})"); }, "the object holds the lists 'a', 'b'");
  expect_error([] { rows_of(R"({"a": 1})"); }, "an object with the keys 'a'");
}

TEST(JsonRows, HalfASurrogatePairIsFound) {
  EXPECT_TRUE(has_lone_surrogate(R"("\ud83d x")"));
  EXPECT_TRUE(has_lone_surrogate(R"("\ude00")"));
  EXPECT_FALSE(has_lone_surrogate(R"("\ud83d\ude00")"));
  EXPECT_FALSE(has_lone_surrogate(R"("\\ud83d")"));
}

}  // namespace
}  // namespace gptkit
