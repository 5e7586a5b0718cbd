#pragma once
// The file format of SentencePiece models, a protocol buffer message, as far as we need it: read
// and checked before the library sees it, and written for models that come from other formats.
// Format: https://github.com/google/sentencepiece, sentencepiece_model.proto.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

inline constexpr std::size_t kMaxSentencePieces = std::size_t{1} << 22;

enum class PieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct SentencePiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

/// The parts of a model that gptkit uses.
struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  std::int64_t algorithm = 1;  // 1 unigram, 2 bpe, 3 word, 4 char
  bool byte_fallback = false, blank_as_suffix = false;
  bool dummy_prefix = true, remove_extra_blanks = true;
  bool normalizes = false;

  bool lossless() const {
    return byte_fallback && !dummy_prefix && !remove_extra_blanks && !normalizes;
  }
};

/// Reads a model and checks its structure: sizes, piece lengths, types and scores, and the bounds
/// of the normalisation table, which the library would follow anywhere.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where);

/// The byte of "<0x41>", or -1.
int byte_of_piece(std::string_view text);

/// A BPE model as other formats hold it.
struct SentencePieceBpe {
  std::vector<SentencePiece> pieces;
  bool dummy_prefix = true;  // a blank in front of every text
  std::optional<TokenId> unknown = {}, begin = {}, end = {}, pad = {};
};

/// The model's file: no normalisation, unknown characters as bytes. Each role is in pieces.
std::string bpe_model_bytes(const SentencePieceBpe& model);

/// Pieces that, put behind a model's file, add to its vocabulary.
std::string piece_bytes(std::span<const SentencePiece> pieces);

}  // namespace gptkit
