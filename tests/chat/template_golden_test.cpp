// Conversations against what transformers and jinja2 render: tests/golden/make_chat_golden.py and
// fuzz_chat_templates.py.

#include "base/files.h"
#include "base/json.h"
#include "chat/styles.h"
#include "chat/template.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

Json golden(const char* name) {
  const fs::path path = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / name;
  return parse_json(read_file(path), path.string());
}

Conversation conversation(const Json& messages) {
  Conversation talk;
  for (const Json& message : messages) talk.push_back({message["role"], message["content"]});
  return talk;
}

/// Each talk of the file, with and without the beginning of an answer.
void expect_talks(const Json& all, const ChatTemplate& chat, const Json& rendered) {
  TemplateInputs inputs;
  for (const auto& [role, text] : all["tokens"].items()) {
    inputs.special_tokens.emplace_back(role, text);
  }
  for (std::size_t i = 0; i < all["talks"].size(); ++i) {
    for (const bool add : {false, true}) {
      inputs.add_generation_prompt = add;
      const Json& wanted = rendered[i][add ? 1 : 0];
      const auto talk = conversation(all["talks"][i]);
      if (wanted.is_string()) {
        EXPECT_EQ(chat.render(talk, inputs).text(), wanted.get<std::string>()) << "talk " << i;
      } else {
        expect_error([&] { chat.render(talk, inputs); }, wanted["error"]);
      }
    }
  }
}

TEST(ChatTemplateGolden, FamiliesRenderAsInTransformers) {
  const Json all = golden("chat_templates.json");
  EXPECT_GT(all["models"].size(), 15u);
  for (const Json& model : all["models"]) {
    SCOPED_TRACE(model["name"].get<std::string>());
    expect_talks(all, ChatTemplate(model["jinja"], "model"), model["rendered"]);
  }
}

TEST(ChatTemplateGolden, BuiltInStylesRenderAsInTransformers) {
  const Json all = golden("chat_templates.json");
  EXPECT_EQ(all["styles"].size(), enum_names(PromptStyle{}).size() - 1);
  for (const Json& each : all["styles"]) {
    SCOPED_TRACE(each["name"].get<std::string>());
    for (const auto& [name, style] : enum_names(PromptStyle{})) {
      if (each["name"] != name) continue;
      expect_talks(all, ChatTemplate(style_template(style), "style"), each["rendered"]);
    }
  }
}

TEST(ChatTemplateGolden, RandomTemplatesRenderAsInJinja2) {
  const Json all = golden("chat_fuzz.json");
  EXPECT_GT(all["cases"].size(), 200u);
  for (const Json& each : all["cases"]) {
    SCOPED_TRACE(each[0].get<std::string>());
    const ChatTemplate chat(each[0].get<std::string>(), "template");
    const TemplateInputs inputs{.add_generation_prompt = each[2], .variables = all["inputs"]};
    const auto talk = conversation(all["messages"][each[1].get<std::size_t>()]);
    EXPECT_EQ(chat.render(talk, inputs).text(), each[3].get<std::string>());
  }
}

TEST(ChatTemplateGolden, DamagedTemplatesRenderOrFailWithOneLine) {
  const Json all = golden("chat_templates.json");
  for (const Json& model : all["models"]) {
    const std::string whole = model["jinja"];
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 3) {
      for (const auto& part : {whole.substr(0, bytes), whole.substr(bytes)}) {
        try {
          ChatTemplate(part, "model").render(conversation(all["talks"][2]), {});
        } catch (const Error& error) {
          EXPECT_THAT(error.what(), testing::StartsWith("model: "));
          EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
        }
      }
    }
  }
}

}  // namespace
}  // namespace gptkit
