#pragma once

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <string>

#include "kernels/dispatch.h"

namespace gptkit::test {

/// LibTorch's autocast to bfloat16 while it lives.
class Bfloat16Autocast {
 public:
  Bfloat16Autocast() {
    at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
    at::autocast::set_autocast_enabled(torch::kCPU, true);
  }
  ~Bfloat16Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(torch::kCPU, false);
  }
};

/// The largest difference, relative to the largest expected value.
inline double error_of(const torch::Tensor& got, const torch::Tensor& want) {
  torch::NoGradGuard no_grad;
  const auto a = got.to(torch::kFloat64), b = want.to(torch::kFloat64);
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

inline torch::Tensor half(const torch::Tensor& x) { return x.to(torch::kBFloat16); }
/// What bfloat16 keeps of it, as float64: the reference's products are exact.
inline torch::Tensor rounded(const torch::Tensor& x) {
  return x.to(torch::kBFloat16).to(torch::kFloat64);
}

/// What only our own bfloat16 variants promise.
class Bfloat16Test : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_bfloat16_matmul()) GTEST_SKIP() << "no bfloat16 kernels at this level";
    torch::manual_seed(123);
  }
};

/// What every level promises: one test for each level that this machine can run.
class LevelTest : public testing::TestWithParam<Isa> {
 protected:
  LevelTest() : scope_(GetParam()) { torch::manual_seed(123); }

 private:
  IsaScope scope_;
};
inline std::string level_name(const testing::TestParamInfo<Isa>& info) {
  return std::string(name(info.param));
}
#define GPTKIT_EACH_LEVEL(Suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Levels, Suite, testing::ValuesIn(gptkit::available_isas()), \
                           gptkit::test::level_name)

/// The same values in float64, ready for a gradient.
inline torch::Tensor in_float64(const torch::Tensor& x) {
  return x.detach().to(torch::kFloat64).requires_grad_();
}

/// bfloat16 has 8 bits: a result rounded once is this near.
inline constexpr double kHalfUnit = 1.0 / 256;

}  // namespace gptkit::test
