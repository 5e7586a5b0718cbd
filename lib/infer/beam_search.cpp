#include "infer/beam_search.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "infer/softmax.h"

namespace gptkit {

namespace {

/// A score for a text of so many tokens. In float32, as transformers computes it.
float penalized(float score, int64_t tokens, double length_penalty) {
  return score / static_cast<float>(std::pow(static_cast<double>(tokens), length_penalty));
}

}  // namespace

BeamSearch::BeamSearch(const GenerationConfig& config, std::span<const TokenId> prompt, Ends ends)
    : config_(config),
      num_beams_(static_cast<size_t>(config.num_beams)),
      prompt_tokens_(prompt.size()),
      ends_(std::move(ends)),
      processors_(config),
      beams_{{{prompt.begin(), prompt.end()}}} {
  validate(config);
  assert(config.max_new_tokens > 0);
}

void BeamSearch::score(size_t beam, std::span<const float> logits) {
  scores_.resize(beams_.size());
  auto& scores = scores_[beam];
  scores.assign(logits.begin(), logits.end());
  const auto total = static_cast<float>(log_sum_exp(scores));
  for (float& score : scores) score -= total;
  processors_.process_(scores, {beams_[beam].tokens, prompt_tokens_});
  for (float& score : scores) score += beams_[beam].score;
}

std::vector<BeamStep> BeamSearch::advance() {
  assert(!finished_ && scores_.size() == beams_.size());
  ++new_tokens_;
  const bool full = new_tokens_ == config_.max_new_tokens;
  std::vector<Continuation> best, going_on;
  // Tokens that end a text take places; where they leave too few, more continuations are needed.
  for (size_t k = 2 * num_beams_;; k *= 2) {
    best = best_continuations(k);
    going_on.clear();
    for (const auto& continuation : best) {
      if (going_on.size() == num_beams_) break;
      if (!full && !ends(continuation)) going_on.push_back(continuation);
    }
    if (full || going_on.size() == num_beams_ || best.size() < k) break;
  }
  // Texts are complete only where they are among the num_beams best continuations.
  best.resize(std::min(best.size(), num_beams_));
  for (const auto& continuation : best) {
    if (full || ends(continuation)) complete(continuation);
  }
  std::vector<Beam> beams;
  std::vector<BeamStep> steps;
  for (const auto& continuation : going_on) {
    beams.push_back(extended(continuation));
    steps.push_back(continuation.step);
  }
  beams_ = std::move(beams);
  scores_.resize(beams_.size());
  finished_ = !can_improve();
  if (finished_) steps.clear();
  return steps;
}

/// The k best continuations of all beams, best first; of equals those of the first beam and token.
std::vector<BeamSearch::Continuation> BeamSearch::best_continuations(size_t k) const {
  std::vector<Continuation> best;
  for (size_t beam = 0; beam < scores_.size(); ++beam) {
    for (const auto& [score, token] : k_largest(scores_[beam], k)) {
      if (score == -std::numeric_limits<float>::infinity()) continue;
      best.push_back({score, {beam, static_cast<TokenId>(token)}});
    }
  }
  std::sort(best.begin(), best.end(), [](const Continuation& a, const Continuation& b) {
    if (a.score != b.score) return a.score > b.score;
    return std::pair(a.step.parent, a.step.token) < std::pair(b.step.parent, b.step.token);
  });
  best.resize(std::min(best.size(), k));
  return best;
}

bool BeamSearch::ends(const Continuation& continuation) const {
  const std::span<const TokenId> tokens = beams_[continuation.step.parent].tokens;
  return ends_(tokens.subspan(prompt_tokens_), continuation.step.token);
}

BeamSearch::Beam BeamSearch::extended(const Continuation& continuation) const {
  Beam beam{beams_[continuation.step.parent].tokens, continuation.score};
  beam.tokens.push_back(continuation.step.token);
  return beam;
}

/// Takes a text among the complete ones, if it is good enough.
void BeamSearch::complete(const Continuation& continuation) {
  const auto beam = extended(continuation);
  BeamResult text;
  text.tokens.assign(beam.tokens.begin() + static_cast<std::ptrdiff_t>(prompt_tokens_),
                     beam.tokens.end());
  text.score = penalized(beam.score, new_tokens_, config_.length_penalty);
  text.ended = ends(continuation);
  const auto worse = [](const BeamResult& a, const BeamResult& b) { return a.score > b.score; };
  complete_.insert(std::upper_bound(complete_.begin(), complete_.end(), text, worse), text);
  if (complete_.size() > num_beams_) complete_.pop_back();
}

/// Whether the search may find a better text: transformers' heuristics.
bool BeamSearch::can_improve() const {
  if (beams_.empty()) return false;
  if (complete_.size() < num_beams_) return true;
  if (config_.early_stopping == EarlyStopping::kTrue) return false;
  // A positive penalty favours long texts, so what counts is how long one may become.
  const bool longest =
      config_.early_stopping == EarlyStopping::kNever && config_.length_penalty > 0;
  const int64_t tokens = longest ? config_.max_new_tokens : new_tokens_;
  return penalized(beams_.front().score, tokens, config_.length_penalty) > complete_.back().score;
}

std::vector<BeamResult> BeamSearch::results() const {
  const auto count = std::min(complete_.size(), static_cast<size_t>(config_.num_return_sequences));
  return {complete_.begin(), complete_.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace gptkit
