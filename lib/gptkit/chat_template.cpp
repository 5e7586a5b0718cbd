#include "gptkit/chat_template.h"

#include "chat/styles.h"
#include "chat/template.h"
#include "gptkit/inside/translate.h"

namespace gptkit::api {

namespace {

PromptStyle style_named(const std::string& name) {
  std::vector<std::string_view> known;
  for (const auto& [text, style] : enum_names(PromptStyle{})) {
    if (style == PromptStyle::kModel) continue;
    if (text == name) return style;
    known.push_back(text);
  }
  fail("chat template style '", printable(name), "' is unknown; expected one of ", join(known));
}

}  // namespace

struct ChatTemplate::Impl {
  gptkit::ChatTemplate chat_template;
};

ChatTemplate::ChatTemplate(const std::string& jinja)
    : impl_(translated([&] {
        return std::make_shared<const Impl>(Impl{gptkit::ChatTemplate(jinja, "chat template")});
      })) {}

ChatTemplate ChatTemplate::built_in(const std::string& style) {
  return translated([&] { return ChatTemplate(style_template(style_named(style))); });
}

const std::string& ChatTemplate::jinja() const { return impl_->chat_template.source(); }

std::string ChatTemplate::render(const Conversation& conversation,
                                 const RenderOptions& options) const {
  return translated([&] {
    gptkit::Conversation messages;
    for (const auto& message : conversation) messages.push_back({message.role, message.content});
    gptkit::TemplateInputs inputs;
    inputs.add_generation_prompt = options.add_generation_prompt;
    inputs.special_tokens = options.special_tokens;
    return std::string(impl_->chat_template.render(messages, inputs).text());
  });
}

}  // namespace gptkit::api
