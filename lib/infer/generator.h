#pragma once
// Text generation: one forward pass for the prompt, then one token at a time with the key/value
// cache.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/engine.h"
#include "infer/generation_config.h"
#include "infer/logprobs.h"
#include "infer/text_stream.h"
#include "text/tokenizer.h"
#include "weights/bundle.h"

namespace gptkit {

struct Generation {
  std::string text;                    // of the new tokens, without the stop text
  std::vector<TokenId> token_ids;      // the new ones, without the one that ends the text
  std::vector<StepLogprobs> logprobs;  // of each of token_ids, if the config asks for them
  std::optional<double> score;         // of beam search
  FinishReason finish_reason = FinishReason::kLength;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;     // of the prompt, that were not computed again
  int64_t forgotten_tokens = 0;  // by a context that slides
  double prefill_seconds = 0, decode_seconds = 0;
  double tokens_per_second() const;  // of decoding
};

/// Continues `prompt`. Fails when the prompt is empty or longer than the context. The model sees no
/// more than its context: the token that a full context predicts is the last one (kContext). Throws
/// Stopped when a signal asks for the end (base/stop.h).
Generation generate(const LanguageModel& model, std::span<const TokenId> prompt,
                    const GenerationConfig& config, const OnText& on_text = {});

/// An engine for the texts of a model, whose tokens end as its roles and tokenizer say.
EngineOptions engine_options(const ModelText& text, int64_t vocabulary);

/// Continues prompts together. Events name them by their index; the results are those of each
/// prompt alone. `on_text` is called as above, with the index. Throws Stopped as above.
struct GenerationRequest {
  std::vector<TokenId> prompt;
  GenerationConfig config;                                      ///< its seed is used as it is
  std::shared_ptr<const TokenConstraint> constraint = nullptr;  ///< the config's, if it has one
};
/// What choices, regex or json_schema of the config ask for. A json_schema that is no JSON is the
/// name of a file. Fails as constraint/constraint.h does.
std::optional<Constraint> constraint_of(const GenerationConfig& config);
/// The same for a model's tokens; null: none is given.
std::shared_ptr<const TokenConstraint> token_constraint(const GenerationConfig& config,
                                                        const ModelText& text);
using OnTextOf = std::function<bool(size_t index, std::string_view)>;
using OnDone = std::function<void(size_t index, const Generation&)>;
std::vector<Generation> generate(Engine& engine, const Tokenizer& tokenizer,
                                 std::span<const GenerationRequest> requests,
                                 const OnTextOf& on_text = {}, const OnDone& on_done = {});

}  // namespace gptkit
