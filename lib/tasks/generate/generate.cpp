#include "tasks/generate/generate.h"

#include <random>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/stop.h"
#include "infer/beam_generator.h"
#include "tasks/generate/answers.h"
#include "tasks/generate/benchmark.h"
#include "tasks/generate/prompts.h"
#include "tasks/generate/stored_generation.h"
#include "tensors/device.h"
#include "weights/bundle.h"

namespace gptkit {

namespace {

void validate_prompt(const GenerateConfig& config) {
  const int given = !config.prompt.empty() + !config.prompt_file.empty() + !config.input.empty();
  require(given > 0, "no prompt; give ", Key{"prompt"}, " TEXT, ", Key{"prompt_file"},
          " FILE or, for many, ", Key{"input"}, " FILE");
  require(config.prompt.empty() || config.prompt_file.empty(), Key{"prompt"}, " and ",
          Key{"prompt_file"}, " are both given; choose one");
  require(given == 1, Key{"input"}, " is given beside another prompt; choose one");
  require(config.input.empty() == config.output.empty(), Key{"input"}, " and ", Key{"output"},
          " belong together; give both");
  require(!config.resume || !config.output.empty(), Key{"resume"}, " needs ", Key{"output"});
  require(!config.speculate || config.draft_model.empty(), Key{"speculate"}, " and ",
          Key{"draft_model"}, " are two kinds of guesses; choose one");
  require(config.input.empty() || config.generation.num_return_sequences == 1,
          Key{"num_return_sequences"}, ": ", config.generation.num_return_sequences,
          " is out of range; expected 1 for a file of prompts");
}

/// Turns events of sequences that run together into events in their order: what a later sequence
/// says waits until the earlier ones are done.
class InOrder {
 public:
  InOrder(const GenerateEvents& events, const std::string& prompt, size_t count)
      : events_(events), prompt_(prompt), held_(count) {}

  bool text(size_t index, std::string_view piece) {
    if (index == current_) return say(piece);
    held_[index].text += piece;
    return true;
  }

  void done(size_t index, const Generation& result) {
    held_[index].result = result;
    while (current_ < held_.size() && held_[current_].result) {
      begin();
      if (events_.on_done) events_.on_done(prompt_, *held_[current_].result);
      ++current_;
      begun_ = false;
    }
    if (current_ < held_.size()) begin();
  }

 private:
  struct Held {
    std::string text;
    std::optional<Generation> result;
  };

  /// Says what the current sequence has said so far.
  void begin() {
    if (begun_) return;
    begun_ = true;
    if (events_.on_prompt) events_.on_prompt(prompt_);
    auto text = std::move(held_[current_].text);
    if (!text.empty()) say(text);
  }
  bool say(std::string_view piece) {
    begin();
    return !events_.on_text || events_.on_text(piece);
  }

  const GenerateEvents& events_;
  const std::string& prompt_;
  std::vector<Held> held_;
  size_t current_ = 0;
  bool begun_ = false;
};

/// A model, what decodes with it, and the settings that both add to the config's.
struct Session {
  DecodingBundle bundle;
  EngineOptions options;
  DecodingBundle draft;  // empty without a draft model
  std::unique_ptr<Engine> engine;

  Session(const GenerateConfig& config, int threads)
      : bundle(open_for_decoding(config.model.text,
                                 {.format = config.quantize,
                                  .cache = config.cache_type,
                                  .threads = threads > 0 ? threads : physical_cores()})) {
    if (config.verbose) describe();
    if (config.benchmark) return;
    options = engine_options(bundle, bundle.model->config().vocab_size);
    options.cache_bytes = config.cache_mib << 20;
    if (config.speculate) options.drafter = std::make_shared<NgramDrafter>();
    if (!config.draft_model.empty()) options.drafter = model_drafter(config, threads);
    engine = std::make_unique<Engine>(*bundle.model, options);
  }

 private:
  std::shared_ptr<Drafter> model_drafter(const GenerateConfig& config, int threads) {
    draft = open_for_decoding(
        config.draft_model.text,
        {.format = config.quantize, .threads = threads > 0 ? threads : physical_cores()});
    constexpr int64_t kTokens = 16384;
    return std::make_shared<ModelDrafter>(*draft.model, bundle.model->config().vocab_size, kTokens);
  }

