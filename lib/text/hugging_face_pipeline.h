#pragma once
// The parts around the model in a `tokenizer.json`: normalizer, pre_tokenizer, post_processor and
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
  bool nfc = false;  // the normalizer is NFC
};

/// The parts of a member: none of null, those of a Sequence (the list `parts`), or the one.
std::vector<Json> pipeline_parts(const Json& file, const char* member, const char* parts,
                                 const std::string& where);
/// The text that a component looks for: {"String": TEXT}. A Regex is refused.
std::string fixed_pattern(const Json& json, const std::string& where);
/// The published pattern of a Split; refuses others.
PreTokenPattern published_pattern(const std::string& regex, const std::string& where);
/// All occurrences of a text (not empty) replaced by another.
std::string replaced(std::string_view text, std::string_view pattern, std::string_view content);

/// Refuses other models than BPE, and settings of it that are not followed.
void check_bpe_model(const Json& model, const std::string& where);
/// Whether pre_tokenizer and decoder are those of byte-level BPE with a known pattern.
bool is_plain_byte_level(const Json& file, const std::string& where);
/// The type of a member, "none" when it is null or absent.
std::string member_type(const Json& file, const char* member, const std::string& where);

HuggingFacePipeline read_pipeline(const Json& file, const std::string& where);
/// The post_processor alone.
TextTemplate read_post_processor(const Json& file, const std::string& file_name);

/// The `pre_tokenizer` and the `post_processor` of these, as JSON in one line.
std::string pre_tokenizer_json(PreTokenPattern pattern);
std::string post_processor_json(const TextTemplate& around);
/// The decoder, the same for all.
std::string decoder_json();

}  // namespace gptkit
