#pragma once
// SentencePiece models (`tokenizer.model`) behind the Tokenizer interface, and their training.
// Models trained here lose nothing: no normalisation, no dummy blank, line ends and tabs as symbols
// of their own, every unknown byte as a byte piece. So decode(encode(text)) == text for any bytes.
// Models from elsewhere keep their own rules (many normalise, and put a blank in front).
// Format: https://github.com/google/sentencepiece, sentencepiece_model.proto.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"

namespace gptkit {

inline constexpr const char* kSentencePieceFile = "tokenizer.model";

/// Special ids that the model file does not name.
struct SentencePieceRoles {
  TextFrame frame = {};
  std::optional<TokenId> end_of_text = {};  // none: "<|endoftext|>", else the model's own
  bool legacy = true;  // false: the model's blank stands before a text only, not behind its tokens
};

/// Opens a `.model` file. Its structure is checked before the library sees it
/// (text/sentencepiece_model.h). The files beside it are followed: `added_tokens.json` and
/// `tokenizer_config.json` add tokens, and name the tokens around a text: the post_processor
/// of a `tokenizer.json`, else `add_bos_token` (Llama's models have it unless it is false) and
/// `add_eos_token`. `legacy` false is followed, too.
std::shared_ptr<const Tokenizer> load_sentencepiece(const std::filesystem::path& file);

/// The same from the content of a file, with nothing beside it.
std::shared_ptr<const Tokenizer> sentencepiece_from_bytes(std::string bytes,
                                                          const SentencePieceRoles& roles,
                                                          const std::string& where);

/// What a tokenizer made here consists of when it is BPE of the kind of Llama's; nothing when it is
/// no SentencePiece tokenizer. Fails for the other kinds, saying what differs.
std::optional<SentencePieceBpe> sentencepiece_bpe(const Tokenizer& tokenizer);

/// Text for training, kept in memory as lines of at most kMaxLine bytes. Line ends, tabs, NUL and
/// the two characters SentencePiece keeps for itself (U+2581, U+2585) end a line.
class SentencePieceText {
 public:
  static constexpr std::size_t kMaxLine = 4096;

  /// Adds a document; fails when it is not UTF-8, naming `where`.
  void add(std::string_view text, const std::string& where);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

struct SentencePieceOptions {
  enum class Algorithm { kUnigram, kBpe };
  Algorithm algorithm = Algorithm::kUnigram;
  std::int64_t vocab_size = 8000;  // <unk>, <|endoftext|>, \n, \t and 256 bytes included
  int threads = 1;                 // the sums of unigram training may differ in the last bit
};

/// Trains a model; the library's complaints (vocabulary too large for the text, ...) become Errors.
std::shared_ptr<const Tokenizer> train_sentencepiece(const SentencePieceText& text,
                                                     const SentencePieceOptions& options);

}  // namespace gptkit
