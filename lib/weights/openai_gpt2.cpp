#include "weights/openai_gpt2.h"

#include <utility>

#include "base/error.h"
#include "models/config.h"

namespace gptkit {

namespace {

bool is_matrix(const std::string& name) {
  return name.ends_with(".c_attn.weight") || name.ends_with(".c_proj.weight") ||
         name.ends_with(".c_fc.weight");
}

TensorSource transposed(const TensorSource& source) {
  require(source.shape.size() == 2, "a matrix with ", source.shape.size(), " dimensions");
  auto result = source;
  std::swap(result.shape[0], result.shape[1]);
  result.load = [load = source.load] { return load().t(); };
  return result;
}

/// OpenAI's matrices are kernels of a convolution of width 1: (1,in,out).
TensorSource without_first_dimension(const TensorSource& source) {
  if (source.shape.size() != 3 || source.shape[0] != 1) return source;
  auto result = source;
  result.shape.erase(result.shape.begin());
  result.load = [load = source.load] { return load().squeeze(0); };
  return result;
}

/// (Hugging Face's name, OpenAI's)
std::vector<std::pair<std::string, std::string>> openai_names(const ModelConfig& config) {
  std::vector<std::pair<std::string, std::string>> names = {
      {"transformer.wte.weight", "model/wte"}, {"transformer.wpe.weight", "model/wpe"}};
  const auto pair = [&](const std::string& ours, const std::string& theirs, const char* weight) {
    names.emplace_back(ours + ".weight", theirs + "/" + weight);
    names.emplace_back(ours + ".bias", theirs + "/b");
  };
  for (int64_t i = 0; i < config.n_layer; ++i) {
    const std::string ours = concat("transformer.h.", i), theirs = concat("model/h", i);
    pair(ours + ".ln_1", theirs + "/ln_1", "g");
    pair(ours + ".attn.c_attn", theirs + "/attn/c_attn", "w");
    pair(ours + ".attn.c_proj", theirs + "/attn/c_proj", "w");
    pair(ours + ".ln_2", theirs + "/ln_2", "g");
    pair(ours + ".mlp.c_fc", theirs + "/mlp/c_fc", "w");
    pair(ours + ".mlp.c_proj", theirs + "/mlp/c_proj", "w");
  }
  pair("transformer.ln_f", "model/ln_f", "g");
  return names;
}

}  // namespace

ModelConfig config_from_openai(const Json& hparams, const std::string& where) {
  require(hparams.is_object(), where, ": expected a JSON object");
  ModelConfig c;
  c.vocab_size = json_int(hparams, "n_vocab", where);
  c.context_length = json_int(hparams, "n_ctx", where);
  c.d_model = json_int(hparams, "n_embd", where);
  c.n_head = json_int(hparams, "n_head", where);
  c.n_layer = json_int(hparams, "n_layer", where);
  const ConfigNames names{
      where, {{"vocab_size", "n_vocab"}, {"context_length", "n_ctx"}, {"d_model", "n_embd"}}};
  validate(c, names);
  return c;
}

TensorMap hugging_face_from_openai(const ModelConfig& config, const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  auto rest = tensors.sources();
  for (const auto& [ours, theirs] : openai_names(config)) {
    if (!rest.contains(theirs)) continue;
    map.add(ours, without_first_dimension(rest.at(theirs)));
    rest.erase(theirs);
  }
  // A training's own variables (global_step, Adam's moments) lie beside the model's.
  for (const auto& [name, source] : rest) {
    if (name.starts_with("model/")) map.add(name, source);
  }
  return map;
}

ModelConfig config_from_llmc(const LlmcShape& shape) {
  ModelConfig c;
  c.vocab_size = shape.vocab_size;
  c.context_length = shape.max_seq_len;
  c.d_model = shape.channels;
  c.n_head = shape.num_heads;
  c.n_layer = shape.num_layers;
  validate(c);
  return c;
}

TensorMap hugging_face_from_llmc(const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  for (const auto& [name, source] : tensors.sources()) {
    map.add(name, is_matrix(name) ? transposed(source) : source);
  }
  return map;
}

LlmcShape llmc_shape(const ModelConfig& c) {
  const bool fits = !(c.positions == PositionKind::kRotary) && c.tie_embeddings &&
                    c.feed_forward() == 4 * c.d_model;
  require(fits,
          "llm.c's format holds GPT-2 with a tied head and a feed-forward of 4 d_model alone; "
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

NamedSources llmc_from_hugging_face(const NamedSources& tensors) {
  NamedSources sources;
  for (const auto& [name, source] : tensors) {
    sources.emplace_back(name, is_matrix(name) ? transposed(source) : source);
  }
  return sources;
}

}  // namespace gptkit
