#include "weights/llmc.h"

#include <set>
#include <string>

#include "base/error.h"
#include "models/tensor_names.h"

namespace gptkit {

namespace {

/// The names of matrices that llm.c stores transposed.
std::set<std::string> transposed_names(const ModelConfig& config) {
  std::set<std::string> names;
  for (const auto& tensor : model_tensors(config)) {
    if (tensor.transposed()) names.insert(tensor.hugging_face);
  }
  return names;
}

}  // namespace

ModelConfig config_from_llmc(const LlmcShape& shape) {
  auto c = family_where([](const Family& f) { return f.llmc; }).choices;
  c.vocab_size = shape.vocab_size;
  c.context_length = shape.max_seq_len;
  c.d_model = shape.channels;
  c.n_head = shape.num_heads;
  c.n_layer = shape.num_layers;
  validate(c);
  return c;
}

TensorMap hugging_face_from_llmc(const ModelConfig& config, const TensorMap& tensors) {
  const auto matrices = transposed_names(config);
  TensorMap map;
  map.set_where(tensors.where());
  for (const auto& [name, source] : tensors.sources()) {
    map.add(name, matrices.contains(name) ? transposed(source) : source);
  }
  return map;
}

LlmcShape llmc_shape(const ModelConfig& c) {
  const bool fits = family_of(c).llmc && c.tie_embeddings && c.feed_forward() == 4 * c.d_model;
  require(fits,
          "llm.c's format supports only GPT-2 with a tied head and a feed-forward of 4 d_model; "
          "choose another format");
  require(c.norm_epsilon == 1e-5, "llm.c computes with a norm epsilon of 1e-5, this model with ",
          c.norm_epsilon, "; choose another format");
  LlmcShape shape;
  shape.max_seq_len = c.context_length;
  shape.vocab_size = c.vocab_size;
  shape.num_layers = c.n_layer;
  shape.num_heads = c.n_head;
  shape.channels = c.d_model;
  return shape;
}

NamedSources llmc_from_hugging_face(const ModelConfig& config, const NamedSources& tensors) {
  const auto matrices = transposed_names(config);
  NamedSources sources;
  for (const auto& [name, source] : tensors) {
    sources.emplace_back(name, matrices.contains(name) ? transposed(source) : source);
  }
  return sources;
}

}  // namespace gptkit
