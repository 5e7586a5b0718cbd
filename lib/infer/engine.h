#pragma once
// Many sequences, one forward a step: sequences join and leave between any two steps (continuous
// batching, https://www.usenix.org/conference/osdi22/presentation/yu), prompts are computed in
// pieces beside sequences that already decode, and beginnings that are known are not computed
// again. The engine knows token ids only. What a sequence becomes does not depend, to the bit, on
// the others.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "infer/constraint/constraint_state.h"
#include "infer/drafter.h"
#include "infer/generation_config.h"
#include "infer/logprobs.h"
#include "infer/prefix_cache.h"
#include "infer/sampler.h"
#include "models/decoding_model.h"
#include "nn/kv_pages.h"
#include "text/tokenizer.h"

namespace gptkit {

enum class FinishReason {
  kLength,   ///< max_new_tokens
  kStop,     ///< a token that ends texts, or a stop text
  kContext,  ///< the model's context is full
};
const char* to_string(FinishReason reason);

/// How many pages a budget holds. 0 bytes: half of the memory that is free.
int64_t pages_within(const KvLayout& layout, int64_t bytes);

struct EngineOptions {
  std::vector<TokenId> ends = {};      ///< tokens that end a text, unless it ignores ends
  std::vector<TokenId> not_text = {};  ///< ids without a token: they always end a text
  std::string where = {};              ///< where the model was opened, for messages
  /// Memory for keys and values, in bytes; 0: what fits into half of the memory that is free.
  int64_t cache_bytes = 0;
  int64_t most_sequences = 64;  ///< that run at once; more wait
  bool reuse_prefixes = true;
  std::shared_ptr<Drafter> drafter = nullptr;  ///< guesses of next tokens; null: none
};

using SequenceId = int64_t;

/// The next token of a sequence.
struct EngineStep {
  SequenceId id = 0;
  TokenId token = 0;  ///< not part of the text if it ended it
  bool is_text = true;
  std::optional<StepLogprobs> logprobs = {};  ///< if the config asks for them
  std::optional<FinishReason> finish = {};    ///< the engine has forgotten the sequence
  int64_t cached_tokens = 0;                  ///< of the prompt that were not computed
  int64_t forgotten_tokens = 0;               ///< so far, by a context that slides
};

/// A text whose tokens from `first` (at least 1) on are scored: log P(ids[i] | ids before it).
struct ScoredText {
  std::span<const TokenId> ids;
  int64_t first = 1;
};

class Engine {
 public:
  /// Fails if the budget does not hold one page.
  Engine(DecodingModel& model, const EngineOptions& options);
  ~Engine();

  /// Fails for an empty prompt, one longer than the context, and one that with its new tokens
  /// exceeds the budget of the cache. `seed` replaces the config's. With a constraint, which is
  /// that of the config on this vocabulary, every text is complete.
  SequenceId add(std::span<const TokenId> prompt, const GenerationConfig& config, uint64_t seed,
                 std::shared_ptr<const TokenConstraint> constraint = nullptr);
  /// Frees the sequence's memory at once; an id that is done or unknown is ignored.
  void cancel(SequenceId id);
  /// Whether no sequence is left.
  bool idle() const { return running_.empty() && waiting_.empty(); }
  /// Computes the next piece of work; may return no tokens while prompts are computed.
  std::vector<EngineStep> step();

  /// The log-likelihoods of each text's tokens from its `first` on. The common beginning of the
  /// texts is computed once, and their ends together. Fails when results are not finite.
  std::vector<std::vector<double>> log_likelihoods(std::span<const ScoredText> texts);

  const DecodingModel& model() const { return model_; }
  bool is_end(TokenId id, const GenerationConfig& config) const;
  int64_t context_length() const { return model_.config().context_length; }
  /// So far: tokens of prompts and scored texts, and how many of them the cache saved.
  int64_t prompt_tokens() const { return prompt_tokens_; }
  int64_t cached_tokens() const { return cached_tokens_; }
  /// So far: guessed tokens, and how many of them became text.
  int64_t drafted_tokens() const { return drafted_tokens_; }
  int64_t accepted_tokens() const { return accepted_tokens_; }
  /// Memory of keys and values in use, in bytes.
  int64_t cache_bytes_in_use() const;

 private:
  struct Sequence;
  struct Rows;
  struct Scoring;
  using OnScoredRow = std::function<void(const Scoring&, int64_t position, std::span<const float>)>;

  int64_t most_tokens(const Sequence& sequence) const;
  int64_t tokens_to_come(const Sequence& sequence) const;
  int64_t pages_to_come(const Sequence& sequence) const;
  std::span<const float> allowed(Sequence& sequence, std::span<const float> logits);
  bool make_room(int64_t pages);
  void admit();
  bool waits_for_prefix(const Sequence& sequence) const;
  Rows next_rows(Sequence& sequence, int64_t room);
  std::vector<TokenId> draft(Sequence& sequence, int64_t room);
  void judge_draft(Sequence& sequence, int64_t drafted, int64_t accepted);
  void slide(Sequence& sequence) const;
  TokenId next_token(Sequence& sequence, std::span<const float> logits);
  EngineStep sample(Sequence& sequence, std::span<const float> logits);
  void remember_prompt(const Sequence& sequence);
  void remember(const Sequence& sequence);
  KvSequence known_beginning(std::span<const TokenId> tokens, int64_t most);
  void check_prompt(std::span<const TokenId> prompt, const GenerationConfig& config) const;
  void compute(std::span<Scoring> scorings, const OnScoredRow& on_row);

  DecodingModel& model_;
  EngineOptions options_;
  std::vector<bool> ends_, not_text_;  // by id
  KvPagePool pool_;
  PrefixCache prefixes_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in the order in which they joined
  std::vector<float> allowed_;                      // logits behind a constraint
  SequenceId next_id_ = 0;
  int64_t prompt_tokens_ = 0, cached_tokens_ = 0, drafted_tokens_ = 0, accepted_tokens_ = 0;
};

}  // namespace gptkit
