#include "nn/activation_checkpointing.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <vector>

#include "models/family.h"
#include "models/gpt.h"
#include "models/init.h"

namespace gptkit {
namespace {

struct Result {
  torch::Tensor loss;
  std::vector<torch::Tensor> gradients;
};

Result run(const std::string& family, double dropout, bool checkpointing, bool bfloat16,
           bool frozen_embeddings) {
  torch::manual_seed(123);
  GPT gpt(of_family(family, {.vocab_size = 20,
                             .context_length = 9,
                             .n_layer = 3,
                             .n_head = 2,
                             .d_model = 64,
                             .dropout = dropout}));
  initialize_(gpt);
  if (frozen_embeddings) {
    gpt->token_embedding()->weight.requires_grad_(false);
    if (gpt->position_embedding()) gpt->position_embedding()->weight.requires_grad_(false);
  }
  gpt->set_activation_checkpointing(checkpointing);
  gpt->train();
  const auto ids = torch::randint(20, {2, 9}, torch::kInt64);
  at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
  at::autocast::set_autocast_enabled(torch::kCPU, bfloat16);
  const auto loss = gpt->hidden(ids).square().sum();
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(torch::kCPU, false);
  loss.backward();
  Result result{loss.detach(), {}};
  for (const auto& parameter : gpt->parameters()) result.gradients.push_back(parameter.grad());
  return result;
}

TEST(ActivationCheckpointing, GivesTheSameBitsWithEveryFamilyPrecisionAndDropout) {
  for (const std::string family : {"gpt2", "llama"}) {
    for (const double dropout : {0.0, 0.3}) {
      for (const bool bfloat16 : {false, true}) {
        for (const bool frozen : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << "llama " << (family == "llama") << " dropout " << dropout << " bfloat16 "
                       << bfloat16 << " frozen " << frozen);
          const auto kept = run(family, dropout, false, bfloat16, frozen);
          const auto again = run(family, dropout, true, bfloat16, frozen);
          EXPECT_TRUE(kept.loss.equal(again.loss));
          ASSERT_EQ(kept.gradients.size(), again.gradients.size());
          for (size_t i = 0; i < kept.gradients.size(); ++i) {
            ASSERT_EQ(kept.gradients[i].defined(), again.gradients[i].defined()) << i;
            if (kept.gradients[i].defined()) {
              EXPECT_TRUE(kept.gradients[i].equal(again.gradients[i])) << i;
            }
          }
        }
      }
    }
  }
}

TEST(ActivationCheckpointing, LeavesTheGeneratorWhereItWas) {
  torch::manual_seed(7);
  auto x = torch::randn({3}).requires_grad_();
  const auto layer = [](const torch::Tensor& in) { return in * torch::rand({3}); };
  const auto y = checkpointed(layer, x);
  const auto next = torch::rand({1});
  torch::manual_seed(7);
  torch::randn({3});
  const auto mask = torch::rand({3});
  EXPECT_TRUE(next.equal(torch::rand({1})));
  const auto after = torch::rand({1});
  torch::manual_seed(7);
  torch::randn({3});
  torch::rand({3});
  torch::rand({1});
  y.sum().backward();
  EXPECT_TRUE(x.grad().equal(mask));
  EXPECT_TRUE(torch::rand({1}).equal(after));
}

}  // namespace
}  // namespace gptkit
