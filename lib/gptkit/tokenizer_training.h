#pragma once
// Learning a tokenizer from text files.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gptkit/namespace.h"
#include "gptkit/tokenizer.h"

namespace gptkit::api {

struct TokenizerTraining {
  std::string algorithm = "bpe";    ///< bpe, unigram, word or char
  std::int64_t vocab_size = 32000;  ///< at most; includes bytes and special tokens
  int threads = 1;
};

/// Learns from UTF-8 text files and writes the tokenizer to the new folder `out`. Throws Error if
/// `out` exists or a file is not UTF-8.
Tokenizer train_tokenizer(const std::vector<std::filesystem::path>& files,
                          const std::filesystem::path& out, const TokenizerTraining& options = {});

}  // namespace gptkit::api
