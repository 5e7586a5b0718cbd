#include "kernels/cross_entropy.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <cmath>

#include "kernels/reference/reference.h"
#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::error_of;

struct Case {
  torch::Tensor hidden, weight, targets;
  Case(int64_t N, int64_t C, int64_t V)
      : hidden(torch::randn({N, C}).requires_grad_()),
        weight((torch::randn({V, C}) * 0.2).requires_grad_()),
        targets(torch::randint(V, {N}, torch::kInt64)) {}
  Case twin() const {
    Case other = *this;
    other.hidden = hidden.detach().clone().requires_grad_();
    other.weight = weight.detach().clone().requires_grad_();
    return other;
  }
  torch::Tensor plain() const { return reference::linear_cross_entropy(hidden, weight, targets); }
};

TEST(LinearCrossEntropy, EqualsThePlainFormWhateverTheChunks) {
  torch::manual_seed(123);
  for (const int64_t chunk_bytes : {1, 4 * 97 * 5, 0}) {  // one row, five rows, all
    Case own(23, 16, 97);
    own.targets[4] = -100;
    const auto reference = own.twin();
    const auto loss =
        linear_cross_entropy(own.hidden, own.weight, own.targets, {.chunk_bytes = chunk_bytes});
    const auto want = reference.plain();
    EXPECT_NEAR(loss.item<double>(), want.item<double>(), 1e-6);
    (loss * 3).backward();
    (want * 3).backward();
    EXPECT_LE(error_of(own.hidden.grad(), reference.hidden.grad()), 1e-5);
    EXPECT_LE(error_of(own.weight.grad(), reference.weight.grad()), 1e-5);
    EXPECT_TRUE(own.hidden.grad()[4].eq(0).all().item<bool>());
  }
}

TEST(LinearCrossEntropy, AddsToAGradientThatIsThere) {
  torch::manual_seed(123);
  Case own(5, 8, 11);
  const auto reference = own.twin();
  for (int time = 0; time < 2; ++time) {
    linear_cross_entropy(own.hidden, own.weight, own.targets).backward();
    reference.plain().backward();
  }
  EXPECT_LE(error_of(own.weight.grad(), reference.weight.grad()), 1e-5);
}

TEST(LinearCrossEntropy, ATiedWeightGetsBothOfItsGradients) {
  torch::manual_seed(123);
  Case own(6, 8, 11);
  const auto reference = own.twin();
  const auto ids = torch::arange(6);
  linear_cross_entropy(own.weight.index_select(0, ids) * 2, own.weight, own.targets).backward();
  const auto logits = (reference.weight.index_select(0, ids) * 2).matmul(reference.weight.t());
  at::cross_entropy_loss(logits, reference.targets).backward();
  EXPECT_LE(error_of(own.weight.grad(), reference.weight.grad()), 1e-5);
}

TEST(LinearCrossEntropy, TermsDivideTheSum) {
  torch::manual_seed(123);
  Case own(6, 8, 11);
  const auto loss = linear_cross_entropy(own.hidden, own.weight, own.targets, {.terms = 24});
  EXPECT_NEAR(loss.item<double>(), own.plain().item<double>() / 4, 1e-6);
}

TEST(LinearCrossEntropy, WithoutGradientsItIsTheSameLoss) {
  torch::manual_seed(123);
  Case own(6, 8, 11);
  torch::NoGradGuard no_grad;
  const auto loss = linear_cross_entropy(own.hidden, own.weight, own.targets);
  EXPECT_FALSE(loss.requires_grad());
  EXPECT_NEAR(loss.item<double>(), own.plain().item<double>(), 1e-6);
}

TEST(LinearCrossEntropy, IsNotANumberWithoutATargetThatCounts) {
  Case own(2, 8, 11);
  own.targets.fill_(-100);
  EXPECT_TRUE(std::isnan(linear_cross_entropy(own.hidden, own.weight, own.targets).item<double>()));
}

TEST(LinearCrossEntropy, RefusesTargetsOutsideTheVocabularyAndShapesThatDoNotFit) {
  Case own(3, 8, 11);
  own.targets[1] = 11;
  test::expect_error([&] { linear_cross_entropy(own.hidden, own.weight, own.targets); },
                     "target 11 is outside the vocabulary of 11 tokens");
  Case other(3, 4, 11);
  test::expect_error([&] { linear_cross_entropy(own.hidden, other.weight, other.targets); },
                     "do not belong together");
}

TEST(LinearCrossEntropy, InFloat16ALossOfManyTermsKeepsItsSmallGradients) {
  torch::manual_seed(123);
  Case own(30, 64, 300);
  const auto reference = own.twin();
  const double terms = 1 << 20;  // p / terms is less than float16's least number
  torch::Tensor loss;
  {
    test::Bfloat16Autocast autocast;
    at::autocast::set_autocast_dtype(torch::kCPU, torch::kFloat16);
    loss = linear_cross_entropy(own.hidden, own.weight, own.targets, {.terms = terms});
  }
  (loss * terms).backward();
  (reference.plain() * 30).backward();
  EXPECT_LE(error_of(own.hidden.grad(), reference.hidden.grad()), 2e-3);
  EXPECT_LE(error_of(own.weight.grad(), reference.weight.grad()), 2e-3);
}

using Bfloat16CrossEntropy = test::LevelTest;
GPTKIT_EACH_LEVEL(Bfloat16CrossEntropy);

TEST_P(Bfloat16CrossEntropy, IsAsNearToFloat32AsItsNumbersAllow) {
  for (const int64_t V : {65, 300, 1111}) {
    for (const int64_t chunk_bytes : {int64_t{1} << 26, 2 * V * 70}) {
      SCOPED_TRACE(testing::Message() << V << " tokens, " << chunk_bytes << " bytes");
      Case own(200, 64, V);
      own.targets[7] = -100;
      const auto reference = own.twin();
      torch::Tensor loss;
      {
        test::Bfloat16Autocast autocast;
        loss =
            linear_cross_entropy(own.hidden, own.weight, own.targets, {.chunk_bytes = chunk_bytes});
      }
      const auto want = reference.plain();
      EXPECT_NEAR(loss.item<double>(), want.item<double>(), 2e-3);
      loss.backward();
      want.backward();
      EXPECT_LE(error_of(own.hidden.grad(), reference.hidden.grad()), 3 * test::kHalfUnit);
      EXPECT_LE(error_of(own.weight.grad(), reference.weight.grad()), 3 * test::kHalfUnit);
      EXPECT_TRUE(own.hidden.grad()[7].eq(0).all().item<bool>());
    }
  }
}

TEST_P(Bfloat16CrossEntropy, ALogitThatIsNotFiniteMakesTheLossNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Case own(3, 64, 100);
    own.hidden.detach()[1][2] = bad;
    test::Bfloat16Autocast autocast;
    const auto loss = linear_cross_entropy(own.hidden, own.weight, own.targets);
    EXPECT_FALSE(std::isfinite(loss.item<double>())) << bad;
  }
}

}  // namespace
}  // namespace gptkit
