// The engine gives each sequence what it would get alone, whatever else runs, joins and leaves.

#include "infer/engine.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <vector>

#include "infer/generator.h"
#include "infer_support.h"
#include "models/family.h"

namespace gptkit {
namespace {

using test::expect_error;

using Ids = std::vector<TokenId>;

constexpr int64_t kVocabulary = 40, kContext = 100;

ModelConfig tiny() {
  return of_family("llama", {.vocab_size = kVocabulary,
                             .context_length = kContext,
                             .n_layer = 2,
                             .n_head = 4,
                             .n_kv_head = 2,
                             .d_model = 16,
                             .d_ff = 24});
}

GPT tiny_gpt() {
  torch::manual_seed(4);
  GPT gpt(tiny());
  initialize_(gpt);
  torch::NoGradGuard no_grad;
  for (auto& parameter : gpt->parameters()) parameter.add_(torch::randn_like(parameter), 0.3);
  gpt->eval();
  return gpt;
}

struct Served {
  GPT gpt = tiny_gpt();
  DecodingModel model{gpt->config(), layers_of(gpt), {.threads = 1, .most_rows = 16}};

  EngineOptions options() const { return {.ends = {3, 7}, .not_text = {39}}; }
};

struct Answer {
  Ids tokens;
  FinishReason finish = FinishReason::kLength;
  bool operator==(const Answer&) const = default;
};

/// Runs the engine until it is idle.
std::map<SequenceId, Answer> drain(Engine& engine) {
  std::map<SequenceId, Answer> answers;
  while (!engine.idle()) {
    for (const auto& step : engine.step()) {
      auto& answer = answers[step.id];
      if (step.is_text) answer.tokens.push_back(step.token);
      if (step.finish) answer.finish = *step.finish;
    }
  }
  return answers;
}

struct Request {
  Ids prompt;
  GenerationConfig config;
};

Answer alone(Served& served, const Request& request) {
  auto options = served.options();
  options.reuse_prefixes = false;
  Engine engine(served.model, options);
  engine.add(request.prompt, request.config, static_cast<uint64_t>(request.config.seed));
  return drain(engine).begin()->second;
}

/// The simple loop: the modules' logits of the whole sequence, and the likeliest token.
Answer simple_loop(GPT gpt, const Request& request, const EngineOptions& options) {
  torch::NoGradGuard no_grad;
  Ids sequence = request.prompt;
  Answer answer;
  const auto is_end = [&](TokenId id) {
    return std::count(options.not_text.begin(), options.not_text.end(), id) > 0 ||
           (!request.config.ignore_end &&
            std::count(options.ends.begin(), options.ends.end(), id) > 0);
  };
  while (true) {
    const std::vector<int64_t> ids(sequence.begin(), sequence.end());
    const auto logits = gpt->forward(torch::tensor(ids).unsqueeze(0))[0][-1];
    const auto id = static_cast<TokenId>(logits.argmax().item<int64_t>());
    if (is_end(id)) {
      answer.finish = FinishReason::kStop;
      return answer;
    }
    answer.tokens.push_back(id);
    sequence.push_back(id);
    if (std::ssize(answer.tokens) >= request.config.max_new_tokens) return answer;
    if (std::ssize(sequence) > kContext) {
      answer.finish = FinishReason::kContext;
      return answer;
    }
  }
}

/// Prompts that share beginnings of all lengths, with all kinds of settings.
std::vector<Request> some_requests(int count, std::mt19937& random) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) {
    Request request;
    if (i > 0 && below(2)) {
      const auto& other = requests[static_cast<size_t>(below(i))].prompt;
      request.prompt.assign(other.begin(),
                            other.begin() + 1 + below(static_cast<int>(other.size())));
    }
    const int more = 1 + below(below(4) == 0 ? 60 : 8);
    for (int k = 0; k < more && std::ssize(request.prompt) < kContext; ++k) {
      request.prompt.push_back(8 + below(30));
    }
    auto& config = request.config;
    config.max_new_tokens = 1 + below(below(5) == 0 ? 80 : 10);
    config.temperature = below(2) ? 0 : 0.5 + below(3);
    config.top_k = below(3) * 5;
    config.repetition_penalty = below(3) ? 1 : 1.3;
    config.ignore_end = below(2);
    config.seed = below(1000);
    requests.push_back(std::move(request));
  }
  return requests;
}

