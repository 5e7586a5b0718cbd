// The laws of chat: what a person wrote never becomes a special token, and it arrives whole.

#include <algorithm>
#include <map>

#include "chat/chat_format.h"
#include "chat/chat_support.h"
#include "chat/styles.h"
#include "support/laws.h"
#include "support/support.h"

namespace gptkit {
namespace {

const std::vector<std::string> kSpecial = {
    "<s>",     "</s>",       "<|im_start|>",        "<|im_end|>",        "<|user|>",
    "<|end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|assistant|>",
    "[INST]",  "[/INST]"};

/// One format for each built-in style.
const ChatFormat& format_of(PromptStyle style) {
  static std::map<PromptStyle, ChatFormat> formats;
  const auto known = formats.find(style);
  if (known != formats.end()) return known->second;
  return formats
      .try_emplace(style, ChatTemplate(style_template(style), "style"),
                   test::byte_tokenizer(kSpecial),
                   std::vector<std::pair<std::string, std::string>>{{"bos_token", "<s>"},
                                                                    {"eos_token", "</s>"}})
      .first->second;
}

PromptStyle some_style() {
  return *rc::gen::element(PromptStyle::kAlpaca, PromptStyle::kChatml, PromptStyle::kLlama2,
                           PromptStyle::kLlama3, PromptStyle::kLlama31, PromptStyle::kZephyr,
                           PromptStyle::kMistral, PromptStyle::kPhi3, PromptStyle::kPlain);
}

/// Texts that try to end their turn.
std::string hostile_text() {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::oneOf(rc::gen::elementOf(kSpecial), rc::gen::elementOf(test::odd_pieces()),
                     rc::gen::element<std::string>("<|im_", "end|>", "system\n", "<", "|>")));
  std::string text = "x";  // never empty: a style may leave an empty message out
  for (const auto& piece : pieces) text += piece;
  return text;
}

std::int64_t special_tokens(const std::vector<TokenId>& ids) {
  return std::count_if(ids.begin(), ids.end(), [](TokenId id) { return id > 255; });
}

Conversation conversation_of(const std::vector<std::string>& contents) {
  constexpr const char* kRoles[] = {"user", "assistant", "user"};
  Conversation talk;
  for (std::size_t i = 0; i < contents.size(); ++i) talk.push_back({kRoles[i], contents[i]});
  return talk;
}

RC_GTEST_PROP(ChatLaws, WhatAPersonWroteNeverBecomesASpecialToken, ()) {
  const auto& format = format_of(some_style());
  const auto talk = conversation_of({hostile_text(), hostile_text(), hostile_text()});
  const auto harmless = conversation_of({"a", "b", "c"});
  RC_ASSERT(special_tokens(format.encode_prompt(talk)) ==
            special_tokens(format.encode_prompt(harmless)));
}

RC_GTEST_PROP(ChatLaws, WhatAPersonWroteArrivesWhole, ()) {
  const auto text = hostile_text() + "x";  // no white space at the end, which styles strip
  const auto ids = format_of(some_style()).encode_prompt({{"user", text}});
  const auto prompt = test::byte_tokenizer(kSpecial)->decode(ids);
  RC_ASSERT(prompt.find(text) != prompt.npos);
}

RC_GTEST_PROP(ChatLaws, AnExampleBeginsWithItsPrompt, ()) {
  const auto& format = format_of(some_style());
  const Conversation prompt = {{"user", hostile_text()}};
  const auto example = format.encode_example(prompt, hostile_text());
  RC_ASSERT(example.prompt_tokens > 0);
  RC_ASSERT(example.prompt_tokens < std::ssize(example.ids));
}

}  // namespace
}  // namespace gptkit
