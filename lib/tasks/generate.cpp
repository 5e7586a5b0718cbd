#include "tasks/generate.h"

#include <iostream>
#include <iterator>
#include <random>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "model/device.h"
#include "tasks/common.h"
#include "tasks/stored_generation.h"
#include "weights/bundle.h"

namespace gptkit {

namespace {

GenerationConfig generation_config(const GenerateConfig& c) {
  return {.sampling = {.temperature = c.temperature,
                       .top_k = c.top_k,
                       .top_p = c.top_p,
                       .min_p = c.min_p,
                       .repetition_penalty = c.repetition_penalty},
          .max_new_tokens = c.max_new_tokens,
          .stop = c.stop,
          .stop_at_end_of_text = !c.ignore_end,
          .seed = static_cast<uint64_t>(c.seed)};
}

std::string read_prompt(const GenerateConfig& config) {
  if (config.prompt_file.empty()) return config.prompt;
  if (config.prompt_file.filename() == "-") {
    return {std::istreambuf_iterator<char>(std::cin), {}};
  }
  return read_file(config.prompt_file, uint64_t{64} << 20);
}

std::vector<TokenId> encode(const LanguageModel& model, const GenerateConfig& config,
                            const std::string& prompt) {
  if (!config.chat) return encode_text(*model.tokenizer, prompt);
  return encode_request(model, {prompt, config.input, config.system});
}

}  // namespace

void validate(const GenerateConfig& config) {
  require(!config.model.empty(), "no model; name a folder or gpt2, gpt2-medium ... with --model");
  require(!config.prompt.empty() || !config.prompt_file.empty(),
          "no prompt; give --prompt TEXT or --prompt-file FILE");
  require(config.prompt.empty() || config.prompt_file.empty(),
          "--prompt and --prompt-file are both given; choose one");
  require(config.chat || (config.input.empty() && config.system.empty()),
          "--input and --system are parts of a chat prompt; give --chat too");
  require(config.num_return_sequences >= 1 && config.num_return_sequences <= 1000,
          "num-return-sequences: ", config.num_return_sequences,
          " is out of range; expected 1 to 1000");
  require(config.seed >= -1, "seed: ", config.seed,
          " is out of range; expected 0 or more, or -1 for a new one");
  validate(generation_config(config));
}

void run_generate(const GenerateConfig& wanted, int threads, const GenerateEvents& events) {
  auto config = wanted;
  validate(config);
  if (config.seed == -1) config.seed = static_cast<int64_t>(std::random_device{}());
  const auto device = resolve_device(config.device);
  set_threads(threads);
  const auto prompt = read_prompt(config);
  auto model = load_language_model(config.model.text);
  warn_of_settings_left_out(model_path(config.model.text), config);
  model.gpt->to(device);

  auto ids = encode(model, config, prompt);
  const auto context = static_cast<size_t>(model.gpt->config().context_length);
  const auto wanted_room = static_cast<size_t>(std::min<int64_t>(
      std::max<int64_t>(config.max_new_tokens, 1), static_cast<int64_t>(context) / 2));
  if (config.truncate_prompt && ids.size() + wanted_room > context) {
    const size_t keep = context - wanted_room;
    log_warning("the prompt's first ", ids.size() - keep, " of ", ids.size(),
                " tokens are cut: the model's context holds ", context);
    ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(keep));
  }
  require(ids.size() <= context, "the prompt has ", ids.size(),
          " tokens and the model's context holds ", context,
          "; shorten it, or cut its beginning with --truncate-prompt");
  auto generation = generation_config(config);
  if (config.chat) {
    const auto marker = stop_marker(require_chat_template(model).style);
    if (!marker.empty()) {
      generation.stop.emplace_back(marker);
    }
  }
  for (int64_t i = 0; i < config.num_return_sequences; ++i) {
    if (events.on_prompt) events.on_prompt(prompt);
    const auto result = generate(model, ids, generation, events.on_text);
    if (events.on_done) events.on_done(prompt, result);
    ++generation.seed;
  }
}

}  // namespace gptkit