TEST(Engine, GreedyTextsAreThoseOfTheSimpleLoop) {
  Served served;
  std::mt19937 random(1);
  for (auto& request : some_requests(40, random)) {
    request.config.temperature = 0;
    request.config.repetition_penalty = 1;
    EXPECT_EQ(alone(served, request), simple_loop(served.gpt, request, served.options()));
  }
}

TEST(Engine, TenThousandSchedulesChangeNoText) {
  Served served;
  std::mt19937 random(2);
  const auto requests = some_requests(60, random);
  std::vector<Answer> want;
  for (const auto& request : requests) want.push_back(alone(served, request));
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  int64_t cancelled = 0, finished = 0, cached = 0, accepted = 0;
  for (int schedule = 0; schedule < 10000;) {
    // An engine lives through several schedules, so that its prefix cache has a past.
    auto options = served.options();
    options.most_sequences = 1 + static_cast<int64_t>(below(6));
    options.cache_bytes = served.model.layout().page_bytes() * static_cast<int64_t>(5 + below(20));
    options.reuse_prefixes = below(5) != 0;
    if (below(2)) options.drafter = std::make_shared<NgramDrafter>();
    Engine engine(served.model, options);
    for (int i = 0; i < 50; ++i, ++schedule) {
      std::map<SequenceId, size_t> running;
      std::map<SequenceId, Ids> texts;
      size_t to_add = 1 + below(4);
      while (to_add > 0 || !engine.idle()) {
        if (to_add > 0 && below(2)) {
          const size_t which = below(requests.size());
          const auto& request = requests[which];
          running[engine.add(request.prompt, request.config,
                             static_cast<uint64_t>(request.config.seed))] = which;
          --to_add;
        }
        if (!running.empty() && below(12) == 0) {
          const auto victim = std::next(running.begin(), static_cast<long>(below(running.size())));
          engine.cancel(victim->first);
          running.erase(victim);
          ++cancelled;
        }
        for (const auto& step : engine.step()) {
          ASSERT_TRUE(running.contains(step.id)) << "a cancelled sequence goes on";
          if (step.is_text) texts[step.id].push_back(step.token);
          if (!step.finish) continue;
          const auto& expected = want[running[step.id]];
          ASSERT_EQ(texts[step.id], expected.tokens) << "schedule " << schedule;
          ASSERT_EQ(*step.finish, expected.finish);
          running.erase(step.id);
          ++finished;
        }
      }
      ASSERT_TRUE(running.empty());
    }
    cached += engine.cached_tokens();
    accepted += engine.accepted_tokens();
  }
  EXPECT_GT(cancelled, 1000);
  EXPECT_GT(finished, 10000);
  EXPECT_GT(cached, 50000);
  EXPECT_GT(accepted, 500);
}

TEST(Engine, ADraftModelChangesNoText) {
  Served served, same;
  torch::manual_seed(9);
  auto other_gpt = tiny_gpt();
  {
    torch::NoGradGuard no_grad;
    for (auto& p : other_gpt->parameters()) p.add_(torch::randn_like(p), 0.1);
  }
  DecodingModel other(other_gpt->config(), layers_of(other_gpt), {.threads = 1});
  std::mt19937 random(5);
  const auto requests = some_requests(30, random);
  for (auto* draft : {&same.model, &other}) {
    auto options = served.options();
    options.drafter = std::make_shared<ModelDrafter>(*draft, kVocabulary, 4096);
    Engine engine(served.model, options);
    for (const auto& request : requests) {
      engine.add(request.prompt, request.config, static_cast<uint64_t>(request.config.seed));
    }
    for (const auto& [id, answer] : drain(engine)) {
      EXPECT_EQ(answer, alone(served, requests[static_cast<size_t>(id)]));
    }
    EXPECT_GT(engine.accepted_tokens(), 0);
    EXPECT_LE(engine.accepted_tokens(), engine.drafted_tokens());
  }
}