  void describe() const {
    const auto& model = *bundle.model;
    log_info("[weights ", model.describe_weights(), ", ", model.bytes_per_token(),
             " bytes a token; kernels ", model.kernels().name, ", ", model.threads(), " threads]");
  }
};

void add_end_of_turn(const ModelText& model, const GenerateConfig& config, GenerationConfig& used) {
  if (!config.chat) return;
  const auto& end = require_chat(model).end_of_turn();
  if (!end.empty()) used.stop.push_back(end);
}

/// The best texts of one prompt. They come when all are complete.
void answer_with_beams(Session& session, const std::string& prompt,
                       const GenerationRequest& request, const GenerateEvents& events) {
  const auto texts = generate_beams(*session.bundle.model, session.options,
                                    *session.bundle.tokenizer, {&request, 1})
                         .front();
  for (const auto& text : texts) {
    if (events.on_prompt) events.on_prompt(prompt);
    if (events.on_text) events.on_text(text.text);
    if (events.on_done) events.on_done(prompt, text);
  }
}

/// One prompt, num_return_sequences times.
void answer_one(Session& session, const GenerateConfig& config, GenerationConfig generation,
                const GenerateEvents& events) {
  const auto prompt = read_prompts(config).front();
  const auto ids =
      encode_prompt(session.bundle, config, prompt, session.bundle.model->config().context_length);
  add_end_of_turn(session.bundle, config, generation);
  if (generation.num_beams > 1) {
    return answer_with_beams(session, prompt, {ids, generation}, events);
  }
  const auto constraint = token_constraint(generation, session.bundle);
  std::vector<GenerationRequest> requests;
  for (int64_t i = 0; i < generation.num_return_sequences; ++i) {
    requests.push_back({ids, generation, constraint});
    ++generation.seed;
  }
  InOrder ordered(events, prompt, requests.size());
  generate(
      *session.engine, *session.bundle.tokenizer, requests,
      [&](size_t index, std::string_view piece) { return ordered.text(index, piece); },
      [&](size_t index, const Generation& result) { ordered.done(index, result); });
}

/// A file of prompts, at most so many tokenised at once.
void answer_all(Session& session, const GenerateConfig& config, GenerationConfig generation) {
  const auto prompts = read_prompts(config);
  AnswerFile answers(config.output, prompts, config.resume);
  add_end_of_turn(session.bundle, config, generation);
  const auto constraint = token_constraint(generation, session.bundle);
  const int64_t context = session.bundle.model->config().context_length;
  Progress progress("generate", std::ssize(prompts), "prompts",
                    static_cast<int64_t>(answers.answered()));
  constexpr size_t kAtOnce = 256;
  int64_t failed = 0;  // prompts
  for (size_t begin = answers.answered(); begin < prompts.size(); begin += kAtOnce) {
    const size_t end = std::min(prompts.size(), begin + kAtOnce);
    std::vector<GenerationRequest> requests;
    std::vector<size_t> asked;  // the prompt of each request
    for (size_t i = begin; i < end; ++i) {
      try {
        requests.push_back(
            {encode_prompt(session.bundle, config, prompts[i], context), generation, constraint});
        asked.push_back(i);
      } catch (const Error& error) {
        log_warning(config.input.string(), ":", i + 1, ": ", error.what());
        answers.add_error(i, error.what());
        ++failed;
      }
    }
    const auto done = [&](size_t index, const Generation& result) {
      answers.add(asked[index], result);
      progress.update(static_cast<int64_t>(answers.answered()));
    };
    if (generation.num_beams > 1) {
      generate_beams(
          *session.bundle.model, session.options, *session.bundle.tokenizer, requests,
          [&](size_t index, const std::vector<Generation>& texts) { done(index, texts.front()); });
    } else {
      generate(*session.engine, *session.bundle.tokenizer, requests, {}, done);
    }
  }
  progress.finish();
  const auto& engine = *session.engine;
  const auto cached = generation.num_beams == 1
                          ? concat(", ", engine.cached_tokens(), " of ", engine.prompt_tokens(),
                                   " prompt tokens from the cache")
                          : std::string();
  log_info("[", prompts.size(), " answers in ", config.output.string(), cached, "]");
  require(failed == 0, config.output.string(), ": ", failed, " of ", prompts.size(),
          " prompts could not be answered; their lines have \"error\"");
}

void report_guesses(const Session& session) {
  const auto& engine = *session.engine;
  if (engine.drafted_tokens() == 0) return;
  log_info("[", engine.accepted_tokens(), " of ", engine.drafted_tokens(), " guesses came true]");
}

/// On other devices the modules run, one sequence after the other.
void answer_with_modules(const GenerateConfig& config, GenerationConfig generation,
                         torch::Device device, const GenerateEvents& events) {
  require(config.input.empty() && !config.benchmark && generation.num_beams == 1 &&
              config.quantize == WeightFormat::kStored &&
              config.cache_type == CacheKind::kFloat32 && config.cache_mib == 0 &&
              !config.speculate && config.draft_model.empty(),
          Key{"input"}, ", ", Key{"benchmark"}, ", ", Key{"num_beams"}, ", ", Key{"quantize"}, ", ",
          Key{"cache_type"}, ", ", Key{"cache_mib"}, ", ", Key{"speculate"}, " and ",
          Key{"draft_model"}, " need the processor; give ", Key{"device", "cpu"});
  auto model = load_language_model(config.model.text);
  model.gpt->to(device);
  const auto prompt = read_prompts(config).front();
  const auto ids = encode_prompt(model, config, prompt, model.gpt->config().context_length);
  add_end_of_turn(model, config, generation);
  for (int64_t i = 0; i < generation.num_return_sequences; ++i) {
    if (events.on_prompt) events.on_prompt(prompt);
    const auto result = generate(model, ids, generation, events.on_text);
    if (events.on_done) events.on_done(prompt, result);
    ++generation.seed;
  }
}

}  // namespace

void validate(const GenerateConfig& config) {
  require(!config.model.empty(), "no model; name a folder or gpt2, gpt2-medium ... with ",
          Key{"model"});
  if (!config.benchmark) validate_prompt(config);
  require(config.generation.num_beams == 1 || (!config.speculate && config.draft_model.empty()),
          Key{"num_beams"}, ": beam search takes no guesses; leave out ", Key{"speculate"}, " and ",
          Key{"draft_model"});
  require(!config.benchmark ||
              (config.generation.num_beams == 1 && !config.speculate && config.draft_model.empty()),
          Key{"benchmark"}, " measures plain decoding; leave out ", Key{"num_beams"}, ", ",
          Key{"speculate"}, " and ", Key{"draft_model"});
  require(config.chat || (config.instruction_input.empty() && !config.system),
          Key{"instruction_input"}, " and ", Key{"system"}, " are parts of a chat prompt; give ",
          Key{"chat"}, " too");
  constexpr int64_t kMostMib = int64_t{1} << 24;
  require(config.cache_mib >= 0 && config.cache_mib <= kMostMib, Key{"cache_mib"}, ": ",
          config.cache_mib, " is out of range; expected 0 to ", kMostMib);
  constexpr int64_t kMostSequences = 1024;
  require(config.benchmark_sequences >= 1 && config.benchmark_sequences <= kMostSequences,
          Key{"benchmark_sequences"}, ": ", config.benchmark_sequences,
          " is out of range; expected 1 to ", kMostSequences);
  validate(config.generation);
  constraint_of(config.generation);
}

namespace {

OrderedJson to_json(const TokenLogprob& token) {
  return {{"token_id", token.id}, {"logprob", token.logprob}};
}

OrderedJson to_json(const StepLogprobs& step) {
  auto row = to_json(step.chosen);
  auto& likeliest = row["likeliest"] = OrderedJson::array();
  for (const auto& token : step.likeliest) likeliest.push_back(to_json(token));
  return row;
}

}  // namespace

OrderedJson to_json(const std::string& prompt, const Generation& result) {
  OrderedJson row = {{"prompt", prompt},
                     {"text", result.text},
                     {"token_ids", result.token_ids},
                     {"new_tokens", result.token_ids.size()},
                     {"prompt_tokens", result.prompt_tokens},
                     {"cached_tokens", result.cached_tokens},
                     {"forgotten_tokens", result.forgotten_tokens},
                     {"finish_reason", to_string(result.finish_reason)},
                     {"tokens_per_second", result.tokens_per_second()}};
  if (result.score) row["score"] = *result.score;
  for (const auto& step : result.logprobs) row["logprobs"].push_back(to_json(step));
  return row;
}

void run_generate(const GenerateConfig& config, int threads, const GenerateEvents& events) {
  validate(config);
  auto generation = config.generation;
  if (generation.seed == -1) generation.seed = static_cast<int64_t>(std::random_device{}());
  const auto device = resolve_device(config.device);
  set_threads(threads);
  watch_stop_signals();
  warn_of_settings_left_out(model_path(config.model.text), generation);
  if (!device.is_cpu()) return answer_with_modules(config, generation, device, events);
  Session session(config, threads);
  if (config.benchmark) {
    events.on_benchmark(run_benchmark(
        *session.bundle.model, {.sequences = config.benchmark_sequences,
                                .new_tokens = std::min<int64_t>(generation.max_new_tokens, 128)}));
  } else if (!config.input.empty()) {
    answer_all(session, config, generation);
    report_guesses(session);
  } else {
    answer_one(session, config, generation, events);
    report_guesses(session);
  }
}

}  // namespace gptkit
