#include "data/windows.h"

#include <numeric>

#include "data/data_support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

TokenStream counting(int tokens) {
  std::vector<TokenId> ids(static_cast<std::size_t>(tokens));
  std::iota(ids.begin(), ids.end(), 0);
  return TokenStream(ids);
}

TEST(Windows, TargetsAreTheInputsMovedByOne) {
  const WindowDataset windows(counting(12), {.length = 4, .stride = 2}, "text");
  ASSERT_EQ(windows.size(), 4);
  const auto batch = windows.collate(std::vector<std::int64_t>{0, 3});
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.columns, 4);
  EXPECT_THAT(batch.inputs, ElementsAre(0, 1, 2, 3, 6, 7, 8, 9));
  EXPECT_THAT(batch.targets, ElementsAre(1, 2, 3, 4, 7, 8, 9, 10));
  EXPECT_THAT(batch.lengths, ElementsAre(4, 4));
}

TEST(Windows, AreAsManyAsPythonsRangeHas) {
  for (std::int64_t tokens = 0; tokens < 30; ++tokens) {
    for (const std::int64_t stride : {1, 3, 4, 7}) {
      std::int64_t count = 0;
      for (std::int64_t i = 0; i < tokens - 4; i += stride) ++count;
      EXPECT_EQ(window_count(tokens, {.length = 4, .stride = stride}), count) << tokens;
    }
  }
}

TEST(Windows, RefusesATextShorterThanOneWindowAndItsTargets) {
  EXPECT_EQ(WindowDataset(counting(5), {.length = 4, .stride = 4}, "text").size(), 1);
  test::expect_error(
      [] { WindowDataset(counting(4), {.length = 4, .stride = 4}, "validation text"); },
      "validation text: 4 tokens are too few for one window of 4 tokens and its targets (5 "
      "needed)");
  test::expect_error([] { WindowDataset(TokenStream(), {.length = 4, .stride = 4}, "text"); },
                     "text: 0 tokens");
}

TEST(Windows, RefusesAStrideThatGoesNowhere) {
  test::expect_error([] { WindowDataset(counting(9), {.length = 4, .stride = 0}, "text"); },
                     "stride 0");
}

}  // namespace
}  // namespace gptkit
