#include "infer/generator.h"

#include <algorithm>
#include <random>
#include <set>

#include "infer_support.h"

namespace gptkit {
namespace {

using test::byte_tokenizer;
using test::expect_error;
using test::letters;
using test::random_model;
using test::scripted_model;

std::vector<TokenId> bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()),
          reinterpret_cast<const unsigned char*>(text.data()) + text.size()};
}

struct Streamed {
  Generation result;
  std::vector<std::string> pieces;
  std::string joined() const {
    std::string text;
    for (const auto& piece : pieces) text += piece;
    return text;
  }
};

Streamed stream(const LanguageModel& model, const GenerationConfig& config,
                std::vector<TokenId> prompt = {0}) {
  Streamed out;
  out.result = generate(model, prompt, config, [&](std::string_view piece) {
    out.pieces.emplace_back(piece);
    return true;
  });
  EXPECT_EQ(out.joined(), out.result.text) << "the pieces are the text";
  return out;
}

/// What a model that says these bytes one by one streams.
Streamed stream_bytes(const std::string& text, std::vector<std::string> stop = {}) {
  return stream(scripted_model(byte_tokenizer(), bytes_of(text)),
                {.max_new_tokens = static_cast<int64_t>(text.size()), .stop = std::move(stop)});
}

TEST(Generate, ReportsTheModelsOwnLogProbabilities) {
  const auto model = scripted_model(byte_tokenizer(), bytes_of("abc"));
  const auto plain = stream(model, {.max_new_tokens = 3, .logprobs = 2}).result;
  ASSERT_EQ(plain.logprobs.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const auto& [chosen, likeliest] = plain.logprobs[i];
    EXPECT_EQ(chosen.id, plain.token_ids[i]);
    ASSERT_EQ(likeliest.size(), 2u);
    EXPECT_EQ(likeliest[0].id, chosen.id);
    EXPECT_EQ(likeliest[0].logprob, chosen.logprob);
    EXPECT_EQ(likeliest[1].id, 0) << "the first of many equals";
    EXPECT_LT(likeliest[1].logprob, chosen.logprob);
  }
  const auto pushed = stream(model, {.max_new_tokens = 3, .logit_bias = {"7:100"}, .logprobs = 1});
  EXPECT_EQ(pushed.result.token_ids, (std::vector<TokenId>{7, 7, 7}));
  EXPECT_NEAR(pushed.result.logprobs[0].chosen.logprob, plain.logprobs[0].likeliest[1].logprob,
              1e-9)
      << "before the bias";
  EXPECT_TRUE(stream(model, {.max_new_tokens = 3}).result.logprobs.empty());
}

TEST(Generate, NeverRepeatsANgramOfPromptOrText) {
  const auto model = scripted_model(byte_tokenizer(), bytes_of("abababab"));
  const auto ids = stream(model, {.max_new_tokens = 8, .no_repeat_ngram_size = 1}).result.token_ids;
  EXPECT_EQ(std::set<TokenId>(ids.begin(), ids.end()).size(), 8u);
  EXPECT_FALSE(std::ranges::count(ids, 0)) << "the prompt's token";
}

TEST(Generate, RefusesAModelWhoseResultsOverflow) {
  auto model = random_model(letters());
  model.where = "a/model";
  {
    torch::NoGradGuard no_grad;
    auto weight = model.gpt->block(0)->mlp()->up()->weight;
    weight.div_(weight.abs().max()).mul_(3e38);  // finite; its products are not
  }
  for (const double temperature : {0.0, 1.0}) {
    std::string said;
    expect_error(
        [&] {
          generate(model, model.tokenizer->encode("hello"), {.temperature = temperature},
                   [&](std::string_view piece) {
                     said += piece;
                     return true;
                   });
        },
        "a/model: its results are NaN or infinite: the weights are finite, but too large");
    EXPECT_EQ(said, "");
  }
}

TEST(Generate, ARepetitionPenaltyThatOverflowsIsNamed) {
  const auto model = random_model(letters());
  expect_error(
      [&] {
        generate(model, std::vector<TokenId>{1, 2, 3}, {.repetition_penalty = 1e-44});
      },
      "`repetition_penalty`: 1");
}

