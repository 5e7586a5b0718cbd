#include "nn/packing.h"

#include <ATen/autocast_mode.h>
#include <torch/utils.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "models/gpt.h"
#include "models/init.h"
#include "models/tiny_families.h"
#include "support/support.h"

namespace gptkit {
namespace {

/// LibTorch's autocast to bfloat16 while it lives, if `on`.
class AutocastScope {
 public:
  explicit AutocastScope(bool on) {
    at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
    at::autocast::set_autocast_enabled(torch::kCPU, on);
  }
  ~AutocastScope() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(torch::kCPU, false);
  }
};

TEST(Packing, PadsAndTakesThePaddingOut) {
  const Packing packing({2, 1, 3}, torch::kCPU);
  EXPECT_EQ(packing.offsets(), (std::vector<int64_t>{0, 2, 3, 6}));
  EXPECT_TRUE(packing.positions().equal(torch::tensor({0, 1, 0, 0, 1, 2})));
  EXPECT_TRUE(packing.first_rows().equal(torch::tensor({0, 2, 3})));
  EXPECT_TRUE(packing.last_rows().equal(torch::tensor({1, 2, 5})));
  const auto rows = torch::arange(1, 7).unsqueeze(1);
  const auto padded = packing.pad(rows);
  EXPECT_TRUE(padded.squeeze(-1).equal(torch::tensor({{1, 2, 0}, {3, 0, 0}, {4, 5, 6}})));
  EXPECT_TRUE(packing.unpad(padded).equal(rows));
  EXPECT_TRUE(packing.unpad(torch::constant_pad_nd(padded, {0, 0, 0, 4})).equal(rows))
      << "more padding than is needed";
  EXPECT_TRUE(packing.mask()->squeeze().equal(padded.squeeze(-1) > 0));
}

TEST(Packing, EquallyLongSequencesAreNotCopied) {
  const Packing packing({2, 2}, torch::kCPU);
  const auto rows = torch::randn({4, 3});
  EXPECT_EQ(packing.pad(rows).data_ptr(), rows.data_ptr());
  EXPECT_FALSE(packing.mask().has_value());
}

TEST(Packing, RefusesAnEmptySequence) {
  test::expect_error([] { Packing({3, 0}, torch::kCPU); }, "a sequence of 0 tokens");
}

class Packed : public testing::TestWithParam<std::tuple<std::string, bool, bool>> {
 protected:
  Packed() {
    torch::manual_seed(4);
    auto config = test::tiny_config(std::get<0>(GetParam()));
    config.d_model = 128;  // heads that the bfloat16 kernels take
    config.d_ff = 256;
    gpt_ = GPT(config);
    initialize_(gpt_);
    gpt_->set_causal(std::get<1>(GetParam()));
    gpt_->train();
  }
  static bool half() { return std::get<2>(GetParam()); }

  /// What the model makes of each sequence, and the gradients of the sum of squares.
  struct Result {
    torch::Tensor hidden;  // (N,C)
    std::vector<torch::Tensor> gradients;
  };
  template <class Run>
  Result result_of(const Run& run) {
    gpt_->zero_grad();
    const AutocastScope autocast(half());
    const auto hidden = run();
    hidden.square().sum().backward();
    Result result{hidden.detach(), {}};
    for (const auto& parameter : gpt_->parameters()) {
      if (parameter.grad().defined()) result.gradients.push_back(parameter.grad().clone());
    }
    return result;
  }

  GPT gpt_{nullptr};
};
INSTANTIATE_TEST_SUITE_P(Families, Packed,
                         testing::Combine(testing::Values("gpt2", "llama"), testing::Bool(),
                                          testing::Bool()),
                         [](const auto& instance) {
                           const auto& p = instance.param;
                           return std::string(test::family_name(std::get<0>(p))) +
                                  (std::get<1>(p) ? "_causal" : "_all") +
                                  (std::get<2>(p) ? "_bfloat16" : "_float32");
                         });

TEST_P(Packed, EachSequenceIsWhatItIsAlone) {
  const std::vector<int64_t> lengths = {5, 16, 1, 9};
  const auto ids = torch::randint(50, {31}, torch::kInt64);
  const auto alone = result_of([&] {
    std::vector<torch::Tensor> hidden;
    for (const auto& sequence : ids.split_with_sizes(lengths)) {
      hidden.push_back(gpt_->hidden(sequence.unsqueeze(0))[0]);
    }
    return torch::cat(hidden);
  });
  const Packing packing(lengths, torch::kCPU);
  for (const bool again : {false, true}) {
    gpt_->set_activation_checkpointing(again);
    const auto together = result_of([&] { return gpt_->hidden(ids, packing); });
    const double near = half() ? 0.05 : 1e-5;
    EXPECT_TRUE(torch::allclose(together.hidden, alone.hidden, near, near));
    ASSERT_EQ(together.gradients.size(), alone.gradients.size());
    for (size_t i = 0; i < alone.gradients.size(); ++i) {
      const double largest = alone.gradients[i].abs().max().item<double>();
      EXPECT_LE((together.gradients[i] - alone.gradients[i]).abs().max().item<double>(),
                (half() ? 0.05 : 3e-5) * std::max(largest, 1e-3))
          << gpt_->named_parameters().keys()[i] << (again ? ", recomputed" : "");
    }
  }
}

TEST_P(Packed, NothingOfTheOthersIsSeen) {
  const torch::NoGradGuard no_grad;
  const AutocastScope autocast(half());
  const Packing packing({4, 3, 6}, torch::kCPU);
  auto ids = torch::randint(50, {13}, torch::kInt64);
  const auto before = gpt_->hidden(ids, packing).slice(0, 4, 7).clone();
  ids.slice(0, 0, 4).fill_(49);
  ids.slice(0, 7).fill_(48);
  EXPECT_TRUE(gpt_->hidden(ids, packing).slice(0, 4, 7).equal(before));
}

TEST_P(Packed, ASequenceBeyondTheContextIsAnError) {
  const Packing packing({3, 17}, torch::kCPU);
  test::expect_error([&] { gpt_->hidden(torch::zeros({20}, torch::kInt64), packing); },
                     "the sequence has 17 tokens");
}

}  // namespace
}  // namespace gptkit
