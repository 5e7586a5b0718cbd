#pragma once
// From a corpus (text files or token shards) to training and validation tokens, in memory or as
// new shards. The validation part is the end of the corpus: documents in order, cut at
// int((1 - fraction) * characters), each part tokenized by itself, as the book does it.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/corpus/document_filter.h"
#include "data/corpus/token_shard.h"
#include "text/tokenizer.h"

namespace gptkit {

enum class SplitBy { kCharacters, kTokens };

constexpr auto enum_names(SplitBy) {
  return std::array<std::pair<std::string_view, SplitBy>, 2>{{
      {"characters", SplitBy::kCharacters},
      {"tokens", SplitBy::kTokens},
  }};
}

/// Inputs are text files, folders and globs; or token shards (.bin) and folders of them, not both.
struct CorpusOptions {
  std::vector<std::filesystem::path> train = {};
  // Empty: the val-* shards of a folder of shards, else a fraction of train.
  std::vector<std::filesystem::path> validation = {};
  double validation_fraction = 0.1;         // 0: none
  SplitBy split_by = SplitBy::kCharacters;  // shards are always cut by tokens
  bool allow_special = false;  // "<|endoftext|>" in the text becomes the token; else ordinary text
  bool begin_texts = false;    // each document of text begins with the tokenizer's begin_of_text
  // Drops training documents (text only). Validation files stay as they are, so that the measure
  // does not move with the filter. Several corpora may share one.
  DocumentFilter* filter = nullptr;
  int threads = 0;  // 0: the physical cores
};

struct CorpusTokens {
  TokenStream train, validation;
  std::int64_t documents = 0;   // 0: shards, which do not say
  std::int64_t characters = 0;  // of text, both parts; 0: shards
};

/// Text is tokenized into memory; shards stay on disk and are checked (ids, tokenizer). Documents
/// are joined by the tokenizer's end-of-text token when it has one.
CorpusTokens load_corpus(const CorpusOptions& options, const Tokenizer& tokenizer);

/// The tokens of options.validation alone.
TokenStream load_validation(const CorpusOptions& options, const Tokenizer& tokenizer);

/// The report of a filter (to_json): in a folder of shards, and in a run folder.
inline constexpr const char* kFilterReportFile = "filter-report.json";

struct EncodeSummary {
  std::int64_t documents = 0, characters = 0, bytes = 0;
  std::int64_t train_tokens = 0, validation_tokens = 0;
};

/// Tokenizes text into a folder of shards with its meta.json, in constant memory, with progress.
/// The folder appears whole or not at all; fails when it already exists. The cut
/// is by characters. With a filter the folder holds filter-report.json, too.
EncodeSummary encode_to_shards(const CorpusOptions& options, const Tokenizer& tokenizer,
                               const std::filesystem::path& folder,
                               std::int64_t max_shard_tokens = 100'000'000);

}  // namespace gptkit
