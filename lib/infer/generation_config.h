#pragma once
// How text is generated, wherever it is: the generate program, samples during training, answers to
// test instructions, the library. Names and meaning are those of Hugging Face's GenerationConfig,
// and so is the default: greedy.

#include <cstdint>
#include <string>
#include <vector>

namespace gptkit {

struct GenerationConfig {
  int64_t max_new_tokens = 256;
  double temperature = 0;
  int64_t top_k = 50;
  double top_p = 1;
  double min_p = 0;
  double repetition_penalty = 1;
  int64_t num_beams = 1;
  int64_t num_return_sequences = 1;
  std::vector<std::string> stop = {};
  bool ignore_end = false;
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
  visit("repetition_penalty", c.repetition_penalty,
        "above 1: make tokens of the text so far less likely (arXiv:1909.05858)");
  visit("num_beams", c.num_beams, "width of beam search; only 1 (no beam search) is supported");
  visit("num_return_sequences", c.num_return_sequences,
        "number of texts; they use the seeds seed, seed + 1, ...");
  visit("stop", c.stop, "end before this text");
  visit("ignore_end", c.ignore_end, "do not end at an end-of-text token");
  visit("seed", c.seed, "seed of the draws; -1: a new one");
}

/// Fails for a value out of range. `section` is where the settings stand ("sample"); empty: at the
/// top.
void validate(const GenerationConfig& config, const std::string& section = {});
/// The same where one text is written at a time: fails for more num_return_sequences than one.
void validate_for_one(const GenerationConfig& config, const std::string& section);

}  // namespace gptkit
