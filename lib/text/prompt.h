#pragma once
// Prompt styles: the fields of a request -> the text before the answer, and the answer's own frame.
// What a person wrote is ordinary text: only the style's own markers ever become special tokens.
//
//   alpaca  the book's chapter 7: "Below is an instruction ...\n\n### Instruction:\n...\n\n###
//           Input:\n..." and "\n\n### Response:\n..."
//   phi3    the book's exercise 7.1: "<|user|>\n..." and "\n<|assistant|>:\n..."
//   chatml  "<|im_start|>user\n...<|im_end|>\n" and "<|im_start|>assistant\n...<|im_end|>"
//   llama2  "[INST] <<SYS>>\n...\n<</SYS>>\n\n... [/INST]" and " ... </s>"; "<s>" before later
//   requests llama3  "<|start_header_id|>user<|end_header_id|>\n\n...<|eot_id|>" llama3.1  the
//   same, with a system message that opens with Llama 3.1's two dates zephyr  "<|user|>\n...</s>\n"
//   and "<|assistant|>\n...</s>" mistral "[INST] ... [/INST]" and "...</s>", system words and an
//   empty line before the first
//           request (Mistral 7B's first form)
//   plain   the text itself; instruction and input on lines of their own, the answer on the next
//
// The prompts are those of the models' own chat templates, but for the token that the family puts
// before every text (Tokenizer::begin_of_text), which the caller puts there. Llama's styles strip
// what is said of outer white space, as theirs do.

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

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
};

constexpr auto enum_names(PromptStyle) {
  return std::array<std::pair<std::string_view, PromptStyle>, 9>{{
      {"alpaca", PromptStyle::kAlpaca},
      {"phi3", PromptStyle::kPhi3},
      {"chatml", PromptStyle::kChatml},
      {"llama2", PromptStyle::kLlama2},
      {"llama3", PromptStyle::kLlama3},
      {"llama3.1", PromptStyle::kLlama31},
      {"zephyr", PromptStyle::kZephyr},
      {"mistral", PromptStyle::kMistral},
      {"plain", PromptStyle::kPlain},
  }};
}

/// One earlier request of a conversation and its answer.
struct Turn {
  std::string request, response;
  bool operator==(const Turn&) const = default;
};

/// What is asked. Only `instruction` is required.
struct PromptFields {
  std::string instruction, input;
  std::string system = {};         // replaces the style's opening words, when it has a place
  std::vector<Turn> history = {};  // oldest first
  bool operator==(const PromptFields&) const = default;
};

/// Text, of which marked pieces stand for one special token where the vocabulary has it.
struct PromptPiece {
  std::string text;
  bool marker = false;
  bool operator==(const PromptPiece&) const = default;
};
using PromptText = std::vector<PromptPiece>;

/// Up to the answer's frame: the book's format_input(). Its tokens are what mask_prompt masks.
PromptText format_prompt(PromptStyle style, const PromptFields& fields);
/// What opens an answer ("\n\n### Response:\n"; nothing after "[/INST]"); to generate, feed prompt
/// + opening.
PromptText response_opening(PromptStyle style);
/// The answer in its frame, as training text: opening + output (+ the style's end marker).
/// llama2 has a blank on either side of the output.
PromptText format_response(PromptStyle style, std::string_view output);
/// The answer alone from generated text: without the opening, the end marker and outer blanks.
std::string extract_response(PromptStyle style, std::string_view generated);
/// The opening words of alpaca and of llama3.1's system message, which are there without any.
std::string_view built_in_opening(PromptStyle style);
/// The marker at which generation stops besides end-of-text ("<|im_end|>"); empty: none.
std::string_view stop_marker(PromptStyle style);

PromptText operator+(PromptText a, const PromptText& b);
std::string to_string(const PromptText& text);
/// Markers that the vocabulary knows become their token; all the rest, joined, is encoded as text,
/// in which no marker becomes a token, even one that the vocabulary would find in any text.
std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const PromptText& text);

}  // namespace gptkit
