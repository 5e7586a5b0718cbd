#include "base/config/spelling.h"

#include "support/support.h"

namespace gptkit {
namespace {

TEST(Spelling, TheNearestWordIsTheOneMeant) {
  const std::vector<std::string> keys = {"lr", "min_lr", "max_steps", "max_epochs"};
  EXPECT_EQ(nearest_word("max_stpes", keys), "max_steps") << "two letters swapped";
  EXPECT_EQ(nearest_word("maxsteps", keys), "max_steps");
  EXPECT_EQ(nearest_word("max_", keys), "max_steps") << "the first of those that begin so";
  EXPECT_EQ(nearest_word("lrr", keys), "lr");
  EXPECT_EQ(nearest_word("warmup", keys), "");
  EXPECT_EQ(nearest_word("x", {"y"}), "") << "nothing of the word is left";
  EXPECT_EQ(nearest_word("", keys), "");
}

}  // namespace
}  // namespace gptkit