TEST(Engine, ADraftModelOfAnotherVocabularyIsRefused) {
  Served served;
  expect_error([&] { ModelDrafter(served.model, kVocabulary + 1, 4096); },
               "its vocabulary has 40 tokens and the model's 41");
}

TEST(Engine, ASlidingContextKeepsTheFirstTokensAndTheLastHalf) {
  Served served;
  torch::InferenceMode inference;
  for (const size_t length : {5U, 99U, 100U, 130U}) {
    Ids tokens;
    for (size_t i = 0; i < length; ++i) tokens.push_back(static_cast<TokenId>(8 + i * 7 % 30));
    const Ids prompt = tokens;
    Ids visible = tokens;
    const auto slide = [&] {
      if (std::ssize(visible) <= kContext) return;
      Ids kept(visible.begin(), visible.begin() + 4);
      kept.insert(kept.end(), visible.end() - kContext / 2, visible.end());
      visible = kept;
    };
    slide();
    for (int i = 0; i < 150; ++i) {
      const std::vector<int64_t> ids(visible.begin(), visible.end());
      auto logits = served.gpt->forward(torch::tensor(ids).unsqueeze(0))[0][-1].clone();
      logits[39] = -1e9;  // not text
      tokens.push_back(static_cast<TokenId>(logits.argmax().item<int64_t>()));
      visible.push_back(tokens.back());
      slide();
    }
    auto options = served.options();
    options.drafter = std::make_shared<NgramDrafter>();
    Engine engine(served.model, options);
    engine.add(prompt,
               {.max_new_tokens = 150,
                .logit_bias = {"39:-100"},
                .ignore_end = true,
                .context_overflow = ContextOverflow::kSlide},
               1);
    EXPECT_EQ(drain(engine).begin()->second.tokens,
              Ids(tokens.begin() + std::ssize(prompt), tokens.end()));
  }
}

TEST(Engine, ConstrainedTextsAreComplete) {
  const auto model = test::random_model(test::letters(), 60);
  DecodingModel decoding(model.gpt->config(), layers_of(model.gpt), {.threads = 1});
  Engine engine(decoding, engine_options(model, decoding.config().vocab_size));
  const auto prompt = encode_beginning(*model.tokenizer, "a text");
  std::vector<GenerationRequest> requests;
  for (int64_t budget = 3; budget < 12; ++budget) {
    GenerationConfig config{.max_new_tokens = budget, .temperature = 1, .regex = "[a-c]+ (x|yz)"};
    config.seed = budget;
    requests.push_back({prompt, config, token_constraint(config, model)});
  }
  const std::regex whole("[a-c]+ (x|yz)");
  for (const auto& result : generate(engine, *model.tokenizer, requests)) {
    EXPECT_TRUE(std::regex_match(result.text, whole)) << result.text;
  }
  GenerationConfig small{.max_new_tokens = 2, .regex = "[a-c]+ (x|yz)"};
  expect_error([&] { engine.add(prompt, small, 1, token_constraint(small, model)); }, "2");
}

TEST(Engine, SaysThatTheBudgetEndedAConstrainedText) {
  const auto tokenizer = test::letters();
  const auto answer = [&tokenizer](const std::string& script) {
    const auto model = test::scripted_model(tokenizer, tokenizer->encode(script));
    DecodingModel decoding(model.gpt->config(), layers_of(model.gpt), {.threads = 1});
    Engine engine(decoding, engine_options(model, decoding.config().vocab_size));
    const GenerationConfig config{.max_new_tokens = 5, .regex = "a*b"};
    const std::vector<GenerationRequest> requests = {
        {tokenizer->encode("x"), config, token_constraint(config, model)}};
    return generate(engine, *tokenizer, requests).front();
  };
  const auto cut = answer("aaaaaazzzzzz"), whole = answer("aabzzzzzzzzz");
  EXPECT_EQ(cut.text, "aaaab");
  EXPECT_EQ(cut.finish_reason, FinishReason::kLength);
  EXPECT_EQ(whole.text, "aab");
  EXPECT_EQ(whole.finish_reason, FinishReason::kStop);
}

