#pragma once
// The decoder of a tokenizer.json (text/pipeline_tokenizer.h): tokens back to text.
// https://huggingface.co/docs/tokenizers/components#decoders

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace gptkit {

struct PipelineDecoder {
  bool byte_level = false, byte_fallback = false;
  std::vector<std::pair<std::string, std::string>> replacements = {};
  std::string metaspace = {};  ///< stands for a blank; empty: not a Metaspace
  bool drop_first = false;     ///< removes the metaspaces of the first token
  std::string strip = {};      ///< removed around the whole text, at most so often on each side
  std::int64_t strip_left = 0, strip_right = 0;

  /// The text of a token of the vocabulary.
  std::string text_of(std::string_view token) const;
  /// A whole text after Strip.
  std::string stripped(std::string text) const;
};

/// Fails for steps that are not supported, naming the file.
PipelineDecoder read_pipeline_decoder(const Json& file, const std::string& file_name);

}  // namespace gptkit
