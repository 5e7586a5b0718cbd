#include "text/unicode.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace gptkit {

namespace {

struct CodeRange {
  char32_t first, last;
};

#include "text/unicode_tables.inc"
#include "text/word_table.inc"

constexpr std::size_t kBlock = 128;

template <std::size_t kSize>
bool is_in(const CodeRange (&ranges)[kSize], char32_t code) {
  const auto range = std::ranges::lower_bound(ranges, code, {}, &CodeRange::last);
  return range != std::end(ranges) && code >= range->first;
}

}  // namespace

bool is_word_character(char32_t code) { return is_in(kWordCharacters, code); }
bool is_punctuation(char32_t code) { return is_in(kPunctuation, code); }

CharClass char_class(char32_t code) {
  if (code >= kClassEnd) return CharClass::kOther;
  const std::uint64_t word = kBlocks[kBlockOf[code / kBlock]][code % kBlock / 32];
  return static_cast<CharClass>(word >> (code % 32 * 2) & 3);
}

}  // namespace gptkit
