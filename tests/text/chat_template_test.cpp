// Prompts against those that `transformers` renders from chat templates, by the texts of
// tests/golden/make_chat_golden.py.

#include "text/chat_template.h"

#include <iostream>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

Json golden() {
  const fs::path path = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "chat_templates.json";
  return parse_json(read_file(path), path.string());
}

std::string_view name_of(PromptStyle style) {
  for (const auto& [name, value] : enum_names(PromptStyle{})) {
    if (value == style) return name;
  }
  return "";
}

/// The conversation as a prompt; the last turn is the request.
std::string prompt_of(const ChatTemplate& chat, const Json& talk) {
  const auto turns = talk["turns"].get<std::vector<std::string>>();
  PromptFields fields{.instruction = turns.back(), .input = "", .system = talk["system"]};
  if (fields.system.empty()) fields.system = chat.default_system;
  for (std::size_t i = 0; i + 1 < turns.size(); i += 2) {
    fields.history.push_back({turns[i], turns[i + 1]});
  }
  return to_string(format_prompt(chat.style, fields) + response_opening(chat.style));
}

/// Rendered texts may begin with the token that callers put in front.
void expect_same(const std::string& prompt, std::string rendered, const std::string& begin) {
  if (!begin.empty() && rendered.starts_with(begin)) rendered.erase(0, begin.size());
  EXPECT_EQ(prompt, rendered);
}

void expect_talks(const Json& all, const Json& each) {
  const auto chat = recognize_chat_template(each["jinja"].get<std::string>(), "model");
  const std::string style = each["style"];
  EXPECT_EQ(name_of(chat.style), style);
  EXPECT_EQ(chat.default_system, each["default_system"].get<std::string>());
  const std::string begin = all["begin"].contains(style) ? all["begin"][style] : "";
  for (const Json& talk : each["talks"])
    expect_same(prompt_of(chat, talk), talk["rendered"], begin);
}

TEST(ChatTemplate, ModelsTemplatesAreRecognisedAndPromptsAreWhatTheyRender) {
  const Json all = golden();
  for (const Json& each : all["models"]) {
    SCOPED_TRACE(dump_json(each["jinja"]));
    expect_talks(all, each);
  }
}

TEST(ChatTemplate, OursAreRecognisedAndRenderThePrompts) {
  const Json all = golden();
  EXPECT_GT(all["ours"].size(), 17u);
  for (const Json& each : all["ours"]) {
    SCOPED_TRACE(dump_json(each["jinja"]));
    expect_talks(all, each);
    for (const auto& [name, style] : enum_names(PromptStyle{})) {
      if (each["style"] != name) continue;
      EXPECT_EQ(chat_template_of(style, each["default_system"]), each["jinja"].get<std::string>());
    }
  }
}

TEST(ChatTemplate, DISABLED_PrintsOurTemplates) {
  for (const auto& [name, style] : enum_names(PromptStyle{})) {
    for (const char* system : {"", "You're \"it\".\nC:\\new"}) {
      std::cout << dump_json(OrderedJson{{"style", std::string(name)},
                                         {"default_system", system},
                                         {"jinja", chat_template_of(style, system)}})
                << '\n';
    }
  }
}

TEST(ChatTemplate, OthersAreRefusedWithTheListOfKnownOnes) {
  for (const char* other : {"", "{{ messages }}", "no Jinja at all",
                            "{% for m in messages %}<start_of_turn>{% endfor %}",
                            "{{ '<|user|>\n' + content + '<|end|>\n<|assistant|>\n' }}",
                            "{{ ' [INST] ' + content + ' [/INST]' }}{{ ' ' + answer + eos_token }}",
                            "{{ '[SYSTEM_PROMPT]' + '[INST] ' + content + ' [/INST]' }}",
                            "{# <|im_start|> <|im_end|> #}",
                            "{{ '<|im_start|>user<|im_sep|>' + content + '<|im_end|>' }}"}) {
    expect_error([&] { recognize_chat_template(other, "model"); },
                 "known are the forms of alpaca, phi3, chatml, llama2");
  }
  expect_error([] { recognize_chat_template(std::string(2'000'000, ' '), "model"); },
               "model: the chat template has 2000000 bytes");
}

TEST(ChatTemplate, DamagedTemplatesEndInAnAnswerOrAnError) {
  const Json all = golden();
  for (const Json& each : all["models"]) {
    const std::string whole = each["jinja"];
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      try {
        recognize_chat_template(whole.substr(0, bytes), "model");
        recognize_chat_template(whole.substr(bytes), "model");
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("unknown chat template"));
      }
    }
  }
}

}  // namespace
}  // namespace gptkit
