#pragma once
// The text of a generation as it comes: what a token adds, which of it can still change, and stop
// texts.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

/// Called with each new piece of text; pieces end at character boundaries of UTF-8 and never
/// contain the beginning of a stop text. Returning false ends the generation (kStop).
using OnText = std::function<bool(std::string_view)>;

/// Number of bytes at the end of `text` that begin an incomplete UTF-8 character.
size_t incomplete_utf8_suffix(std::string_view text);

/// Collects the text, hands out what can no longer change, and watches for stop texts.
class TextStream {
 public:
  TextStream(std::vector<std::string> stops, OnText on_text)
      : stops_(std::move(stops)), on_text_(std::move(on_text)) {}

  /// False when a stop text was completed or the receiver wants no more.
  bool append(std::string_view bytes);
  void finish() { send(text_.size()); }
  std::string take() { return std::move(text_); }

 private:
  size_t held_back() const;
  bool send(size_t end);

  std::vector<std::string> stops_;
  OnText on_text_;
  std::string text_;
  size_t sent_ = 0;
  bool wanted_ = true;  // until the receiver says no
};

/// The text that each new token adds.
class PieceDecoder {
 public:
  explicit PieceDecoder(const Tokenizer& tokenizer)
      : tokenizer_(&tokenizer), joins_words_(tokenizer.algorithm() == "word") {}

  std::string next(TokenId id);

 private:
  const Tokenizer* tokenizer_;
  bool joins_words_;
  std::vector<TokenId> ids_;
  size_t length_ = 0;
};

}  // namespace gptkit
