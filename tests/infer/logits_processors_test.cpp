#include "infer/logits_processors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "infer/candidates.h"
#include "infer/logprobs.h"
#include "infer/sampler.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(LogitBias, IsAddedToItsToken) {
  std::vector<float> logits{1, 2, 3};
  add_bias_(logits, token_biases({.logit_bias = {"2:-2.5", "0:4", "0:-1"}}));
  EXPECT_THAT(logits, ElementsAre(4, 2, 0.5f));
}

TEST(LogitBias, RefusesWhatIsNoBiasAndTokensThatDoNotExist) {
  for (const char* bad :
       {"", "5", ":1", "5:", "-1:2", "5:1:2", "5:101", "5:nan", "5: 1", "x:1", "99999999999:1"}) {
    expect_error([&] { validate(GenerationConfig{.logit_bias = {bad}}); }, "`logit_bias`");
  }
  Sampler sampler({.logit_bias = {"3:1"}}, 1);
  expect_error(
      [&] {
        sampler.next(std::vector<float>{1, 2, 3});
      },
      "`logit_bias`: token 3 is not in the model's vocabulary of 3 tokens");
}

TEST(RepetitionPenalty, LowersWhatWasSeenOnceWhateverItsSign) {
  std::vector<float> logits{3, -1, 1.6f, 0};
  penalize_repetition_(logits, std::vector<TokenId>{0, 0, 0, 1, 3}, 2);
  EXPECT_THAT(logits, ElementsAre(1.5f, -2, 1.6f, 0));
}

TEST(RepetitionPenalty, RefusesToOverflowButNotABannedToken) {
  std::vector<float> logits{-3e38f, -kInfinity, 0};
  penalize_repetition_(logits, std::vector<TokenId>{1}, 2);
  EXPECT_EQ(logits[1], -kInfinity);
  expect_error([&] { penalize_repetition_(logits, std::vector<TokenId>{0}, 2); },
               "`repetition_penalty`: 2 makes the logits overflow");
}

TEST(CountPenalties, CountGeneratedTokensAlone) {
  const GenerationConfig config{.presence_penalty = 0.5, .frequency_penalty = 0.25};
  const std::vector<TokenId> tokens{0, 0, 1, 2, 1};
  std::vector<float> logits{1, 1, 1, 1};
  LogitsProcessors(config).process_(logits, {tokens, /*prompt_tokens=*/2});
  EXPECT_THAT(logits, ElementsAre(1, 0, 0.25f, 1));
}

TEST(Logprobs, AreThoseOfASoftmax) {
  const std::vector<float> logits{std::log(0.2f), std::log(0.5f), std::log(0.1f), std::log(0.2f)};
  const auto [chosen, likeliest] = step_logprobs(logits, 2, 3);
  EXPECT_EQ(chosen.id, 2);
  EXPECT_NEAR(chosen.logprob, std::log(0.1), 1e-6);
  std::vector<TokenId> ids;
  for (const auto& token : likeliest) ids.push_back(token.id);
  EXPECT_THAT(ids, ElementsAre(1, 0, 3));
  EXPECT_NEAR(likeliest[0].logprob, std::log(0.5), 1e-6);
  EXPECT_EQ(step_logprobs(logits, 2, 1000).likeliest.size(), 4u) << "the whole vocabulary";
}

TEST(NoRepeatNgram, BansWhatWouldRepeatOne) {
  const std::vector<TokenId> seen{1, 2, 3, 1, 2};
  const auto banned = [&](size_t n) {
    std::vector<float> logits{9, 9, 9, 9};
    ban_repeated_ngrams_(logits, seen, n);
    std::vector<size_t> ids;
    for (size_t i = 0; i < 4; ++i) {
      if (logits[i] == -kInfinity) ids.push_back(i);
    }
    return ids;
  };
  EXPECT_THAT(banned(0), ElementsAre());
  EXPECT_THAT(banned(1), ElementsAre(1, 2, 3));
  EXPECT_THAT(banned(2), ElementsAre(3));
  EXPECT_THAT(banned(3), ElementsAre(3));
  EXPECT_THAT(banned(4), ElementsAre());
  EXPECT_THAT(banned(1000), ElementsAre());
}

TEST(NoRepeatNgram, BansNoneWhereNoTokenWouldBeLeft) {
  std::vector<float> logits{1, 2, -kInfinity};
  ban_repeated_ngrams_(logits, std::vector<TokenId>{0, 1, 1, 0}, 1);
  EXPECT_THAT(logits, ElementsAre(1, 2, -kInfinity));
}

/// The settings of a golden case.
GenerationConfig config_of(const Json& settings) {
  GenerationConfig config{.temperature = settings.value("temperature", 1.0),
                          .top_k = settings.at("top_k"),
                          .top_p = settings.value("top_p", 1.0),
                          .min_p = settings.value("min_p", 0.0),
                          .typical_p = settings.value("typical_p", 1.0),
                          .repetition_penalty = settings.value("repetition_penalty", 1.0),
                          .no_repeat_ngram_size = settings.value("no_repeat_ngram_size", 0)};
  for (const auto& entry : settings.value("logit_bias", Json::array())) {
    config.logit_bias.push_back(concat(entry[0], ":", entry[1]));
  }
  return config;
}

/// Tokens that are left, as (logit of the model, probability), sorted: which of equals stay is
/// undefined in transformers.
std::pair<std::vector<float>, std::vector<float>> left(const std::vector<float>& logits,
                                                       const std::vector<size_t>& ids,
                                                       const std::vector<float>& probabilities) {
  std::vector<std::pair<float, float>> tokens;
  for (size_t i = 0; i < ids.size(); ++i) tokens.emplace_back(logits[ids[i]], probabilities[i]);
  std::sort(tokens.begin(), tokens.end());
  std::pair<std::vector<float>, std::vector<float>> columns;
  for (const auto& [logit, probability] : tokens) {
    columns.first.push_back(logit);
    columns.second.push_back(probability);
  }
  return columns;
}

TEST(LogitsProcessors, LeaveWhatThoseOfTransformersLeave) {
  const auto file = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/logits_processors.json";
  const auto cases = parse_json(read_file(file), file.string());
  ASSERT_GE(cases.size(), 50u);
  for (const auto& golden : cases) {
    SCOPED_TRACE(golden.at("settings").dump());
    const auto logits = golden.at("logits").get<std::vector<float>>();
    const auto history = golden.at("history").get<std::vector<TokenId>>();
    Sampler sampler(config_of(golden.at("settings")), 1);
    const auto& candidates = sampler.candidates(logits, {history, history.size()});
    std::vector<size_t> ids;
    std::vector<float> probabilities;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (candidates.logits[i] == -kInfinity) continue;
      ids.push_back(static_cast<size_t>(candidates.ids[i]));
      probabilities.push_back(candidates.probability(i));
    }
    const auto got = left(logits, ids, probabilities);
    const auto want = left(logits, golden.at("kept"), golden.at("probabilities"));
    EXPECT_EQ(got.first, want.first);
    // The file has four digits.
    EXPECT_THAT(got.second, testing::Pointwise(testing::FloatNear(6e-5f), want.second));
  }
}

}  // namespace
}  // namespace gptkit
