// Llama (arXiv:2302.13971) and models that are saved as one.

#include <array>

#include "base/error.h"
#include "models/families/families.h"
#include "models/families/json_fields.h"
#include "models/families/llama_like.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {
    {"attention_bias", kHonoured},
    {"mlp_bias", kHonoured},
    {"is_llama_config", kHarmless, kKeyPassedOver},
    {"rope_interleaved", kHarmless, kKeyPassedOver},
    {"sliding_window", kHarmless, kKeyPassedOver},
    {"use_sliding_window", kHarmless, kKeyPassedOver},
    {"max_window_layers", kHarmless, kKeyPassedOver},
    {"layer_types", kHarmless, kKeyPassedOver},
};

constexpr auto kTensors = llama_like_tensors(/*paired=*/true);

/// attention_bias is one setting for all four projections.
void check(const ModelConfig& c, const std::string& where) {
  require(c.qkv_bias == c.proj_bias, where,
          " qkv_bias and proj_bias are alike in family llama; biases on queries, keys and values "
          "alone are family qwen2");
}

/// Pretraining's choices since version 0.1: the published models have no biases.
ModelConfig choices() {
  auto c = llama_like("llama");
  c.qkv_bias = c.proj_bias = c.mlp_bias = true;
  return c;
}

ModelConfig from_json(const Json& json, const std::string& where) {
  LlamaLikeReader reader(json, where, llama_like("llama"), {});
  auto& c = reader.config;
  c.qkv_bias = c.proj_bias = json_bool(json, "attention_bias", where, false);
  c.mlp_bias = json_bool(json, "mlp_bias", where, false);
  return reader.finish();
}

Json to_json(const ModelConfig& c) {
  auto json = llama_like_to_json(c);
  json["attention_bias"] = c.qkv_bias;
  json["mlp_bias"] = c.mlp_bias;
  return json;
}

/// SmolLM2 (arXiv:2502.02737).
ModelConfig smollm2(int64_t n_layer, int64_t n_head, int64_t n_kv_head, int64_t d_model,
                    int64_t d_ff) {
  auto c = llama_like("llama");
  c.vocab_size = 49152;
  c.context_length = 8192;
  c.n_layer = n_layer;
  c.n_head = n_head;
  c.n_kv_head = n_kv_head;
  c.d_model = d_model;
  c.d_ff = d_ff;
  c.rope_theta = d_model == 2048 ? 130000 : 100000;
  return c;
}

}  // namespace

const Family& llama_family() {
  static const std::array<Preset, 3> kPresets = {
      {{"smollm2-135m", smollm2(30, 9, 3, 576, 1536)},
       {"smollm2-360m", smollm2(32, 15, 5, 960, 2560)},
       {"smollm2-1.7b", smollm2(24, 32, 32, 2048, 8192)}}};
  static const auto kJsonKeys = llama_like_json_keys(kKeys);
  static const Family kFamily = {.name = "llama",
                                 .choices = choices(),
                                 .fixed = kLlamaLikeFixed,
                                 .check = check,
                                 .presets = kPresets,
                                 .from_json = from_json,
                                 .to_json = to_json,
                                 .json_keys = kJsonKeys,
                                 .language_model_class = "LlamaForCausalLM",
                                 .classifier_class = "LlamaForSequenceClassification",
                                 .tensors = kTensors,
                                 .buffers = kLlamaLikeBuffers,
                                 .gguf_architecture = "llama",
                                 .gguf_keys = llama_like_gguf_keys()};
  return kFamily;
}

}  // namespace gptkit
