#include "data/words.h"

#include "text/unicode.h"

namespace gptkit {

bool is_ideographic(char32_t code) {
  return (code >= 0x3040 && code <= 0x30FF) || (code >= 0x3400 && code <= 0x4DBF) ||
         (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0x20000 && code <= 0x323AF);
}

bool WordScanner::next() {
  word_.clear();
  while (at_ < text_.size()) {
    const auto character = decode_utf8(text_, at_);
    const auto kind = char_class(character.code);
    const bool of_word =
        character.valid && (kind == CharClass::kLetter || kind == CharClass::kNumber);
    const bool alone = of_word && is_ideographic(character.code);
    if (!word_.empty() && (!of_word || alone)) return true;
    if (of_word) {
      const bool upper = character.code >= 'A' && character.code <= 'Z';
      word_.append(text_.substr(at_, character.bytes));
      if (upper) word_.back() = static_cast<char>(character.code + ('a' - 'A'));
    }
    at_ += character.bytes;
    if (alone) return true;
  }
  return !word_.empty();
}

}  // namespace gptkit
