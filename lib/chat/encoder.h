#pragma once
// A rendered conversation -> token ids. The template's own text may become special tokens; what a
// person wrote is encoded as text, even where it looks like one. Without such a look-alike the ids
// are those of transformers' apply_chat_template(tokenize=True); with one, those of its
// sanitize_control_tokens=True.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja/tracked_text.h"
#include "text/tokenizer.h"

namespace gptkit {

class ChatEncoder {
 public:
  /// `chat_template`: the tokens that are found in any text are a person's text only where they
  /// are none of the template's.
  ChatEncoder(std::shared_ptr<const Tokenizer> tokenizer, std::string_view chat_template);

  std::vector<TokenId> encode(const TrackedText& text) const;

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  /// The first special token of a text and where it stands; an empty text: none.
  struct Found {
    std::size_t at = 0;
    std::string_view text = {};
  };
  Found find_special(std::string_view text, std::size_t from = 0) const;

 private:
  struct Marker {
    std::string text;
    bool found_in_text;  // by the tokenizer, in any text
  };
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<Marker> markers_;  // the longest first
  std::array<bool, 256> begins_marker_{};
  std::vector<TokenId> newline_;

  const Marker* marker_at(std::string_view text) const;
  void encode_piece(std::string_view text, bool first, SpecialTokens special,
                    std::vector<TokenId>& ids) const;
  void encode_as_text(const Marker& marker, bool first, std::vector<TokenId>& ids) const;
};

}  // namespace gptkit