TEST(Engine, ACancelledSequenceFreesItsCacheAtOnce) {
  Served served;
  auto options = served.options();
  options.reuse_prefixes = false;
  Engine engine(served.model, options);
  const auto id = engine.add(Ids(70, 9), {.max_new_tokens = 20}, 1);
  engine.step();
  EXPECT_GT(engine.cache_bytes_in_use(), 0);
  engine.cancel(id);
  EXPECT_EQ(engine.cache_bytes_in_use(), 0);
  EXPECT_TRUE(engine.idle());
}

TEST(Engine, SeveralTextsOfOnePromptComputeItOnce) {
  Served served;
  Engine engine(served.model, served.options());
  Ids prompt;
  for (TokenId i = 0; i < 70; ++i) prompt.push_back(8 + i % 31);
  for (int i = 0; i < 4; ++i) engine.add(prompt, {.max_new_tokens = 3, .ignore_end = true}, 1);
  const auto answers = drain(engine);
  for (const auto& [id, answer] : answers) EXPECT_EQ(answer, answers.begin()->second);
  EXPECT_EQ(engine.prompt_tokens(), 4 * 70);
  EXPECT_EQ(engine.cached_tokens(), 3 * 69) << "all but the last token, whose logits are wanted";
}

TEST(Engine, RefusesWhatDoesNotFitWithBothNumbers) {
  Served served;
  auto options = served.options();
  options.cache_bytes = 2 * served.model.layout().page_bytes();
  Engine engine(served.model, options);
  const auto page = served.model.layout().page_bytes();
  expect_error([&] { engine.add(Ids(60, 9), {.max_new_tokens = 30}, 1); },
               concat("need ", 3 * page, " bytes of keys and values; the cache has ", 2 * page));
  expect_error([&] { engine.add(Ids(101, 9), {}, 1); }, "the prompt has 101 tokens");
  expect_error([&] { engine.add(Ids(), {}, 1); }, "the prompt is empty");
  expect_error([&] { engine.add(Ids{8, 40}, {}, 1); }, "token id 40");
  expect_error([&] { engine.add(Ids{8}, {.max_new_tokens = 0}, 1); }, "max_new_tokens");
  expect_error([&] { engine.add(Ids{8}, {.logit_bias = {"40:1"}}, 1); }, "40 is no token");
  options.cache_bytes = page - 1;
  expect_error([&] { Engine small(served.model, options); }, "hold no token");
  engine.add(Ids(60, 9), {.max_new_tokens = 5}, 1);
  EXPECT_EQ(drain(engine).size(), 1U) << "the others go on";
}

TEST(Engine, LogLikelihoodsAreThoseOfTheModules) {
  Served served;
  std::mt19937 random(3);
  Engine engine(served.model, served.options());
  torch::NoGradGuard no_grad;
  for (const auto& request : some_requests(30, random)) {
    if (request.prompt.size() < 2) continue;
    const int64_t first = 1 + static_cast<int64_t>(random() % (request.prompt.size() - 1));
    const ScoredText scored{request.prompt, first};
    const auto got = engine.log_likelihoods({&scored, 1}).front();
    const std::vector<int64_t> ids(request.prompt.begin(), request.prompt.end());
    const auto want = served.gpt->forward(torch::tensor(ids).unsqueeze(0))[0].log_softmax(-1);
    ASSERT_EQ(std::ssize(got), std::ssize(ids) - first);
    for (int64_t i = first; i < std::ssize(ids); ++i) {
      EXPECT_NEAR(got[static_cast<size_t>(i - first)],
                  want[i - 1][ids[static_cast<size_t>(i)]].item<double>(), 1e-4);
    }
  }
  EXPECT_GT(engine.cached_tokens(), 0);
}

