#pragma once
// Chat templates: models carry the form of their conversations as a Jinja text, which is run here
// as transformers runs it (jinja2's ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks
// and loop controls). Unsupported parts of Jinja are refused by name and line.
// https://huggingface.co/docs/transformers/chat_templating

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "chat/jinja/tracked_text.h"
#include "chat/message.h"

namespace gptkit {

/// The inputs of a template beside the messages. `tools` and `documents` are none.
struct TemplateInputs {
  bool add_generation_prompt = false;
  /// "bos_token", "eos_token" ... and their texts; a role that is not here is undefined.
  std::vector<std::pair<std::string, std::string>> special_tokens = {};
  Json variables = Json::object();  ///< further ones (transformers' chat_template_kwargs)
};

class ChatTemplate {
 public:
  /// Parses a template. `where` (a file, usually) opens the error messages.
  ChatTemplate(std::string source, std::string where);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  const std::string& source() const { return source_; }
  const std::string& where() const { return where_; }

  /// The conversation as text, of which the messages' contents are marked as written by a person.
  /// Fails with one line when the template refuses the conversation, uses something that is not
  /// supported or goes over the limits on steps, recursion and size.
  TrackedText render(const Conversation& conversation, const TemplateInputs& inputs) const;

 private:
  struct Tree;
  std::string source_, where_;
  std::unique_ptr<const Tree> tree_;
};

}  // namespace gptkit
