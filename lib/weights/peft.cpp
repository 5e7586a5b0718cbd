#include "weights/peft.h"

#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "models/tensor_names.h"
#include "tensors/finite.h"
#include "weights/config_keys.h"
#include "weights/hugging_face_names.h"
#include "weights/model_source.h"
#include "weights/tensor_files.h"

namespace gptkit {

namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr const char* kOldFile = "adapter_model.bin";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr int64_t kMaxRank = 4096;

/// A layer of Hugging Face's classes, which is some rows of one of our layers.
struct PeftLayer {
  std::string path;    // transformer.h.0.attn.c_attn
  std::string target;  // attn.c_attn: what target_modules names
  Linear linear;
  int64_t begin, count;
};

std::vector<PeftLayer> peft_layers(const GPT& gpt, const Linear& head) {
  const auto modules = gpt->named_modules();
  std::vector<PeftLayer> layers;
  for (const auto& tensor : model_tensors(gpt->config())) {
    const auto linear = std::dynamic_pointer_cast<LinearImpl>(modules[tensor.layer]);
    if (!linear || tensor.is_bias || !tensor.layer.starts_with("blocks.")) continue;
    const auto path = tensor.hugging_face.substr(0, tensor.hugging_face.rfind('.'));
    const auto pattern = tensor.rule->hugging_face;
    const std::string target(pattern.substr(pattern.find("{}") + 3));
    layers.push_back({path, target, Linear(linear), tensor.begin, tensor.count});
  }
  if (head) layers.push_back({"score", "score", head, 0, head->weight.size(0)});
  return layers;
}

/// The adapter of rows [begin, begin + count) as a single part, or nothing.
std::optional<LoraPart> joined(const PeftLayer& layer) {
  if (!layer.linear->lora()) return std::nullopt;
  std::vector<LoraPart> parts;
  for (const auto& part : layer.linear->lora()->parts()) {
    if (part.begin >= layer.begin && part.begin < layer.begin + layer.count) parts.push_back(part);
  }
  if (parts.empty()) return std::nullopt;
  std::vector<torch::Tensor> rows;
  int64_t rank = 0;
  for (const auto& part : parts) {
    rows.push_back(part.a.detach());
    rank += part.a.size(0);
  }
  auto b = torch::zeros({layer.count, rank}, parts.front().b.options().requires_grad(false));
  int64_t column = 0;
  for (const auto& part : parts) {
    const int64_t R = part.a.size(0);
    // Parts with another scale are rescaled to the scale of the first.
    b.narrow(0, part.begin - layer.begin, part.count)
        .narrow(1, column, R)
        .copy_(part.b.detach() * (part.scale / parts.front().scale));
    column += R;
  }
  return LoraPart{0, layer.count, torch::cat(rows), b, parts.front().scale};
}

/// The setting of a layer: that of the first pattern that matches the end of its path, else the
/// common one. As in PEFT, patterns are regular expressions ("c_attn", "h.0.attn.c_attn",
/// "layers.[01].*q_proj").
double of_layer(const AdapterSource& source, const OrderedJson& patterns, const char* name,
                const char* fallback, const std::string& path) {
  const auto where = (source.folder / kConfigFile).string();
  for (const auto& [pattern, value] : patterns.items()) {
    require(value.is_number(), where, ": ", name, ": '", printable(pattern), "' is ",
            printable(dump_json(value), 60), "; expected a number");
    try {
      const std::regex regex("(.*\\.)?(" + pattern + ")");
      if (std::regex_match(path, regex)) return value.get<double>();
    } catch (const std::regex_error&) {
      fail(where, ": ", name, ": '", printable(pattern),
           "' is not a regular expression that is supported here; name the layers one by one");
    }
  }
  return json_number(source.config, fallback, where);
}

double scale_of(const AdapterSource& source, const std::string& path, int64_t rank) {
  const auto where = (source.folder / kConfigFile).string();
  const double alpha = of_layer(source, source.alpha_pattern, "alpha_pattern", "lora_alpha", path);
  const double said = of_layer(source, source.rank_pattern, "rank_pattern", "r", path);
  require(std::llround(said) == rank, where, ": the rank of ", path, " is ", said,
          " but its tensors have ", rank, " rows; the folder's files do not belong together");
  require(std::isfinite(alpha), where, ": lora_alpha of ", path, " is not a number");
  const bool stable = json_bool(source.config, "use_rslora", where, false);
  return alpha / (stable ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
}

torch::Tensor float32(const TensorMap& map, const std::string& name) {
  auto tensor = map.at(name).to(torch::kFloat32).clone();
  require(all_finite(tensor), map.where(), ": tensor '", name,
          "' holds NaN or infinity; the file is damaged or the training diverged");
  return tensor;
}

/// A tensor of this shape, removed from the list.
torch::Tensor take(const AdapterSource& source, const std::string& name, at::IntArrayRef shape,
                   std::set<std::string>& unread) {
  auto tensor = float32(source.tensors, name);
  require(tensor.sizes() == shape, source.tensors.where(), ": tensor '", name, "' has shape ",
          tensor.sizes(), "; expected ", shape);
  unread.erase(name);
  return tensor;
}

/// Reads the adapter of one layer and removes its names from the list.
std::optional<LoraPart> read_part(const AdapterSource& source, const PeftLayer& layer,
                                  std::set<std::string>& unread) {
  const auto name_a = layer.path + ".lora_A.weight", name_b = layer.path + ".lora_B.weight";
  if (!source.tensors.contains(name_a)) return std::nullopt;
  const auto a = float32(source.tensors, name_a), b = float32(source.tensors, name_b);
  const int64_t in = layer.linear->weight.size(1);
  require(a.dim() == 2 && a.size(1) == in && a.size(0) >= 1 && a.size(0) <= kMaxRank &&
              b.dim() == 2 && b.size(0) == layer.count && b.size(1) == a.size(0),
          source.tensors.where(), ": the adapter of '", layer.path, "' has shapes ", a.sizes(),
          " and ", b.sizes(), "; expected (rank, ", in, ") and (", layer.count,
          ", rank): it was made for another model");
  unread.erase(name_a);
  unread.erase(name_b);
  return LoraPart{layer.begin, layer.count, a, b, scale_of(source, layer.path, a.size(0))};
}

/// lora_bias: added to the layer's bias, with the scale of its matrices.
void add_bias(const AdapterSource& source, const PeftLayer& layer, double scale,
              std::set<std::string>& unread) {
  const auto name = layer.path + ".lora_B.bias";
  if (!unread.contains(name)) return;
  const auto bias = take(source, name, {layer.count}, unread);
  require(layer.linear->bias.defined(), source.tensors.where(), ": tensor '", name,
          "' is a bias (lora_bias), but this layer of the model has none, which is not supported");
  layer.linear->bias.narrow(0, layer.begin, layer.count).add_(bias, scale);
}

/// DoRA (arXiv:2402.09353): rescales the rows of the adapted weight to the learned lengths. Changes
/// the weight, and returns whether the layer has DoRA.
bool merge_magnitude(const AdapterSource& source, const PeftLayer& layer, const LoraPart& part,
                     std::set<std::string>& unread) {
  auto name = layer.path + ".lora_magnitude_vector";
  if (!unread.contains(name)) name += ".weight";
  if (!unread.contains(name)) return false;
  const auto length = take(source, name, {layer.count}, unread);
  const auto weight = layer.linear->weight.narrow(0, layer.begin, layer.count);  // (count,in)
  const auto sum = weight + part.b.matmul(part.a) * part.scale;
  weight.copy_(sum * (length / at::linalg_vector_norm(sum, 2, {1})).unsqueeze(1));
  return true;
}

/// Adds an adapter to a weight outside the blocks: that of the head, or (by columns) the embedding.
void merge_tables(const AdapterSource& source, const GPT& gpt, std::set<std::string>& unread) {
  const auto embedding = hugging_face_layer(gpt->config(), "token_embedding");
  const int64_t V = gpt->config().vocab_size, C = gpt->config().d_model;
  const auto rank_of = [&](const std::string& name) {
    const auto& shape = source.tensors.source(name).shape;
    return shape.empty() ? int64_t{0} : shape.front();
  };
  if (const auto name = embedding + ".lora_embedding_A"; unread.contains(name)) {
    const int64_t R = rank_of(name);
    const auto a = take(source, name, {R, V}, unread);
    const auto b = take(source, embedding + ".lora_embedding_B", {C, R}, unread);
    gpt->token_embedding()->weight.add_(b.matmul(a).t(), scale_of(source, embedding, R));
  }
  const auto head = hugging_face_layer(gpt->config(), "head");
  if (const auto name = head + ".lora_A.weight"; gpt->head() && unread.contains(name)) {
    const int64_t R = rank_of(name);
    const PeftLayer layer{head, head, gpt->head(), 0, V};
    const auto a = take(source, name, {R, C}, unread);
    const auto b = take(source, head + ".lora_B.weight", {V, R}, unread);
    const LoraPart part{0, V, a, b, scale_of(source, head, R)};
    if (!merge_magnitude(source, layer, part, unread)) {
      gpt->head()->weight.add_(b.matmul(a), part.scale);
    }
  }
}

/// Layers that were fully trained.
void copy_whole(const AdapterSource& source, const GPT& gpt, const Linear& head,
                std::set<std::string>& unread) {
  torch::NoGradGuard no_grad;
  auto views = hugging_face_views(gpt);
  if (head) views.emplace_back("score.weight", head->weight.detach());
  for (const auto& [name, view] : views) {
    if (!unread.contains(name)) continue;
    const auto tensor = float32(source.tensors, name);
    require(tensor.sizes() == view.sizes(), source.tensors.where(), ": tensor '", name,
            "' has shape ", tensor.sizes(), "; expected ", view.sizes());
    view.copy_(tensor);
    unread.erase(name);
  }
}

/// PEFT names a layer's own tensors q_proj.base_layer.bias, because the adapter wraps the layer.
std::string without_base_layer(std::string name) {
  constexpr std::string_view kPart = ".base_layer";
  if (const auto at = name.find(kPart); at != name.npos) name.erase(at, kPart.size());
  return name;
}

}  // namespace

bool is_adapter(const fs::path& folder) {
  return is_there(folder / kConfigFile) && !is_there(folder / "config.json");
}

AdapterSource open_adapter(const fs::path& folder) {
  AdapterSource source{.folder = folder};
  const auto where = (folder / kConfigFile).string();
  constexpr uint64_t kMaxConfigBytes = 1 << 20;
  const auto text = read_file(folder / kConfigFile, kMaxConfigBytes);
  source.config = parse_json(text, where);
  require(source.config.is_object(), where, ": expected a JSON object");
  const auto type = json_string(source.config, "peft_type", where);
  require(type == "LORA", where, ": adapters of the type '", printable(type),
          "' are not supported; expected LORA");
  check_keys(source.config, adapter_key_rules(), where);
  const auto ordered = parse_json_ordered(text, where);
  const auto patterns = [&](const char* key) {
    const auto found = ordered.find(key);
    const bool there = found != ordered.end() && !found->is_null();
    require(!there || found->is_object(), where, ": ", key, " is not an object");
    return there ? *found : OrderedJson::object();
  };
  source.rank_pattern = patterns("rank_pattern");
  source.alpha_pattern = patterns("alpha_pattern");
  const auto base = source.config.value("base_model_name_or_path", Json());
  if (base.is_string()) source.base = base.get<std::string>();
  const auto task = source.config.value("task_type", Json());
  source.classifier = task.is_string() && task.get<std::string>() == "SEQ_CLS";

  const bool old = !is_there(folder / kTensorFile) && is_there(folder / kOldFile);
  TensorMap file;
  add_file(file, open_weight_file(folder / (old ? kOldFile : kTensorFile)));
  source.tensors.set_where(file.where());
  for (const auto& [name, tensor] : file.sources()) {
    require(name.starts_with(kPrefix), file.where(), ": tensor '", printable(name),
            "' does not belong to an adapter; expected names that begin with ", kPrefix);
    source.tensors.add(without_base_layer(name.substr(kPrefix.size())), tensor);
  }
  return source;
}

bool unties(const AdapterSource& source, const ModelConfig& base) {
  const auto& sources = source.tensors.sources();
  const bool tables = std::any_of(sources.begin(), sources.end(), [&](const auto& entry) {
    return entry.first.starts_with(hugging_face_layer(base, "head") + ".") ||
           entry.first.starts_with(hugging_face_layer(base, "token_embedding") + ".");
  });
  const auto where = (source.folder / kConfigFile).string();
  require(!tables || !json_bool(source.config, "ensure_weight_tying", where, false), where,
          ": ensure_weight_tying true is not supported in an adapter of the embedding or the head");
  return tables;
}

AdapterLayers load_adapter(const AdapterSource& source, const GPT& gpt, const Linear& head) {
  torch::NoGradGuard no_grad;
  std::set<std::string> unread;
  for (const auto& [name, tensor] : source.tensors.sources()) unread.insert(name);
  copy_whole(source, gpt, head, unread);
  merge_tables(source, gpt, unread);
  AdapterLayers adapter;
  std::vector<LoraPart> parts;
  const double dropout =
      json_number(source.config, "lora_dropout", (source.folder / kConfigFile).string(), 0.0);
  const auto layers = peft_layers(gpt, head);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (auto part = read_part(source, layers[i], unread)) {
      add_bias(source, layers[i], part->scale, unread);
      if (!merge_magnitude(source, layers[i], *part, unread)) parts.push_back(std::move(*part));
    }
    const bool last =
        i + 1 == layers.size() || layers[i + 1].linear.ptr() != layers[i].linear.ptr();
    if (!last || parts.empty()) continue;
    const auto linear = layers[i].linear;
    adapter.emplace_back(linear, Lora(linear->weight.size(0), std::move(parts), dropout));
    parts.clear();
  }
  check_mapped_files();
  require(unread.empty(), source.tensors.where(), ": tensor '",
          unread.empty() ? std::string() : printable(*unread.begin()),
          "' belongs to no layer of the model; the adapter was made for another one");
  return adapter;
}

