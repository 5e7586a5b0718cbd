#include "gptkit/chat_template.h"

#include "tiny.h"

namespace gptkit::api {
namespace {

const Conversation kTalk = {{"user", "Hello"}};

TEST(PublicChatTemplate, RendersBuiltInStylesAndOwnOnes) {
  EXPECT_EQ(ChatTemplate::built_in("chatml").render(kTalk),
            "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
  const ChatTemplate own("{{ bos_token }}{{ messages[0].content }}");
  EXPECT_EQ(own.render(kTalk, {.special_tokens = {{"bos_token", "<s>"}}}), "<s>Hello");
  EXPECT_EQ(own.jinja(), "{{ bos_token }}{{ messages[0].content }}");
}

TEST(PublicChatTemplate, WithoutAGenerationPromptItEndsBehindTheLastMessage) {
  EXPECT_EQ(ChatTemplate::built_in("chatml").render(kTalk, {.add_generation_prompt = false}),
            "<|im_start|>user\nHello<|im_end|>\n");
}

TEST(PublicChatTemplate, ErrorsAreThePublicOnes) {
  expect_error([] { ChatTemplate("{% if %}"); }, "line 1");
  expect_error([] { ChatTemplate::built_in("model"); }, "expected one of alpaca");
  expect_error([] { ChatTemplate("{{ raise_exception('no') }}").render(kTalk); }, "no");
}

}  // namespace
}  // namespace gptkit::api
