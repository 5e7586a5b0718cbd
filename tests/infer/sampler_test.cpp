#include "infer/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/multinomial.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "support/laws.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

const std::vector<float> kLogits{1.0, 3.0, 2.0, -1.0, 2.5};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

torch::Tensor tensor(const std::vector<float>& values) {
  return torch::tensor(values, torch::kFloat32);
}

/// The probabilities of all tokens.
std::vector<float> distribution(const std::vector<float>& logits, const GenerationConfig& config) {
  Candidates candidates;
  find_candidates(logits, config, candidates);
  std::vector<float> all(logits.size(), 0.0f);
  for (size_t i = 0; i < candidates.size(); ++i) {
    all[static_cast<size_t>(candidates.ids[i])] = candidates.probability(i);
  }
  return all;
}

/// The tokens that survive the filters.
std::set<int64_t> kept(const std::vector<float>& logits, const GenerationConfig& config) {
  Candidates candidates;
  find_candidates(logits, config, candidates);
  return {candidates.ids.begin(), candidates.ids.end()};
}

std::vector<TokenId> draws(const GenerationConfig& config, uint64_t seed, int count = 50) {
  Sampler sampler(config, seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(sampler.next(kLogits));
  return tokens;
}

TEST(Sampler, TemperatureZeroTakesTheLikeliest) {
  EXPECT_EQ(draws({.temperature = 0}, 1), std::vector<TokenId>(50, 1));
  EXPECT_EQ(Sampler({}, 1).next(std::vector<float>{2, 2}), 0) << "of equals the first";
  std::vector<float> many(1000, -5);
  for (const size_t best : {size_t{0}, size_t{255}, size_t{256}, size_t{511}, size_t{999}}) {
    many[best] = 7;
    EXPECT_EQ(Sampler({}, 1).next(many), static_cast<TokenId>(best));
    many[best] = -5;
  }
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
  const auto flat = distribution(kLogits, {.temperature = 1e6});
  EXPECT_THAT(flat, testing::Each(testing::FloatNear(0.2f, 1e-5f)));
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
  const auto want = tensor(kLogits).softmax(-1);
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
  const std::vector<float> logits{std::log(0.3f), std::log(0.5f), std::log(0.2f)};
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.49}), (std::set<int64_t>{1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.51}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.79}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 0.81}).size(), 3u);
  EXPECT_EQ(kept(logits, {.temperature = 1, .top_p = 1}).size(), 3u);
}

TEST(Filters, MinPIsAShareOfTheLikeliestsProbability) {
  const std::vector<float> logits{std::log(0.3f), std::log(0.5f), std::log(0.2f)};
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.61}), (std::set<int64_t>{1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.59}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .min_p = 0.39}).size(), 3u);
}

TEST(Filters, TypicalKeepsWhatIsNearTheEntropy) {
  // Entropy 1.03; the distances of -log p from it are 0.34, 0.18 and 0.58.
  const std::vector<float> logits{std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  EXPECT_EQ(kept(logits, {.temperature = 1, .typical_p = 0.29}), (std::set<int64_t>{1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .typical_p = 0.31}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(kept(logits, {.temperature = 1, .typical_p = 0.81}).size(), 3u);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbersOrLeaveNoToken) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temperature : {0.0, 1.0}) {
    Sampler sampler({.temperature = temperature}, 1);
    for (const float bad : {nan, kInfinity}) {
      for (const size_t place : {size_t{0}, size_t{17}, size_t{299}}) {
        std::vector<float> logits(300, 1.0f);
        logits[place] = bad;
        expect_error([&] { sampler.next(logits); }, "NaN or infinite");
      }
    }
    expect_error([&] { sampler.next(std::vector<float>(20, -kInfinity)); }, "no token");
    std::vector<float> one(20, -kInfinity);
    one[13] = -3e38f;
    EXPECT_EQ(sampler.next(one), 13);
  }
}

/// Random logits: of any size and spread, with ties and banned tokens.
std::vector<float> any_logits() {
  const auto size = *rc::gen::inRange(1, 400);
  const auto spread = *rc::gen::elementOf(std::vector<float>{0, 1e-6f, 0.1f, 1, 10, 1e30f});
  auto logits = *rc::gen::container<std::vector<float>>(
      static_cast<size_t>(size), rc::gen::map(rc::gen::inRange(-50, 50), [=](int x) {
        return x == 49 ? -kInfinity : static_cast<float>(x) / 10 * spread;
      }));
  logits[0] = std::max(logits[0], -1e30f);
  return logits;
}

GenerationConfig any_filters() {
  const auto one_of = [](std::vector<double> values) { return *rc::gen::elementOf(values); };
  return {.temperature = one_of({1e-9, 0.1, 1, 10, 1e6}),
          .top_k = static_cast<int64_t>(one_of({0, 1, 2, 7, 50, 1000})),
          .top_p = one_of({1e-300, 1e-12, 0.3, 0.9, 0.999999, 1}),
          .min_p = one_of({0, 1e-12, 0.1, 0.5, 1}),
          .typical_p = one_of({1e-300, 0.01, 0.5, 0.99, 1})};
}

RC_GTEST_PROP(FilterLaws, LeaveATokenAndProbabilitiesThatSumToOne, ()) {
  const auto logits = any_logits();
  const auto config = any_filters();
  validate(config);
  const auto probabilities = distribution(logits, config);
  double total = 0;
  for (const float p : probabilities) total += static_cast<double>(p);
  RC_ASSERT(std::abs(total - 1) < 1e-5);
  for (size_t i = 0; i < logits.size(); ++i) {
    RC_ASSERT(logits[i] > -kInfinity || probabilities[i] == 0.0f);
  }
  const auto drawn = Sampler(config, *rc::gen::arbitrary<uint32_t>()).next(logits);
  RC_ASSERT(probabilities[static_cast<size_t>(drawn)] > 0.0f);
}

RC_GTEST_PROP(FilterLaws, TopKIsWhatAFullSortGives, ()) {
  const auto logits = any_logits();
  const auto k = static_cast<size_t>(*rc::gen::inRange(1, 450));
  auto sorted = logits;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  std::set<int64_t> want;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= sorted[std::min(k, sorted.size()) - 1]) want.insert(static_cast<int64_t>(i));
  }
  RC_ASSERT(kept(logits, {.temperature = 1, .top_k = static_cast<int64_t>(k)}) == want);
}

