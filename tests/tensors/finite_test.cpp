#include "tensors/finite.h"

#include <limits>

#include "support/support.h"

namespace gptkit {
namespace {

TEST(AllFinite, OneElementDecidesInEveryDtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16}) {
    const auto whole = torch::arange(12, dtype).view({3, 4}).t();  // not contiguous
    EXPECT_TRUE(all_finite(whole));
    for (const double bad : {kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
      for (const int64_t place : {0, 2}) {
        auto broken = whole.clone();
        broken[1][place] = bad;
        EXPECT_FALSE(all_finite(broken)) << dtype << " " << bad;
      }
    }
  }
}

TEST(AllFinite, LargeNumbersWhoseSumIsNotAreFine) {
  EXPECT_TRUE(all_finite(torch::full({8}, std::numeric_limits<float>::max())));
}

TEST(AllFinite, WhatHasNoRealNumbersHasNoBrokenOnes) {
  EXPECT_TRUE(all_finite(torch::Tensor()));
  EXPECT_TRUE(all_finite(torch::empty({0, 3})));
  EXPECT_TRUE(all_finite(torch::ones({2}, torch::kInt64)));
}

}  // namespace
}  // namespace gptkit
