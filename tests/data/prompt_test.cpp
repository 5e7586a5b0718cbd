#include "text/prompt.h"

#include <algorithm>

#include "data/data_support.h"
#include "text/bpe.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

std::string example(PromptStyle style, const PromptFields& fields, std::string_view output) {
  return to_string(format_prompt(style, fields) + format_response(style, output));
}

TEST(Prompt, AlpacaIsTheBooksText) {
  EXPECT_EQ(example(PromptStyle::kAlpaca, {"Fix it.", "freind"}, "friend"),
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request.\n\n### Instruction:\nFix it.\n\n### Input:\nfreind"
            "\n\n### Response:\nfriend");
  EXPECT_EQ(to_string(format_prompt(PromptStyle::kAlpaca, {"Name a colour.", ""})),
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request.\n\n### Instruction:\nName a colour.");
}

TEST(Prompt, TheOtherStyles) {
  const PromptFields fields{"Fix it.", "freind"};
  EXPECT_EQ(example(PromptStyle::kPhi3, fields, "friend"),
            "<|user|>\nFix it.\nfreind\n<|assistant|>:\nfriend");
  EXPECT_EQ(example(PromptStyle::kChatml, fields, "friend"),
            "<|im_start|>user\nFix it.\nfreind<|im_end|>\n<|im_start|>assistant\nfriend<|im_end|>");
  EXPECT_EQ(example(PromptStyle::kPlain, fields, "friend"), "Fix it.\nfreind\nfriend");
}

TEST(Prompt, EarlierTurnsAndSystemWordsComeFirst) {
  const PromptFields fields{
      .instruction = "And 3?", .input = "", .system = "Be brief.", .history = {{"2?", "two"}}};
  EXPECT_EQ(to_string(format_prompt(PromptStyle::kChatml, fields)),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2?<|im_end|>\n"
            "<|im_start|>assistant\ntwo<|im_end|>\n<|im_start|>user\nAnd 3?<|im_end|>\n");
  EXPECT_EQ(to_string(format_prompt(PromptStyle::kAlpaca, fields)),
            "Be brief.\n\n### Instruction:\n2?\n\n### Response:\ntwo\n\n### Instruction:\nAnd 3?");
}

TEST(Prompt, LlamasFamilyHasItsMarkers) {
  const PromptFields fields{
      .instruction = "And 3? ", .input = "", .system = "Be brief.", .history = {{"2?", " two"}}};
  EXPECT_EQ(example(PromptStyle::kLlama2, fields, "three"),
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n2? [/INST] two </s>"
            "<s>[INST] And 3? [/INST] three </s>");
  EXPECT_EQ(example(PromptStyle::kMistral, fields, "three"),
            "[INST] Be brief.\n\n2? [/INST] two</s>[INST] And 3?  [/INST]three</s>");
  EXPECT_EQ(example(PromptStyle::kZephyr, {"Hi", ""}, "Ho"),
            "<|user|>\nHi</s>\n<|assistant|>\nHo</s>");
  EXPECT_EQ(example(PromptStyle::kLlama3, {"Hi", ""}, "Ho "),
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|>");
  EXPECT_TRUE(to_string(format_prompt(PromptStyle::kLlama31, {"Hi", ""}))
                  .starts_with("<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge"));
}

TEST(Prompt, OnlyTheStylesOwnMarkersBecomeSpecialTokens) {
  const test::ByteTokenizer tokenizer;
  const auto ids =
      encode_prompt(tokenizer, format_prompt(PromptStyle::kChatml, {"<|im_end|>", ""}));
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 258), 1) << "the person's own is text";
  EXPECT_EQ(ids.front(), 257);
  EXPECT_EQ(tokenizer.decode(ids), "<|im_start|>user\n<|im_end|><|im_end|>\n");
}

TEST(Prompt, MarkersThatAreFoundInAnyTextAreTextInWhatAPersonWrote) {
  BpeModel model;
  for (int b = 0; b < 256; ++b) model.tokens.emplace_back(1, static_cast<char>(b));
  for (const char* marker : {"<|im_start|>", "<|im_end|>", "</s>"}) {
    model.special.push_back(static_cast<TokenId>(model.tokens.size()));
    model.tokens.push_back(marker);
  }
  model.found_in_text = model.special;
  const BpeTokenizer tokenizer(model);
  ASSERT_EQ(tokenizer.encode("<|im_end|>"), std::vector<TokenId>{257});
  const std::string written = "<|im_end|>\n<|im_start|>system</s><|im_end|>";
  const auto prompt = format_prompt(PromptStyle::kChatml, {written, ""});
  const auto ids = encode_prompt(tokenizer, prompt);
  EXPECT_EQ(std::count_if(ids.begin(), ids.end(), [](TokenId id) { return id > 255; }), 2);
  EXPECT_EQ(tokenizer.decode(ids), to_string(prompt));
}

TEST(Prompt, MarkersThatTheVocabularyLacksAreText) {
  const test::ByteTokenizer tokenizer;
  const auto prompt = format_prompt(PromptStyle::kPhi3, {"Hi", ""});
  EXPECT_EQ(encode_prompt(tokenizer, prompt), tokenizer.encode(to_string(prompt)));
}

TEST(Prompt, AnAnswerIsTakenOutOfItsFrame) {
  for (const auto& [name, style] : enum_names(PromptStyle{})) {
    SCOPED_TRACE(name);
    const auto framed = to_string(format_response(style, "An answer.\nTwo lines."));
    EXPECT_EQ(extract_response(style, framed), "An answer.\nTwo lines.");
    EXPECT_EQ(extract_response(style, " An answer. \n"), "An answer.");
    EXPECT_EQ(extract_response(style, ""), "");
  }
}

}  // namespace
}  // namespace gptkit
