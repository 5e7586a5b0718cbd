#pragma once
// A vocabulary that is a list, for the word and the character tokenizer. Ids are positions;
// the ordinary tokens come first, sorted by code point (Python's `sorted`), the special ones after.
//
// File: one JSON object
//   {"format": "gptkit-word" | "gptkit-character", "version": 1,
//    "tokens": [TEXT, ...],            ids 0, 1, ...
//    "special_tokens": [TEXT, ...]}    the ids after them: "<|endoftext|>", "<|unk|>" or none

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

inline constexpr const char* kEndOfTextToken = "<|endoftext|>";
inline constexpr const char* kUnknownToken = "<|unk|>";

/// How often each token of a text occurs.
using TokenCounts = std::unordered_map<std::string, std::int64_t>;

struct WordListOptions {
  std::optional<std::int64_t> vocab_size = {};  // the most frequent ones only; none: all of them
  bool special_tokens = true;                   // <|endoftext|> and <|unk|>
};

class WordList {
 public:
  /// Fails if two tokens are equal; `where` (a file, usually) opens the message.
  WordList(std::vector<std::string> tokens, std::vector<std::string> special,
           const std::string& where);
  WordList(WordList&&) = default;  // a copy's ids_ would look into the original

  /// Sorted tokens from counts. A limit keeps the most frequent (of equal counts the first in
  /// order) and needs special tokens, for without <|unk|> the rest could not be encoded.
  static WordList learn(const TokenCounts& counts, const WordListOptions& options);

  static WordList load(const std::filesystem::path& file, std::string_view format);
  void save(const std::filesystem::path& file, std::string_view format) const;

  std::int64_t size() const { return static_cast<std::int64_t>(texts_.size()); }
  const std::string& text(TokenId id) const;  ///< fails outside the vocabulary
  /// Ordinary tokens, and with kAllow the special ones.
  std::optional<TokenId> find(std::string_view text, SpecialTokens special) const;
  std::optional<TokenId> find_special(std::string_view text) const;
  std::optional<TokenId> unknown() const { return unknown_; }

 private:
  std::vector<std::string> texts_;  // never changed: ids_ looks into it
  std::size_t n_ordinary_;
  std::unordered_map<std::string_view, TokenId> ids_;
  std::optional<TokenId> unknown_;
};

/// Fails unless the text is UTF-8, naming `where` and the byte.
void require_utf8(std::string_view text, const std::string& where);

}  // namespace gptkit
