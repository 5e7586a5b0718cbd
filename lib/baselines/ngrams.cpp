#include "baselines/ngrams.h"

#include "text/lowercase.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

/// Python's \w.
bool is_python_word(char32_t code) {
  const auto kind = char_class(code);
  return kind == CharClass::kLetter || kind == CharClass::kNumber || code == '_';
}

/// Python's \s: Unicode's white space and the four separators of ASCII.
bool is_blank(char32_t code) {
  return char_class(code) == CharClass::kSpace || (code >= 0x1C && code <= 0x1F);
}

}  // namespace

NGrams::NGrams(std::string_view text, NGramUnit unit) {
  const std::string lower = lowercase(text);
  if (unit == NGramUnit::kWord) {
    cut_words(lower);
  } else {
    cut_characters(lower);
  }
}

void NGrams::cut_words(std::string_view text) {
  std::size_t begin = 0, characters = 0;
  const auto end_word = [&] {
    if (characters >= 2) {
      units_.push_back({begin, text_.size()});
      text_ += ' ';
    } else {
      text_.resize(begin);
    }
    begin = text_.size();
    characters = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes, _] = decode_utf8(text, at);
    if (is_python_word(code)) {
      text_.append(text, at, bytes);
      ++characters;
    } else {
      end_word();
    }
    at += bytes;
  }
  end_word();
  end_of_runs_ = {units_.size()};
}

void NGrams::cut_characters(std::string_view text) {
  const auto add_character = [&](std::string_view bytes) {
    units_.push_back({text_.size(), text_.size() + bytes.size()});
    text_ += bytes;
  };
  bool in_word = false;
  const auto set_in_word = [&](bool now) {
    if (now == in_word) return;
    add_character(" ");
    if (in_word) end_of_runs_.push_back(units_.size());
    in_word = now;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes, _] = decode_utf8(text, at);
    set_in_word(!is_blank(code));
    if (in_word) add_character(text.substr(at, bytes));
    at += bytes;
  }
  set_in_word(false);
}

}  // namespace gptkit
