#include "infer/sampler.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <limits>
#include <random>
#include <set>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

const torch::Tensor kLogits = torch::tensor({1.0, 3.0, 2.0, -1.0, 2.5}, torch::kFloat32);

/// The tokens that survive the filters.
std::set<int64_t> kept(const torch::Tensor& logits, const GenerationConfig& config) {
  const auto filtered_logits = filtered(logits, config);
  std::set<int64_t> tokens;
  for (int64_t i = 0; i < filtered_logits.size(0); ++i) {
    const auto value = filtered_logits[i].item<float>();
    EXPECT_FALSE(std::isnan(value));
    if (std::isfinite(value)) tokens.insert(i);
  }
  return tokens;
}

std::vector<TokenId> draws(const GenerationConfig& config, uint64_t seed, int count = 50) {
  Sampler sampler(config, seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(sampler.next(kLogits, {}));
  return tokens;
}

TEST(Sampler, TemperatureZeroTakesTheLikeliest) {
  EXPECT_EQ(draws({.temperature = 0}, 1), std::vector<TokenId>(50, 1));
  EXPECT_EQ(Sampler({}, 1).next(kLogits.to(torch::kBFloat16), {}), 1);
  EXPECT_EQ(Sampler({}, 1).next(torch::tensor({2.0f, 2.0f}), {}), 0) << "of equals the first";
}

TEST(Sampler, OneOfOneTakesTheLikeliestAtAnyTemperature) {
  EXPECT_EQ(draws({.temperature = 100, .top_k = 1}, 1), std::vector<TokenId>(50, 1));
  EXPECT_EQ(draws({.temperature = 100, .min_p = 1}, 1), std::vector<TokenId>(50, 1));
  EXPECT_EQ(draws({.temperature = 100, .top_p = 1e-9}, 1), std::vector<TokenId>(50, 1));
}

TEST(Sampler, ATinyTemperatureIsGreedyAndALargeOneUniform) {
  EXPECT_EQ(draws({.temperature = 1e-9}, 1), std::vector<TokenId>(50, 1));
  EXPECT_EQ(draws({.temperature = std::numeric_limits<double>::denorm_min()}, 1),
            std::vector<TokenId>(50, 1));
  const auto flat = filtered(kLogits, {.temperature = 1e6}).softmax(-1);
  EXPECT_TRUE(torch::allclose(flat, torch::full({5}, 0.2), 1e-5));
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  const GenerationConfig config{.temperature = 1};
  EXPECT_EQ(draws(config, 5), draws(config, 5));
  EXPECT_NE(draws(config, 5), draws(config, 6));
  const auto before = draws(config, 5);
  torch::manual_seed(99);  // its generator is its own
  torch::randn({3});
  EXPECT_EQ(draws(config, 5), before);
}

TEST(Sampler, DrawsAsOftenAsTheProbabilitiesSay) {
  const auto want = kLogits.softmax(-1);
  std::vector<double> counts(5, 0);
  for (const TokenId id : draws({.temperature = 1}, 1, 20'000))
    counts[static_cast<size_t>(id)] += 1;
  for (int64_t i = 0; i < 5; ++i) {
    // Four standard deviations of a share of 20,000 draws are below 0.0142.
    EXPECT_NEAR(counts[static_cast<size_t>(i)] / 20'000, want[i].item<double>(), 0.0142) << i;
  }
}

TEST(Filters, TopKKeepsTheLikeliest) {
  EXPECT_EQ(kept(kLogits, {.temperature = 1, .top_k = 2}), (std::set<int64_t>{1, 4}));
  EXPECT_EQ(kept(kLogits, {.temperature = 1, .top_k = 3}), (std::set<int64_t>{1, 2, 4}));
  for (const int64_t all :
       {int64_t{0}, int64_t{5}, int64_t{6}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(kept(kLogits, {.temperature = 1, .top_k = all}).size(), 5u) << all;
  }
}

TEST(Filters, TopPKeepsTheFewestThatReachIt) {
  // Probabilities 0.5, 0.3, 0.2 as logarithms, in another order.
  const auto logits = torch::tensor({0.3, 0.5, 0.2}, torch::kFloat64).log().to(torch::kFloat32);
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.49}), (std::set<int64_t>{1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.51}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.79}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.81}).size(), 3u);
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 1}).size(), 3u);
}

