// Mistral 7B (arXiv:2310.06825) without its sliding window: a Llama without biases. In GGUF its
// architecture is llama.

#include <array>

#include "models/families/families.h"
#include "models/families/json_fields.h"
#include "models/families/llama_like.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {
    {"attention_bias", kHarmless, kKeyPassedOver},
    {"mlp_bias", kHarmless, kKeyPassedOver},
    {"sliding_window", kHonoured, "refused when narrower than the context"},
    {"use_sliding_window", kHarmless, kKeyPassedOver},
    {"max_window_layers", kHarmless, kKeyPassedOver},
    {"layer_types", kHarmless, kKeyPassedOver},
};

constexpr auto kTensors = llama_like_tensors(/*paired=*/true);

constexpr std::string_view kFixed[] = {"norm",      "norm_placement", "positions", "mlp",
                                       "attention", "qkv_bias",       "proj_bias", "mlp_bias"};

ModelConfig from_json(const Json& json, const std::string& where) {
  LlamaLikeReader reader(json, where, llama_like("mistral"), {32000, 131072, 14336, 8});
  reader.refuse_sliding_window(json);
  return reader.finish();
}

Json to_json(const ModelConfig& c) {
  auto json = llama_like_to_json(c);
  json["sliding_window"] = nullptr;  // without the key transformers takes 4,096
  return json;
}

/// Version 0.3, which has no sliding window:
/// https://huggingface.co/mistralai/Mistral-7B-v0.3/blob/main/config.json
ModelConfig mistral_7b() {
  auto c = llama_like("mistral");
  c.vocab_size = 32768;
  c.context_length = 32768;
  c.n_layer = 32;
  c.n_head = 32;
  c.n_kv_head = 8;
  c.d_model = 4096;
  c.d_ff = 14336;
  c.tie_embeddings = false;
  c.rope_theta = 1e6;
  return c;
}

}  // namespace

const Family& mistral_family() {
  static const std::array<Preset, 1> kPresets = {{{"mistral-7b", mistral_7b()}}};
  static const auto kJsonKeys = llama_like_json_keys(kKeys);
  static const Family kFamily = {.name = "mistral",
                                 .choices = llama_like("mistral"),
                                 .fixed = kFixed,
                                 .check = nullptr,
                                 .presets = kPresets,
                                 .from_json = from_json,
                                 .to_json = to_json,
                                 .json_keys = kJsonKeys,
                                 .language_model_class = "MistralForCausalLM",
                                 .classifier_class = "MistralForSequenceClassification",
                                 .tensors = kTensors,
                                 .buffers = kLlamaLikeBuffers,
                                 .gguf_architecture = "llama",
                                 .gguf_keys = llama_like_gguf_keys()};
  return kFamily;
}

}  // namespace gptkit