void save_adapter(const fs::path& folder, const GPT& gpt, const LoraConfig& config,
                  const std::string& base, const NamedTensors& whole, bool classifier) {
  NamedTensors tensors;
  std::set<std::string> targets, saved;
  Json ranks = Json::object(), alphas = Json::object();
  const auto rules = family_of(gpt->config()).tensors;
  const bool fan_in_fan_out =
      std::any_of(rules.begin(), rules.end(), [](const auto& rule) { return rule.transposed; });
  for (const auto& layer : peft_layers(gpt, nullptr)) {
    const auto part = joined(layer);
    if (!part) continue;
    targets.insert(layer.target);
    const int64_t rank = part->a.size(0);
    if (rank != config.rank) {
      ranks[layer.target] = rank;
      alphas[layer.target] = part->scale * static_cast<double>(rank);
    }
    const auto path = std::string(kPrefix) + layer.path;
    tensors.emplace_back(path + ".lora_A.weight", part->a);
    tensors.emplace_back(path + ".lora_B.weight", part->b);
  }
  for (const auto& [name, tensor] : whole) {
    tensors.emplace_back(std::string(kPrefix) + name, tensor.detach());
    const auto module = name.substr(0, name.rfind('.'));  // transformer.ln_f.bias -> ln_f
    saved.insert(module.substr(module.rfind('.') + 1));
  }
  const Json json = {{"peft_type", "LORA"},
                     {"task_type", classifier ? "SEQ_CLS" : "CAUSAL_LM"},
                     {"base_model_name_or_path", base},
                     {"r", config.rank},
                     {"lora_alpha", config.alpha},
                     {"lora_dropout", config.dropout},
                     {"target_modules", targets},
                     {"modules_to_save", saved.empty() ? Json() : Json(saved)},
                     {"rank_pattern", ranks},
                     {"alpha_pattern", alphas},
                     {"fan_in_fan_out", fan_in_fan_out},
                     {"bias", "none"},
                     {"use_rslora", false},
                     {"use_dora", false},
                     {"inference_mode", true}};
  save_tensors(folder / kTensorFile, tensors);
  write_file_atomic(folder / kConfigFile, dump_json(json, 2) + "\n");
}

}  // namespace gptkit