/// Beginnings that texts share, ends of several lengths, one text that is all beginning.
TEST(Engine, LogLikelihoodsOfTextsTogetherAreThoseOfEachAlone) {
  Served served;
  std::mt19937 random(4);
  for (const bool reuse : {true, false}) {
    auto options = served.options();
    options.reuse_prefixes = reuse;
    Engine engine(served.model, options);
    for (const size_t shared : {1U, 5U, 31U, 33U, 60U}) {
      Ids beginning;
      for (size_t i = 0; i < shared; ++i)
        beginning.push_back(8 + static_cast<TokenId>(random() % 30));
      std::vector<Ids> ids;
      for (const size_t more : {1U, 2U, 7U, 1U, 39U, 20U}) {
        ids.push_back(beginning);
        for (size_t i = 0; i < more; ++i) {
          ids.back().push_back(8 + static_cast<TokenId>(random() % 30));
        }
      }
      std::vector<ScoredText> texts;
      for (const auto& text : ids) {
        texts.push_back({text, 1 + static_cast<int64_t>(random() % shared)});
      }
      const auto together = engine.log_likelihoods(texts);
      ASSERT_EQ(together.size(), texts.size());
      for (size_t i = 0; i < texts.size(); ++i) {
        options.reuse_prefixes = false;
        Engine fresh(served.model, options);
        EXPECT_EQ(together[i], fresh.log_likelihoods({&texts[i], 1}).front())
            << shared << ", " << i;
      }
    }
    EXPECT_TRUE(engine.log_likelihoods({}).empty());
    if (!reuse) {
      EXPECT_EQ(engine.cache_bytes_in_use(), 0);
    }
  }
}

TEST(Engine, ScoringReadsTheCommonBeginningOnce) {
  Served served;
  Engine engine(served.model, served.options());
  const Ids a(50, 9);
  Ids b = a, c = a;
  b.back() = 10;  // differ in a token that is only predicted
  c[40] = 11;     // and in one that is read
  const std::vector<ScoredText> two = {{a, 45}, {b, 45}};
  engine.log_likelihoods(two);
  EXPECT_EQ(engine.prompt_tokens(), 49);
  EXPECT_EQ(engine.cached_tokens(), 0);
  const ScoredText third{c, 45};
  engine.log_likelihoods({&third, 1});
  EXPECT_EQ(engine.cached_tokens(), 40);
}

TEST(Engine, ScoringWorksInTheSmallestCacheAndRefusesASmallerOne) {
  Served served;
  auto options = served.options();
  const auto page = served.model.layout().page_bytes();
  const Ids beginning(40, 9);
  std::vector<Ids> ids;
  for (TokenId i = 0; i < 12; ++i) {
    ids.push_back(beginning);
    for (TokenId k = 0; k < 20; ++k) ids.back().push_back(8 + (i + k) % 30);
  }
  std::vector<ScoredText> texts;
  for (const auto& text : ids) texts.push_back({text, 40});
  Engine large(served.model, options);
  options.cache_bytes = 3 * page;  // the beginning and a copy of its last page
  Engine small(served.model, options);
  EXPECT_EQ(small.log_likelihoods(texts), large.log_likelihoods(texts));
  options.cache_bytes = page;
  Engine tiny(served.model, options);
  expect_error([&] { tiny.log_likelihoods(texts); }, "the cache of keys and values is full");
  const ScoredText fits{std::span(ids.front()).first(30), 5};
  EXPECT_EQ(tiny.log_likelihoods({&fits, 1}), large.log_likelihoods({&fits, 1}))
      << "the engine goes on";
}

TEST(Engine, ScoringRefusesWhatItCannotScore) {
  Served served;
  Engine engine(served.model, served.options());
  const auto score = [&](const Ids& ids, int64_t first) {
    const ScoredText text{ids, first};
    engine.log_likelihoods({&text, 1});
  };
  expect_error([&] { score(Ids(5, 9), 0); }, "log-likelihoods of tokens 0 to 5");
  expect_error([&] { score(Ids(5, 9), 5); }, "log-likelihoods of tokens 5 to 5");
  expect_error([&] { score(Ids(kContext + 2, 9), 1); }, "a text of 102 tokens in a context of 100");
  expect_error([&] { score({9, 40, 9}, 1); }, "a text has the token id 40");
}

}  // namespace
}  // namespace gptkit
