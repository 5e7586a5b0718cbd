#include "models/heads/classifier.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <tuple>

#include "models/adapter.h"
#include "models/init.h"
#include "models/tiny_families.h"
#include "support/support.h"

namespace gptkit {
namespace {

torch::Tensor some_ids(int64_t B, int64_t T) {
  torch::manual_seed(2);
  return torch::randint(50, {B, T}, torch::kInt64);
}

Classifier tiny_classifier(Pooling pooling, const std::string& family = "gpt2") {
  torch::manual_seed(3);
  auto config = test::tiny_config(family);
  config.n_layer = 3;
  config.init = Init::kTorch;
  GPT gpt(config);
  initialize_(gpt);
  Classifier classifier(gpt, 4, pooling, /*head_bias=*/true);
  auto head = classifier->head();
  initialize_linear_(head);
  classifier->eval();
  return classifier;
}

TEST(Classifier, TheLastTokenDoesNotSeePadding) {
  torch::NoGradGuard no_grad;
  auto classifier = tiny_classifier(Pooling::kLastToken);
  const auto ids = some_ids(1, 5);
  const std::vector<int64_t> lengths = {5};
  const auto padded = torch::cat({ids, torch::full({1, 4}, 7, torch::kInt64)}, 1);
  EXPECT_TRUE(torch::allclose(classifier(ids, lengths), classifier(padded, lengths), 1e-5, 1e-6));
}

TEST(Classifier, TheLastPositionReadsThePadding) {
  torch::NoGradGuard no_grad;
  auto classifier = tiny_classifier(Pooling::kLastPosition);
  const auto ids = some_ids(1, 5);
  const std::vector<int64_t> lengths = {5};
  const auto padded = torch::cat({ids, torch::full({1, 4}, 7, torch::kInt64)}, 1);
  EXPECT_EQ(classifier(ids, lengths).sizes(), (std::vector<int64_t>{1, 4}));
  EXPECT_FALSE(torch::allclose(classifier(ids, lengths), classifier(padded, lengths)));
}

// The last block works out the pooled position alone; that must be what it makes of all of them.
class PooledPosition : public testing::TestWithParam<std::tuple<std::string, Pooling, bool>> {};
INSTANTIATE_TEST_SUITE_P(Families, PooledPosition,
                         testing::Combine(testing::Values("gpt2", "llama"),
                                          testing::Values(Pooling::kLastToken,
                                                          Pooling::kLastPosition,
                                                          Pooling::kFirstToken),
                                          testing::Bool()),
                         [](const auto& one) {
                           const auto pooling = std::get<1>(one.param);
                           std::string name = test::family_name(std::get<0>(one.param));
                           for (const auto& item : enum_names(pooling)) {
                             if (item.second == pooling) name.append("_").append(item.first);
                           }
                           return name.append(std::get<2>(one.param) ? "_adapted" : "");
                         });

TEST_P(PooledPosition, IsThatOfTheWholeModel) {
  const auto [family, pooling, adapted] = GetParam();
  auto classifier = tiny_classifier(pooling, family);
  if (adapted) {
    const auto layers = make_adapter(classifier->gpt(), classifier->head(), {.rank = 2});
    attach(layers);
    torch::NoGradGuard no_grad;
    for (const auto& [linear, lora] : layers) {
      for (auto part : lora->parts()) part.b.normal_(0, 0.3);
    }
  }
  const auto ids = some_ids(3, 9);
  const std::vector<int64_t> lengths = {9, 4, 1};
  const auto positions = pooling == Pooling::kLastToken      ? torch::tensor({8, 3, 0})
                         : pooling == Pooling::kLastPosition ? torch::tensor({8, 8, 8})
                                                             : torch::tensor({0, 0, 0});
  const auto with_gradients = [&](const torch::Tensor& logits) {
    classifier->zero_grad();
    logits.square().sum().backward();
    std::vector<torch::Tensor> gradients;
    for (const auto& parameter : classifier->parameters()) {
      gradients.push_back(parameter.grad().defined() ? parameter.grad().clone()
                                                     : torch::zeros_like(parameter));
    }
    return gradients;
  };
  const auto hidden = classifier->gpt()->hidden(ids);
  const auto whole = classifier->head()(hidden.index({torch::arange(3), positions}));
  const auto wanted = with_gradients(whole);
  const auto logits = classifier(ids, lengths);
  EXPECT_TRUE(torch::allclose(logits, whole, 1e-5, 1e-5)) << logits << whole;
  const auto found = with_gradients(logits);
  double largest = 0;
  for (const auto& gradient : wanted) {
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(), 1e-5 * largest)
        << classifier->named_parameters()[i].key();
  }
  const auto packing = classifier->packing(9, lengths);
  const auto x =
      classifier->gpt()->first_blocks(packing.unpad(ids), packing, 3);  // no block left to run
  EXPECT_TRUE(torch::allclose(classifier->logits_after_blocks(x, packing, 3), whole, 1e-5, 1e-5));
}

TEST(Classifier, AnAdapterOfTheWholeFusedLayerServesItsPartsToo) {
  torch::NoGradGuard no_grad;
  auto classifier = tiny_classifier(Pooling::kLastToken);
  // As files of GPT-2 adapters have it: one pair of matrices for query, key and value.
  auto qkv = classifier->gpt()->block(2)->attention()->qkv();
  auto part = fresh_lora_part(0, 48, qkv->weight, {.rank = 2});
  part.b.normal_();
  qkv->set_lora(Lora(48, std::vector<LoraPart>{part}));
  const auto ids = some_ids(3, 9);
  const std::vector<int64_t> lengths = {9, 4, 1};
  const auto hidden = classifier->gpt()->hidden(ids);
  const auto last = torch::tensor({8, 3, 0});
  const auto whole = classifier->head()(hidden.index({torch::arange(3), last}));
  EXPECT_TRUE(torch::allclose(classifier(ids, lengths), whole, 1e-5, 1e-5));
}

TEST(Classifier, ThePooledPositionSeesAllOthersWithoutACausalMask) {
  torch::NoGradGuard no_grad;
  auto classifier = tiny_classifier(Pooling::kLastPosition);
  classifier->gpt()->set_causal(false);
  const auto ids = some_ids(2, 6);
  const std::vector<int64_t> lengths = {6, 6};
  const auto whole = classifier->head()(classifier->gpt()->hidden(ids).select(1, 5));
  EXPECT_TRUE(torch::allclose(classifier(ids, lengths), whole, 1e-5, 1e-5));
}

}  // namespace
}  // namespace gptkit
