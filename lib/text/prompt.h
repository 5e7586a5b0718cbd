#pragma once
// Prompt styles: the fields of a request -> the text before the answer, and the answer's own frame.
// What a person wrote is ordinary text: only the style's own markers ever become special tokens.
//
//   alpaca  the book's chapter 7: "Below is an instruction ...\n\n### Instruction:\n...\n\n###
//           Input:\n..." and "\n\n### Response:\n..."
//   phi3    the book's exercise 7.1: "<|user|>\n..." and "\n<|assistant|>:\n..."
//   chatml  "<|im_start|>user\n...<|im_end|>\n" and "<|im_start|>assistant\n...<|im_end|>"
//   plain   the text itself; instruction and input on lines of their own, the answer on the next

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

enum class PromptStyle { kAlpaca, kPhi3, kChatml, kPlain };

constexpr auto enum_names(PromptStyle) {
  return std::array<std::pair<std::string_view, PromptStyle>, 4>{{
      {"alpaca", PromptStyle::kAlpaca},
      {"phi3", PromptStyle::kPhi3},
      {"chatml", PromptStyle::kChatml},
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
/// What opens an answer ("\n\n### Response:\n"); to generate, feed prompt + opening.
PromptText response_opening(PromptStyle style);
/// The answer in its frame, as training text: opening + output (+ the style's end marker).
PromptText format_response(PromptStyle style, std::string_view output);
/// The answer alone from generated text: without the opening, the end marker and outer blanks.
std::string extract_response(PromptStyle style, std::string_view generated);
/// The marker at which generation stops besides end-of-text ("<|im_end|>"); empty: none.
std::string_view stop_marker(PromptStyle style);

PromptText operator+(PromptText a, const PromptText& b);
std::string to_string(const PromptText& text);
/// Markers that the vocabulary knows become their token; all the rest, joined, is encoded as text.
std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const PromptText& text);

}  // namespace gptkit
