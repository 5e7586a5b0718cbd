#pragma once
// A tokenizer.json whose parts are more than byte-level BPE has: normalizers, other pre-tokenizers,
// added tokens with flags, BPE of characters with bytes for unknown ones (Llama's). It follows
// Hugging Face's `tokenizers`, from which ids differ for no text:
//   added tokens (not normalised)  ->  normalizers  ->  added tokens (normalised)
//   ->  pre_tokenizer  ->  BPE  ->  post_processor (frame())
// Unknown settings that would have an effect are refused with file, key and value.
// https://huggingface.co/docs/tokenizers/pipeline

#include <filesystem>
#include <memory>
#include <optional>

#include "base/json.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace gptkit {

/// Whether a tokenizer.json needs this class; the others are a BpeTokenizer (text/bpe.h), which is
/// faster.
bool needs_pipeline(const Json& file, const std::string& where);

/// `file` is the content of the tokenizer.json at `path`, whose folder may name the end of texts.
std::shared_ptr<const Tokenizer> pipeline_tokenizer(const Json& file,
                                                    const std::filesystem::path& path,
                                                    TokenizerFiles files);

/// The tokenizer as a SentencePiece BPE model, when it is one of this class. Fails for those that
/// have no such form, saying what differs.
std::optional<SentencePieceBpe> pipeline_as_sentencepiece(const Tokenizer& tokenizer);

}  // namespace gptkit
