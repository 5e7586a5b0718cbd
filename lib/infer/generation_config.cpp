#include "infer/generation_config.h"

#include "base/error.h"

namespace gptkit {

namespace {

constexpr int64_t kMostTokens = int64_t{1} << 31;
constexpr int64_t kMostSequences = 1000;

}  // namespace

void validate(const GenerationConfig& c, const std::string& section) {
  const auto check = [&](bool good, const std::string& name, auto value, const auto&... expected) {
    const auto key = section.empty() ? name : section + "." + name;
    require(good, Key{key}, ": ", value, " is out of range; expected ", expected...);
  };
  check(c.max_new_tokens >= 0 && c.max_new_tokens <= kMostTokens, "max_new_tokens",
        c.max_new_tokens, "0 to ", kMostTokens);
  check(c.temperature >= 0 && c.temperature <= 1e6, "temperature", c.temperature,
        "0 (greedy) to 1e6");
  check(c.top_k >= 0, "top_k", c.top_k, "0 (off) or more");
  check(c.top_p > 0 && c.top_p <= 1, "top_p", c.top_p, "more than 0 and at most 1");
  check(c.min_p >= 0 && c.min_p <= 1, "min_p", c.min_p, "0 to 1");
  check(c.repetition_penalty > 0 && c.repetition_penalty <= 1e6, "repetition_penalty",
        c.repetition_penalty, "more than 0 (1 is off) and at most 1e6");
  check(c.num_beams == 1, "num_beams", c.num_beams, "1: beam search is not supported");
  check(c.num_return_sequences >= 1 && c.num_return_sequences <= kMostSequences,
        "num_return_sequences", c.num_return_sequences, "1 to ", kMostSequences);
  check(c.seed >= -1, "seed", c.seed, "0 or more, or -1 for a new one");
  for (const auto& stop : c.stop) {
    const auto key = section.empty() ? "stop" : section + ".stop";
    require(!stop.empty(), Key{key}, ": an empty text would stop everything; leave it out");
  }
}

void validate_for_one(const GenerationConfig& config, const std::string& section) {
  validate(config, section);
  require(config.num_return_sequences == 1, Key{section + ".num_return_sequences"}, ": ",
          config.num_return_sequences, " is out of range; expected 1: one text is written");
}

}  // namespace gptkit
