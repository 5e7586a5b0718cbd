#include "weights/hugging_face_names.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace gptkit {

namespace {

/// The views of one model under construction.
class Views {
 public:
  void add(const std::string& name, const torch::Tensor& tensor) {
    all_.emplace_back(name, tensor.detach());
  }
  void norm(const std::string& name, const Norm& from) {
    add(name + ".weight", from->weight);
    if (from->bias.defined()) add(name + ".bias", from->bias);
  }
  /// Conv1D: (in, out).
  void transposed(const std::string& name, const Linear& from) {
    add(name + ".weight", from->weight.t());
    if (from->bias.defined()) add(name + ".bias", from->bias);
  }
  void rows(const std::string& name, const Linear& from, int64_t begin, int64_t count) {
    add(name + ".weight", from->weight.narrow(0, begin, count));
    if (from->bias.defined()) add(name + ".bias", from->bias.narrow(0, begin, count));
  }
  void linear(const std::string& name, const Linear& from) {
    rows(name, from, 0, from->weight.size(0));
  }
  NamedTensors take() { return std::move(all_); }

 private:
  NamedTensors all_;
};

void add_gpt2(const GPT& model, Views& views) {
  views.add("transformer.wte.weight", model->token_embedding()->weight);
  views.add("transformer.wpe.weight", model->position_embedding()->weight);
  for (int64_t i = 0; i < model->config().n_layer; ++i) {
    const auto block = model->block(i);
    const std::string h = concat("transformer.h.", i);
    views.norm(h + ".ln_1", block->norm1());
    views.transposed(h + ".attn.c_attn", block->attention()->qkv());
    views.transposed(h + ".attn.c_proj", block->attention()->proj());
    views.norm(h + ".ln_2", block->norm2());
    views.transposed(h + ".mlp.c_fc", block->mlp()->up());
    views.transposed(h + ".mlp.c_proj", block->mlp()->down());
  }
  views.norm("transformer.ln_f", model->final_norm());
}

void add_llama(const GPT& model, Views& views) {
  const auto& c = model->config();
  const int64_t q = c.n_head * c.head_dim(), kv = c.kv_heads() * c.head_dim();
  const int64_t F = c.feed_forward();
  views.add("model.embed_tokens.weight", model->token_embedding()->weight);
  for (int64_t i = 0; i < c.n_layer; ++i) {
    const auto block = model->block(i);
    const std::string layer = concat("model.layers.", i);
    views.norm(layer + ".input_layernorm", block->norm1());
    const auto qkv = block->attention()->qkv();
    views.rows(layer + ".self_attn.q_proj", qkv, 0, q);
    views.rows(layer + ".self_attn.k_proj", qkv, q, kv);
    views.rows(layer + ".self_attn.v_proj", qkv, q + kv, kv);
    views.linear(layer + ".self_attn.o_proj", block->attention()->proj());
    views.norm(layer + ".post_attention_layernorm", block->norm2());
    views.rows(layer + ".mlp.gate_proj", block->mlp()->up(), 0, F);
    views.rows(layer + ".mlp.up_proj", block->mlp()->up(), F, F);
    views.linear(layer + ".mlp.down_proj", block->mlp()->down());
  }
  views.norm("model.norm", model->final_norm());
}

/// Buffers of old checkpoints: the causal mask, the rotary frequencies.
bool is_buffer(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

constexpr const char* kHead = "lm_head.weight";

/// view.copy_(from); a transposed view in strips, of which each line of the cache is used whole.
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

/// DataParallel, torch.compile, FSDP and its activation checkpointing: what they add to a name.
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

/// What stands before the names of a model that is saved as a part of another module.
struct Prefix {
  std::string text;       ///< of every tensor
  std::string embedding;  ///< the name that it was found by
  bool bare = false;      ///< the names are GPT2Model's or LlamaModel's own
};

/// Found by the token embedding, of which every model has one.
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

void check(const NamedTensors& wanted, const ModelConfig& config, const TensorMap& map,
           const std::vector<std::string>& extra) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes;
  for (const auto& [name, tensor] : wanted) shapes.emplace_back(name, tensor.sizes().vec());
  check_tensors(map, shapes, [&](const std::string& name) {
    return is_buffer(name) || name == kHead ||
           (!config.qkv_bias && name.ends_with(".attn.c_attn.bias")) ||
           std::find(extra.begin(), extra.end(), name) != extra.end();
  });
}

}  // namespace

NamedTensors hugging_face_views(const GPT& model) {
  Views views;
  (model->config().positions == PositionKind::kRotary) ? add_llama(model, views)
                                                       : add_gpt2(model, views);
  if (model->head()) views.add(kHead, model->head()->weight);
  return views.take();
}

NamedTensors hugging_face_tensors(const GPT& model) {
  const auto& config = model->config();
  NamedTensors tensors;
  for (const auto& [name, view] : hugging_face_views(model)) {
    tensors.emplace_back(name, view);
    constexpr std::string_view kWeight = "weight";
    if (!(config.positions == PositionKind::kRotary) && !config.qkv_bias &&
        name.ends_with(".attn.c_attn.weight")) {
      const auto bias = name.substr(0, name.size() - kWeight.size()) + "bias";
      tensors.emplace_back(bias, torch::zeros({view.size(1)}, view.options()));
    }
  }
  return tensors;
}

void load_from_hugging_face(GPT& model, const TensorMap& map,
                            const std::vector<std::string>& extra) {
  torch::NoGradGuard no_grad;
  const auto views = hugging_face_views(model);
  check(views, model->config(), map, extra);
  for (const auto& [name, view] : views) fill_(view, map.at(name));
  check_mapped_files();
}

NamedSources model_sources(const ModelConfig& config, const TensorMap& map,
                           const std::vector<std::string>& extra) {
  // Its weights are never touched, so it takes up addresses but no memory.
  const GPT shape(config);
  check(hugging_face_views(shape), config, map, extra);
  NamedSources sources;
  for (const auto& [name, tensor] : hugging_face_tensors(shape)) {
    sources.emplace_back(name, map.contains(name) ? map.source(name) : source_of(tensor));
  }
  for (const auto& name : extra) sources.emplace_back(name, map.source(name));
  return sources;
}

TensorMap own_names(const TensorMap& map, const std::string& family) {
  const bool llama = family == "llama";
  const std::string base = llama ? "model." : "transformer.";
  const auto prefix = prefix_before(map, llama ? "embed_tokens.weight" : "wte.weight", base);
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
    const bool head = plain == kHead || plain == "score.weight";
    renamed.add(prefix->bare && !head ? base + plain : plain, source);
  }
  return renamed;
}

}  // namespace gptkit
