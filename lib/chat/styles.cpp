#include "chat/styles.h"

#include <cassert>

namespace gptkit {

namespace {

constexpr std::pair<std::string_view, std::string_view> kTemplates[] = {
#include "style_templates.inc"
};

}  // namespace

std::string style_template(PromptStyle style, bool with_begin) {
  std::string_view wanted;
  for (const auto& [name, value] : enum_names(PromptStyle{})) {
    if (value == style) wanted = name;
  }
  for (const auto& [name, text] : kTemplates) {
    if (name != wanted) continue;
    return std::string(with_begin ? "{{- bos_token }}\n" : "").append(text);
  }
  assert(false && "the model's own template is no built-in style");
  return {};
}

}  // namespace gptkit
