#include "weights/openai_gpt2.h"

#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "models/family.h"
#include "models/tensor_names.h"

namespace gptkit {

namespace {

/// The only family for which this holds.
const Family& family_with(bool (*holds)(const Family&)) {
  for (const auto* family : families()) {
    if (holds(*family)) return *family;
  }
  fail("no family has this format");
}

/// OpenAI's matrices are kernels of a convolution of width 1: (1,in,out).
TensorSource without_first_dimension(const TensorSource& source) {
  if (source.shape.size() != 3 || source.shape[0] != 1) return source;
  auto result = source;
  result.shape.erase(result.shape.begin());
  result.load = [load = source.load] { return load().squeeze(0); };
  return result;
}

/// The names of matrices that llm.c has the other way round.
std::set<std::string> transposed_names(const ModelConfig& config) {
  std::set<std::string> names;
  for (const auto& tensor : model_tensors(config)) {
    if (tensor.transposed()) names.insert(tensor.hugging_face);
  }
  return names;
}

}  // namespace

ModelConfig config_from_openai(const Json& hparams, const std::string& where) {
  require(hparams.is_object(), where, ": expected a JSON object");
  const auto& family = family_with([](const Family& f) { return !f.openai_keys.empty(); });
  auto c = family.choices;
  ConfigNames names{where};
  for (const auto& [key, field, use] : family.openai_keys) {
    const std::string name(key);
    visit_fields(c, [&, wanted = field](const char* each, auto& value, const char*) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, int64_t>) {
        if (each == wanted) value = json_int(hparams, name, where);
      }
    });
    names.keys.emplace_back(std::string(field), name);
  }
  validate(c, names);
  return c;
}

TensorMap hugging_face_from_openai(const ModelConfig& config, const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  auto rest = tensors.sources();
  for (const auto& tensor : model_tensors(config)) {
    if (!rest.contains(tensor.openai)) continue;
    map.add(tensor.hugging_face, without_first_dimension(rest.at(tensor.openai)));
    rest.erase(tensor.openai);
  }
  // A training's own variables (global_step, Adam's moments) lie beside the model's.
  for (const auto& [name, source] : rest) {
    if (name.starts_with("model/")) map.add(name, source);
  }
  return map;
}

ModelConfig config_from_llmc(const LlmcShape& shape) {
  auto c = family_with([](const Family& f) { return f.llmc; }).choices;
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

NamedSources llmc_from_hugging_face(const ModelConfig& config, const NamedSources& tensors) {
  const auto matrices = transposed_names(config);
  NamedSources sources;
  for (const auto& [name, source] : tensors) {
    sources.emplace_back(name, matrices.contains(name) ? transposed(source) : source);
  }
  return sources;
}

}  // namespace gptkit
