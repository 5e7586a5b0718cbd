#pragma once
// The built-in chat templates (templates/*.jinja): forms of conversations to finetune a model with
// that has none of its own. The finished model carries the text of its style, so that it renders
// the same everywhere.
//
//   alpaca    the book's chapter 7: "Below is an instruction ...\n\n### Instruction:\n..." and
//             "\n\n### Response:\n..."; a system message takes the place of the opening words
//   phi3      the book's exercise 7.1: "<|user|>\n..." and "\n<|assistant|>:\n..."; without a
//             place for a system message
//   chatml    "<|im_start|>user\n...<|im_end|>\n" and "<|im_start|>assistant\n...<|im_end|>\n"
//   llama2    "[INST] <<SYS>>\n...\n<</SYS>>\n\n... [/INST]" and " ... </s>"; "<s>" before later
//             requests
//   llama3    "<|start_header_id|>user<|end_header_id|>\n\n...<|eot_id|>"
//   llama3.1  the same, with a system message that opens with Llama 3.1's two dates
//   zephyr    "<|user|>\n...</s>\n" and "<|assistant|>\n...</s>\n"
//   mistral   "[INST] ... [/INST]" and "...</s>", the system message and an empty line before the
//             first request (Mistral 7B's first form)
//   plain     the texts on lines of their own
//
// Llama's styles strip outer white space of messages, as Llama's own templates do.

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace gptkit {

enum class PromptStyle {
  kAlpaca,
  kPhi3,
  kChatml,
  kLlama2,
  kLlama3,
  kLlama31,
  kZephyr,
  kMistral,
  kPlain,
  kModel,  ///< the model's own template
};

constexpr auto enum_names(PromptStyle) {
  return std::array<std::pair<std::string_view, PromptStyle>, 10>{{
      {"alpaca", PromptStyle::kAlpaca},
      {"phi3", PromptStyle::kPhi3},
      {"chatml", PromptStyle::kChatml},
      {"llama2", PromptStyle::kLlama2},
      {"llama3", PromptStyle::kLlama3},
      {"llama3.1", PromptStyle::kLlama31},
      {"zephyr", PromptStyle::kZephyr},
      {"mistral", PromptStyle::kMistral},
      {"plain", PromptStyle::kPlain},
      {"model", PromptStyle::kModel},
  }};
}

/// The Jinja text of a built-in style (not of kModel). `with_begin` puts bos_token before
/// everything: for tokenizers that begin every text with it.
std::string style_template(PromptStyle style, bool with_begin = false);

}  // namespace gptkit
