#include "nn/mlp.h"

#include <ATen/ops/linear.h>

#include <cmath>
#include <numbers>

#include "nn_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::close;

Mlp filled(MlpKind kind, bool bias = true) {
  torch::manual_seed(1);
  Mlp mlp(MlpOptions{.kind = kind, .d_model = 6, .d_ff = 10, .bias = bias});
  test::fill(*mlp);
  return mlp;
}

TEST(Mlp, GeluEqualsTheFormula) {
  auto mlp = filled(MlpKind::kGelu);
  const auto x = torch::randn({2, 3, 6});
  const auto u = at::linear(x, mlp->up()->weight, mlp->up()->bias);
  const auto gelu =
      u * (1 + torch::tanh(std::sqrt(2 / std::numbers::pi) * (u + 0.044715 * u.pow(3)))) / 2;
  EXPECT_TRUE(close(mlp(x), at::linear(gelu, mlp->down()->weight, mlp->down()->bias)));
}

TEST(Mlp, SwigluGatesTheSecondHalfOfItsRowsWithTheFirst) {
  auto mlp = filled(MlpKind::kSwiglu, /*bias=*/false);
  EXPECT_EQ(mlp->up()->weight.sizes(), (std::vector<int64_t>{20, 6}));
  const auto x = torch::randn({2, 3, 6});
  const auto gate = at::linear(x, mlp->up()->weight.slice(0, 0, 10));
  const auto up = at::linear(x, mlp->up()->weight.slice(0, 10));
  EXPECT_TRUE(close(mlp(x), at::linear(gate * gate.sigmoid() * up, mlp->down()->weight)));
}

TEST(Mlp, ATokenDoesNotDependOnTheOthers) {
  for (const auto kind : {MlpKind::kGelu, MlpKind::kSwiglu}) {
    auto mlp = filled(kind);
    const auto x = torch::randn({2, 5, 6});
    EXPECT_TRUE(close(mlp(x.slice(1, 3, 4)), mlp(x).slice(1, 3, 4)));
  }
}

TEST(Mlp, RefusesAnotherWidth) {
  auto mlp = filled(MlpKind::kGelu);
  EXPECT_THROW(mlp(torch::zeros({1, 2, 5})), std::exception);
}

}  // namespace
}  // namespace gptkit
