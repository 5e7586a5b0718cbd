// Every combination of the choices of models/config.h is one network, however it is run.

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <string>
#include <tuple>

#include "models/family.h"
#include "models/gpt.h"
#include "models/init.h"
#include "nn/positions.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

ModelConfig any() {
  return {.family = "gptkit",
          .vocab_size = 31,
          .context_length = 12,
          .n_layer = 2,
          .n_head = 4,
          .d_model = 24};
}

GPT model_of(const ModelConfig& config) {
  torch::manual_seed(1);
  GPT model(config);
  initialize_(model);
  // Every parameter does something, as in a trained model.
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::randn_like(parameter), parameter.dim() == 1 ? 0.1 : 0.3);
  }
  model->eval();
  return model;
}

torch::Tensor some_ids(int64_t B, int64_t T) {
  torch::manual_seed(2);
  return torch::randint(31, {B, T}, torch::kInt64);
}

using Choice = std::tuple<NormKind, NormPlacement, PositionKind, MlpKind>;

template <class Enum>
std::string text_of(Enum value) {
  for (const auto& [text, each] : enum_names(value)) {
    if (each == value) return text;
  }
  return {};
}

std::string choice_name(const testing::TestParamInfo<Choice>& instance) {
  const auto& [norm, placement, positions, mlp] = instance.param;
  return text_of(norm) + "_" + text_of(placement) + "_" + text_of(positions) + "_" + text_of(mlp);
}

class EveryChoice : public testing::TestWithParam<Choice> {
 protected:
  ModelConfig config() const {
    auto config = any();
    std::tie(config.norm, config.norm_placement, config.positions, config.mlp) = GetParam();
    config.n_kv_head = 2;
    return config;
  }
};
INSTANTIATE_TEST_SUITE_P(
    Choices, EveryChoice,
    testing::Combine(testing::Values(NormKind::kLayer, NormKind::kRms),
                     testing::Values(NormPlacement::kPre, NormPlacement::kPost),
                     testing::Values(PositionKind::kLearned, PositionKind::kRotary,
                                     PositionKind::kSinusoidal, PositionKind::kNone),
                     testing::Values(MlpKind::kGelu, MlpKind::kSwiglu)),
    choice_name);

TEST_P(EveryChoice, DecodingThroughTheCacheMatchesOnePass) {
  torch::NoGradGuard no_grad;
  auto model = model_of(config());
  const auto ids = some_ids(2, 10);
  const auto want = model(ids);
  KvCache cache(cache_shape(model->config()), 2, 10, torch::kFloat32);
  std::vector<torch::Tensor> got{model(ids.slice(1, 0, 4), &cache),
                                 model(ids.slice(1, 4, 7), &cache)};
  for (int64_t t = 7; t < 10; ++t) got.push_back(model(ids.slice(1, t, t + 1), &cache));
  // Sums in another order: float32 rounding.
  EXPECT_TRUE(torch::allclose(torch::cat(got, 1), want, 1e-5, 1e-5));
}

TEST_P(EveryChoice, PackedAndPooledSequencesAreWhatTheyAreAlone) {
  torch::NoGradGuard no_grad;
  auto model = model_of(config());
  const std::vector<int64_t> lengths = {5, 1, 9};
  const auto ids = some_ids(1, 15)[0];
  const Packing packing(lengths, torch::kCPU);
  const auto packed = model->hidden(ids, packing);
  std::vector<torch::Tensor> alone;
  for (const auto& one : ids.split_with_sizes(lengths)) {
    alone.push_back(model->hidden(one.unsqueeze(0))[0]);
  }
  EXPECT_TRUE(torch::allclose(packed, torch::cat(alone), 1e-5, 1e-5));
  const auto rows = packing.last_rows();
  const auto x = model->first_blocks(ids, packing, 0);
  EXPECT_TRUE(torch::allclose(model->hidden_at(x, packing, 0, rows), packed.index_select(0, rows),
                              1e-5, 1e-5));
}

TEST_P(EveryChoice, TellsTheOrderOfTheTokens) {
  torch::NoGradGuard no_grad;
  auto model = model_of(config());
  const auto ids = torch::tensor({{3, 7, 11, 2, 9}, {3, 11, 7, 2, 9}}, torch::kInt64);
  const auto last = model->hidden(ids).select(1, 4);
  EXPECT_GT((last[0] - last[1]).abs().max().item<double>(), 1e-3);  // rounding: 1e-6
}

TEST(Choices, ABidirectionalModelSeesWhatComesBehind) {
  torch::NoGradGuard no_grad;
  for (const auto mask : {AttentionMask::kCausal, AttentionMask::kBidirectional}) {
    auto config = any();
    config.attention = mask;
    auto model = model_of(config);
    const auto ids = some_ids(1, 8);
    auto changed = ids.clone();
    changed[0][7] = (ids[0][7] + 1) % 31;
    const bool same = torch::equal(model->hidden(ids)[0][0], model->hidden(changed)[0][0]);
    EXPECT_EQ(same, mask == AttentionMask::kCausal);
  }
}

TEST(Choices, PostNormLeavesNormalisedStates) {
  torch::NoGradGuard no_grad;
  auto config = any();
  config.norm_placement = NormPlacement::kPost;
  torch::manual_seed(1);
  GPT model(config);
  initialize_(model);
  model->eval();
  EXPECT_TRUE(model->final_norm().is_empty());
  const auto hidden = model->hidden(some_ids(2, 7));
  EXPECT_LT(hidden.mean(-1).abs().max().item<double>(), 1e-5);
  EXPECT_LT((hidden.square().mean(-1) - 1).abs().max().item<double>(), 1e-3);
}

TEST(Choices, SinusoidalPositionsAreMarians) {
  const auto table = sinusoidal_positions(torch::tensor({0, 3}, torch::kInt64), 4);
  const double slow = 3 * std::pow(10000.0, -0.5);
  const auto want = torch::tensor(
      {{0.0, 0.0, 1.0, 1.0}, {std::sin(3.0), std::sin(slow), std::cos(3.0), std::cos(slow)}},
      torch::kFloat32);
  EXPECT_TRUE(torch::allclose(table, want, 1e-6, 1e-7));
}

TEST(Choices, ThatDoNotGoTogetherAreRefused) {
  auto config = any();
  config.positions = PositionKind::kSinusoidal;
  config.d_model = 25;
  config.n_head = 5;
  expect_error([&] { validate(config); }, "`model.d_model`: 25: sinusoidal positions are pairs");
  config = any();
  config.positions = PositionKind::kNone;
  config.attention = AttentionMask::kBidirectional;
  expect_error([&] { validate(config); }, "positions none with bidirectional attention");
  config = any();
  config.positions = PositionKind::kRotary;
  config.d_head = 5;
  expect_error([&] { validate(config); }, "rotary positions turn pairs");
}

}  // namespace
}  // namespace gptkit
