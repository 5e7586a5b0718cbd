#pragma once
// Text <-> token ids, for every algorithm. Byte-level tokenizers give back every byte string
// exactly (of a published vocabulary that lacks bytes: all but those); encode and decode are const
// and may be called from several threads at once.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

using TokenId = std::int32_t;

/// Whether the text of a special token ("<|endoftext|>") inside the input becomes that token.
enum class SpecialTokens { kAsText, kAllow };

/// Tokens before and behind every text.
struct TextFrame {
  std::vector<TokenId> before = {}, behind = {};
  bool operator==(const TextFrame&) const = default;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Appends the ids of `text`. Never fails on byte-level tokenizers; a word or character
  /// tokenizer without an unknown token fails and names the unknown word.
  virtual void encode_append(std::string_view text, std::vector<TokenId>& ids,
                             SpecialTokens special = SpecialTokens::kAsText) const = 0;

  /// The bytes of one token; fails when the id is outside the vocabulary. Concatenated over a
  /// sequence they are the text, except for word and SentencePiece tokenizers (see decode).
  virtual std::string token_bytes(TokenId id) const = 0;

  /// The text of the ids; the concatenated token_bytes unless the algorithm says otherwise.
  virtual std::string decode(std::span<const TokenId> ids) const;

  virtual std::int64_t vocab_size() const = 0;
  /// The id of a special token by its text, when the vocabulary has it.
  virtual std::optional<TokenId> special_id(std::string_view text) const = 0;
  /// The token that ends a document: "<|endoftext|>" or the family's own.
  virtual std::optional<TokenId> end_of_text() const = 0;
  /// The tokens that the tokenizer puts around every text (Llama's <s>); most have none. encode()
  /// does not add them.
  virtual TextFrame frame() const { return {}; }
  /// The first of those before a text.
  std::optional<TokenId> begin_of_text() const;
  /// "bpe", "unigram", "word" or "char".
  virtual std::string algorithm() const = 0;
  /// A token as vocabularies and the files that name tokens write it.
  virtual std::string vocabulary_text(TokenId id) const { return token_bytes(id); }
  /// Whether save() writes the files that the tokenizer was read from, byte by byte.
  virtual bool keeps_files() const { return false; }
  /// Writes the tokenizer's files into an existing folder, so that load_tokenizer(folder) gives it
  /// back (and, for BPE, so that Hugging Face's libraries open it).
  virtual void save(const std::filesystem::path& folder) const = 0;

  std::vector<TokenId> encode(std::string_view text,
                              SpecialTokens special = SpecialTokens::kAsText) const;
  bool contains(TokenId id) const { return id >= 0 && id < vocab_size(); }
};

/// The ids of a text as the family feeds it to a model: inside the tokenizer's frame.
std::vector<TokenId> encode_text(const Tokenizer& tokenizer, std::string_view text);
/// The same for the beginning of a text: without the tokens behind it.
std::vector<TokenId> encode_beginning(const Tokenizer& tokenizer, std::string_view text);

/// Opens `gpt2` (looked up in $GPTKIT_HOME/gpt2), a folder (`tokenizer.json`, or `vocab.json` +
/// `merges.txt`, or one of our own word/char files, or `tokenizer.model`), or a `.model` file.
/// Fails with the files that it looked for.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& name_or_path);

}  // namespace gptkit
