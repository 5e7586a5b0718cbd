#pragma once
// Text to tokens and back: byte-level BPE, SentencePiece, word and character tokenizers.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gptkit/namespace.h"
#include "gptkit/token.h"

namespace gptkit::api {

/// What a special token's text ("<|endoftext|>") becomes when it occurs in a text.
enum class SpecialTokens {
  kAsText,  ///< ordinary tokens: right for text from people and files
  kAllow,   ///< the special token
};

/// Immutable and cheap to copy. Thread-safe.
class Tokenizer {
 public:
  /// Opens "gpt2" (looked up in $GPTKIT_HOME), a folder (tokenizer.json, or vocab.json and
  /// merges.txt, or tokenizer.model) or a .model file. Throws Error with the files it looked for.
  static Tokenizer load(const std::string& name_or_path);

  /// Byte-level and SentencePiece tokenizers encode any bytes. Word and character tokenizers throw
  /// Error for an unknown word, unless the vocabulary has "<|unk|>".
  TokenIds encode(std::string_view text, SpecialTokens special = SpecialTokens::kAsText) const;
  /// The bytes of the tokens. For byte-level BPE and SentencePiece models trained by gptkit,
  /// decode(encode(text)) == text. A part of a sequence may end within a UTF-8 character. Throws
  /// Error for an id outside the vocabulary.
  std::string decode(std::span<const TokenId> ids) const;

  std::int64_t vocab_size() const;
  /// The id of a special token, if the vocabulary has it.
  std::optional<TokenId> special_id(std::string_view text) const;
  /// The token that ends a document, if there is one.
  std::optional<TokenId> end_of_text() const;

  /// Writes the tokenizer's files into an existing folder; load(folder) opens them.
  void save(const std::filesystem::path& folder) const;

  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace gptkit::api
