#include "weights/gguf_names.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/error.h"
#include "models/tensor_names.h"
#include "nn/positions.h"
#include "weights/gguf_config.h"

namespace gptkit {

namespace {

/// The rows of each head (of a matrix or a bias): converts between two interleaved halves and two
/// blocks.
torch::Tensor reorder_heads(const torch::Tensor& t, int64_t heads, bool to_gguf) {
  const int64_t half = t.size(0) / heads / 2;
  auto sizes = t.sizes().vec();
  sizes.erase(sizes.begin());
  const auto first =
      to_gguf ? std::vector{heads, int64_t{2}, half} : std::vector{heads, half, int64_t{2}};
  sizes.insert(sizes.begin(), first.begin(), first.end());
  return t.reshape(sizes).transpose(1, 2).reshape(t.sizes());
}

/// The same for a matrix in quantised blocks; no block spans two rows.
QuantizedTensor reorder_heads(const QuantizedTensor& t, int64_t heads) {
  const auto row_bytes = t.bytes().size() / static_cast<size_t>(t.rows());
  const int64_t rows = t.rows(), width = rows / heads, half = width / 2;
  auto bytes = std::make_shared<std::vector<std::byte>>(t.bytes().size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / width, in_head = row % width;
    const int64_t from = head * width + in_head % half * 2 + in_head / half;
    const auto source = t.bytes().subspan(static_cast<size_t>(from) * row_bytes, row_bytes);
    std::copy(
        source.begin(), source.end(),
        bytes->begin() + static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(row_bytes));
  }
  return {t.dtype(), rows, t.columns(), *bytes, bytes};
}

/// Converts a tensor between the two: GGUF's matrices are (out, in), and rows may be paired
/// differently.
TensorSource changed(const TensorSource& source, const ModelTensor& tensor, const ModelConfig& c,
                     bool to_gguf) {
  // The check of shapes reports tensors whose shape differs from the config.
  if (tensor.transposed()) return source.shape.size() == 2 ? transposed(source) : source;
  auto result = source;
  if (!tensor.rule->paired || source.shape.empty() || source.shape[0] != tensor.count) {
    return result;
  }
  const int64_t heads = tensor.count / c.head_dim();
  result.load = [load = source.load, heads, to_gguf] {
    return reorder_heads(load(), heads, to_gguf);
  };
  result.blocks = {};
  if (source.blocks && !to_gguf) {
    result.blocks = [blocks = source.blocks, heads] { return reorder_heads(blocks(), heads); };
  }
  return result;
}

/// The rules for a model with an untied head: a file may store a head that equals the embedding.
std::vector<ModelTensor> all_tensors(ModelConfig config) {
  config.tie_embeddings = false;
  return model_tensors(config);
}

}  // namespace

TensorMap hugging_face_from_gguf(const ModelConfig& config, const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  std::set<std::string> taken = {kRopeFactors};
  for (const auto& tensor : all_tensors(config)) {
    if (!tensors.contains(tensor.gguf)) continue;
    map.add(tensor.hugging_face,
            changed(tensors.source(tensor.gguf), tensor, config, /*to_gguf=*/false));
    taken.insert(tensor.gguf);
  }
  for (const auto& [name, source] : tensors.sources()) {
    if (!taken.contains(name)) map.add(name, source);
  }
  return map;
}

NamedSources gguf_from_hugging_face(const ModelConfig& config, const NamedSources& tensors) {
  std::map<std::string, ModelTensor> by_name;
  for (auto& tensor : all_tensors(config)) by_name.emplace(tensor.hugging_face, tensor);
  NamedSources sources;
  for (const auto& [name, source] : tensors) {
    const auto found = by_name.find(name);
    require(found != by_name.end(), "tensor '", name, "' has no name in a GGUF file");
    sources.emplace_back(found->second.gguf,
                         changed(source, found->second, config, /*to_gguf=*/true));
  }
  if (config.rope_factor != 1) {
    auto plain = config;
    plain.rope_factor = 1;
    sources.emplace_back(kRopeFactors, source_of(rotary_frequencies(rotary_options(plain)) /
                                                 rotary_frequencies(rotary_options(config))));
  }
  return sources;
}

}  // namespace gptkit