TEST(Generate, ThroughTheCacheIsWhatOnePassPerTokenGives) {
  const auto model = random_model(letters());
  auto gpt = model.gpt;
  for (const char* prompt : {"a", "hello", "zyx wv."}) {
    auto want = model.tokenizer->encode(prompt);
    const auto prompt_tokens = want.size();
    {
      torch::NoGradGuard no_grad;
      while (want.size() < 12) {
        const auto ids =
            torch::tensor(std::vector<int64_t>(want.begin(), want.end()), torch::kInt64);
        want.push_back(static_cast<TokenId>(gpt(ids.unsqueeze(0))[0][-1].argmax().item<int64_t>()));
      }
    }
    want.erase(want.begin(), want.begin() + static_cast<int64_t>(prompt_tokens));
    const auto result =
        generate(model, model.tokenizer->encode(prompt),
                 {.max_new_tokens = static_cast<int64_t>(want.size()), .ignore_end = true});
    EXPECT_EQ(result.token_ids, want) << prompt;
    EXPECT_EQ(result.text, model.tokenizer->decode(want));
    EXPECT_EQ(result.prompt_tokens, static_cast<int64_t>(prompt_tokens));
  }
}

TEST(Generate, APromptMayFillTheContextButNotExceedIt) {
  const auto model = random_model(letters(), /*context=*/8);
  const auto generated = [&](size_t prompt_tokens, int64_t most) {
    return generate(model, std::vector<TokenId>(prompt_tokens, 3),
                    {.max_new_tokens = most, .ignore_end = true});
  };
  for (const auto& [prompt_tokens, room] : {std::pair{1, 8}, std::pair{7, 2}, std::pair{8, 1}}) {
    // The full context predicts one token more, which nothing can follow.
    const auto all = generated(static_cast<size_t>(prompt_tokens), 100);
    EXPECT_EQ(static_cast<int>(all.token_ids.size()), room);
    EXPECT_EQ(all.finish_reason, FinishReason::kContext);
    const auto exact = generated(static_cast<size_t>(prompt_tokens), room);
    EXPECT_EQ(exact.token_ids, all.token_ids);
    EXPECT_EQ(exact.finish_reason, FinishReason::kLength);
  }
  for (const size_t too_long : {size_t{9}, size_t{80}}) {
    for (const int64_t most : {0, 1}) {
      expect_error([&] { generated(too_long, most); },
                   concat("the prompt has ", too_long, " tokens and the model's context holds 8"));
    }
  }
  expect_error([&] { generated(0, 1); }, "the prompt is empty");
}

TEST(Generate, NoneOrOneNewToken) {
  const auto model = random_model(letters());
  const auto none = stream(model, {.max_new_tokens = 0});
  EXPECT_TRUE(none.result.token_ids.empty());
  EXPECT_EQ(none.result.finish_reason, FinishReason::kLength);
  EXPECT_EQ(none.pieces.size(), 0u);
  EXPECT_EQ(none.result.tokens_per_second(), 0);
  const auto one = stream(model, {.max_new_tokens = 1, .ignore_end = true});
  EXPECT_EQ(one.result.token_ids.size(), 1u);
  EXPECT_EQ(one.result.finish_reason, FinishReason::kLength);
}

TEST(Generate, AHugeLimitAllocatesNoMoreThanTheContext) {
  const auto model = random_model(letters());
  const auto result = generate(model, std::vector<TokenId>{1},
                               {.max_new_tokens = int64_t{1} << 31, .ignore_end = true});
  EXPECT_EQ(result.token_ids.size(), 12u);
}

TEST(Generate, RefusesLimitsAndStopsOutOfRange) {
  expect_error([] { validate(GenerationConfig{.max_new_tokens = -1}); }, "`max_new_tokens`: -1");
  expect_error([] { validate(GenerationConfig{.max_new_tokens = int64_t{1} << 40}); },
               "max_new_tokens");
  expect_error([] { validate(GenerationConfig{.stop = {"a", ""}}); }, "stop");
  expect_error([] { validate(GenerationConfig{.top_k = -1}); }, "`top_k`");
}

