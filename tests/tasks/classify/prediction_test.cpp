#include "tasks/classify/prediction.h"

#include "support/support.h"

namespace gptkit {
namespace {

TEST(Prediction, IsTheMostProbableClassAndTheFirstOfEquals) {
  const auto clear = prediction_of({0.1, 0.7, 0.2});
  EXPECT_EQ(clear.label, 1);
  EXPECT_EQ(clear.probability, 0.7);
  EXPECT_THAT(clear.probabilities, testing::ElementsAre(0.1, 0.7, 0.2));
  EXPECT_EQ(prediction_of({0.2, 0.4, 0.4}).label, 1);
}

}  // namespace
}  // namespace gptkit
