#pragma once
// Language models whose next token a test decides.

#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <string>
#include <vector>

#include "infer/generator.h"
#include "models/init.h"
#include "support/support.h"
#include "text/bpe.h"
#include "text/character.h"

namespace gptkit::test {

/// Byte-level BPE: id b is byte b; then `more` (each the merge of its two bytes), then
/// <|endoftext|>.
inline std::shared_ptr<const Tokenizer> byte_tokenizer(const std::vector<std::string>& more = {}) {
  BpeModel model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  for (const auto& pair : more) {
    model.tokens.push_back(pair);
    model.merges.emplace_back(static_cast<unsigned char>(pair.at(0)),
                              static_cast<unsigned char>(pair.at(1)));
  }
  model.special.push_back(static_cast<TokenId>(model.tokens.size()));
  model.tokens.emplace_back("<|endoftext|>");
  return std::make_shared<BpeTokenizer>(model);
}

inline std::shared_ptr<const Tokenizer> letters() {
  TokenCounts counts;
  count_each_character("abcdefghijklmnopqrstuvwxyz .", "letters", counts);
  return train_character_tokenizer(counts, {.special_tokens = true});
}

/// A model with random weights.
inline LanguageModel random_model(std::shared_ptr<const Tokenizer> tokenizer,
                                  int64_t context = 12) {
  LanguageModel model;
  torch::manual_seed(3);
  model.gpt = GPT(ModelConfig{.vocab_size = tokenizer->vocab_size(),
                              .context_length = context,
                              .n_layer = 2,
                              .n_head = 2,
                              .d_model = 16,
                              .init = Init::kTorch});
  initialize_(model.gpt);
  model.gpt->eval();
  model.tokenizer = std::move(tokenizer);
  return model;
}

/// A model that says `script` whatever stands before: behind the token at position p comes
/// script[p]. Its blocks add nothing; each position is a direction of its own, which the head maps
/// to the token wanted there.
inline LanguageModel scripted_model(std::shared_ptr<const Tokenizer> tokenizer,
                                    const std::vector<TokenId>& script,
                                    int64_t extra_vocabulary = 0) {
  torch::NoGradGuard no_grad;
  LanguageModel model;
  const auto length = static_cast<int64_t>(script.size());
  model.gpt = GPT(ModelConfig{.vocab_size = tokenizer->vocab_size() + extra_vocabulary,
                              .context_length = length,
                              .n_layer = 1,
                              .n_head = 1,
                              .d_model = std::max<int64_t>(2, length),
                              .d_ff = 1,
                              .tie_embeddings = false});
  for (auto parameter : model.gpt->parameters()) parameter.zero_();
  model.gpt->final_norm()->weight.fill_(1);
  for (int64_t p = 0; p < length; ++p) {
    model.gpt->position_embedding()->weight[p][p] = 1;
    model.gpt->head()->weight[script[static_cast<size_t>(p)]][p] = 1;
  }
  model.gpt->eval();
  model.tokenizer = std::move(tokenizer);
  return model;
}

}  // namespace gptkit::test
