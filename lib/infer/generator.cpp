#include "infer/generator.h"

#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/stop.h"
#include "infer/sampler.h"
#include "infer/text_stream.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

uint64_t resolved_seed(const GenerationConfig& config) {
  return config.seed == -1 ? std::random_device{}() : static_cast<uint64_t>(config.seed);
}

torch::Tensor ids_tensor(std::span<const TokenId> ids, torch::Device device) {
  const std::vector<int64_t> wide(ids.begin(), ids.end());
  return torch::tensor(wide, torch::kInt64).unsqueeze(0).to(device);  // (1,T)
}

/// A model's logits (V) on the CPU as float32.
std::vector<float> to_floats(const torch::Tensor& logits) {
  const auto values = logits.to(torch::kCPU, torch::kFloat32).contiguous();
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

}  // namespace

double Generation::tokens_per_second() const {
  const auto decoded =
      static_cast<double>(token_ids.size()) - 1;  // the first comes with the prompt
  return decoded > 0 && decode_seconds > 0 ? decoded / decode_seconds : 0;
}

Generation generate(const LanguageModel& model, std::span<const TokenId> prompt,
                    const GenerationConfig& config, const OnText& on_text) {
  validate(config);
  refuse_engine_settings(config);
  auto gpt = model.gpt;
  const auto& shape = gpt->config();
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  require(prompt_tokens > 0, "the prompt is empty; give at least one token of text");
  require(prompt_tokens <= shape.context_length, "the prompt has ", prompt_tokens,
          " tokens and the model's context holds ", shape.context_length,
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  torch::InferenceMode inference;
  const auto device = gpt->device();
  const auto ends =
      config.ignore_end ? std::vector<TokenId>() : generation_ends(model.roles, *model.tokenizer);

  Generation result;
  result.prompt_tokens = prompt_tokens;
  if (config.max_new_tokens == 0) return result;
  const int64_t room = std::min(
      shape.context_length, prompt_tokens + std::min(config.max_new_tokens, shape.context_length));
  KvCache cache(cache_shape(shape), /*batch=*/1, room,
                torch::TensorOptions(device).dtype(gpt->token_embedding()->weight.dtype()));
  Sampler sampler(config, resolved_seed(config));
  TextStream stream(config.stop, on_text);
  PieceDecoder pieces(*model.tokenizer);
  std::vector<TokenId> sequence(prompt.begin(), prompt.end());

  auto begin = std::chrono::steady_clock::now();
  const auto last_logits = [&](std::span<const TokenId> ids) {
    const auto hidden = gpt->hidden(ids_tensor(ids, device), &cache);                  // (1,T,C)
    const auto logits = gpt->logits(hidden.select(1, hidden.size(1) - 1)).squeeze(0);  // (V)
    require_finite_results(logits, model.where);
    return to_floats(logits);
  };
  auto logits = last_logits(prompt);
  result.prefill_seconds = seconds_since(begin);
  begin = std::chrono::steady_clock::now();
  while (true) {
    if (stop_signal() != 0) {
      stream.finish();
      throw Stopped(stop_signal(), concat("stopped after ", result.token_ids.size(), " of at most ",
                                          config.max_new_tokens, " tokens"));
    }
    const TokenId id = sampler.next(logits, {sequence, prompt.size()});
    const bool is_end =
        std::find(ends.begin(), ends.end(), id) != ends.end() || !model.tokenizer->contains(id);
    if (!is_end) {
      if (config.logprobs > 0) {
        result.logprobs.push_back(step_logprobs(logits, id, config.logprobs));
      }
      result.token_ids.push_back(id);
      sequence.push_back(id);
    }
    if (is_end || !stream.append(pieces.next(id))) {
      result.finish_reason = FinishReason::kStop;
      break;
    }
    if (static_cast<int64_t>(result.token_ids.size()) >= config.max_new_tokens) break;
    if (static_cast<int64_t>(sequence.size()) > shape.context_length) {
      result.finish_reason = FinishReason::kContext;
      break;
    }
    logits = last_logits(std::span(&sequence.back(), 1));
  }
  result.decode_seconds = seconds_since(begin);
  stream.finish();
  result.text = stream.take();
  return result;
}

EngineOptions engine_options(const ModelText& text, int64_t vocabulary) {
  EngineOptions options;
  options.ends = generation_ends(text.roles, *text.tokenizer);
  options.where = text.where;
  for (TokenId id = 0; id < vocabulary; ++id) {
    if (!text.tokenizer->contains(id)) options.not_text.push_back(id);
  }
  return options;
}

namespace {

/// One request of several that run together.
struct Running {
  size_t index;
  TextStream stream;
  PieceDecoder pieces;
  Generation result;
  std::chrono::steady_clock::time_point begin;
};

/// Those that run; the engine forgets them when they are left by an exception.
struct RunningSequences : std::map<SequenceId, Running> {
  Engine& engine;

  explicit RunningSequences(Engine& runner) : engine(runner) {}
  ~RunningSequences() {
    for (const auto& [id, r] : *this) engine.cancel(id);
  }
  RunningSequences(const RunningSequences&) = delete;
  RunningSequences& operator=(const RunningSequences&) = delete;
};

}  // namespace

std::vector<Generation> generate(Engine& engine, const Tokenizer& tokenizer,
                                 std::span<const GenerationRequest> requests,
                                 const OnTextOf& on_text, const OnDone& on_done) {
  std::vector<Generation> results(requests.size());
  RunningSequences running(engine);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto begin = now();
  const auto finish = [&](Running& r, FinishReason reason) {
    r.stream.finish();
    r.result.text = r.stream.take();
    r.result.finish_reason = reason;
    r.result.decode_seconds = seconds_since(r.begin);
    results[r.index] = std::move(r.result);
    if (on_done) on_done(r.index, results[r.index]);
  };
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto& [prompt, config, constraint] = requests[i];
    OnText receiver;
    if (on_text) receiver = [&on_text, i](std::string_view piece) { return on_text(i, piece); };
    Running r{i, TextStream(config.stop, receiver), PieceDecoder(tokenizer), {}, begin};
    r.result.prompt_tokens = std::ssize(prompt);
    require(!prompt.empty(), "the prompt is empty; give at least one token of text");
    if (config.max_new_tokens == 0) {
      finish(r, FinishReason::kLength);
      continue;
    }
    running.emplace(engine.add(prompt, config, resolved_seed(config), constraint), std::move(r));
  }
  while (!running.empty()) {
    if (stop_signal() != 0) {
      int64_t tokens = 0;
      for (auto& [id, r] : running) {
        tokens += std::ssize(r.result.token_ids);
        r.stream.finish();
      }
      throw Stopped(stop_signal(), concat("stopped after ", tokens, " tokens"));
    }
    for (const auto& step : engine.step()) {
      const auto it = running.find(step.id);
      if (it == running.end()) continue;  // a stop text before this token ended it
      auto& r = it->second;
      if (r.result.token_ids.empty()) {
        r.result.prefill_seconds = seconds_since(begin);
        r.result.cached_tokens = step.cached_tokens;
        r.begin = now();
      }
      r.result.forgotten_tokens = step.forgotten_tokens;
      auto reason = step.finish;
      if (step.is_text) {
        r.result.token_ids.push_back(step.token);
        if (step.logprobs) r.result.logprobs.push_back(*step.logprobs);
        if (!r.stream.append(r.pieces.next(step.token))) reason = FinishReason::kStop;
      }
      if (!reason) continue;
      engine.cancel(step.id);  // a stop text ends it here, the engine does not know it
      finish(r, *reason);
      running.erase(it);
    }
  }
  return results;
}

namespace {

/// A JSON schema as text: what is no JSON is the name of a file.
std::string schema_text(const std::string& given) {
  const auto first = given.find_first_not_of(" \t\r\n");
  const bool json = first != given.npos && (given[first] == '{' || given.substr(first) == "true");
  constexpr uint64_t kMostBytes = 4 << 20;
  return json || given.empty() ? given : read_file(given, kMostBytes);
}

}  // namespace

std::optional<Constraint> constraint_of(const GenerationConfig& config) {
  const auto constraint =
      make_constraint({config.choices, config.regex, schema_text(config.json_schema)});
  require(!constraint || !config.ignore_end, Key{"ignore_end"},
          ": constrained output ends when it is complete; leave one of them out");
  return constraint;
}

std::shared_ptr<const TokenConstraint> token_constraint(const GenerationConfig& config,
                                                        const ModelText& text) {
  const auto constraint = constraint_of(config);
  if (!constraint) return nullptr;
  const auto ends = generation_ends(text.roles, *text.tokenizer);
  return std::make_shared<TokenConstraint>(
      *constraint, std::make_shared<TokenTrie>(token_trie(*text.tokenizer, ends)), ends);
}

}  // namespace gptkit
