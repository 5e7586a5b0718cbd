#pragma once
// A classifier with random weights over bytes: taking a byte out of a text takes one token out.

#include <torch/utils.h>

#include <memory>
#include <string>
#include <vector>

#include "models/family.h"
#include "models/heads/classifier.h"
#include "models/init.h"
#include "text/bpe.h"
#include "weights/bundle.h"

namespace gptkit::test {

/// Id b is byte b, 256 is <|endoftext|>; 257, if wanted, stands before every text.
inline std::shared_ptr<const Tokenizer> bytes(bool begin_of_text = false) {
  BpeModel model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  model.tokens.emplace_back("<|endoftext|>");
  model.special.push_back(256);
  if (begin_of_text) {
    model.tokens.emplace_back("<s>");
    model.special.push_back(257);
    model.frame.before = {257};
  }
  return std::make_shared<BpeTokenizer>(model);
}

inline GPT tiny_gpt(int64_t vocab_size, int64_t context, const std::string& family = "gpt2",
                    int64_t d_model = 32) {
  torch::manual_seed(5);
  auto config = of_family(family, {.vocab_size = vocab_size,
                                   .context_length = context,
                                   .n_layer = 2,
                                   .n_head = 2,
                                   .d_model = d_model,
                                   .init = Init::kTorch});
  if (family == "llama") config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  GPT gpt(config);
  initialize_(gpt);
  gpt->eval();
  return gpt;
}

struct TinyClassifierOptions {
  Pooling pooling = Pooling::kLastToken;
  int64_t max_tokens = 24;
  std::vector<std::string> labels = {"ham", "spam", "other one"};
  bool begin_of_text = false, causal = true;
  std::string family = "gpt2";
  int64_t d_model = 32;
};

inline TextClassifier tiny_classifier(const TinyClassifierOptions& options = {}) {
  TextClassifier model;
  model.tokenizer = bytes(options.begin_of_text);
  model.classifier = Classifier(tiny_gpt(258, 32, options.family, options.d_model),
                                std::ssize(options.labels), options.pooling, /*head_bias=*/false);
  auto head = model.classifier->head();
  initialize_linear_(head);
  model.classifier->eval();
  model.classifier->gpt()->set_causal(options.causal);
  model.causal = options.causal;
  model.labels = options.labels;
  model.max_tokens = options.max_tokens;
  model.pad_id = 256;
  return model;
}

inline LanguageModel tiny_language_model(int64_t context = 512) {
  LanguageModel model;
  model.tokenizer = bytes();
  model.gpt = tiny_gpt(257, context);
  return model;
}

}  // namespace gptkit::test
