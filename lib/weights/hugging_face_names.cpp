#include "weights/gpt2_names.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace gptkit {

namespace {

/// One of our parameters and its name there; matrices of Conv1D are transposed.
struct Entry {
  std::string name;
  torch::Tensor tensor;
  bool transposed = false;
};

std::vector<Entry> entries(const GPT& model) {
  std::vector<Entry> all;
  const auto linear = [&](const std::string& name, const Linear& from) {
    all.push_back({name + ".weight", from->weight, true});
    if (from->bias.defined()) all.push_back({name + ".bias", from->bias});
  };
  const auto norm = [&](const std::string& name, const torch::nn::LayerNorm& from) {
    all.push_back({name + ".weight", from->weight});
    all.push_back({name + ".bias", from->bias});
  };
  all.push_back({"wte.weight", model->token_embedding()->weight});
  all.push_back({"wpe.weight", model->position_embedding()->weight});
  for (int64_t i = 0; i < model->config().n_layer; ++i) {
    const auto block = model->block(i);
    const std::string h = concat("h.", i);
    norm(h + ".ln_1", block->norm1());
    linear(h + ".attn.c_attn", block->attention()->qkv());
    linear(h + ".attn.c_proj", block->attention()->proj());
    norm(h + ".ln_2", block->norm2());
    linear(h + ".mlp.c_fc", block->mlp()->up());
    linear(h + ".mlp.c_proj", block->mlp()->down());
  }
  norm("ln_f", model->final_norm());
  return all;
}

/// Buffers of old checkpoints that hold the causal mask.
bool is_mask_buffer(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

}  // namespace

NamedTensors gpt2_to_hugging_face(const GPT& model) {
  NamedTensors tensors;
  const int64_t C = model->config().d_model;
  for (const auto& entry : entries(model)) {
    const auto tensor = entry.tensor.detach();
    tensors.emplace_back("transformer." + entry.name, entry.transposed ? tensor.t() : tensor);
    if (!model->config().qkv_bias && entry.name.ends_with(".attn.c_attn.weight")) {
      const auto bias = entry.name.substr(0, entry.name.size() - 6) + "bias";
      tensors.emplace_back("transformer." + bias, torch::zeros({3 * C}, tensor.options()));
    }
  }
  if (model->head()) tensors.emplace_back("lm_head.weight", model->head()->weight.detach());
  return tensors;
}

void load_gpt2_from_hugging_face(GPT& model, const TensorMap& map,
                                 const std::vector<std::string>& extra) {
  torch::NoGradGuard no_grad;
  const std::string prefix = map.contains("transformer.wte.weight") ? "transformer." : "";
  std::vector<std::pair<std::string, std::vector<int64_t>>> wanted;
  auto all = entries(model);
  for (const auto& entry : all) {
    const auto shape = (entry.transposed ? entry.tensor.t() : entry.tensor).sizes().vec();
    wanted.emplace_back(prefix + entry.name, shape);
  }
  if (model->head()) wanted.emplace_back("lm_head.weight", model->head()->weight.sizes().vec());
  check_tensors(map, wanted, [&](const std::string& name) {
    return is_mask_buffer(name) || name == "lm_head.weight" ||
           (!model->config().qkv_bias && name.ends_with(".attn.c_attn.bias")) ||
           std::find(extra.begin(), extra.end(), name) != extra.end();
  });
  for (auto& entry : all) {
    const auto from = map.at(prefix + entry.name);
    entry.tensor.copy_(entry.transposed ? from.t() : from);
  }
  if (auto head = model->head()) head->weight.copy_(map.at("lm_head.weight"));
}

Json gpt2_config_to_json(const ModelConfig& c) {
  Json json = {
      {"model_type", "gpt2"},
      {"vocab_size", c.vocab_size},
      {"n_positions", c.context_length},
      {"n_ctx", c.context_length},
      {"n_embd", c.d_model},
      {"n_layer", c.n_layer},
      {"n_head", c.n_head},
      {"n_inner", nullptr},
      {"activation_function", "gelu_new"},
      {"resid_pdrop", c.dropout},
      {"embd_pdrop", c.dropout},
      {"attn_pdrop", c.dropout},
      {"layer_norm_epsilon", c.norm_epsilon},
      {"tie_word_embeddings", c.tie_embeddings},
      {"torch_dtype", "float32"},
      // What only gptkit needs to know: HF's GPT-2 always has the bias, ours may be zeros.
      {"gptkit", {{"qkv_bias", c.qkv_bias}}},
  };
  if (c.d_ff > 0) json["n_inner"] = c.d_ff;
  return json;
}

ModelConfig gpt2_config_from_json(const Json& json, const std::string& where) {
  require(json.is_object(), where, ": expected a JSON object");
  const auto type = json_string(json, "model_type", where, "gpt2");
  require(type == "gpt2", where, ": model_type '", type, "' is not supported; expected gpt2");
  ModelConfig c;
  c.vocab_size = json_int(json, "vocab_size", where, c.vocab_size);
  c.context_length = json_int(json, "n_positions", where, json_int(json, "n_ctx", where, 1024));
  c.d_model = json_int(json, "n_embd", where, c.d_model);
  c.n_layer = json_int(json, "n_layer", where, c.n_layer);
  c.n_head = json_int(json, "n_head", where, c.n_head);
  c.d_ff = json_int(json, "n_inner", where, 0);
  c.norm_epsilon = json_number(json, "layer_norm_epsilon", where, c.norm_epsilon);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, true);
  const auto activation = json_string(json, "activation_function", where, "gelu_new");
  require(activation == "gelu_new" || activation == "gelu_pytorch_tanh", where,
          ": activation_function '", activation, "' is not supported; expected gelu_new");
  require(json_bool(json, "scale_attn_weights", where, true), where,
          ": scale_attn_weights false is not supported");
  require(!json_bool(json, "scale_attn_by_inverse_layer_idx", where, false), where,
          ": scale_attn_by_inverse_layer_idx is not supported");
  require(!json_bool(json, "add_cross_attention", where, false), where,
          ": add_cross_attention is not supported");
  if (const auto ours = json.find("gptkit"); ours != json.end() && ours->is_object()) {
    c.qkv_bias = json_bool(*ours, "qkv_bias", where, true);
  }
  validate(c);
  return c;
}

}  // namespace gptkit
