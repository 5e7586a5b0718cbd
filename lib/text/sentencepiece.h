#pragma once
// SentencePiece models (`tokenizer.model`) behind the Tokenizer interface, and their training.
// Models trained here lose nothing: no normalisation, no dummy blank, line ends and tabs as symbols
// of their own, every unknown byte as a byte piece. So decode(encode(text)) == text for any bytes.
// Models from elsewhere keep their own rules (many normalise, and put a blank in front).
// Format: https://github.com/google/sentencepiece, sentencepiece_model.proto.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

inline constexpr const char* kSentencePieceFile = "tokenizer.model";

/// Opens a `.model` file. Its structure is checked before the library sees it: sizes, piece
/// lengths, types and scores, and the bounds of the normalisation table.
std::shared_ptr<const Tokenizer> load_sentencepiece(const std::filesystem::path& file);

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
