#include "infer/beam_search.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/files.h"
#include "base/json.h"
#include "formats/shards.h"
#include "models/gpt.h"
#include "support/support.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/tensor_files.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

fs::path golden(const std::string& name) {
  return fs::path(GPTKIT_SOURCE_DIR) / "tests/golden" / name;
}

GPT gpt2_tiny() {
  const auto where = (golden("gpt2-tiny") / "config.json").string();
  GPT model(config_from_json(parse_json(read_file(where), where), where));
  load_from_hugging_face(model, open_tensors(shards(golden("gpt2-tiny"), "model.safetensors")));
  model->eval();
  return model;
}

BeamSearch::Ends ends_at(std::vector<TokenId> ids) {
  return [ids](std::span<const TokenId>, TokenId next) {
    return std::find(ids.begin(), ids.end(), next) != ids.end();
  };
}

/// Logits (V) behind a sequence.
using Model = std::function<std::vector<float>(const std::vector<TokenId>& tokens)>;

/// Runs a search to its end. The sequences follow from the steps alone.
std::vector<BeamResult> search(const Model& model, const GenerationConfig& config,
                               const std::vector<TokenId>& prompt, const BeamSearch::Ends& ends) {
  BeamSearch beams(config, prompt, ends);
  std::vector<std::vector<TokenId>> sequences{prompt};
  while (!beams.finished()) {
    EXPECT_EQ(beams.live(), sequences.size());
    for (size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_THAT(beams.tokens(i), testing::ElementsAreArray(sequences[i]));
      beams.score(i, model(sequences[i]));
    }
    const auto steps = beams.advance();
    EXPECT_EQ(steps.empty(), beams.finished());
    std::vector<std::vector<TokenId>> next;
    for (const auto& [parent, token] : steps) {
      next.push_back(sequences.at(parent));
      next.back().push_back(token);
    }
    sequences = std::move(next);
  }
  return beams.results();
}

GenerationConfig config_of(const Json& settings) {
  GenerationConfig config{.max_new_tokens = settings.at("max_new_tokens"),
                          .repetition_penalty = settings.value("repetition_penalty", 1.0),
                          .no_repeat_ngram_size = settings.value("no_repeat_ngram_size", 0),
                          .num_beams = settings.at("num_beams"),
                          .length_penalty = settings.at("length_penalty"),
                          .num_return_sequences = settings.at("num_return_sequences")};
  const auto& stopping = settings.at("early_stopping");
  config.early_stopping = stopping == "never" ? EarlyStopping::kNever
                          : stopping == true  ? EarlyStopping::kTrue
                                              : EarlyStopping::kFalse;
  return config;
}

TEST(BeamSearch, FindsTheTextsAndScoresOfTransformers) {
  const auto cases = parse_json(read_file(golden("beam_search.json")), "beam_search.json");
  ASSERT_GE(cases.size(), 100u);
  auto gpt = gpt2_tiny();
  torch::InferenceMode inference;
  const Model model = [&](const std::vector<TokenId>& tokens) {
    const std::vector<int64_t> ids(tokens.begin(), tokens.end());
    const auto logits = gpt->forward(torch::tensor(ids, torch::kInt64).unsqueeze(0))[0][-1];  // (V)
    return std::vector<float>(logits.const_data_ptr<float>(),
                              logits.const_data_ptr<float>() + logits.numel());
  };
  for (const auto& golden_case : cases) {
    SCOPED_TRACE(golden_case.dump());
    const auto ends = golden_case.at("ends").get<std::vector<TokenId>>();
    const auto results = search(model, config_of(golden_case.at("settings")),
                                golden_case.at("prompt"), ends_at(ends));
    const auto& texts = golden_case.at("texts");
    ASSERT_EQ(results.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(results[i].tokens, texts[i].at("tokens").get<std::vector<TokenId>>());
      const auto want = texts[i].at("score").get<float>();
      EXPECT_NEAR(results[i].score, want, 2e-5f * std::max(1.0f, std::abs(want)));
      EXPECT_EQ(results[i].ended, ends_at(ends)({}, results[i].tokens.back()));
    }
  }
}

/// A model whose probabilities are a table of the last token.
Model table_model(const std::map<TokenId, std::vector<float>>& probabilities) {
  return [probabilities](const std::vector<TokenId>& tokens) {
    auto logits = probabilities.at(tokens.back());
    for (float& logit : logits) logit = std::log(logit);
    return logits;
  };
}

TEST(BeamSearch, FindsWhatGreedyDecodingMisses) {
  // Greedy takes 0 (0.6), behind which all is unlikely; 1, 1 has 0.4 * 0.9.
  const auto model =
      table_model({{2, {0.6f, 0.4f, 0}}, {0, {0.3f, 0.35f, 0.35f}}, {1, {0.05f, 0.9f, 0.05f}}});
  const auto best = search(model, {.max_new_tokens = 2, .num_beams = 2}, {2}, ends_at({}));
  ASSERT_EQ(best.size(), 1u);
  EXPECT_THAT(best[0].tokens, ElementsAre(1, 1));
  EXPECT_NEAR(best[0].score, std::log(0.36f) / 2, 1e-6);
  EXPECT_FALSE(best[0].ended);
}

TEST(BeamSearch, OfOneBeamIsGreedyDecoding) {
  const auto model =
      table_model({{2, {0.6f, 0.4f, 0}}, {0, {0.3f, 0.5f, 0.2f}}, {1, {0.05f, 0.05f, 0.9f}}});
  EXPECT_THAT(search(model, {.max_new_tokens = 3}, {2}, ends_at({})).at(0).tokens,
              ElementsAre(0, 1, 2));
}

TEST(BeamSearch, GivesFewerTextsWhereFewTokensMayBeChosen) {
  // Only token 0 may follow, then only the end, 1.
  const auto model = table_model({{2, {1, 0, 0}}, {0, {0, 1, 0}}});
  const auto results = search(
      model, {.max_new_tokens = 9, .num_beams = 3, .num_return_sequences = 3}, {2}, ends_at({1}));
  ASSERT_EQ(results.size(), 1u);
  EXPECT_THAT(results[0].tokens, ElementsAre(0, 1));
  EXPECT_TRUE(results[0].ended);
}

TEST(BeamSearch, GoesOnWithNumBeamsHoweverManyTokensEndATexts) {
  const GenerationConfig config{
      .max_new_tokens = 3, .num_beams = 2, .early_stopping = EarlyStopping::kNever};
  BeamSearch beams(config, std::vector<TokenId>{0}, [](auto, TokenId next) { return next < 90; });
  std::vector<float> logits(100);
  for (size_t i = 0; i < 100; ++i) logits[i] = -static_cast<float>(i) / 50;
  beams.score(0, logits);
  EXPECT_THAT(beams.advance(), ElementsAre(BeamStep{0, 90}, BeamStep{0, 91}));
}

TEST(BeamSearch, RefusesLogitsThatAreNoNumbers) {
  BeamSearch beams({.num_beams = 2}, std::vector<TokenId>{0}, ends_at({}));
  const std::vector<float> bad{1, std::nanf(""), 2};
  test::expect_error([&] { beams.score(0, bad); }, "NaN");
}

}  // namespace
}  // namespace gptkit
