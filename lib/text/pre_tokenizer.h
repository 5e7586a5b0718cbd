#pragma once
// Cutting text into pre-tokens, the pieces inside which BPE merges. One function per family's
// pattern; each is a hand-written scanner that gives what the pattern gives, in linear time on any
// input. A byte that is not part of well-formed UTF-8 counts as a symbol (neither letter, number
// nor space), so every byte string is cut and the pieces, put together, are the input.

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace gptkit {

/// The patterns known.
enum class PreTokenPattern { kGpt2, kLlama3, kQwen2, kSmolLm };

/// The names are llama.cpp's (`tokenizer.ggml.pre`).
constexpr auto enum_names(PreTokenPattern) {
  return std::array<std::pair<std::string_view, PreTokenPattern>, 4>{{
      {"gpt-2", PreTokenPattern::kGpt2},
      {"llama-bpe", PreTokenPattern::kLlama3},
      {"qwen2", PreTokenPattern::kQwen2},
      {"smollm", PreTokenPattern::kSmolLm},
  }};
}

/// End of the pre-token that starts at `begin` (< text.size()). GPT-2's pattern:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t gpt2_pretoken_end(std::string_view text, std::size_t begin);

/// Llama 3's pattern (contractions in any case, so "'ſ" is one too):
///   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
///   ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t llama3_pretoken_end(std::string_view text, std::size_t begin);

/// Qwen 2's pattern: Llama 3's with each number character by itself.
std::size_t qwen2_pretoken_end(std::string_view text, std::size_t begin);

/// SmolLM's: each number character by itself, and GPT-2's pattern on each stretch between them.
std::size_t smollm_pretoken_end(std::string_view text, std::size_t begin);

/// Calls visit with the pattern's function, so that a loop over a text chooses once.
template <class Visit>
decltype(auto) with_pretoken_end(PreTokenPattern pattern, Visit&& visit) {
  using View = std::string_view;
  switch (pattern) {
    case PreTokenPattern::kLlama3:
      return visit([](View text, std::size_t at) { return llama3_pretoken_end(text, at); });
    case PreTokenPattern::kQwen2:
      return visit([](View text, std::size_t at) { return qwen2_pretoken_end(text, at); });
    case PreTokenPattern::kSmolLm:
      return visit([](View text, std::size_t at) { return smollm_pretoken_end(text, at); });
    case PreTokenPattern::kGpt2:
      break;
  }
  return visit([](View text, std::size_t at) { return gpt2_pretoken_end(text, at); });
}

/// The first position >= `from` where a text may be cut so that the pre-tokens of both parts are
/// those of the whole, whatever the pattern and whatever surrounds them; text.size() when there is
/// none. There an ASCII white-space byte follows a character that is none, and a line end a letter
/// or a number: no pre-token holds white space after anything else but line ends after symbols, no
/// pattern looks behind, and they look ahead from white space only.
std::size_t pretoken_safe_cut(std::string_view text, std::size_t from);

}  // namespace gptkit
