#pragma once
// Models of a few thousand parameters with a tokenizer, and changes to the folders they are saved
// in.

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "formats/shards.h"
#include "models/family.h"
#include "models/init.h"
#include "tensors/tensor_map.h"
#include "text/bpe_trainer.h"
#include "text/character.h"
#include "weights/bundle.h"
#include "weights/tensor_files.h"

namespace gptkit::test {

/// A byte-level tokenizer of 257 tokens: the bytes and the end of text.
inline std::shared_ptr<const Tokenizer> bytes_tokenizer() {
  BpeModel model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  model.tokens.emplace_back("<|endoftext|>");
  model.special = {256};
  return std::make_shared<BpeTokenizer>(std::move(model));
}

/// Of fewer than 31 tokens.
inline std::shared_ptr<const Tokenizer> letters() {
  TokenCounts counts;
  count_each_character("the quick brown fox jumps over lazy dogs", "test", counts);
  return train_character_tokenizer(counts, {.special_tokens = true});
}

inline LanguageModel small_language_model(ModelConfig config) {
  LanguageModel model;
  model.tokenizer = bytes_tokenizer();
  config.vocab_size = model.tokenizer->vocab_size();
  config.context_length = 16;
  config.n_layer = 2;
  config.n_head = 2;
  config.d_model = 16;
  torch::manual_seed(4);
  model.gpt = GPT(config);
  initialize_(model.gpt);
  model.gpt->eval();
  return model;
}

inline LanguageModel small_language_model(bool qkv_bias, bool tied) {
  return small_language_model(ModelConfig{.qkv_bias = qkv_bias, .tie_embeddings = tied});
}

inline ModelConfig llama_shape() {
  auto config = of_family("llama", {.n_kv_head = 1});
  config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  return config;
}

/// Writes a JSON file of the folder anew, changed.
inline void edit_json(const fs::path& path, const std::function<void(Json&)>& change) {
  auto json = parse_json(read_file(path), path.string());
  change(json);
  write_file_atomic(path, dump_json(json));
}

/// Writes model.safetensors anew; `rename` gives each tensor's new name, or "" to leave it out.
inline void rename_tensors(const fs::path& folder,
                           const std::function<std::string(const std::string&)>& rename) {
  NamedTensors tensors;
  {
    const auto map = open_tensors(shards(folder, "model.safetensors"));
    for (const auto& [name, source] : map.sources()) {
      if (const auto to = rename(name); !to.empty()) {
        tensors.emplace_back(to, source.load().clone());
      }
    }
  }
  save_tensors(folder / "model.safetensors", tensors);
}

}  // namespace gptkit::test
