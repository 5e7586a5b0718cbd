#pragma once
// How text is generated, wherever it is: the generate program, samples during training, answers to
// test instructions, the library. Names and meaning are those of Hugging Face's GenerationConfig,
// and so is the default: greedy.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

/// When beam search ends although beams could go on.
enum class EarlyStopping {
  kFalse,  ///< the best live beam is unlikely to become better than the worst complete text
  kTrue,   ///< num_beams texts are complete
  kNever,  ///< no live beam can become better than the worst complete text
};
constexpr auto enum_names(EarlyStopping) {
  return std::array{std::pair{"false", EarlyStopping::kFalse},
                    std::pair{"true", EarlyStopping::kTrue},
                    std::pair{"never", EarlyStopping::kNever}};
}

/// What happens when a text reaches the end of the model's context.
enum class ContextOverflow {
  kRefuse,  ///< a prompt that is longer is refused, and the text ends there
  kSlide,  ///< the first tokens and the last half of the context stay, what is between is forgotten
};
constexpr auto enum_names(ContextOverflow) {
  return std::array{std::pair{"refuse", ContextOverflow::kRefuse},
                    std::pair{"slide", ContextOverflow::kSlide}};
}

struct GenerationConfig {
  int64_t max_new_tokens = 256;
  double temperature = 0;
  int64_t top_k = 50;
  double top_p = 1;
  double min_p = 0;
  double typical_p = 1;
  double repetition_penalty = 1;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  int64_t no_repeat_ngram_size = 0;
  std::vector<std::string> logit_bias = {};
  int64_t num_beams = 1;
  double length_penalty = 1;
  EarlyStopping early_stopping = EarlyStopping::kFalse;
  int64_t num_return_sequences = 1;
  int64_t logprobs = 0;
  std::vector<std::string> choices = {};
  std::string regex = {};
  std::string json_schema = {};
  std::vector<std::string> stop = {};
  bool ignore_end = false;
  ContextOverflow context_overflow = ContextOverflow::kRefuse;
  int64_t seed = 123;

  bool operator==(const GenerationConfig&) const = default;
};

template <class Visitor>
void visit_fields(GenerationConfig& c, Visitor&& visit) {
  visit("max_new_tokens", c.max_new_tokens, "most tokens to generate");
  visit("temperature", c.temperature,
        "0: greedy, always the likeliest token; above 0: draw a token, more freely the higher");
  visit("top_k", c.top_k, "draw among the k likeliest tokens; 0: all");
  visit("top_p", c.top_p,
        "draw among the fewest tokens that reach this probability (arXiv:1904.09751); 1: all");
  visit("min_p", c.min_p,
        "leave out tokens less likely than this times the likeliest (arXiv:2407.01082); 0: none");
  visit("typical_p", c.typical_p,
        "draw among the most typical tokens that reach this probability (arXiv:2202.00666); 1: "
        "all");
  visit("repetition_penalty", c.repetition_penalty,
        "above 1: make tokens of the text so far less likely (arXiv:1909.05858)");
  visit("presence_penalty", c.presence_penalty,
        "subtract this from the logits of all tokens generated so far; 0: off");
  visit("frequency_penalty", c.frequency_penalty,
        "subtract this from the logit of a token each time it is generated; 0: off");
  visit("no_repeat_ngram_size", c.no_repeat_ngram_size,
        "never repeat a sequence of this many tokens, of the prompt or the text; 0: off");
  visit("logit_bias", c.logit_bias,
        "ID:BIAS: add a bias of -100 to 100 to the logit of a token id");
  visit("num_beams", c.num_beams, "number of beams of beam search; 1: no beam search");
  visit("length_penalty", c.length_penalty,
        "beam search: divide a text's score by its number of tokens to this power");
  visit("early_stopping", c.early_stopping,
        "beam search: end when num_beams texts are complete (true), when a better one is unlikely "
        "(false) or impossible (never)");
  visit("num_return_sequences", c.num_return_sequences,
        "number of texts; they use the seeds seed, seed + 1, ..., or are the best ones of beam "
        "search");
  visit("logprobs", c.logprobs,
        "report the model's log-probability of each token, and those of this many likeliest "
        "tokens; 0: "
        "off");
  visit("choices", c.choices, "the text is one of these");
  visit("regex", c.regex, "the text matches this regular expression as a whole");
  visit("json_schema", c.json_schema,
        "the text is JSON of this schema; text, or the name of a file");
  visit("stop", c.stop, "end before this text");
  visit("ignore_end", c.ignore_end, "do not end at an end-of-text token");
  visit("context_overflow", c.context_overflow,
        "at the end of the context: refuse (end the text) or slide (keep the first tokens and the "
        "last half, forget what is between)");
  visit("seed", c.seed, "seed of the draws; -1: a new one");
}

/// One entry of logit_bias.
struct TokenBias {
  TokenId id = 0;
  float bias = 0;
  bool operator==(const TokenBias&) const = default;
};
/// logit_bias as numbers. Fails for an entry that is not ID:BIAS. `section` as in validate().
std::vector<TokenBias> token_biases(const GenerationConfig& config,
                                    const std::string& section = {});

/// Fails for a value out of range. `section` is where the settings stand ("sample"); empty: at the
/// top.
void validate(const GenerationConfig& config, const std::string& section = {});
/// The same where one text is written at a time, and nothing else: fails for more
/// num_return_sequences than one and for logprobs.
void validate_for_one(const GenerationConfig& config, const std::string& section);
/// Fails for beam search, constrained output and a sliding context, which need the engine
/// (infer/engine.h).
void refuse_engine_settings(const GenerationConfig& config, const std::string& section = {});
/// Whether choices, regex or json_schema is given.
bool is_constrained(const GenerationConfig& config);

}  // namespace gptkit
