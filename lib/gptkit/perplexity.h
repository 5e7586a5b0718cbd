#pragma once
// How well a language model predicts a text.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gptkit/load_options.h"
#include "gptkit/namespace.h"

namespace gptkit::api {

struct Perplexity {
  std::int64_t tokens = 0;  ///< that were predicted
  double loss = 0;          ///< mean negative log-likelihood per token, in nats
  double perplexity = 0;    ///< exp(loss); infinity above 1e308
};

/// Over text files or token shards, in windows of the model's context. Throws Error if the text is
/// shorter than two tokens.
Perplexity perplexity(const std::string& model, const std::vector<std::filesystem::path>& files,
                      const LoadOptions& options = {});

}  // namespace gptkit::api
