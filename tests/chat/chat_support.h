#pragma once
// A byte-level tokenizer with special tokens, without files.

#include <memory>
#include <string>
#include <vector>

#include "text/bpe.h"

namespace gptkit::test {

/// Ids 0 to 255 are bytes, 256 and on the special tokens; those of `found` stand in any text.
inline std::shared_ptr<const Tokenizer> byte_tokenizer(const std::vector<std::string>& special,
                                                       const std::vector<std::string>& found = {}) {
  BpeModel model;
  for (int b = 0; b < 256; ++b) model.tokens.emplace_back(1, static_cast<char>(b));
  const auto add = [&](const std::string& text) {
    model.special.push_back(static_cast<TokenId>(model.tokens.size()));
    model.tokens.push_back(text);
  };
  for (const auto& text : special) add(text);
  for (const auto& text : found) {
    add(text);
    model.found_in_text.push_back(model.special.back());
  }
  return std::make_shared<BpeTokenizer>(model);
}

}  // namespace gptkit::test
