#include "weights/peft.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "formats/safetensors.h"
#include "weights/finite.h"
#include "weights/hugging_face_names.h"

namespace gptkit {

namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr int64_t kMaxRank = 4096;

/// A layer as Hugging Face's classes have it: rows of one of ours.
struct PeftLayer {
  std::string path;    // transformer.h.0.attn.c_attn
  std::string target;  // attn.c_attn: what target_modules names
  Linear linear;
  int64_t begin, count;
};

std::vector<PeftLayer> peft_layers(const GPT& gpt, const Linear& head) {
  static const std::map<std::string, std::string> kGpt2 = {{"query", "attn.c_attn"},
                                                           {"proj", "attn.c_proj"},
                                                           {"up", "mlp.c_fc"},
                                                           {"down", "mlp.c_proj"}};
  static const std::map<std::string, std::string> kLlama = {
      {"query", "self_attn.q_proj"}, {"key", "self_attn.k_proj"}, {"value", "self_attn.v_proj"},
      {"proj", "self_attn.o_proj"},  {"gate", "mlp.gate_proj"},   {"up", "mlp.up_proj"},
      {"down", "mlp.down_proj"}};
  const bool llama = gpt->config().is_llama();
  std::vector<PeftLayer> layers;
  for (const auto& target : lora_targets(gpt, head)) {
    if (target.block < 0) {
      layers.push_back({"score", "score", target.linear, target.begin, target.count});
      continue;
    }
    const auto& names = llama ? kLlama : kGpt2;
    const auto name = names.find(target.name);
    if (name == names.end()) continue;  // key and value, in GPT-2's c_attn
    const auto path =
        concat(llama ? "model.layers." : "transformer.h.", target.block, ".", name->second);
    const int64_t count = llama ? target.count : target.linear->weight.size(0);
    layers.push_back({path, name->second, target.linear, target.begin, count});
  }
  return layers;
}

/// The adapter of rows [begin, begin + count), if there is one, as a single part.
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
    // Parts of another scale are brought to the first one's.
    b.narrow(0, part.begin - layer.begin, part.count)
        .narrow(1, column, R)
        .copy_(part.b.detach() * (part.scale / parts.front().scale));
    column += R;
  }
  return LoraPart{0, layer.count, torch::cat(rows), b, parts.front().scale};
}

/// The setting of a layer: by its name in a pattern ("c_attn", "h.0.attn.c_attn"), else for all.
double of_layer(const Json& config, const char* pattern, const char* fallback,
                const std::string& path, const std::string& where) {
  const auto found = config.find(pattern);
  if (found != config.end() && found->is_object()) {
    for (const auto& [name, value] : found->items()) {
      const bool fits = path == name || path.ends_with("." + name);
      if (fits && value.is_number()) return value.get<double>();
    }
  }
  return json_number(config, fallback, where);
}

double scale_of(const Json& config, const std::string& path, int64_t rank,
                const std::string& where) {
  const double alpha = of_layer(config, "alpha_pattern", "lora_alpha", path, where);
  const double said = of_layer(config, "rank_pattern", "r", path, where);
  require(std::llround(said) == rank, where, ": the rank of ", path, " is ", said,
          " but its tensors have ", rank, " rows; the folder's files do not belong together");
  require(std::isfinite(alpha), where, ": lora_alpha of ", path, " is not a number");
  const bool stable = json_bool(config, "use_rslora", where, false);
  return alpha / (stable ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
}

torch::Tensor float32(const TensorMap& map, const std::string& name) {
  const auto tensor = map.at(name).to(torch::kFloat32).clone();
  require(all_finite(tensor), map.where(), ": tensor '", name,
          "' holds NaN or infinity; the file is damaged or the training diverged");
  return tensor;
}

/// Reads one layer's adapter and takes its names off the list.
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
  const auto where = (source.folder / kConfigFile).string();
  return LoraPart{layer.begin, layer.count, a, b,
                  scale_of(source.config, layer.path, a.size(0), where)};
}

/// Layers trained whole.
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

}  // namespace

bool is_adapter(const fs::path& folder) {
  return is_there(folder / kConfigFile) && !is_there(folder / "config.json");
}

AdapterSource open_adapter(const fs::path& folder) {
  AdapterSource source{.folder = folder, .base = {}, .config = {}, .tensors = {}};
  const auto where = (folder / kConfigFile).string();
  constexpr uint64_t kMaxConfigBytes = 1 << 20;
  source.config = parse_json(read_file(folder / kConfigFile, kMaxConfigBytes), where);
  require(source.config.is_object(), where, ": expected a JSON object");
  const auto type = json_string(source.config, "peft_type", where);
  require(type == "LORA", where, ": adapters of the type '", type,
          "' are not supported; expected LORA");
  require(!json_bool(source.config, "use_dora", where, false), where,
          ": use_dora is not supported; expected plain LoRA");
  const auto bias = json_string(source.config, "bias", where, "none");
  require(bias == "none", where, ": bias '", bias, "' is not supported; expected none");
  const auto base = source.config.value("base_model_name_or_path", Json());
  if (base.is_string()) source.base = base.get<std::string>();
  const auto task = source.config.value("task_type", Json());
  source.classifier = task.is_string() && task.get<std::string>() == "SEQ_CLS";

  const TensorMap file({folder / kTensorFile});
  source.tensors.set_where(file.where());
  for (const auto& [name, tensor] : file.sources()) {
    require(name.starts_with(kPrefix), file.where(), ": tensor '", name,
            "' is none of an adapter; expected names that begin with ", kPrefix);
    source.tensors.add(name.substr(kPrefix.size()), tensor);
  }
  return source;
}

AdapterLayers load_adapter(const AdapterSource& source, const GPT& gpt, const Linear& head) {
  std::set<std::string> unread;
  for (const auto& [name, tensor] : source.tensors.sources()) unread.insert(name);
  AdapterLayers adapter;
  std::vector<LoraPart> parts;
  const double dropout =
      json_number(source.config, "lora_dropout", (source.folder / kConfigFile).string(), 0.0);
  const auto layers = peft_layers(gpt, head);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (auto part = read_part(source, layers[i], unread)) parts.push_back(std::move(*part));
    const bool last =
        i + 1 == layers.size() || layers[i + 1].linear.ptr() != layers[i].linear.ptr();
    if (!last || parts.empty()) continue;
    const auto linear = layers[i].linear;
    adapter.emplace_back(linear, Lora(linear->weight.size(0), std::move(parts), dropout));
    parts.clear();
  }
  copy_whole(source, gpt, head, unread);
  check_mapped_files();
  require(unread.empty(), source.tensors.where(), ": tensor '",
          unread.empty() ? std::string() : *unread.begin(),
          "' belongs to no layer of the model; the adapter was made for another one");
  return adapter;
}

void save_adapter(const fs::path& folder, const GPT& gpt, const LoraConfig& config,
                  const std::string& base, const NamedTensors& whole, bool classifier) {
  NamedTensors tensors;
  std::set<std::string> targets, saved;
  Json ranks = Json::object(), alphas = Json::object();
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
                     {"fan_in_fan_out", !gpt->config().is_llama()},
                     {"bias", "none"},
                     {"use_rslora", false},
                     {"use_dora", false},
                     {"inference_mode", true}};
  save_tensors(folder / kTensorFile, tensors);
  write_file_atomic(folder / kConfigFile, dump_json(json, 2) + "\n");
}

}  // namespace gptkit