TEST(Filters, MinPIsAShareOfTheLikeliestsProbability) {
  const auto logits = torch::tensor({0.3, 0.5, 0.2}, torch::kFloat64).log().to(torch::kFloat32);
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.61}), (std::set<int64_t>{1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.59}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.39}).size(), 3u);
}

TEST(Filters, TheLikeliestTokenAlwaysSurvives) {
  std::mt19937_64 random(1);
  const auto pick = [&](auto... values) {
    const double list[] = {static_cast<double>(values)...};
    return list[random() % sizeof...(values)];
  };
  torch::manual_seed(1);
  for (int round = 0; round < 500; ++round) {
    const auto size = static_cast<int64_t>(1 + random() % 40);
    auto logits = torch::randn({size}) * pick(0, 1e-6, 1, 50, 1e30);
    if (random() % 4 == 0)
      logits.slice(0, size / 2 + 1).fill_(-std::numeric_limits<float>::infinity());
    const GenerationConfig config{.temperature = pick(1e-9, 0.1, 1, 10, 1e6),
                                  .top_k = static_cast<int64_t>(pick(0, 1, 2, 7, 1000)),
                                  .top_p = pick(1e-12, 0.3, 0.999999, 1),
                                  .min_p = pick(0, 1e-12, 0.5, 1)};
    validate(config);
    const auto tokens = kept(logits, config);
    ASSERT_GE(tokens.size(), 1u) << round;
    const auto best = logits.max().item<float>();
    EXPECT_TRUE(
        std::ranges::any_of(tokens, [&](int64_t i) { return logits[i].item<float>() == best; }));
    const auto drawn = Sampler(config, static_cast<uint64_t>(round)).next(logits, {});
    EXPECT_TRUE(tokens.contains(drawn)) << round;
  }
}

TEST(RepetitionPenalty, LowersWhatWasSeenOnceWhateverItsSign) {
  // 3 / 2 and -1 * 2, counted once each, against 2 in the middle.
  const auto logits = torch::tensor({3.0, -1.0, 1.6}, torch::kFloat32);
  const GenerationConfig twice{.repetition_penalty = 2};
  const std::vector<TokenId> seen{0, 0, 0, 1};
  EXPECT_EQ(Sampler(twice, 1).next(logits, seen), 2);
  EXPECT_EQ(Sampler(twice, 1).next(logits, {}), 0) << "nothing seen";
  EXPECT_EQ(Sampler({.repetition_penalty = 1.8}, 1).next(logits, seen), 0) << "3 / 1.8 > 1.6";
  const auto negative = torch::tensor({-1.0, -1.5}, torch::kFloat32);
  EXPECT_EQ(Sampler(twice, 1).next(negative, std::vector<TokenId>{0}), 1) << "-2 < -1.5";
  EXPECT_TRUE(torch::equal(logits, torch::tensor({3.0, -1.0, 1.6}, torch::kFloat32)))
      << "a copy is changed";
  EXPECT_EQ(Sampler({.repetition_penalty = 1e6}, 1).next(logits, std::vector<TokenId>{0, 1, 2}), 0);
}

TEST(GenerationConfig, RefusesValuesOutOfRangeByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {-1.0, -1e-9, 1e9, nan, infinity}) {
    expect_error([&] { validate(GenerationConfig{.temperature = bad}); }, "temperature");
  }
  expect_error([] { validate(GenerationConfig{.top_k = -1}); }, "`top_k`: -1");
  for (const double bad : {0.0, -0.1, 1.5, nan}) {
    expect_error([&] { validate(GenerationConfig{.top_p = bad}); }, "`top_p`");
  }
  for (const double bad : {-0.1, 1.5, nan}) {
    expect_error([&] { validate(GenerationConfig{.min_p = bad}); }, "`min_p`");
  }
  for (const double bad : {0.0, -1.0, 1e9, nan}) {
    expect_error([&] { validate(GenerationConfig{.repetition_penalty = bad}); },
                 "`repetition_penalty`");
    expect_error([&] { Sampler({.repetition_penalty = bad}, 1); }, "`repetition_penalty`");
  }
}

}  // namespace
}  // namespace gptkit
