#include "chat/chat_format.h"

#include "chat/chat_support.h"
#include "chat/styles.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

ChatFormat format_of(const std::string& jinja) {
  return {ChatTemplate(jinja, "model"),
          test::byte_tokenizer({"<|im_start|>", "<|im_end|>", "<s>", "</s>"}),
          {{"bos_token", "<s>"}, {"eos_token", "</s>"}}};
}
ChatFormat format_of(PromptStyle style) { return format_of(style_template(style)); }

std::string decoded(const std::vector<TokenId>& ids) {
  return test::byte_tokenizer({"<|im_start|>", "<|im_end|>", "<s>", "</s>"})->decode(ids);
}

std::string example(PromptStyle style, const Conversation& prompt, const std::string& answer) {
  return decoded(format_of(style).encode_example(prompt, answer).ids);
}

TEST(ChatFormat, AlpacaIsTheBooksText) {
  const auto alpaca = format_of(PromptStyle::kAlpaca);
  const auto prompt = alpaca.request("Fix it.", "freind");
  EXPECT_EQ(example(PromptStyle::kAlpaca, {{"user", prompt}}, "friend"),
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request.\n\n### Instruction:\nFix it.\n\n### Input:\nfreind"
            "\n\n### Response:\nfriend");
  EXPECT_EQ(decoded(alpaca.encode_prompt({{"user", "Hi"}})),
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request.\n\n### Instruction:\nHi\n\n### Response:\n");
}

TEST(ChatFormat, TheOtherStyles) {
  const Conversation prompt = {{"user", "Fix it.\nfreind"}};
  EXPECT_EQ(format_of(PromptStyle::kPlain).request("Fix it.", "freind"), "Fix it.\nfreind");
  EXPECT_EQ(example(PromptStyle::kPhi3, prompt, "friend"),
            "<|user|>\nFix it.\nfreind\n<|assistant|>:\nfriend");
  EXPECT_EQ(example(PromptStyle::kChatml, prompt, "friend"),
            "<|im_start|>user\nFix it.\nfreind<|im_end|>\n<|im_start|>assistant\nfriend<|im_end|>");
  EXPECT_EQ(example(PromptStyle::kPlain, prompt, "friend"), "Fix it.\nfreind\nfriend");
  EXPECT_EQ(example(PromptStyle::kZephyr, {{"user", "Hi"}}, "Ho"),
            "<|user|>\nHi</s>\n<|assistant|>\nHo</s>");
}

TEST(ChatFormat, EarlierTurnsAndTheSystemMessageComeFirst) {
  const Conversation talk = {
      {"system", "Be brief."}, {"user", "2?"}, {"assistant", " two"}, {"user", "And 3? "}};
  EXPECT_EQ(example(PromptStyle::kLlama2, talk, "three"),
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n2? [/INST] two </s>"
            "<s>[INST] And 3? [/INST] three </s>");
  EXPECT_EQ(example(PromptStyle::kMistral, talk, "three"),
            "[INST] Be brief.\n\n2? [/INST] two</s>[INST] And 3?  [/INST]three</s>");
  EXPECT_EQ(example(PromptStyle::kAlpaca, talk, "three"),
            "Be brief.\n\n### Instruction:\n2?\n\n### Response:\n two\n\n### Instruction:\nAnd 3? "
            "\n\n### Response:\nthree");
  expect_error([&] { example(PromptStyle::kPhi3, talk, "three"); },
               "the phi3 style has no place for a message of role system");
}

TEST(ChatFormat, TheBeginIsPutWhereTheTokenizerHasOne) {
  EXPECT_EQ(decoded(format_of(style_template(PromptStyle::kPlain, /*with_begin=*/true))
                        .encode_prompt({{"user", "Hi"}})),
            "<s>Hi\n");
}

TEST(ChatFormat, ThePromptsTokensAreThoseBeforeTheAnswersTurn) {
  const auto chatml = format_of(PromptStyle::kChatml).encode_example({{"user", "Hi"}}, "Ho");
  EXPECT_EQ(decoded({chatml.ids.begin(), chatml.ids.begin() + chatml.prompt_tokens}),
            "<|im_start|>user\nHi<|im_end|>\n");
  const auto other = format_of(
                         "{% for m in messages %}{{ m.role[0] + m.content }}{% endfor %}"
                         "{% if not add_generation_prompt and messages | length == 1 %}END"
                         "{% endif %}")
                         .encode_example({{"user", "Hi"}}, "Ho");
  EXPECT_EQ(decoded(other.ids), "uHiaHo") << "what stands behind the prompt alone is no prompt";
  EXPECT_EQ(other.prompt_tokens, 3);
}

TEST(ChatFormat, AnAnswerIsTakenOutOfItsFrame) {
  for (const auto& [name, style] : enum_names(PromptStyle{})) {
    if (style == PromptStyle::kModel) continue;
    SCOPED_TRACE(name);
    const auto chat = format_of(style);
    const auto whole = chat.encode_example({{"user", "Q"}}, "An answer.\nTwo lines.");
    EXPECT_EQ(chat.answer_of(decoded({whole.ids.begin() + whole.prompt_tokens, whole.ids.end()})),
              "An answer.\nTwo lines.");
    EXPECT_EQ(chat.answer_of(" An answer. \n"), "An answer.");
    EXPECT_EQ(chat.answer_of(""), "");
  }
}

TEST(ChatFormat, TheEndOfATurnIsWhatTheTemplateWrites) {
  EXPECT_EQ(format_of(PromptStyle::kChatml).end_of_turn(), "<|im_end|>");
  EXPECT_EQ(format_of(PromptStyle::kLlama2).end_of_turn(), "</s>");
  EXPECT_EQ(format_of(PromptStyle::kLlama3).end_of_turn(), "<|eot_id|>") << "no token, a text";
  EXPECT_EQ(format_of(PromptStyle::kAlpaca).end_of_turn(), "");
  EXPECT_EQ(format_of("{{ raise_exception('never') }}").end_of_turn(), "");
}

TEST(ChatFormat, APromptIsCutInsideWhatWasAsked) {
  const auto chat = format_of(PromptStyle::kChatml);
  const Conversation talk = {{"system", "Be brief."},
                             {"user", "The oldest one"},
                             {"assistant", "Yes"},
                             {"user", "éabcdefghij"}};
  const auto whole = chat.encode_prompt(talk);
  EXPECT_EQ(chat.encode_prompt_within(talk, std::ssize(whole)).ids, whole);

  const auto shorter = chat.encode_prompt_within(talk, std::ssize(whole) - 1);
  EXPECT_EQ(shorter.dropped_turns, 1);
  EXPECT_EQ(shorter.cut_characters, 0);
  EXPECT_EQ(shorter.ids, chat.encode_prompt({talk.front(), talk.back()}));

  const auto cut = chat.encode_prompt_within(talk, std::ssize(shorter.ids) - 3);
  EXPECT_EQ(cut.cut_characters, 2) << "é has two bytes";
  EXPECT_EQ(cut.ids, chat.encode_prompt({talk.front(), {"user", "bcdefghij"}}));
  expect_error([&] { chat.encode_prompt_within(talk, 10); },
               "the chat template and the system message take");
}

}  // namespace
}  // namespace gptkit