TEST(Generate, EndOfTextEndsItAndIsNotPartOfIt) {
  const auto tokenizer = byte_tokenizer();
  auto script = bytes_of("ab.cd");
  script[2] = *tokenizer->end_of_text();
  const auto model = scripted_model(tokenizer, script);
  const auto ended = stream(model, {.max_new_tokens = 5});
  EXPECT_EQ(ended.result.text, "ab");
  EXPECT_EQ(ended.result.token_ids, bytes_of("ab"));
  EXPECT_EQ(ended.result.finish_reason, FinishReason::kStop);
  const auto ignored = stream(model, {.max_new_tokens = 5, .ignore_end = true});
  EXPECT_EQ(ignored.result.text, "ab<|endoftext|>cd");
  EXPECT_EQ(ignored.result.finish_reason, FinishReason::kLength);
  // End-of-text in the prompt ends nothing; as the very first new token it does.
  EXPECT_EQ(stream(model, {.max_new_tokens = 5}, {*tokenizer->end_of_text()}).result.text, "ab");
  const auto at_once = stream(model, {.max_new_tokens = 5}, {'x', 'y', 'z'});
  EXPECT_EQ(at_once.result.text, "");
  EXPECT_EQ(at_once.result.finish_reason, FinishReason::kStop);
}

TEST(Generate, ARowOfTheModelWithoutATokenEndsIt) {
  const auto tokenizer = byte_tokenizer();
  auto script = bytes_of("abcd");
  script[1] = static_cast<TokenId>(tokenizer->vocab_size() + 2);
  const auto model = scripted_model(tokenizer, script, /*extra_vocabulary=*/7);
  const auto ended = stream(model, {.max_new_tokens = 4, .ignore_end = true});
  EXPECT_EQ(ended.result.text, "a");
  EXPECT_EQ(ended.result.finish_reason, FinishReason::kStop);
}

TEST(Generate, AStopTextAcrossTokensIsNeverShown) {
  const auto out = stream_bytes("hello ENDless", {"END"});
  EXPECT_EQ(out.result.text, "hello ");
  EXPECT_EQ(out.result.finish_reason, FinishReason::kStop);
  for (const auto& piece : out.pieces) EXPECT_THAT(piece, testing::Not(testing::HasSubstr("E")));
}

TEST(Generate, TextThatOnlyBeginsLikeAStopTextIsShown) {
  const auto out = stream_bytes("ENough, THE EN", {"END"});
  EXPECT_EQ(out.result.text, "ENough, THE EN") << "what was held back comes at the end";
  EXPECT_EQ(out.result.finish_reason, FinishReason::kLength);
  EXPECT_EQ(out.pieces.front(), "ENo");
}

TEST(Generate, AStopTextMayOverlapItsOwnBeginning) {
  EXPECT_EQ(stream_bytes("xaaab.", {"aab"}).result.text, "xa");
  EXPECT_EQ(stream_bytes("ababac.", {"abac"}).result.text, "ab");
  EXPECT_EQ(stream_bytes("1ab2", {"abc", "b2"}).result.text, "1a");
}

TEST(Generate, TheFirstOfSeveralStopTextsCounts) {
  // One token completes both: what comes first in the text ends it, whatever the list's order.
  const auto model = scripted_model(byte_tokenizer({"ab"}), {'x', 256, 'y'});
  EXPECT_EQ(stream(model, {.max_new_tokens = 3, .stop = {"b", "a"}}).result.text, "x");
  EXPECT_EQ(stream(model, {.max_new_tokens = 3, .stop = {"a", "b"}}).result.text, "x");
  EXPECT_EQ(stream(model, {.max_new_tokens = 3, .stop = {"b"}}).result.text, "xa");
}

TEST(Generate, AStopTextOfSeveralBytesPerCharacter) {
  EXPECT_EQ(stream_bytes("né\xE2\x82\xAC!", {"€"}).result.text, "né");
  EXPECT_EQ(stream_bytes("n\xE2\x82\xAD!", {"€"}).result.text, "n\xE2\x82\xAD!");
}

