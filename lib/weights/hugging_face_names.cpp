#include "weights/hugging_face_names.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "models/tensor_names.h"

namespace gptkit {

namespace {

/// The parameters and layers of a model by their names.
class Parameters {
 public:
  explicit Parameters(const GPT& model)
      : parameters_(model->named_parameters()), modules_(model->named_modules()) {}

  /// The tensor as a view of its parameter.
  torch::Tensor view(const ModelTensor& tensor) const {
    return part(parameters_[tensor.parameter()].detach(), tensor);
  }
  /// The values of the tensor; those of a quantised layer are decoded.
  torch::Tensor values(const ModelTensor& tensor) const {
    if (parameters_.contains(tensor.parameter())) return view(tensor);
    return part(linear(tensor.layer)->dense_weight(), tensor);
  }
  /// Null for a layer of another kind.
  std::shared_ptr<LinearImpl> linear(const std::string& layer) const {
    return std::dynamic_pointer_cast<LinearImpl>(modules_[layer]);
  }

 private:
  static torch::Tensor part(const torch::Tensor& whole, const ModelTensor& tensor) {
    const auto rows = whole.narrow(0, tensor.begin, tensor.count);
    return tensor.transposed() ? rows.t() : rows;
  }

  torch::OrderedDict<std::string, torch::Tensor> parameters_;
  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> modules_;
};

constexpr const char* kClassHead = "score.weight";

std::string head_name(const ModelConfig& config) {
  return hugging_face_layer(config, "head") + ".weight";
}

/// view.copy_(from); a transposed view is copied in strips that use whole cache lines.
void fill_(const torch::Tensor& view, const torch::Tensor& from) {
  constexpr int64_t kStrip = 64;
  const bool transposed = view.dim() == 2 && view.stride(0) == 1 && view.stride(1) > 1;
  if (!transposed) {
    view.copy_(from);
    return;
  }
  for (int64_t row = 0; row < view.size(0); row += kStrip) {
    const int64_t rows = std::min(kStrip, view.size(0) - row);
    view.narrow(0, row, rows).copy_(from.narrow(0, row, rows));
  }
}

/// Name parts that DataParallel, torch.compile, FSDP and its activation checkpointing add.
bool is_wrapper(std::string_view part) {
  return part == "module" || part == "_orig_mod" || part == "_fsdp_wrapped_module" ||
         part == "_checkpoint_wrapped_module";
}

/// The name without the parts that wrappers add, at any depth.
std::string without_wrappers(const std::string& name) {
  std::string plain;
  for (size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    const auto part = std::string_view(name).substr(begin, end - begin);
    if (!is_wrapper(part)) plain.append(plain.empty() ? "" : ".").append(part);
    begin = end + 1;
  }
  return plain;
}

bool starts_wrapped(std::string_view name) { return is_wrapper(name.substr(0, name.find('.'))); }

/// The prefix of the names of a model that was saved as a part of another module.
struct Prefix {
  std::string text;       ///< shared by all tensors
  std::string embedding;  ///< the name from which it was derived
  bool bare = false;      ///< the names are those of the bare model
};

/// Derived from the token embedding, which every model has.
std::optional<Prefix> prefix_before(const TensorMap& map, const std::string& embedding,
                                    const std::string& base) {
  std::optional<std::string> found;
  for (const auto& [name, source] : map.sources()) {
    const auto plain = without_wrappers(name);
    const bool fits = plain == embedding || plain.ends_with("." + embedding);
    if (!fits || (found && found->size() <= plain.size())) continue;
    found = plain;
  }
  if (!found) return std::nullopt;
  const auto before = found->substr(0, found->size() - embedding.size());
  const bool whole = before == base || before.ends_with("." + base);
  return Prefix{.text = whole ? before.substr(0, before.size() - base.size()) : before,
                .embedding = *found,
                .bare = !whole};
}

/// Buffers of old checkpoints: the causal mask, the rotary frequencies.
bool is_buffer(const std::string& name, const Family& family) {
  return std::any_of(family.buffers.begin(), family.buffers.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

/// The layers whose matrices are all quantised.
std::set<std::string> layers_in_blocks(const std::vector<ModelTensor>& tensors,
                                       const Parameters& parameters, const TensorMap& map) {
  std::set<std::string> layers, others;
  for (const auto& tensor : tensors) {
    if (tensor.is_bias) continue;
    const bool fits = parameters.linear(tensor.layer) && map.source(tensor.hugging_face).blocks;
    (fits ? layers : others).insert(tensor.layer);
  }
  for (const auto& layer : others) layers.erase(layer);
  return layers;
}

void check(const std::vector<ModelTensor>& tensors, const ModelConfig& config, const TensorMap& map,
           const std::vector<std::string>& extra) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> wanted;
  std::set<std::string> ignored(extra.begin(), extra.end());
  ignored.insert(head_name(config));
  for (const auto& tensor : tensors) {
    if (tensor.zeros) ignored.insert(tensor.hugging_face);
    if (!tensor.zeros) wanted.emplace_back(tensor.hugging_face, tensor.shape);
  }
  const auto& family = family_of(config);
  check_tensors(map, wanted, [&](const std::string& name) {
    return ignored.contains(name) || is_buffer(name, family);
  });
}

}  // namespace

NamedTensors hugging_face_views(const GPT& model) {
  const Parameters parameters(model);
  NamedTensors views;
  for (const auto& tensor : model_tensors(model->config())) {
    if (!tensor.zeros) views.emplace_back(tensor.hugging_face, parameters.view(tensor));
  }
  return views;
}

NamedTensors hugging_face_tensors(const GPT& model) {
  const Parameters parameters(model);
  NamedTensors tensors;
  for (const auto& tensor : model_tensors(model->config())) {
    tensors.emplace_back(tensor.hugging_face,
                         tensor.zeros ? torch::zeros(tensor.shape) : parameters.values(tensor));
  }
  return tensors;
}

void load_from_hugging_face(GPT& model, const TensorMap& map, const std::vector<std::string>& extra,
                            Quantized quantized) {
  torch::NoGradGuard no_grad;
  const auto tensors = model_tensors(model->config());
  check(tensors, model->config(), map, extra);
  const Parameters parameters(model);
  const auto kept = quantized == Quantized::kKeep ? layers_in_blocks(tensors, parameters, map)
                                                  : std::set<std::string>();
  std::map<std::string, std::vector<QuantizedTensor>> blocks;
  for (const auto& tensor : tensors) {
    if (tensor.zeros) continue;
    if (!tensor.is_bias && kept.contains(tensor.layer)) {
      blocks[tensor.layer].push_back(map.source(tensor.hugging_face).blocks());
    } else {
      fill_(parameters.view(tensor), map.at(tensor.hugging_face));
    }
  }
  for (auto& [layer, parts] : blocks) parameters.linear(layer)->set_quantized(std::move(parts));
  check_mapped_files();
}

NamedSources model_sources(const ModelConfig& config, const TensorMap& map,
                           const std::vector<std::string>& extra) {
  const auto tensors = model_tensors(config);
  check(tensors, config, map, extra);
  NamedSources sources;
  for (const auto& tensor : tensors) {
    const auto& name = tensor.hugging_face;
    sources.emplace_back(name, map.contains(name) ? map.source(name) : zeros_source(tensor.shape));
  }
  for (const auto& name : extra) sources.emplace_back(name, map.source(name));
  return sources;
}

TensorMap own_names(const TensorMap& map, const ModelConfig& config) {
  const auto base = hugging_face_prefix(config);
  const auto embedding = hugging_face_layer(config, "token_embedding").substr(base.size());
  const auto prefix = prefix_before(map, embedding + ".weight", base);
  if (!prefix) return map;
  const auto& first = map.sources().begin()->first;
  TensorMap renamed;
  renamed.set_where(map.where());
  for (const auto& [name, source] : map.sources()) {
    auto plain = without_wrappers(name);
    const bool fits = starts_wrapped(name) == starts_wrapped(first);
    require(fits && plain.starts_with(prefix->text), map.where(), ": the names of the tensors '",
            printable(fits ? prefix->embedding : first), "' and '", printable(name),
            "' have different prefixes; save the whole model with one prefix or none");
    plain.erase(0, prefix->text.size());
    const bool head = plain == head_name(config) || plain == kClassHead;
    renamed.add(prefix->bare && !head ? base + plain : plain, source);
  }
  return renamed;
}

}  // namespace gptkit
