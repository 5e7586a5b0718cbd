#pragma once
// What stands around the model in a `tokenizer.json`: normalizer, pre_tokenizer, post_processor and
// decoder. Of each the published forms that we can follow are known; others are refused by name,
// for they would change ids.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace gptkit {

/// The tokens that a post_processor puts around every text.
struct TextTemplate {
  struct Token {
    std::string text;
    std::int64_t id = 0;
  };
  std::vector<Token> before = {}, behind = {};
};

struct HuggingFacePipeline {
  PreTokenPattern pattern = PreTokenPattern::kGpt2;
  TextTemplate around = {};
};

HuggingFacePipeline read_pipeline(const Json& file, const std::string& where);
/// The post_processor alone.
TextTemplate read_post_processor(const Json& file, const std::string& where);

/// The `pre_tokenizer` and the `post_processor` of these, as JSON in one line.
std::string pre_tokenizer_json(PreTokenPattern pattern);
std::string post_processor_json(const TextTemplate& around);
/// The decoder, the same for all.
std::string decoder_json();

}  // namespace gptkit
