#pragma once
// Documents to token ids, several at a time on several threads, in order, cut into a training and a
// validation part. Memory holds some megabytes of text, whatever the length of a document.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

/// The documents of files, or those of them that a filter keeps.
struct TextFiles {
  std::vector<std::filesystem::path> files;
  std::vector<bool> kept = {};  // by number of the document; empty: all
};

struct TextCounts {
  std::int64_t documents = 0, characters = 0, bytes = 0;
};

/// The first pass over text: counts it, and warns once of what is not UTF-8.
TextCounts count_text(const TextFiles& text);

struct EncodeDocuments {
  TextCounts counts = {};  // for the progress
  std::int64_t train_characters = std::numeric_limits<std::int64_t>::max();
  SpecialTokens special = SpecialTokens::kAsText;
  int threads = 1;
  bool begin_texts = false;  // each document begins with the tokenizer's begin_of_text
};

using TokenSink = std::function<void(std::span<const TokenId>)>;

/// Gives the ids of the first `train_characters` of the text to one sink, those of the rest to the
/// other (never called when there is no rest). Documents are joined by end-of-text within a part.
void encode_documents(const TextFiles& text, const Tokenizer& tokenizer,
                      const EncodeDocuments& options, const TokenSink& train,
                      const TokenSink& validation);

}  // namespace gptkit
