#pragma once
// Beam search as transformers does it: the num_beams likeliest continuations of a prompt go on
// together, and the texts of best score / length^length_penalty are the result. A pure algorithm:
// the caller computes the logits of each live beam and keeps its cache.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "infer/generation_config.h"
#include "infer/logits_processors.h"
#include "text/tokenizer.h"

namespace gptkit {

/// A new live beam: the earlier beam `parent` and one more token.
struct BeamStep {
  size_t parent = 0;
  TokenId token = 0;
  bool operator==(const BeamStep&) const = default;
};

struct BeamResult {
  std::vector<TokenId> tokens;  // the new ones, with the one that ended the text
  float score = 0;              // log-probability / number of tokens^length_penalty
  bool ended = false;           // by a token that ends texts; else by max_new_tokens
};

class BeamSearch {
 public:
  /// Whether a text ends with `next` after the tokens `generated`.
  using Ends = std::function<bool(std::span<const TokenId> generated, TokenId next)>;

  /// max_new_tokens, at least 1, is the longest text.
  BeamSearch(const GenerationConfig& config, std::span<const TokenId> prompt, Ends ends);

  /// Number of live beams: 1, the prompt, at first; then num_beams, or fewer where few tokens may
  /// be chosen.
  size_t live() const { return beams_.size(); }

  /// The tokens of a live beam, those of the prompt, too.
  std::span<const TokenId> tokens(size_t beam) const { return beams_[beam].tokens; }

  /// A step: first the logits (V) of every live beam, then advance(). Its result makes the new live
  /// beams, best first; it is empty when the search is finished.
  void score(size_t beam, std::span<const float> logits);
  std::vector<BeamStep> advance();
  bool finished() const { return finished_; }

  /// The num_return_sequences best texts, best first; fewer where so few could be chosen.
  std::vector<BeamResult> results() const;

 private:
  struct Beam {
    std::vector<TokenId> tokens;  // the prompt, too
    float score = 0;              // log-probability of the new tokens
  };
  struct Continuation {
    float score;
    BeamStep step;
  };

  std::vector<Continuation> best_continuations(size_t k) const;
  bool ends(const Continuation& continuation) const;
  Beam extended(const Continuation& continuation) const;
  void complete(const Continuation& continuation);
  bool can_improve() const;

  GenerationConfig config_;
  size_t num_beams_, prompt_tokens_;
  Ends ends_;
  LogitsProcessors processors_;
  std::vector<Beam> beams_;
  std::vector<std::vector<float>> scores_;  // of each beam with each token behind it
  std::vector<BeamResult> complete_;        // best first, at most num_beams
  int64_t new_tokens_ = 0;                  // of each live beam
  bool finished_ = false;
};

}  // namespace gptkit
