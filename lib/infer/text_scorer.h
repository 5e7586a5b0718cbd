#pragma once
// Log-likelihoods of the ends of texts that share beginnings, on the CPU or on another device. What
// a text shares with the one before it is not computed again.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "infer/engine.h"
#include "models/decoding_model.h"
#include "models/gpt.h"

namespace gptkit {

class TextScorer {
 public:
  virtual ~TextScorer() = default;
  /// As Engine::log_likelihoods.
  virtual std::vector<std::vector<double>> log_likelihoods(std::span<const ScoredText> texts) = 0;
  /// So far: what was reused is not in it.
  virtual int64_t tokens_run() const = 0;
};

/// By decoding, on the CPU. `where` the model was opened, for messages.
std::unique_ptr<TextScorer> text_scorer(std::unique_ptr<DecodingModel> model,
                                        const std::string& where);
/// By the modules, on the device where they are.
std::unique_ptr<TextScorer> text_scorer(const GPT& gpt, const std::string& where);

}  // namespace gptkit
