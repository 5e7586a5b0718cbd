#include "weights/stored_layers.h"

#include <ATen/ops/cat.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "models/tensor_names.h"
#include "weights/hugging_face_names.h"

namespace gptkit {

namespace {

/// The tensors of each layer, in the order of its rows.
struct LayerFiles {
  std::vector<std::pair<ModelTensor, TensorSource>> weights, biases;
};

MatrixPart part_of(const ModelTensor& tensor, const TensorSource& source) {
  if (source.blocks && source.shape.size() == 2) return source.blocks();
  const auto values = source.load();
  return tensor.transposed() ? values.t() : values;
}

LayerTensors read(const LayerFiles& files, const std::string& where) {
  LayerTensors layer;
  layer.where = concat(where, ": tensor '", files.weights.front().first.hugging_face, "'");
  for (const auto& [tensor, source] : files.weights) {
    layer.weight.push_back(part_of(tensor, source));
  }
  std::vector<torch::Tensor> biases;
  for (const auto& [tensor, source] : files.biases) {
    biases.push_back(source.load().to(torch::kFloat32));
  }
  if (!biases.empty()) layer.bias = at::cat(biases);
  return layer;
}

}  // namespace

LayerSource stored_layers(const ModelSource& source) {
  auto layers = std::make_shared<std::map<std::string, LayerFiles>>();
  const auto sources = model_sources(source.config, source.tensors);
  const auto tensors = model_tensors(source.config);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& tensor = tensors[i];
    if (tensor.zeros) continue;  // the model has no such bias
    auto& files = (*layers)[tensor.layer];
    (tensor.is_bias ? files.biases : files.weights).emplace_back(tensor, sources[i].second);
  }
  return [layers, where = source.path.string()](const std::string& name) {
    const auto found = layers->find(name);
    require(found != layers->end(), where, ": the model has no layer '", name, "'");
    return read(found->second, where);
  };
}

}  // namespace gptkit
