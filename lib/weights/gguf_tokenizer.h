#pragma once
// The tokenizer inside a GGUF file: its metadata tokenizer.ggml.* <-> text/gguf_vocabulary.h.

#include <cstdint>
#include <vector>

#include "formats/gguf.h"
#include "text/gguf_vocabulary.h"

namespace gptkit {

/// Fails naming the file and the key if the file has no vocabulary or lists have different lengths.
GgufVocabulary gguf_vocabulary(const GgufFile& file);

/// The metadata, for a model of `vocab_size` rows: ids that the tokenizer does not have become
/// unused tokens, because llama.cpp requires one token per row.
std::vector<GgufField> gguf_fields(const GgufVocabulary& vocabulary, int64_t vocab_size);

}  // namespace gptkit
