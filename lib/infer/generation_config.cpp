#include "infer/generation_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr int64_t kMostTokens = int64_t{1} << 31;
constexpr int64_t kMostSequences = 1000;
constexpr int64_t kMostBeams = 1000;
constexpr int64_t kMostLogprobs = 1000;
constexpr double kMostBias = 100;   // the range of OpenAI's API
constexpr double kMostPenalty = 2;  // the same
constexpr double kMostLengthPenalty = 10;

std::string key_in(const std::string& section, const std::string& name) {
  return section.empty() ? name : section + "." + name;
}

/// The whole text as a number.
template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

void validate_beams(const GenerationConfig& c, const std::string& section) {
  if (c.num_beams == 1) return;
  const auto beams = key_in(section, "num_beams");
  require(c.temperature == 0, Key{beams}, ": ", c.num_beams, " beams cannot be drawn; expected ",
          Key{key_in(section, "temperature")}, " 0");
  require(c.num_return_sequences <= c.num_beams, Key{key_in(section, "num_return_sequences")}, ": ",
          c.num_return_sequences, " is out of range; expected at most ", Key{beams}, " (",
          c.num_beams, ")");
  require(c.logprobs == 0, Key{key_in(section, "logprobs")},
          ": beam search gives none; expected 0 with ", Key{beams}, " ", c.num_beams);
  require(c.context_overflow == ContextOverflow::kRefuse, Key{key_in(section, "context_overflow")},
          ": slide does not go with beam search; expected refuse");
  require(!is_constrained(c), Key{beams}, ": ", c.num_beams,
          " beams do not go with choices, regex or json_schema; expected 1");
}

}  // namespace

std::vector<TokenBias> token_biases(const GenerationConfig& config, const std::string& section) {
  std::vector<TokenBias> biases;
  for (const std::string_view entry : config.logit_bias) {
    const auto colon = std::min(entry.find(':'), entry.size());
    TokenBias token;
    double bias = std::numeric_limits<double>::quiet_NaN();
    const bool good = read_number(entry.substr(0, colon), token.id) && token.id >= 0 &&
                      read_number(entry.substr(std::min(colon + 1, entry.size())), bias) &&
                      std::abs(bias) <= kMostBias;
    require(good, Key{key_in(section, "logit_bias")}, ": '", printable(entry),
            "' is no bias; expected ID:BIAS with a token id and a bias of ", -kMostBias, " to ",
            kMostBias);
    token.bias = static_cast<float>(bias);
    biases.push_back(token);
  }
  return biases;
}

void validate(const GenerationConfig& c, const std::string& section) {
  const auto check = [&](bool good, const std::string& name, auto value, const auto&... expected) {
    require(good, Key{key_in(section, name)}, ": ", value, " is out of range; expected ",
            expected...);
  };
  check(c.max_new_tokens >= 0 && c.max_new_tokens <= kMostTokens, "max_new_tokens",
        c.max_new_tokens, "0 to ", kMostTokens);
  check(c.temperature >= 0 && c.temperature <= 1e6, "temperature", c.temperature,
        "0 (greedy) to 1e6");
  check(c.top_k >= 0, "top_k", c.top_k, "0 (off) or more");
  check(c.top_p > 0 && c.top_p <= 1, "top_p", c.top_p, "more than 0 and at most 1");
  check(c.min_p >= 0 && c.min_p <= 1, "min_p", c.min_p, "0 to 1");
  check(c.typical_p > 0 && c.typical_p <= 1, "typical_p", c.typical_p, "more than 0 and at most 1");
  check(c.repetition_penalty > 0 && c.repetition_penalty <= 1e6, "repetition_penalty",
        c.repetition_penalty, "more than 0 (1 is off) and at most 1e6");
  check(std::abs(c.presence_penalty) <= kMostPenalty, "presence_penalty", c.presence_penalty,
        -kMostPenalty, " to ", kMostPenalty);
  check(std::abs(c.frequency_penalty) <= kMostPenalty, "frequency_penalty", c.frequency_penalty,
        -kMostPenalty, " to ", kMostPenalty);
  check(c.no_repeat_ngram_size >= 0 && c.no_repeat_ngram_size <= kMostTokens,
        "no_repeat_ngram_size", c.no_repeat_ngram_size, "0 (off) to ", kMostTokens);
  token_biases(c, section);
  check(c.num_beams >= 1 && c.num_beams <= kMostBeams, "num_beams", c.num_beams, "1 to ",
        kMostBeams);
  check(std::abs(c.length_penalty) <= kMostLengthPenalty, "length_penalty", c.length_penalty,
        -kMostLengthPenalty, " to ", kMostLengthPenalty);
  check(c.num_return_sequences >= 1 && c.num_return_sequences <= kMostSequences,
        "num_return_sequences", c.num_return_sequences, "1 to ", kMostSequences);
  check(c.logprobs >= 0 && c.logprobs <= kMostLogprobs, "logprobs", c.logprobs, "0 (off) to ",
        kMostLogprobs);
  check(c.seed >= -1, "seed", c.seed, "0 or more, or -1 for a new one");
  for (const auto& stop : c.stop) {
    require(!stop.empty(), Key{key_in(section, "stop")},
            ": an empty text would stop everything; leave it out");
  }
  validate_beams(c, section);
}

void validate_for_one(const GenerationConfig& config, const std::string& section) {
  validate(config, section);
  require(config.num_return_sequences == 1, Key{section + ".num_return_sequences"}, ": ",
          config.num_return_sequences, " is out of range; expected 1: one text is written");
  require(config.logprobs == 0, Key{section + ".logprobs"}, ": ", config.logprobs,
          " is out of range; expected 0: only the text is written");
  refuse_engine_settings(config, section);
}

void refuse_engine_settings(const GenerationConfig& config, const std::string& section) {
  require(config.num_beams == 1, Key{key_in(section, "num_beams")}, ": ", config.num_beams,
          " is out of range; expected 1: only generate offers beam search");
  for (const auto& [name, given] :
       {std::pair{"choices", !config.choices.empty()}, std::pair{"regex", !config.regex.empty()},
        std::pair{"json_schema", !config.json_schema.empty()}}) {
    require(!given, Key{key_in(section, name)}, ": constrained output is not offered here");
  }
  require(config.context_overflow == ContextOverflow::kRefuse,
          Key{key_in(section, "context_overflow")}, ": slide is not offered here; expected refuse");
}

bool is_constrained(const GenerationConfig& config) {
  return !config.choices.empty() || !config.regex.empty() || !config.json_schema.empty();
}

}  // namespace gptkit
