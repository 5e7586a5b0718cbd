#include "kernels/embedding.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "kernels/reference/reference.h"

namespace gptkit {
namespace {

TEST(EmbeddingLookup, EqualsTorchsAndAddsToAGradientThatIsThere) {
  torch::manual_seed(123);
  auto own = torch::randn({11, 7}).requires_grad_();
  auto torchs = own.detach().clone().requires_grad_();
  const auto ids = torch::tensor({3, 3, 0, 10, 3, 7}, torch::kInt64).view({2, 3});
  for (int time = 0; time < 2; ++time) {
    const auto got = embedding_lookup(own, ids), want = reference::embedding_lookup(torchs, ids);
    EXPECT_TRUE(got.equal(want));
    const auto dy = torch::randn({2, 3, 7});
    got.backward(dy);
    want.backward(dy);
    EXPECT_TRUE(own.grad().allclose(torchs.grad(), 1e-6, 1e-7));
    EXPECT_TRUE(own.grad()[1].eq(0).all().item<bool>()) << "a row that was not looked up";
  }
}

TEST(EmbeddingLookup, RefusesIdsOutsideTheTable) {
  auto weight = torch::randn({4, 2}).requires_grad_();
  for (const int64_t id : {-1, 4}) {
    EXPECT_THROW(embedding_lookup(weight, torch::full({1}, id, torch::kInt64)), std::exception);
  }
}

}  // namespace
}  // namespace gptkit
