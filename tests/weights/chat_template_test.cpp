// Where a model's chat template is found, and what is saved of it.

#include "chat/styles.h"
#include "small_models.h"
#include "support/support.h"
#include "weights/export.h"

namespace gptkit {
namespace {

using test::edit_json;
using test::expect_error;
using test::ScratchFolder;
using test::small_language_model;

constexpr const char* kTemplate = "{{ messages[0].content }}{{ eos_token }}";

class ChatTemplates : public testing::Test {
 protected:
  ChatTemplates() { save_language_model(folder_.path(), small_language_model(true, true)); }
  std::string path() const { return folder_.path().string(); }
  void set_config(const Json& chat_template) {
    edit_json(folder_ / "tokenizer_config.json",
              [&](Json& json) { json["chat_template"] = chat_template; });
  }
  ScratchFolder folder_;
};

TEST_F(ChatTemplates, AreReadInEveryForm) {
  EXPECT_FALSE(load_language_model(path()).chat);
  const Json tool = {{"name", "tool_use"}, {"template", "tools"}};
  const Json named = {{"name", "default"}, {"template", kTemplate}};
  for (const Json& form : {Json(kTemplate), Json({tool, named}),
                           Json({{"default", kTemplate}, {"tool_use", "tools"}})}) {
    set_config(form);
    const auto model = load_language_model(path());
    EXPECT_EQ(model.chat_template, kTemplate);
    EXPECT_EQ(require_chat(model).encode_prompt({{"user", "a"}}), (std::vector<TokenId>{'a', 256}));
  }
  write_file_atomic(folder_ / "chat_template.jinja", "file");
  EXPECT_EQ(open_model(path()).chat_template, "file");
}

TEST_F(ChatTemplates, WithoutADefaultOneAreNotChosen) {
  set_config({{{"name", "rag"}, {"template", "x"}}, {{"name", "tool_use"}, {"template", "y"}}});
  const auto model = load_language_model(path());
  expect_error([&] { require_chat(model); },
               "the model has the templates rag, tool_use and no default one");
}

TEST_F(ChatTemplates, ThatAreNoJinjaAreKeptAndSaidWhenAsked) {
  write_file_atomic(folder_ / "chat_template.jinja", "\n{% nonsense %}");
  const auto model = load_language_model(path());
  expect_error([&] { require_chat(model); },
               "chat template, line 2: the tag 'nonsense' is not supported");
  ScratchFolder again;
  save_language_model(again.path(), model);
  EXPECT_EQ(read_file(again / "chat_template.jinja"), "\n{% nonsense %}");
}

TEST_F(ChatTemplates, OfVersion01AreKnownByTheirStyle) {
  edit_json(folder_ / "config.json", [](Json& json) { json["gptkit"]["prompt_style"] = "alpaca"; });
  EXPECT_EQ(load_language_model(path()).chat_template, style_template(PromptStyle::kAlpaca));
}

TEST_F(ChatTemplates, FurtherOnesGoAlong) {
  fs::create_directory(folder_ / "additional_chat_templates");
  write_file_atomic(folder_ / "additional_chat_templates" / "tool_use.jinja", "tools");
  write_file_atomic(folder_ / "chat_template.jinja", kTemplate);
  const auto source = open_model(path());
  ScratchFolder again;
  export_hugging_face(source, *open_tokenizer(source), again.path(), DType::kFloat32);
  EXPECT_EQ(read_file(again / "chat_template.jinja"), kTemplate);
  EXPECT_EQ(read_file(again / "additional_chat_templates" / "tool_use.jinja"), "tools");
}

}  // namespace
}  // namespace gptkit
