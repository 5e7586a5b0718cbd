#pragma once
// How text is generated. Names and meaning are those of Hugging Face's GenerationConfig.

#include <cstdint>
#include <string>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct GenerationConfig {
  std::int64_t max_new_tokens = 256;
  double temperature = 0;   ///< 0 is greedy
  std::int64_t top_k = 50;  ///< sample from the k most likely tokens; 0: from all
  double top_p = 1;         ///< sample from the fewest tokens that reach this probability
  double min_p = 0;         ///< drop tokens less likely than min_p times the likeliest
  double typical_p = 1;     ///< sample from the most typical tokens that reach this probability
  double repetition_penalty = 1;  ///< above 1: tokens that occurred become less likely
  double presence_penalty = 0;    ///< subtracted from the logits of tokens that were generated
  double frequency_penalty = 0;   ///< the same, for each time a token was generated
  std::int64_t no_repeat_ngram_size = 0;  ///< never repeat a sequence of this many tokens; 0: off
  std::vector<std::string> logit_bias = {};  ///< "ID:BIAS": added to the logit of a token id
  std::vector<std::string> stop = {};  ///< texts that end the generation; not part of the result
  bool ignore_end = false;             ///< continue after the token that ends a text
  std::int64_t seed = 123;             ///< of the draws; the same seed gives the same text
};

}  // namespace gptkit::api
