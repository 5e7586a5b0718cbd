#pragma once
// A language model with its tokenizer: generate text, answer conversations, score tokens.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gptkit/generation.h"
#include "gptkit/generation_config.h"
#include "gptkit/load_options.h"
#include "gptkit/logits.h"
#include "gptkit/message.h"
#include "gptkit/namespace.h"
#include "gptkit/tokenizer.h"

namespace gptkit::api {

/// Copies share the weights. One thread at a time may call a model.
class LanguageModel {
 public:
  /// Opens a Hugging Face folder, a .gguf file, OpenAI's GPT-2 folder, llm.c's .bin, a LoRA adapter
  /// (merged), or a name such as "gpt2" that is looked up in $GPTKIT_HOME. On the CPU weights are
  /// in memory as the files store them; logits() and save() read the files again, in float32.
  /// Throws Error if the model needs an unsupported feature, and names the setting.
  static LanguageModel load(const std::string& name_or_path, const LoadOptions& options = {});

  /// Continues the prompt. What it shares with an earlier prompt or answer is not computed again.
  /// Throws Error if the prompt is empty or longer than the context.
  Generation generate(std::string_view prompt, const GenerationConfig& config = {},
                      const OnText& on_text = {}) const;
  /// The assistant's answer to a conversation, by the model's own chat template. A person's text
  /// never becomes a special token. Throws Error if the model has no chat template.
  Generation chat(const Conversation& conversation, const GenerationConfig& config = {},
                  const OnText& on_text = {}) const;
  /// The logits (T,V) of 1 to context_length() tokens, in one forward pass.
  Logits logits(std::span<const TokenId> ids) const;

  Tokenizer tokenizer() const;
  /// Jinja; empty if the model has none.
  const std::string& chat_template() const;
  std::int64_t context_length() const;  ///< tokens
  std::int64_t parameters() const;      ///< elements of all weights

  /// Writes a Hugging Face folder that transformers opens. Throws Error if `folder` exists.
  void save(const std::filesystem::path& folder) const;

 private:
  struct Impl;
  explicit LanguageModel(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gptkit::api
