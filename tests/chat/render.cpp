// Renders chat templates for tests/golden/fuzz_chat_templates.py: a JSON object a line with
// "template", "messages" and "inputs" on standard input, {"text"} or {"error"} a line on standard
// output.

#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "chat/template.h"

namespace {

std::string answer(const gptkit::Json& wanted) {
  gptkit::Conversation conversation;
  for (const auto& message : wanted.at("messages")) {
    conversation.push_back({message.at("role"), message.at("content")});
  }
  gptkit::TemplateInputs inputs;
  inputs.add_generation_prompt = wanted.value("add_generation_prompt", false);
  inputs.variables = wanted.value("inputs", gptkit::Json::object());
  const gptkit::ChatTemplate chat(wanted.at("template"), "template");
  return chat.render(conversation, inputs).text();
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    gptkit::Json result;
    try {
      result["text"] = answer(gptkit::parse_json(line, "standard input"));
    } catch (const gptkit::Error& error) {
      result["error"] = error.what();
    }
    std::cout << gptkit::dump_json(result) << std::endl;
  }
}
