#pragma once
// Chat templates: models carry the form of their conversations as a Jinja text. Jinja is a
// programming language and is not run here; the text is recognised by its telltale literals and
// stands for one of our prompt styles.

#include <string>
#include <string_view>

#include "text/prompt.h"

namespace gptkit {

struct ChatTemplate {
  PromptStyle style = PromptStyle::kPlain;
  std::string default_system = {};  // the system message when a conversation brings none
  bool operator==(const ChatTemplate&) const = default;
};

/// The style that a Jinja chat template writes, and the system message it puts in by itself.
/// Fails on a template it does not know, with the list of those it does.
ChatTemplate recognize_chat_template(std::string_view jinja, const std::string& where);

/// A Jinja text of our own that renders what format_prompt + response_opening give, behind the
/// tokenizer's begin-of-text token; recognize_chat_template knows it.
std::string chat_template_of(PromptStyle style, const std::string& default_system = {});

}  // namespace gptkit
