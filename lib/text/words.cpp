#include "text/words.h"

#include <algorithm>

#include "text/unicode.h"

namespace gptkit {

bool is_ideographic(char32_t code) {
  return (code >= 0x3040 && code <= 0x30FF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0x20000 && code <= 0x323AF);
}

namespace {

bool is_ascii_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

/// Most text is ASCII: its runs are taken without looking anything up.
void WordScanner::take_ascii() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_ascii_word(text_[at_])) ++at_;
  const std::size_t size = word_.size();
  word_.append(text_.substr(begin, at_ - begin));
  std::transform(word_.begin() + static_cast<std::ptrdiff_t>(size), word_.end(),
                 word_.begin() + static_cast<std::ptrdiff_t>(size),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

bool WordScanner::next() {
  word_.clear();
  while (at_ < text_.size()) {
    take_ascii();
    if (at_ == text_.size()) break;
    if (static_cast<unsigned char>(text_[at_]) < 0x80) {
      ++at_;
      if (!word_.empty()) return true;
      continue;
    }
    const auto character = decode_utf8(text_, at_);
    const auto kind = char_class(character.code);
    const bool of_word =
        character.valid && (kind == CharClass::kLetter || kind == CharClass::kNumber);
    const bool alone = of_word && is_ideographic(character.code);
    if (!word_.empty() && (!of_word || alone)) return true;
    if (of_word) word_.append(text_.substr(at_, character.bytes));
    at_ += character.bytes;
    if (alone) return true;
  }
  return !word_.empty();
}

}  // namespace gptkit
