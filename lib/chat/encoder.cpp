#include "chat/encoder.h"

#include <algorithm>

#include "chat/jinja/value.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || !jinja::is_python_space(c.code)) return false;
    at += c.bytes;
  }
  return true;
}

}  // namespace

ChatEncoder::ChatEncoder(std::shared_ptr<const Tokenizer> tokenizer, std::string_view chat_template)
    : tokenizer_(std::move(tokenizer)) {
  for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
    auto text = tokenizer_->token_bytes(id);
    if (text.empty() || tokenizer_->special_id(text) != id) continue;
    const auto plain = tokenizer_->encode(text);
    const bool found = std::find(plain.begin(), plain.end(), id) != plain.end();
    const bool in_template = chat_template.find(text) != chat_template.npos && !is_blank(text);
    if (!found || in_template) markers_.push_back({std::move(text), found});
  }
  std::stable_sort(markers_.begin(), markers_.end(),
                   [](const Marker& a, const Marker& b) { return a.text.size() > b.text.size(); });
  for (const Marker& marker : markers_) {
    begins_marker_[static_cast<unsigned char>(marker.text.front())] = true;
  }
  newline_ = tokenizer_->encode("\n");
}

const ChatEncoder::Marker* ChatEncoder::marker_at(std::string_view text) const {
  if (!begins_marker_[static_cast<unsigned char>(text.front())]) return nullptr;
  const auto found = std::find_if(markers_.begin(), markers_.end(), [&](const Marker& marker) {
    return text.starts_with(marker.text);
  });
  return found == markers_.end() ? nullptr : &*found;
}

ChatEncoder::Found ChatEncoder::find_special(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (const Marker* marker = marker_at(text.substr(at))) {
      return {at, text.substr(at, marker->text.size())};
    }
  }
  return {text.size(), {}};
}

/// A piece from the middle stands behind a line end, so that no tokenizer takes it for the
/// beginning of a text.
void ChatEncoder::encode_piece(std::string_view text, bool first, SpecialTokens special,
                               std::vector<TokenId>& ids) const {
  if (text.empty()) return;
  if (!first && !newline_.empty()) {
    const auto behind = tokenizer_->encode(std::string("\n").append(text), special);
    if (std::equal(newline_.begin(), newline_.end(), behind.begin(),
                   behind.begin() + std::min(std::ssize(newline_), std::ssize(behind)))) {
      ids.insert(ids.end(), behind.begin() + std::ssize(newline_), behind.end());
      return;
    }
  }
  tokenizer_->encode_append(text, ids, special);
}

/// A token that the tokenizer finds in any text is cut behind its first character.
void ChatEncoder::encode_as_text(const Marker& marker, bool first,
                                 std::vector<TokenId>& ids) const {
  if (!marker.found_in_text) {
    return encode_piece(marker.text, first, SpecialTokens::kAsText, ids);
  }
  const std::string_view text = marker.text;
  const std::size_t cut = decode_utf8(text, 0).bytes;
  encode_piece(text.substr(0, cut), first, SpecialTokens::kAsText, ids);
  encode_piece(text.substr(cut), /*first=*/false, SpecialTokens::kAsText, ids);
}

std::vector<TokenId> ChatEncoder::encode(const TrackedText& text) const {
  const std::string_view bytes = text.text();
  std::vector<TokenId> ids;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Marker* marker = marker_at(bytes.substr(at));
    if (!marker) {
      ++at;
      continue;
    }
    const std::size_t end = at + marker->text.size();
    if (text.overlaps_written(at, end)) {
      encode_piece(bytes.substr(begin, at - begin), begin == 0, SpecialTokens::kAllow, ids);
      encode_as_text(*marker, at == 0, ids);
      begin = end;
    }
    at = end;
  }
  encode_piece(bytes.substr(begin), begin == 0, SpecialTokens::kAllow, ids);
  return ids;
}

}  // namespace gptkit
