#pragma once
// Cutting text into pre-tokens, the pieces inside which BPE merges. One function per family's
// pattern; each is a hand-written scanner that gives what the pattern gives, in linear time on any
// input. A byte that is not part of well-formed UTF-8 counts as a symbol (neither letter, number
// nor space), so every byte string is cut and the pieces, put together, are the input.

#include <cstddef>
#include <string_view>

namespace gptkit {

/// The patterns known.
enum class PreTokenPattern { kGpt2 };

/// End of the pre-token that starts at `begin` (< text.size()). GPT-2's pattern:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t gpt2_pretoken_end(std::string_view text, std::size_t begin);

/// The first position >= `from` where a text may be cut so that GPT-2's pre-tokens of both parts
/// are those of the whole, whatever surrounds them; text.size() when there is none. There an ASCII
/// white-space byte follows a character that is none: no pre-token holds white space after
/// anything else, the pattern never looks behind, and it looks ahead from white space only.
std::size_t gpt2_safe_cut(std::string_view text, std::size_t from);

}  // namespace gptkit
