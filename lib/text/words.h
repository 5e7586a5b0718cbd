#pragma once
// The words of a text, for filters and comparisons of documents: a run of letters and numbers,
// ASCII in lower case. Scripts that put no blanks between words (Han, kana) count by character.

#include <cstddef>
#include <string>
#include <string_view>

namespace gptkit {

class WordScanner {
 public:
  /// The text must outlive the scanner. Any bytes are welcome.
  explicit WordScanner(std::string_view text) : text_(text) {}

  /// Moves to the next word; false at the end.
  bool next();
  std::string_view word() const { return word_; }  ///< until the next call of next()

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;

  void take_ascii();
};

/// Han and kana.
bool is_ideographic(char32_t code);

}  // namespace gptkit
