// Beams of several prompts in one pass give what the search gives with the model's module alone.

#include "infer/beam_generator.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <random>

#include "infer_support.h"
#include "models/family.h"

namespace gptkit {
namespace {

using test::byte_tokenizer;
using test::expect_error;

constexpr int64_t kContext = 60;

/// A model of byte_tokenizer's tokens, and the same for decoding.
struct Served {
  std::shared_ptr<const Tokenizer> tokenizer = byte_tokenizer();
  GPT gpt = make_gpt(tokenizer->vocab_size());
  DecodingModel model{gpt->config(), layers_of(gpt), {.threads = 1, .most_rows = 7}};
  EngineOptions options{.ends = {3, 70, 110, 200}};

  static GPT make_gpt(int64_t vocabulary) {
    torch::manual_seed(4);
    GPT gpt(of_family("llama", {.vocab_size = vocabulary,
                                .context_length = kContext,
                                .n_layer = 2,
                                .n_head = 4,
                                .n_kv_head = 2,
                                .d_model = 16,
                                .d_ff = 24}));
    initialize_(gpt);
    torch::NoGradGuard no_grad;
    for (auto& parameter : gpt->parameters()) parameter.add_(torch::randn_like(parameter), 0.5);
    gpt->eval();
    return gpt;
  }

  std::vector<std::vector<Generation>> run(const std::vector<GenerationRequest>& requests) {
    return generate_beams(model, options, *tokenizer, requests);
  }
};

/// The search with whole sequences through the module.
std::vector<BeamResult> search_alone(Served& served, const GenerationRequest& request) {
  torch::InferenceMode inference;
  BeamSearch beams(request.config, request.prompt, [&](auto, TokenId next) {
    const auto& ends = served.options.ends;
    return std::find(ends.begin(), ends.end(), next) != ends.end();
  });
  while (!beams.finished()) {
    for (size_t i = 0; i < beams.live(); ++i) {
      const std::vector<int64_t> ids(beams.tokens(i).begin(), beams.tokens(i).end());
      const auto logits = served.gpt->forward(torch::tensor(ids, torch::kInt64).unsqueeze(0));
      const auto last = logits[0][-1].contiguous();  // (V)
      beams.score(i, {last.const_data_ptr<float>(), static_cast<size_t>(last.numel())});
    }
    beams.advance();
  }
  return beams.results();
}

TEST(BeamGenerator, GivesEachPromptWhatItGetsAlone) {
  Served served;
  std::mt19937 random(5);
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 6; ++i) {
    GenerationRequest request;
    request.config = {.max_new_tokens = 2 + i * 5, .num_beams = 1 + i % 4};
    request.config.num_return_sequences = request.config.num_beams;
    request.config.early_stopping = i % 2 ? EarlyStopping::kTrue : EarlyStopping::kNever;
    for (int n = 0; n < 1 + 5 * i; ++n)
      request.prompt.push_back(static_cast<TokenId>(random() % 257));
    requests.push_back(request);
  }
  const auto got = served.run(requests);
  ASSERT_EQ(got.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    const auto want = search_alone(served, requests[i]);
    ASSERT_EQ(got[i].size(), want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      auto tokens = want[k].tokens;
      if (want[k].ended) tokens.pop_back();
      EXPECT_EQ(got[i][k].token_ids, tokens);
      EXPECT_NEAR(*got[i][k].score, static_cast<double>(want[k].score), 1e-4);
      EXPECT_EQ(got[i][k].finish_reason,
                want[k].ended ? FinishReason::kStop : FinishReason::kLength);
      EXPECT_EQ(got[i][k].prompt_tokens, std::ssize(requests[i].prompt));
    }
  }
}

TEST(BeamGenerator, EndsAtStopTextsAndTheContext) {
  Served served;
  served.options.ends = {};
  const std::vector<TokenId> prompt(50, 'a');
  GenerationRequest request{prompt, {.max_new_tokens = 1000, .num_beams = 3}};
  const auto plain = served.run({request})[0][0];
  EXPECT_EQ(plain.finish_reason, FinishReason::kContext);
  EXPECT_EQ(std::ssize(plain.token_ids), kContext + 1 - 50);

  request.config.stop = {served.tokenizer->token_bytes(plain.token_ids[2])};
  request.config.num_return_sequences = 3;
  const auto stopped = served.run({request});
  for (const auto& text : stopped[0]) {
    EXPECT_EQ(text.text.find(request.config.stop[0]), std::string::npos);
    EXPECT_NE(text.finish_reason, FinishReason::kLength);
  }
}

TEST(BeamGenerator, RefusesWhatDoesNotFitAndRunsOthersOneAfterTheOther) {
  Served served;
  const int64_t page = served.model.layout().page_bytes();
  GenerationRequest request{{1, 2, 3}, {.max_new_tokens = 8, .num_beams = 4}};
  const auto want = served.run({request})[0][0].token_ids;
  served.options.cache_bytes = 4 * page;
  const std::vector<GenerationRequest> five(5, request);
  for (const auto& texts : served.run(five)) EXPECT_EQ(texts[0].token_ids, want);
  served.options.cache_bytes = 3 * page;
  expect_error([&] { served.run(five); }, "4 beams of 3 tokens and 8 new ones need");
  request.prompt.clear();
  expect_error([&] { served.run({request}); }, "the prompt is empty");
  request.prompt.resize(kContext + 1);
  expect_error([&] { served.run({request}); }, "the model's context holds 60");
  request.config.max_new_tokens = 0;
  EXPECT_TRUE(served.run({request})[0][0].token_ids.empty());
}

}  // namespace
}  // namespace gptkit
