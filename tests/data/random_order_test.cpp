#include "data/random_order.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// torch.randperm(n, generator=g), g.manual_seed(seed), torch 2.13 on the CPU.
TEST(RandomOrder, TorchPermutationIsPyTorchs) {
  EXPECT_THAT(torch_permutation(123, 10), ElementsAre(2, 0, 8, 1, 3, 7, 4, 9, 5, 6));
  EXPECT_EQ(test::digest(torch_permutation(123, 100'000)),
            "7644a620be7d7c19c5f760a9f711525bb0b8b46045fa9ee74d34dd22cf740caf");
}

TEST(RandomOrder, TorchPermutationSeesTheLow32BitsOfItsSeed) {
  EXPECT_THAT(torch_permutation((1ull << 40) + 5, 10), ElementsAre(1, 4, 9, 6, 3, 5, 0, 2, 8, 7));
  EXPECT_EQ(torch_permutation((1ull << 40) + 5, 10), torch_permutation(5, 10));
  EXPECT_EQ(test::digest(torch_permutation(0xdeadbeef12345678, 5000)),
            "88eea23fedc9ce33d6faa7646b9f733fbaa8f84a7d694d6dcd621490896236ea");
}

TEST(RandomOrder, OfNothingOrOneThingThereIsOneOrder) {
  EXPECT_THAT(torch_permutation(1, 0), IsEmpty());
  EXPECT_THAT(torch_permutation(1, 1), ElementsAre(0));
  EXPECT_THAT(numpy_permutation(1, 0), IsEmpty());
  EXPECT_THAT(numpy_permutation(1, 1), ElementsAre(0));
}

// numpy.random.RandomState(seed).permutation(n), NumPy 2.4.
TEST(RandomOrder, NumpyPermutationIsRandomStates) {
  EXPECT_THAT(numpy_permutation(123, 10), ElementsAre(4, 0, 7, 5, 8, 3, 1, 6, 9, 2));
  EXPECT_THAT(numpy_permutation(0, 10), ElementsAre(2, 8, 4, 9, 1, 6, 7, 3, 0, 5));
  EXPECT_EQ(test::digest(numpy_permutation(4294967295, 100'000)),
            "570132be8e770a44289400863bf3900193e14b6528c2b22c548b5a4feb463d39");
}

TEST(RandomOrder, NumpySampleIsTheHeadOfThePermutation) {
  const auto sample = numpy_sample(123, 4825, 5);
  EXPECT_THAT(sample, ElementsAre(3720, 3580, 4182, 3858, 4713));
}

TEST(RandomOrder, RefusesToSampleMoreThanThereIs) {
  test::expect_error([] { numpy_sample(1, 3, 4); }, "cannot sample 4 of 3 rows");
}

}  // namespace
}  // namespace gptkit
