#include "tasks/classify/labelled_rows.h"

#include <set>

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

TEST(LabelledRows, ALargerDrawBeginsWithTheSmallerOneAndTakesTheLabelsInTurn) {
  LabelledRows from{{"a", "b"}, {}};
  for (int64_t row = 0; row < 20; ++row) from.rows.push_back({concat("t", row), row % 2, row});
  const auto few = draw_examples(from, 4, /*seed=*/1), many = draw_examples(from, 8, 1);
  for (size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i].text, many[i].text);
  for (size_t round = 0; round < 8; round += 2) {
    EXPECT_NE(many[round].label, many[round + 1].label);
  }
  std::set<int64_t> distinct;
  for (const auto& row : many) distinct.insert(row.row);
  EXPECT_EQ(distinct.size(), 8u);
  expect_error([&] { draw_examples(from, 21, 1); }, "but '");
}

TEST(LabelledRows, AFileGivesItsLabelsOrMustHaveThoseGiven) {
  const test::ScratchFolder folder;
  write_file_atomic(folder / "a.tsv", "spam\tWin\nham\tHi\nspam\t\n");
  const auto found = read_labelled_rows(folder / "a.tsv", {}, {}, /*strict=*/true);
  EXPECT_THAT(found.labels, ElementsAre("ham", "spam"));
  ASSERT_EQ(found.rows.size(), 2u);  // the row without text is left out
  EXPECT_EQ(found.rows[0].label, 1);
  expect_error(
      [&] {
        read_labelled_rows(folder / "a.tsv", {}, {"ham", "eggs"}, false);
      },
      "has the label 'spam', expected one of ham, eggs");
}

TEST(LabelledRows, LabelsInATextAreSplitAtCommasAndChecked) {
  EXPECT_THAT(split_labels("spam, not spam ,x"), ElementsAre("spam", "not spam", "x"));
  EXPECT_TRUE(split_labels("").empty());
  validate_labels({"a", "b"});
  expect_error([] { validate_labels({"a"}); }, "expected at least two");
  expect_error([] { validate_labels({"a", ""}); }, "one is empty");
  expect_error([] { validate_labels({"a", "a"}); }, "'a' is given twice");
}

}  // namespace
}  // namespace gptkit
