#include "gptkit/language_model.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/files.h"
#include "gptkit/inside/model_call.h"
#include "gptkit/inside/tokenizer_impl.h"
#include "infer/generator.h"
#include "infer/growing_engine.h"
#include "weights/bundle.h"

namespace gptkit::api {

/// On the CPU text is written by decoding, and the modules are loaded when something else is asked
/// for.
struct LanguageModel::Impl {
  std::string name;
  ModelText text = {};
  ModelConfig config = {};
  std::optional<GrowingEngine> engine = {};  // on the CPU
  gptkit::LanguageModel loaded = {};

  const gptkit::LanguageModel& modules() {
    if (!loaded.gpt) loaded = load_language_model(name);
    return loaded;
  }

  gptkit::Generation continued(const std::vector<gptkit::TokenId>& prompt,
                               const gptkit::GenerationConfig& generation, const OnText& on_text) {
    if (!engine) return gptkit::generate(loaded, prompt, generation, on_text);
    const auto tokens =
        std::ssize(prompt) + std::min(generation.max_new_tokens, config.context_length);
    const GenerationRequest request{prompt, generation};
    OnTextOf receiver;
    if (on_text) receiver = [&](size_t, std::string_view piece) { return on_text(piece); };
    return gptkit::generate(engine->for_tokens(tokens), *text.tokenizer, {&request, 1}, receiver)
        .front();
  }
};

namespace {

gptkit::GenerationConfig inside(const GenerationConfig& config) {
  return {.max_new_tokens = config.max_new_tokens,
          .temperature = config.temperature,
          .top_k = config.top_k,
          .top_p = config.top_p,
          .min_p = config.min_p,
          .typical_p = config.typical_p,
          .repetition_penalty = config.repetition_penalty,
          .presence_penalty = config.presence_penalty,
          .frequency_penalty = config.frequency_penalty,
          .no_repeat_ngram_size = config.no_repeat_ngram_size,
          .logit_bias = config.logit_bias,
          .stop = config.stop,
          .ignore_end = config.ignore_end,
          .seed = config.seed};
}

FinishReason outside(gptkit::FinishReason reason) {
  switch (reason) {
    case gptkit::FinishReason::kLength:
      return FinishReason::kLength;
    case gptkit::FinishReason::kStop:
      return FinishReason::kStop;
    case gptkit::FinishReason::kContext:
      return FinishReason::kContext;
  }
  return FinishReason::kLength;
}

Generation outside(gptkit::Generation generation) {
  return {.text = std::move(generation.text),
          .token_ids = std::move(generation.token_ids),
          .finish_reason = outside(generation.finish_reason),
          .prompt_tokens = generation.prompt_tokens,
          .prefill_seconds = generation.prefill_seconds,
          .decode_seconds = generation.decode_seconds};
}

gptkit::Conversation inside(const Conversation& conversation) {
  gptkit::Conversation messages;
  for (const auto& message : conversation) messages.push_back({message.role, message.content});
  return messages;
}

}  // namespace

LanguageModel::LanguageModel(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

LanguageModel LanguageModel::load(const std::string& name_or_path, const LoadOptions& options) {
  return model_call([&] {
    const auto device = device_of(options);
    const auto impl = std::make_shared<Impl>();
    impl->name = name_or_path;
    if (device.is_cpu()) {
      auto opened = open_for_decoding(name_or_path, {.threads = at::get_num_threads()});
      impl->text = opened;
      impl->config = opened.model->config();
      impl->engine.emplace(std::move(opened.model),
                           engine_options(impl->text, impl->config.vocab_size));
    } else {
      impl->text = impl->modules();
      impl->config = impl->loaded.gpt->config();
      impl->loaded.gpt->to(device);
    }
    return LanguageModel(impl);
  });
}

Generation LanguageModel::generate(std::string_view prompt, const GenerationConfig& config,
                                   const OnText& on_text) const {
  return model_call([&] {
    const auto ids = encode_beginning(*impl_->text.tokenizer, prompt);
    return outside(impl_->continued(ids, inside(config), on_text));
  });
}

Generation LanguageModel::chat(const Conversation& conversation, const GenerationConfig& config,
                               const OnText& on_text) const {
  return model_call([&] {
    const auto& format = require_chat(impl_->text);
    auto generation = inside(config);
    if (!format.end_of_turn().empty()) generation.stop.push_back(format.end_of_turn());
    const auto ids = format.encode_prompt(inside(conversation));
    return outside(impl_->continued(ids, generation, on_text));
  });
}

Logits LanguageModel::logits(std::span<const TokenId> ids) const {
  return model_call([&] {
    const auto tokens = std::ssize(ids);
    require(tokens >= 1 && tokens <= context_length(), "logits of ", tokens,
            " tokens; expected 1 to ", context_length(), ", the model's context");
    for (const auto id : ids) {
      require(impl_->text.tokenizer->contains(id), "token ", id, " is outside the vocabulary of ",
              impl_->text.tokenizer->vocab_size());
    }
    auto input = torch::tensor(at::ArrayRef<TokenId>(ids.data(), ids.size()), torch::kInt64);
    auto gpt = impl_->modules().gpt;
    input = input.unsqueeze(0).to(gpt->parameters().front().device());  // (1,T)
    const auto output =
        gpt->forward(input).squeeze(0).to(torch::kCPU, torch::kFloat32).contiguous();
    const auto* begin = output.data_ptr<float>();  // (T,V)
    return Logits{.tokens = output.size(0),
                  .vocab_size = output.size(1),
                  .values = {begin, begin + output.numel()}};
  });
}

Tokenizer LanguageModel::tokenizer() const { return public_tokenizer(impl_->text.tokenizer); }

const std::string& LanguageModel::chat_template() const { return impl_->text.chat_template; }

std::int64_t LanguageModel::context_length() const { return impl_->config.context_length; }

std::int64_t LanguageModel::parameters() const { return parameter_count(impl_->config); }

void LanguageModel::save(const std::filesystem::path& folder) const {
  model_call([&] {
    AtomicDirectory written(folder);
    save_language_model(written.path(), impl_->modules());
    written.commit();
  });
}

}  // namespace gptkit::api
