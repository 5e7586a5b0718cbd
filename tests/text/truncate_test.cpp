#include "text/truncate.h"

#include "support/support.h"

namespace gptkit {
namespace {

using Ids = std::vector<TokenId>;

Ids cut(Ids ids, std::int64_t tokens, Truncate how, const TextFrame& frame) {
  EXPECT_TRUE(truncate(ids, tokens, how, frame));
  return ids;
}

TEST(Truncate, TheTokensAroundATextStay) {
  const Ids ids = {90, 1, 2, 3, 4, 91, 92};
  const TextFrame frame{{90}, {91, 92}};
  EXPECT_EQ(cut(ids, 5, Truncate::kRight, frame), (Ids{90, 1, 2, 91, 92}));
  EXPECT_EQ(cut(ids, 5, Truncate::kLeft, frame), (Ids{90, 3, 4, 91, 92}));
  EXPECT_EQ(cut(ids, 5, Truncate::kRefuse, frame), ids);
  EXPECT_EQ(cut(ids, 3, Truncate::kLeft, frame), (Ids{90, 91, 92}));
  EXPECT_EQ(cut(ids, 2, Truncate::kRight, frame), (Ids{90, 91})) << "no room for them";
  EXPECT_EQ(cut(ids, 5, Truncate::kLeft, {}), (Ids{2, 3, 4, 91, 92}));
}

TEST(Truncate, WhatFitsIsLeftAlone) {
  Ids ids = {1, 2};
  EXPECT_FALSE(truncate(ids, 2, Truncate::kLeft, {{1}, {}}));
  EXPECT_EQ(ids, (Ids{1, 2}));
}

}  // namespace
}  // namespace gptkit
