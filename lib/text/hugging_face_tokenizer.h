#pragma once
// Hugging Face's tokenizer files, for byte-level BPE: `tokenizer.json`, or GPT-2's `vocab.json` +
// `merges.txt` with the special tokens named beside them. Anything in them that would change ids
// and is not supported is refused by name (text/hugging_face_pipeline.h has what is). Truncation
// and padding settings are not read: gptkit does neither on its own.
//
// The token that ends a text is the `eos_token` of tokenizer_config.json, else that of
// special_tokens_map.json, else the (first) eos_token_id of generation_config.json, else
// "<|endoftext|>".
//
// merges.txt: one `left right` a line, by rank, in the byte alphabet; a first line `#version...`,
// empty lines and CRLF are accepted. A line that is not two words, a pair named twice and a pair
// whose parts or result the vocabulary lacks are errors with the line's number.

#include <filesystem>
#include <memory>

#include "text/bpe.h"

namespace gptkit {

BpeModel read_tokenizer_json(const std::filesystem::path& file);

/// `vocab.json` and `merges.txt`, by whatever names. Special tokens are what
/// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` name in the same
/// folder, and "<|endoftext|>" if the vocabulary has it and no merge makes it.
BpeModel read_vocab_and_merges(const std::filesystem::path& vocab,
                               const std::filesystem::path& merges);

/// Writes tokenizer.json, special_tokens_map.json, tokenizer_config.json and, for GPT-2's pattern,
/// vocab.json and merges.txt, so that Hugging Face's AutoTokenizer opens the folder.
void write_hugging_face_tokenizer(const BpeModel& model, const std::filesystem::path& folder);

/// Opens a folder with `tokenizer.json` (one that is more than byte-level BPE is a
/// text/pipeline_tokenizer.h), or with `vocab.json` and `merges.txt`; nullptr when it has neither.
std::shared_ptr<const Tokenizer> load_hugging_face_tokenizer(const std::filesystem::path& folder);

}  // namespace gptkit
