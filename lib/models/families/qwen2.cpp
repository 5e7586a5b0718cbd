// Qwen2 and Qwen2.5 (arXiv:2407.10671, arXiv:2412.15115): a Llama with biases on queries, keys and
// values. llama.cpp pairs the rows of its heads as Hugging Face does.

#include <algorithm>
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
    {"use_sliding_window", kHonoured},
    {"max_window_layers", kHonoured},
    {"layer_types", kHonoured},
};

constexpr auto kTensors = llama_like_tensors(/*paired=*/false);

constexpr std::string_view kFixed[] = {"norm",      "norm_placement", "positions", "mlp",
                                       "attention", "qkv_bias",       "proj_bias", "mlp_bias"};

/// Biases only on queries, keys and values.
ModelConfig choices() {
  auto c = llama_like("qwen2");
  c.qkv_bias = true;
  return c;
}

/// Whether some block has sliding window attention.
bool slides(const Json& json, const std::string& where, const ModelConfig& c) {
  if (const auto types = json.find("layer_types"); types != json.end() && types->is_array()) {
    return std::any_of(types->begin(), types->end(),
                       [](const Json& each) { return each != "full_attention"; });
  }
  return json_bool(json, "use_sliding_window", where, false) &&
         json_int(json, "max_window_layers", where, 28) < c.n_layer;
}

ModelConfig from_json(const Json& json, const std::string& where) {
  LlamaLikeReader reader(json, where, choices(), {151936, 32768, 22016, 32});
  if (slides(json, where, reader.config)) reader.refuse_sliding_window(json);
  return reader.finish();
}

Json to_json(const ModelConfig& c) { return llama_like_to_json(c); }

/// https://huggingface.co/Qwen/Qwen2.5-0.5B/blob/main/config.json
ModelConfig qwen25_half_billion() {
  auto c = choices();
  c.vocab_size = 151936;
  c.context_length = 32768;
  c.n_layer = 24;
  c.n_head = 14;
  c.n_kv_head = 2;
  c.d_model = 896;
  c.d_ff = 4864;
  c.norm_epsilon = 1e-6;
  c.rope_theta = 1e6;
  return c;
}

}  // namespace

const Family& qwen2_family() {
  static const std::array<Preset, 1> kPresets = {{{"qwen2.5-0.5b", qwen25_half_billion()}}};
  static const auto kJsonKeys = llama_like_json_keys(kKeys);
  static const Family kFamily = {.name = "qwen2",
                                 .choices = choices(),
                                 .fixed = kFixed,
                                 .check = nullptr,
                                 .presets = kPresets,
                                 .from_json = from_json,
                                 .to_json = to_json,
                                 .json_keys = kJsonKeys,
                                 .language_model_class = "Qwen2ForCausalLM",
                                 .classifier_class = "Qwen2ForSequenceClassification",
                                 .tensors = kTensors,
                                 .buffers = kLlamaLikeBuffers,
                                 .gguf_architecture = "qwen2",
                                 .gguf_keys = llama_like_gguf_keys()};
  return kFamily;
}

}  // namespace gptkit
