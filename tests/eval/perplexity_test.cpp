#include "eval/perplexity.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "models/init.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

constexpr int64_t kContext = 8, kVocabulary = 13;

GPT tiny_model() {
  torch::manual_seed(1);
  GPT gpt(ModelConfig{.vocab_size = kVocabulary,
                      .context_length = kContext,
                      .n_layer = 2,
                      .n_head = 2,
                      .d_model = 12,
                      .init = Init::kTorch});
  initialize_(gpt);
  gpt->eval();
  return gpt;
}

std::vector<TokenId> some_tokens(int64_t count) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<TokenId>((i * i + 3 * i) % kVocabulary));
  return ids;
}

/// -log p(ids[t] | ids[from .. t-1]), one forward pass of its own.
double surprise(GPT gpt, const std::vector<TokenId>& ids, int64_t from, int64_t t) {
  const std::vector<int64_t> before(ids.begin() + from, ids.begin() + t);
  const auto logits = gpt(torch::tensor(before, torch::kInt64).unsqueeze(0))[0][-1];
  return -logits.log_softmax(-1)[ids[static_cast<size_t>(t)]].item<double>();
}

/// The same mean token by token: windows end at context, then every stride tokens.
double by_hand(GPT gpt, const std::vector<TokenId>& ids, int64_t context, int64_t stride) {
  double total = 0;
  const auto last = static_cast<int64_t>(ids.size()) - 1;
  for (int64_t t = 1; t <= last; ++t) {
    int64_t end = context;
    while (end < t) end += stride;
    total += surprise(gpt, ids, std::max<int64_t>(0, std::min(end, last) - context), t);
  }
  return total / static_cast<double>(last);
}

TEST(Perplexity, IsWhatOnePassPerTokenGives) {
  torch::NoGradGuard no_grad;
  auto gpt = tiny_model();
  for (const int64_t count : {2, 8, 9, 10, 16, 17, 23, 41}) {
    const auto ids = some_tokens(count);
    for (const int64_t context : {8, 5}) {
      for (const int64_t stride : {1, 3, 5}) {
        for (const int64_t batch : {1, 4}) {
          const auto got = measure_perplexity(
              gpt, TokenStream(ids), {.context = context, .stride = stride, .batch_size = batch});
          EXPECT_EQ(got.tokens, count - 1);
          // Float32 sums in another order.
          EXPECT_NEAR(got.loss, by_hand(gpt, ids, context, stride), 1e-5)
              << count << " tokens, context " << context << ", stride " << stride;
          EXPECT_DOUBLE_EQ(got.perplexity, std::exp(got.loss));
        }
      }
    }
  }
}

TEST(Perplexity, TheModelsContextWithoutOverlapIsTheDefault) {
  torch::NoGradGuard no_grad;
  auto gpt = tiny_model();
  const auto ids = some_tokens(30);
  EXPECT_NEAR(measure_perplexity(gpt, TokenStream(ids), {}).loss,
              by_hand(gpt, ids, kContext, kContext), 1e-5);
}

TEST(Perplexity, AModelThatKnowsNothingScoresItsVocabulary) {
  torch::NoGradGuard no_grad;
  auto gpt = tiny_model();
  for (auto parameter : gpt->parameters()) parameter.zero_();
  for (const int64_t stride : {1, 3, 8}) {
    // Exactly the vocabulary only if every token counts once.
    const auto got = measure_perplexity(gpt, TokenStream(some_tokens(29)), {.stride = stride});
    EXPECT_NEAR(got.perplexity, kVocabulary, 1e-4) << stride;
  }
}

TEST(Perplexity, TheTokenThatBeginsATextIsThereOnceAndNotPredicted) {
  torch::NoGradGuard no_grad;
  auto gpt = tiny_model();
  constexpr TokenId kBegin = 12, kEnd = 11;
  const std::vector<TokenId> text = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  auto begun = text;
  begun.insert(begun.begin(), kBegin);
  for (const int64_t stride : {3, 8}) {
    const PerplexityOptions options{.stride = stride, .begin = kBegin};
    const auto got = measure_perplexity(gpt, TokenStream(text), options);
    EXPECT_EQ(got.tokens, 10) << "the first one of the text, too";
    EXPECT_NEAR(got.loss, by_hand(gpt, begun, kContext, stride), 1e-5);
    EXPECT_EQ(measure_perplexity(gpt, TokenStream(begun), options).loss, got.loss);
  }
  EXPECT_EQ(
      measure_perplexity(gpt, TokenStream({std::vector<TokenId>{3}}), {.begin = kBegin}).tokens, 1);

  // Two texts: what ends the first is predicted, what begins the second is not.
  const std::vector<TokenId> two = {kBegin, 3, 1, kEnd, kBegin, 4, 1};
  double total = 0;
  for (const int64_t t : {1, 2, 3, 5, 6}) total += surprise(gpt, two, 0, t);
  const auto got = measure_perplexity(gpt, TokenStream(two), {.begin = kBegin});
  EXPECT_EQ(got.tokens, 5);
  EXPECT_NEAR(got.loss, total / 5, 1e-5);
  const std::vector<TokenId> one_role = {kEnd, 3, 1, kEnd, 4, 1};
  EXPECT_EQ(measure_perplexity(gpt, TokenStream(one_role), {.begin = kEnd, .begin_also_ends = true})
                .tokens,
            5);
}

TEST(Perplexity, RefusesAModelWhoseResultsOverflow) {
  torch::NoGradGuard no_grad;
  auto gpt = tiny_model();
  auto weight = gpt->block(0)->mlp()->up()->weight;
  weight.div_(weight.abs().max()).mul_(3e38);  // finite; its products are not
  expect_error([&] { measure_perplexity(gpt, TokenStream(some_tokens(9)), {.where = "a/model"}); },
               "a/model: its results are NaN or infinite");
}

TEST(Perplexity, RefusesWhatItCannotMeasure) {
  auto gpt = tiny_model();
  const auto refused = [&](int64_t tokens, const PerplexityOptions& options,
                           const std::string& part) {
    expect_error([&] { measure_perplexity(gpt, TokenStream(some_tokens(tokens)), options); }, part);
  };
  refused(9, {.context = 9}, "`context`: 9 is longer than the model's 8");
  refused(9, {.context = 4, .stride = 5}, "`stride`: 5 is longer than the window of 4");
  refused(1, {}, "the text has 1 token(s)");
  refused(0, {}, "the text has 0 token(s)");
  refused(9, {.context = -1}, "`context` -1");
  refused(9, {.stride = -1}, "`stride` -1");
  refused(9, {.batch_size = 0}, "`batch_size` 0");
}

}  // namespace
}  // namespace gptkit
