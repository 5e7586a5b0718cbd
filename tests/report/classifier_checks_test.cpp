#include "report/classifier_checks.h"

#include <cmath>

#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::made_up_input;
using test::made_up_split;

TEST(ClassifierChecks, SplitsWithoutRowsAreLeftOutAndTheOthersInOrder) {
  auto input = made_up_input();
  std::swap(input.splits[0], input.splits[2]);
  input.splits[1] = {.name = "validation"};
  const auto splits = checked_splits(input);
  ASSERT_EQ(splits.size(), 2u);
  EXPECT_EQ(splits[0]->name, "train");
  EXPECT_EQ(splits[1]->name, "test");
}

TEST(ClassifierChecks, RowsAreProbabilities) {
  const auto refuse = [](const ProbabilityRows& rows, const std::string& part) {
    expect_error([&] { check_probabilities(rows, 1, 2, "here"); }, part);
  };
  check_probabilities({{0.25, 0.75}}, 1, 2, "here");
  refuse({}, "here: 0 rows");
  refuse({{1}}, "here, row 0: 1 probabilities");
  refuse({{0.5, 0.6}}, "add up to 1.1");
  refuse({{-0.5, 1.5}}, "-0.5 is not a probability");
  refuse({{std::nan(""), 1}}, "is not a probability");
}

TEST(ClassifierChecks, RefusesSplitsThatAreUnknownTwiceOrAllEmpty) {
  auto twice = made_up_input();
  twice.splits[1].name = "test";
  expect_error([&] { checked_splits(twice); }, "two splits named test");
  auto unknown = made_up_input();
  unknown.splits[0].name = "dev";
  expect_error([&] { checked_splits(unknown); }, "'dev' is not known");
  auto empty = made_up_input();
  empty.splits.clear();
  expect_error([&] { checked_splits(empty); }, "no split has any");
}

}  // namespace
}  // namespace gptkit
