#pragma once
// Byte-level BPE (arXiv:1508.07909 on bytes, as in GPT-2): text is cut into pre-tokens, and inside
// each the adjacent pair with the lowest rank merges, leftmost first, until none is left. Any byte
// string encodes, and decodes to itself; but some published vocabularies (SmolLM's) lack control
// characters and bytes that hardly occur, which are then left out, as Hugging Face does.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace gptkit {

/// The parts of a byte-level BPE tokenizer. Plain data: trainers build it, files store it.
struct BpeModel {
  std::vector<std::string> tokens;                  // bytes by id; a special token's text
  std::vector<std::pair<TokenId, TokenId>> merges;  // by rank; a pair makes the token of its bytes
  std::vector<TokenId> special;        // ids that merges never make; text unless allowed
  std::vector<TokenId> found_in_text;  // those of them that are found in any text, allowed or not
  PreTokenPattern pattern = PreTokenPattern::kGpt2;
  bool nfc = false;            // texts are normalised first (NFC)
  bool ignore_merges = false;  // a pre-token that is a token stays whole, made by merges or not
  TextFrame frame = {};        // what the family puts around every text
  std::optional<TokenId> end_of_text = {};  // none: "<|endoftext|>" among the special tokens

  bool operator==(const BpeModel&) const = default;
};

class BpeTokenizer final : public Tokenizer {
 public:
  /// Checks the model: each byte of ASCII text has a token, no two tokens are equal, each merge's
  /// parts and result exist, each role is a token. `where` (a file, usually) opens the error
  /// messages.
  explicit BpeTokenizer(BpeModel model, const std::string& where = "BPE model");
  ~BpeTokenizer() override;

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special = SpecialTokens::kAsText) const override;
  std::string token_bytes(TokenId id) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  std::int64_t vocab_size() const override;
  std::optional<TokenId> special_id(std::string_view text) const override;
  std::optional<TokenId> end_of_text() const override;
  TextFrame frame() const override { return model_.frame; }
  std::string algorithm() const override { return "bpe"; }
  std::string vocabulary_text(TokenId id) const override;
  bool keeps_files() const override { return keeps_whole_tokenizer(files_); }
  void save(const std::filesystem::path& folder) const override;

  /// The files that the tokenizer was read from; save() writes them unchanged.
  void keep_files(TokenizerFiles files) { files_ = std::move(files); }
  const BpeModel& model() const { return model_; }

  /// The same tokenizer with more special tokens at the end of the vocabulary, ids vocab_size()
  /// and on. Texts that are special tokens already keep their id.
  std::shared_ptr<const BpeTokenizer> with_special_tokens(std::span<const std::string> texts) const;

 private:
  friend std::vector<TokenId> encode_parallel(const Tokenizer&, std::string_view, int,
                                              SpecialTokens);
  struct Tables;
  BpeModel model_;
  TokenizerFiles files_;
  std::unique_ptr<const Tables> tables_;
};

/// The ids of tokenizer.encode(text, special), worked out by up to `threads` threads when it is
/// BPE. A text without white space is one thread's work.
std::vector<TokenId> encode_parallel(const Tokenizer& tokenizer, std::string_view text, int threads,
                                     SpecialTokens special = SpecialTokens::kAsText);

}  // namespace gptkit