RC_GTEST_PROP(FilterLaws, TopPIsWhatAFullSortGives, ()) {
  const auto logits = any_logits();
  const auto p = *rc::gen::elementOf(std::vector<double>{0.001, 0.25, 0.6, 0.93, 0.9999});
  Candidates all;
  take_top_k(logits, 0, 1, all);
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  std::set<int64_t> want;
  double before = 0;
  for (const size_t i : order) {
    if (before < p * all.total) want.insert(static_cast<int64_t>(i));
    // A sum this near to the limit may fall on either side of it.
    RC_PRE(std::abs(before - p * all.total) > 1e-9 * all.total);
    before += static_cast<double>(all.weights[i]);
  }
  RC_ASSERT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = p}) == want);
}

RC_GTEST_PROP(SamplerLaws, DrawWhatMultinomialDraws, ()) {
  const auto logits = any_logits();
  const auto config = any_filters();
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  Sampler sampler(config, seed);
  const auto probabilities = tensor(distribution(logits, config));
  auto generator = at::detail::createCPUGenerator(seed);
  for (int i = 0; i < 5; ++i) {
    const auto want = at::multinomial(probabilities, 1, /*replacement=*/false, generator);
    RC_ASSERT(sampler.next(logits) == want.item<int64_t>());
  }
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
  for (const double bad : {0.0, 1.5, nan}) {
    expect_error([&] { validate(GenerationConfig{.typical_p = bad}); }, "`typical_p`");
  }
  for (const double bad : {-2.5, 3.0, nan, infinity}) {
    expect_error([&] { validate(GenerationConfig{.presence_penalty = bad}); }, "`presence_pe");
    expect_error([&] { validate(GenerationConfig{.frequency_penalty = bad}); }, "`frequency_pe");
  }
  expect_error([] { validate(GenerationConfig{.no_repeat_ngram_size = -1}); }, "`no_repeat_ngr");
  expect_error([] { validate(GenerationConfig{.logprobs = -1}, "x"); }, "`x.logprobs`: -1");
  for (const double bad : {-11.0, 11.0, nan}) {
    expect_error([&] { validate(GenerationConfig{.length_penalty = bad}); }, "`length_penalty`");
  }
}

TEST(GenerationConfig, RefusesWhatDoesNotGoWithBeams) {
  validate(GenerationConfig{.num_beams = 4, .num_return_sequences = 4});
  expect_error([] { validate(GenerationConfig{.num_beams = 0}); }, "`num_beams`: 0");
  expect_error([] { validate(GenerationConfig{.temperature = 1, .num_beams = 2}); },
               "`num_beams`: 2 beams cannot be drawn; expected `temperature` 0");
  expect_error([] { validate(GenerationConfig{.num_beams = 2, .num_return_sequences = 3}); },
               "`num_return_sequences`: 3 is out of range; expected at most `num_beams` (2)");
  expect_error([] { validate(GenerationConfig{.num_beams = 2, .logprobs = 1}); }, "`logprobs`");
  expect_error([] { validate_for_one(GenerationConfig{.num_beams = 2}, "sample"); },
               "`sample.num_beams`: 2 is out of range");
  expect_error([] { validate_for_one(GenerationConfig{.logprobs = 2}, "sample"); },
               "`sample.logprobs`: 2 is out of range");
}

}  // namespace
}  // namespace gptkit