TEST(Generate, AReceiverThatWantsNoMoreIsNotCalledAgain) {
  const auto model = scripted_model(byte_tokenizer({"bE"}), {'a', 256, 'N', 'x', 'y', 'z'});
  int calls = 0;
  const auto result =
      generate(model, std::vector<TokenId>{0}, {.max_new_tokens = 6, .stop = {"EN?"}},
               [&](std::string_view) { return ++calls < 2; });
  EXPECT_EQ(calls, 2) << "`a`, then `b`, while `E` is still held back";
  EXPECT_EQ(result.token_ids.size(), 2u);
  EXPECT_EQ(result.finish_reason, FinishReason::kStop);
}

bool ends_inside_a_character(const std::string& text) { return incomplete_utf8_suffix(text) > 0; }

std::string utf8(uint32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

TEST(Generate, StreamsWholeCharactersOnly) {
  std::mt19937 random(5);
  for (int round = 0; round < 10; ++round) {
    std::string text;
    size_t characters = 0;
    for (; characters < 40; ++characters) {
      const uint32_t limits[] = {0x80, 0x800, 0xD800, 0x110000}, lows[] = {1, 0x80, 0x800, 0x10000};
      const auto kind = random() % 4;
      text += utf8(lows[kind] + static_cast<uint32_t>(random() % (limits[kind] - lows[kind])));
    }
    const auto out = stream_bytes(text);
    EXPECT_EQ(out.result.text, text);
    EXPECT_EQ(out.pieces.size(), characters) << "each as soon as it is whole";
    for (const auto& piece : out.pieces) EXPECT_FALSE(ends_inside_a_character(piece));
  }
}

TEST(Generate, BytesThatAreNoTextPassThroughWithoutStalling) {
  EXPECT_EQ(stream_bytes("\xFF\xFE"
                         "abc")
                .pieces.size(),
            5u)
      << "each at once";
  EXPECT_EQ(stream_bytes("\x80\x80\x80\x80"
                         "a")
                .result.text,
            "\x80\x80\x80\x80"
            "a");
  // A lead byte without its continuations is given out with what shows that they will not come.
  EXPECT_EQ(stream_bytes("\xF0\x9F"
                         "ab")
                .pieces,
            (std::vector<std::string>{"\xF0\x9F"
                                      "a",
                                      "b"}));
  EXPECT_EQ(stream_bytes("a\xF0\x9F\x98").pieces, (std::vector<std::string>{"a", "\xF0\x9F\x98"}))
      << "the tail is flushed";
}

TEST(Generate, RandomBytesAreTheTextOfTheirIds) {
  const auto model = random_model(byte_tokenizer(), /*context=*/40);
  for (int64_t seed = 0; seed < 20; ++seed) {
    const auto out = stream(model, {.max_new_tokens = 40, .temperature = 3, .seed = seed});
    EXPECT_EQ(out.result.text, model.tokenizer->decode(out.result.token_ids));
  }
}

TEST(Generate, TheSameSeedGivesTheSameText) {
  const auto model = random_model(letters(), /*context=*/40);
  const auto ids = [&](int64_t seed) {
    return generate(model, std::vector<TokenId>{1}, {.temperature = 1, .seed = seed}).token_ids;
  };
  EXPECT_EQ(ids(1), ids(1));
  EXPECT_NE(ids(1), ids(2));
}

TEST(IncompleteUtf8Suffix, CountsTheBytesOfAnUnfinishedCharacter) {
  const std::pair<std::string, size_t> cases[] = {
      {"", 0},
      {"a", 0},
      {"é", 0},
      {"€", 0},
      {"😀", 0},
      {"a\xC3", 1},
      {"\xE2", 1},
      {"\xE2\x82", 2},
      {"x\xF0", 1},
      {"\xF0\x9F", 2},
      {"\xF0\x9F\x98", 3},
      // No beginning of anything: continuations alone, bytes that lead nothing.
      {"\x80", 0},
      {"\x80\x80\x80\x80", 0},
      {"\xC0", 0},
      {"\xC1", 0},
      {"\xF5", 0},
      {"\xFF", 0},
      {"\xC3\xA9\x80", 0},
      {"\xF5\x80", 0}};
  for (const auto& [text, want] : cases) EXPECT_EQ(incomplete_utf8_suffix(text), want) << text;
}

}  // namespace
}  // namespace gptkit
