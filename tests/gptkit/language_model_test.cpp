#include "gptkit/language_model.h"

#include <cmath>
#include <stdexcept>

#include "gptkit/perplexity.h"
#include "tiny.h"

namespace gptkit::api {
namespace {

using PublicLanguageModel = TinyModel;

TEST_F(PublicLanguageModel, StreamsWhatItReturns) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  EXPECT_EQ(loaded.context_length(), 32);
  EXPECT_GT(loaded.parameters(), 16 * 300);
  std::string streamed;
  const GenerationConfig config = {.max_new_tokens = 8, .ignore_end = true};
  const auto generation = loaded.generate("The lamp", config, [&](std::string_view piece) {
    streamed += piece;
    return true;
  });
  EXPECT_EQ(streamed, generation.text);
  EXPECT_EQ(generation.token_ids.size(), 8u);
  EXPECT_EQ(generation.finish_reason, FinishReason::kLength);
  EXPECT_EQ(loaded.generate("The lamp", config).token_ids, generation.token_ids);
}

TEST_F(PublicLanguageModel, ACallbackEndsTheGeneration) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  int pieces = 0;
  const auto generation = loaded.generate("The lamp", {.ignore_end = true}, [&](std::string_view) {
    ++pieces;
    return false;
  });
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(generation.finish_reason, FinishReason::kStop);
}

TEST_F(PublicLanguageModel, ACallbackThatThrowsLeavesTheModelUsable) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  const GenerationConfig config = {.max_new_tokens = 8, .ignore_end = true};
  const auto want = loaded.generate("The lamp", config);
  const auto thrown = [](std::string_view) -> bool { throw std::runtime_error("mine"); };
  EXPECT_THROW(loaded.generate("The lamp", config, thrown), std::runtime_error);
  EXPECT_EQ(loaded.generate("The lamp", config).token_ids, want.token_ids);
}

TEST_F(PublicLanguageModel, EarlierPromptsChangeNoText) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  const GenerationConfig config = {.max_new_tokens = 6, .ignore_end = true};
  std::string text = "The";
  for (int turn = 0; turn < 3; ++turn) {
    const auto fresh = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
    const auto answer = loaded.generate(text, config);
    EXPECT_EQ(answer.token_ids, fresh.generate(text, config).token_ids);
    text += answer.text;
  }
}

TEST_F(PublicLanguageModel, GreedyTextIsTheLargestLogit) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  const auto ids = loaded.tokenizer().encode("The lamp");
  const auto logits = loaded.logits(ids);
  EXPECT_EQ(logits.tokens, std::ssize(ids));
  EXPECT_EQ(logits.vocab_size, loaded.tokenizer().vocab_size());
  const auto last = logits.row(logits.tokens - 1);
  const auto best = std::max_element(last.begin(), last.end()) - last.begin();
  const auto greedy =
      loaded.generate("The lamp", {.max_new_tokens = 1, .temperature = 0, .ignore_end = true});
  EXPECT_EQ(greedy.token_ids, TokenIds{static_cast<TokenId>(best)});
}

TEST_F(PublicLanguageModel, ErrorsAreThePublicOnes) {
  expect_error([] { LanguageModel::load("/nowhere"); }, "/nowhere");
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  expect_error([&] { loaded.generate("The", {.top_p = 2}); }, "top_p");
  expect_error([&] { loaded.chat({{"user", "Hello"}}); }, "chat template");
  expect_error([&] { loaded.logits({}); }, "expected 1 to 32");
  expect_error([&] { loaded.logits(TokenIds{-1}); }, "outside the vocabulary");
  expect_error([&] { loaded.save(model()); }, model());
}

TEST_F(PublicLanguageModel, WhatIsSavedComesBack) {
  const auto loaded = LanguageModel::load(model(), {.device = "cpu", .threads = 1});
  loaded.save(folder / "saved");
  const auto again = LanguageModel::load((folder / "saved").string());
  const auto ids = loaded.tokenizer().encode("The lamp");
  EXPECT_EQ(again.logits(ids).values, loaded.logits(ids).values);
}

TEST_F(PublicLanguageModel, PerplexityIsTheExponentialOfTheLoss) {
  const auto measured = perplexity(model(), {folder / "text.txt"}, {.device = "cpu", .threads = 1});
  EXPECT_GT(measured.tokens, 100);
  EXPECT_DOUBLE_EQ(measured.perplexity, std::exp(measured.loss));
}

}  // namespace
}  // namespace gptkit::api
