#include "models/tensor_names.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::string_view kBlock = "{}";

bool per_block(std::string_view pattern) { return pattern.find(kBlock) != pattern.npos; }

/// (first row, number of rows) of the layer.
std::pair<int64_t, int64_t> range_of(Rows rows, int64_t all, const ModelConfig& c) {
  const int64_t q = c.n_head * c.head_dim(), kv = c.kv_heads() * c.head_dim();
  switch (rows) {
    case Rows::kAll:
      return {0, all};
    case Rows::kQuery:
      return {0, q};
    case Rows::kKey:
      return {q, kv};
    case Rows::kValue:
      return {q + kv, kv};
    case Rows::kGate:
      return {0, c.feed_forward()};
    case Rows::kUp:
      return {c.feed_forward(), c.feed_forward()};
  }
  fail("a rule of no rows");
}

/// The names of one family's tensors under construction.
class Tensors {
 public:
  explicit Tensors(const ModelConfig& config) : config_(config) {}

  void add(const TensorRule& rule, const LayerShape& layer, int64_t block) {
    add_weight(rule, layer, block);
    if (layer.bias || rule.always_bias) add_bias(rule, layer, block);
  }
  std::vector<ModelTensor> take() { return std::move(all_); }

 private:
  ModelTensor begin(const TensorRule& rule, const LayerShape& layer, int64_t block) const {
    ModelTensor tensor;
    tensor.rule = &rule;
    tensor.layer = in_block(rule.layer, block);
    std::tie(tensor.begin, tensor.count) = range_of(rule.rows, layer.weight.front(), config_);
    return tensor;
  }
  void add_weight(const TensorRule& rule, const LayerShape& layer, int64_t block) {
    auto tensor = begin(rule, layer, block);
    tensor.shape = layer.weight;
    tensor.shape.front() = tensor.count;
    if (rule.transposed) std::reverse(tensor.shape.begin(), tensor.shape.end());
    const bool table = layer.name.ends_with("embedding"), norm = layer.weight.size() == 1;
    name(tensor, block, ".weight", table ? "" : norm ? "/g" : "/w");
  }
  void add_bias(const TensorRule& rule, const LayerShape& layer, int64_t block) {
    auto tensor = begin(rule, layer, block);
    tensor.is_bias = true;
    tensor.zeros = !layer.bias;
    tensor.shape = {tensor.count};
    name(tensor, block, ".bias", "/b");
  }
  void name(ModelTensor& tensor, int64_t block, const char* end, const char* openai_end) {
    const auto& rule = *tensor.rule;
    tensor.hugging_face = in_block(rule.hugging_face, block) + end;
    if (!rule.gguf.empty()) tensor.gguf = in_block(rule.gguf, block) + end;
    if (!rule.openai.empty()) tensor.openai = in_block(rule.openai, block) + openai_end;
    all_.push_back(std::move(tensor));
  }

  const ModelConfig& config_;
  std::vector<ModelTensor> all_;
};

const LayerShape* shape_of(const TensorRule& rule, const std::vector<LayerShape>& layers) {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const auto& layer) { return layer.name == rule.layer; });
  return found == layers.end() ? nullptr : &*found;
}

}  // namespace

std::string in_block(std::string_view pattern, int64_t block) {
  const auto at = pattern.find(kBlock);
  if (at == pattern.npos) return std::string(pattern);
  return concat(pattern.substr(0, at), block, pattern.substr(at + kBlock.size()));
}

std::vector<ModelTensor> model_tensors(const ModelConfig& config) {
  const auto layers = layer_shapes(config);
  const auto rules = family_of(config).tensors;
  Tensors tensors(config);
  const auto add = [&](const TensorRule& rule, int64_t block) {
    if (const auto* layer = shape_of(rule, layers)) tensors.add(rule, *layer, block);
  };
  const auto first = std::find_if(rules.begin(), rules.end(),
                                  [](const auto& rule) { return per_block(rule.layer); });
  const auto last =
      std::find_if(first, rules.end(), [](const auto& rule) { return !per_block(rule.layer); });
  for (auto rule = rules.begin(); rule != first; ++rule) add(*rule, 0);
  for (int64_t block = 0; block < config.n_layer; ++block) {
    for (auto rule = first; rule != last; ++rule) add(*rule, block);
  }
  for (auto rule = last; rule != rules.end(); ++rule) add(*rule, 0);
  return tensors.take();
}

std::string hugging_face_layer(const ModelConfig& config, std::string_view layer) {
  for (const auto& rule : family_of(config).tensors) {
    if (rule.layer == layer && rule.rows == Rows::kAll) return std::string(rule.hugging_face);
  }
  fail("family ", config.family, " has no layer ", layer);
}

std::string hugging_face_prefix(const ModelConfig& config) {
  const auto embedding = hugging_face_layer(config, "token_embedding");
  return embedding.substr(0, embedding.find('.') + 1);
}

}  // namespace gptkit
