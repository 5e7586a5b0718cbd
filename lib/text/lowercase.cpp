#include "text/lowercase.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "text/unicode.h"

namespace gptkit {

namespace {

struct CapitalRange {
  char32_t first, last;
  std::uint32_t step;
  std::int32_t distance;
};

#include "text/lowercase_table.inc"

constexpr char32_t kDottedCapitalI = 0x130, kCombiningDot = 0x307;
constexpr char32_t kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2;

bool is_letter(char32_t code) { return char_class(code) == CharClass::kLetter; }

}  // namespace

char32_t to_lower(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  const auto range = std::ranges::lower_bound(kCapitals, code, {}, &CapitalRange::last);
  if (range == std::end(kCapitals) || code < range->first) return code;
  if ((code - range->first) % range->step != 0) return code;
  return static_cast<char32_t>(static_cast<std::int64_t>(code) + range->distance);
}

std::string lowercase(std::string_view text) {
  const std::string valid = replace_invalid_utf8(text);
  std::string result;
  result.reserve(valid.size());
  bool after_letter = false;
  for (std::size_t at = 0; at < valid.size();) {
    const auto [code, bytes, _] = decode_utf8(valid, at);
    at += bytes;
    if (code == kDottedCapitalI) {
      append_utf8(result, 'i');
      append_utf8(result, kCombiningDot);
    } else if (code == kCapitalSigma && after_letter &&
               (at == valid.size() || !is_letter(decode_utf8(valid, at).code))) {
      append_utf8(result, kFinalSigma);
    } else {
      append_utf8(result, to_lower(code));
    }
    after_letter = is_letter(code);
  }
  return result;
}

}  // namespace gptkit
