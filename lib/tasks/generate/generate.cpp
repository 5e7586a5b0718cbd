#include "tasks/generate/generate.h"

#include <iostream>
#include <iterator>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "data/text_encoding.h"
#include "tasks/generate/stored_generation.h"
#include "tensors/device.h"
#include "text/truncate.h"
#include "weights/bundle.h"

namespace gptkit {

namespace {

std::string read_prompt(const GenerateConfig& config) {
  if (config.prompt_file.empty()) return config.prompt;
  if (config.prompt_file.filename() == "-") {
    return decode_text(std::string(std::istreambuf_iterator<char>(std::cin), {}), "standard input");
  }
  return read_text(config.prompt_file, uint64_t{64} << 20);
}

Conversation conversation(const ChatFormat& chat, const GenerateConfig& config,
                          const std::string& prompt) {
  Conversation messages;
  if (config.system) messages.push_back({"system", *config.system});
  messages.push_back({"user", chat.request(prompt, config.input)});
  return messages;
}

/// A chat prompt that is too long is cut inside what was asked.
std::vector<TokenId> encode_chat(const ChatFormat& chat, const GenerateConfig& config,
                                 const std::string& prompt, int64_t most) {
  const auto messages = conversation(chat, config, prompt);
  if (!config.truncate_prompt) return chat.encode_prompt(messages);
  auto fitted = chat.encode_prompt_within(messages, most);
  if (fitted.cut_characters > 0) {
    log_warning("the first ", fitted.cut_characters,
                " characters of the prompt are cut; the chat template",
                config.system ? " and the system message stay" : " stays");
  }
  return fitted.ids;
}

/// Of a text that is too long the beginning is cut, behind the tokens that begin every text.
std::vector<TokenId> encode_plain(const Tokenizer& tokenizer, const GenerateConfig& config,
                                  const std::string& prompt, int64_t most) {
  auto ids = encode_beginning(tokenizer, prompt);
  const auto tokens = std::ssize(ids);
  if (config.truncate_prompt &&
      truncate(ids, most, Truncate::kLeft, {.before = tokenizer.frame().before})) {
    log_warning("the prompt's first ", tokens - std::ssize(ids), " of ", tokens, " tokens are cut");
  }
  return ids;
}

}  // namespace

void validate(const GenerateConfig& config) {
  require(!config.model.empty(), "no model; name a folder or gpt2, gpt2-medium ... with ",
          Key{"model"});
  require(!config.prompt.empty() || !config.prompt_file.empty(), "no prompt; give ", Key{"prompt"},
          " TEXT or ", Key{"prompt_file"}, " FILE");
  require(config.prompt.empty() || config.prompt_file.empty(), Key{"prompt"}, " and ",
          Key{"prompt_file"}, " are both given; choose one");
  require(config.chat || (config.input.empty() && !config.system), Key{"input"}, " and ",
          Key{"system"}, " are parts of a chat prompt; give ", Key{"chat"}, " too");
  validate(config.generation);
}

void run_generate(const GenerateConfig& wanted, int threads, const GenerateEvents& events) {
  auto config = wanted;
  validate(config);
  auto& generation = config.generation;
  if (generation.seed == -1) generation.seed = static_cast<int64_t>(std::random_device{}());
  const auto device = resolve_device(config.device);
  set_threads(threads);
  const auto prompt = read_prompt(config);
  auto model = load_language_model(config.model.text);
  warn_of_settings_left_out(model_path(config.model.text), config.generation);
  model.gpt->to(device);

  const int64_t context = model.gpt->config().context_length;
  const int64_t room = std::min(std::max<int64_t>(generation.max_new_tokens, 1), context / 2);
  const auto ids = config.chat ? encode_chat(require_chat(model), config, prompt, context - room)
                               : encode_plain(*model.tokenizer, config, prompt, context - room);
  require(std::ssize(ids) <= context, "the prompt has ", ids.size(),
          " tokens and the model's context holds ", context,
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  if (config.chat && !require_chat(model).end_of_turn().empty()) {
    generation.stop.push_back(require_chat(model).end_of_turn());
  }
  watch_stop_signals();
  for (int64_t i = 0; i < generation.num_return_sequences; ++i) {
    if (events.on_prompt) events.on_prompt(prompt);
    const auto result = generate(model, ids, generation, events.on_text);
    if (events.on_done) events.on_done(prompt, result);
    ++generation.seed;
  }
}

}  // namespace gptkit
