#include "weights/stored_layers.h"

#include <ATen/ops/cat.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "models/tensor_names.h"
#include "tensors/finite.h"
#include "weights/hugging_face_names.h"

namespace gptkit {

namespace {

/// The tensors of each layer, in the order of its rows.
struct LayerFiles {
  std::vector<std::pair<ModelTensor, TensorSource>> weights, biases;
};

/// Values that are used as they are, not packed.
torch::Tensor vectors(const ModelTensor& tensor, const TensorSource& source,
                      const std::string& where) {
  const auto values = source.load();
  require(all_finite(values), where, ": tensor '", tensor.hugging_face,
          "' holds NaN or infinity; the file is damaged or the training diverged");
  return values.to(torch::kFloat32);
}

/// Packing checks matrices for values that are not finite.
MatrixPart part_of(const ModelTensor& tensor, const TensorSource& source,
                   const std::string& where) {
  if (source.shape.size() == 1 || tensor.layer == "position_embedding") {
    return vectors(tensor, source, where);
  }
  if (source.blocks) return source.blocks();
  const auto values = source.load();
  return tensor.transposed() ? values.t() : values;
}

/// The name of a layer's tensor, or of those of which its rows are.
std::string names_of(const LayerFiles& files) {
  std::string names;
  for (const auto& [tensor, source] : files.weights) {
    names += concat(names.empty() ? "'" : ", '", tensor.hugging_face, "'");
  }
  return names;
}

LayerTensors read(const LayerFiles& files, const std::string& where) {
  LayerTensors layer;
  layer.where = concat(where, ": tensor ", names_of(files));
  for (const auto& [tensor, source] : files.weights) {
    layer.weight.push_back(part_of(tensor, source, where));
  }
  std::vector<torch::Tensor> biases;
  for (const auto& [tensor, source] : files.biases) {
    biases.push_back(vectors(tensor, source, where));
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
