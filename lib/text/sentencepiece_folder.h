#pragma once
// The files beside a SentencePiece model (text/sentencepiece.h) that add to it: added_tokens.json,
// tokenizer_config.json, tokenizer.json, config.json.

#include <filesystem>
#include <string>
#include <vector>

#include "text/sentencepiece.h"

namespace gptkit {

/// The pieces that the files add to the vocabulary.
std::vector<SentencePiece> pieces_beside(const std::filesystem::path& folder,
                                         const SentencePieceModel& model, const std::string& where);

/// The roles that the files name. Llama's models begin every text with a token unless a file says
/// otherwise.
SentencePieceRoles roles_beside(const std::filesystem::path& folder,
                                const SentencePieceModel& model);

}  // namespace gptkit
