#pragma once
// Learning a tokenizer from text files.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gptkit/namespace.h"
#include "gptkit/tokenizer.h"

namespace gptkit::api {

struct TokenizerTraining {
  std::string algorithm = "bpe";  ///< bpe, unigram, word or char
  /// At most; includes bytes and special tokens. Empty: 32,000 for bpe and unigram, all tokens of
  /// the files for word and char.
  std::optional<std::int64_t> vocab_size = {};
  int threads = 1;
};

/// Learns from UTF-8 text files and writes the tokenizer to the new folder `out`. Throws Error if
/// `out` exists or a file is not UTF-8.
Tokenizer train_tokenizer(const std::vector<std::filesystem::path>& files,
                          const std::filesystem::path& out, const TokenizerTraining& options = {});

}  // namespace gptkit::api
