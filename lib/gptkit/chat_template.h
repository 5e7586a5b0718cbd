#pragma once
// Chat templates: Jinja texts that turn a conversation into a prompt, as transformers runs them.
// LanguageModel::chat() uses the model's own; this class is for templates by themselves.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gptkit/message.h"
#include "gptkit/namespace.h"

namespace gptkit::api {

struct RenderOptions {
  bool add_generation_prompt = true;  ///< end where the assistant's answer begins
  /// Texts that the template may name: {"bos_token", "<s>"}.
  std::vector<std::pair<std::string, std::string>> special_tokens = {};
};

/// A parsed template. Immutable and cheap to copy. Thread-safe.
class ChatTemplate {
 public:
  /// Throws Error with the line of what is no Jinja or not supported.
  explicit ChatTemplate(const std::string& jinja);
  /// A style of gptkit: alpaca, chatml, llama2, llama3, llama3.1, mistral, phi3, zephyr or plain.
  static ChatTemplate built_in(const std::string& style);

  /// The text of the template.
  const std::string& jinja() const;
  /// The prompt. Throws Error if the template refuses the conversation or exceeds the limits on
  /// steps, recursion and size. Encode it with LanguageModel::chat(), not with
  /// SpecialTokens::kAllow: only the former keeps a person's text from becoming special tokens.
  std::string render(const Conversation& conversation, const RenderOptions& options = {}) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace gptkit::api
