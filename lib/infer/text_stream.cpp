#include "infer/text_stream.h"

#include <algorithm>
#include <utility>

namespace gptkit {

size_t incomplete_utf8_suffix(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // a continuation: look further back for its lead
    const size_t length = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
    return byte < 0xF5 && length > back ? back : 0;
  }
  return 0;
}

bool TextStream::append(std::string_view bytes) {
  text_ += bytes;
  auto end = std::string::npos;
  // Only text that was still held back can begin a stop text.
  for (const auto& stop : stops_) end = std::min(end, text_.find(stop, sent_));
  if (end == std::string::npos) return send(text_.size() - held_back());
  text_.resize(end);
  send(end);
  return false;
}

size_t TextStream::held_back() const {
  size_t held = incomplete_utf8_suffix(text_);
  for (const auto& stop : stops_) {
    const size_t most = std::min(stop.size() - 1, text_.size() - sent_);
    for (size_t n = most; n > held; --n) {
      if (text_.ends_with(std::string_view(stop).substr(0, n))) held = n;
    }
  }
  return std::min(held, text_.size() - sent_);
}

bool TextStream::send(size_t end) {
  if (end <= sent_ || !wanted_) return wanted_;
  const auto piece = std::string_view(text_).substr(sent_, end - sent_);
  sent_ = end;
  wanted_ = !on_text_ || on_text_(piece);
  return wanted_;
}

std::string PieceDecoder::next(TokenId id) {
  if (!joins_words_) return tokenizer_->token_bytes(id);
  // A word's blank depends on its neighbour: decode everything and hand out what is new.
  ids_.push_back(id);
  const auto text = tokenizer_->decode(ids_);
  const auto known = std::exchange(length_, text.size());
  std::string piece(known == 0 ? " " : "");
  piece += text.substr(std::min(known, text.size()));
  return piece;
}

}  // namespace gptkit
