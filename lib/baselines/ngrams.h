#pragma once
// The n-grams of a text, in lower case, cut as scikit-learn's TfidfVectorizer cuts them.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

enum class NGramUnit {
  kWord,       ///< a run of at least two letters, numbers and underscores: (?u)\b\w\w+\b
  kCharacter,  ///< a code point of text between blanks, or the space put on both sides of it:
               ///< scikit-learn's "char_wb"; no n-gram reaches into the next word
};

/// A text cut into units. Any bytes are welcome: what is not UTF-8 counts as U+FFFD.
class NGrams {
 public:
  NGrams(std::string_view text, NGramUnit unit);

  /// Calls visit(std::string_view) for every run of min_n to max_n units, as often as it occurs.
  /// The words of a run are one space apart.
  template <class Visit>
  void for_each(std::size_t min_n, std::size_t max_n, Visit&& visit) const {
    std::size_t first = 0;
    for (const std::size_t end_of_run : end_of_runs_) {
      for (; first < end_of_run; ++first) {
        for (std::size_t end = first + min_n; end <= std::min(first + max_n, end_of_run); ++end) {
          visit(bytes_of(first, end));
        }
      }
    }
  }

 private:
  struct Unit {
    std::size_t begin, end;  // bytes of text_
  };

  std::string text_;  // the units side by side; words are a space apart
  std::vector<Unit> units_;
  std::vector<std::size_t> end_of_runs_;  // n-grams stay within a run

  void cut_words(std::string_view text);
  void cut_characters(std::string_view text);
  std::string_view bytes_of(std::size_t first, std::size_t end) const {
    const std::size_t begin = units_[first].begin;
    return std::string_view(text_).substr(begin, units_[end - 1].end - begin);
  }
};

}  // namespace gptkit
