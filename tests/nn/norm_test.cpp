#include "nn/norm.h"

#include "nn_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::close;

constexpr double kEpsilon = 1e-3;  // large enough to be seen

Norm filled(NormKind kind) {
  torch::manual_seed(1);
  Norm norm(NormOptions{.kind = kind, .width = 8, .epsilon = kEpsilon});
  test::fill(*norm);
  return norm;
}

TEST(Norm, ANewOneOnlyNormalises) {
  Norm norm(NormOptions{.kind = NormKind::kLayer, .width = 8});
  EXPECT_TRUE(norm->weight.equal(torch::ones({8})));
  EXPECT_TRUE(norm->bias.equal(torch::zeros({8})));
  EXPECT_FALSE(Norm(NormOptions{.kind = NormKind::kRms, .width = 8})->bias.defined());
}

TEST(Norm, EqualsTheFormulaOfItsKind) {
  const auto x = torch::randn({2, 3, 8}) * 0.1;
  auto layer = filled(NormKind::kLayer), rms = filled(NormKind::kRms);
  const auto centred = x - x.mean(-1, true);
  const auto variance = centred.square().mean(-1, true);
  EXPECT_TRUE(
      close(layer(x), centred / (variance + kEpsilon).sqrt() * layer->weight + layer->bias));
  const auto mean_square = x.square().mean(-1, true);
  EXPECT_TRUE(close(rms(x), x / (mean_square + kEpsilon).sqrt() * rms->weight));
}

TEST(Norm, LayerNormForgetsAnOffsetAndRmsNormDoesNot) {
  const auto x = torch::randn({4, 8});
  auto layer = filled(NormKind::kLayer), rms = filled(NormKind::kRms);
  EXPECT_TRUE(close(layer(x + 3), layer(x)));
  EXPECT_FALSE(close(rms(x + 3), rms(x)));
}

TEST(Norm, BeforeAMatmulItIsTheSameWithoutAutocast) {
  const auto x = torch::randn({4, 8});
  for (const auto kind : {NormKind::kLayer, NormKind::kRms}) {
    auto norm = filled(kind);
    EXPECT_TRUE(norm->before_matmul(x).equal(norm(x)));
  }
}

TEST(Norm, RefusesAnotherWidth) {
  EXPECT_THROW(filled(NormKind::kLayer)(torch::zeros({2, 7})), std::exception);
  EXPECT_THROW(filled(NormKind::kRms)(torch::zeros({2, 7})), std::exception);
}

}  // namespace
}  // namespace gptkit
