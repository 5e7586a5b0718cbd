#include "weights/hugging_face_config.h"

#include <algorithm>

#include "base/error.h"

namespace gptkit {

namespace {

/// Fails unless a switch has the only value that is implemented.
void require_switch(const Json& json, const char* key, bool expected, const std::string& where) {
  require(json_bool(json, key, where, expected) == expected, where, ": ", key, " ",
          expected ? "false" : "true", " is not supported");
}

ModelConfig gpt2_from_json(const Json& json, const std::string& where) {
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
          ": activation_function '", printable(activation),
          "' is not supported; expected gelu_new");
  require_switch(json, "scale_attn_weights", true, where);
  require_switch(json, "scale_attn_by_inverse_layer_idx", false, where);
  require_switch(json, "add_cross_attention", false, where);
  if (const auto ours = json.find("gptkit"); ours != json.end() && ours->is_object()) {
    c.qkv_bias = json_bool(*ours, "qkv_bias", where, true);
  }
  return c;
}

/// An object member, or an empty object.
Json member(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key) || json.at(key).is_null()) return Json::object();
  require(json.at(key).is_object(), where, ": ", key, " is not an object");
  return json.at(key);
}

/// rope_theta and rope_scaling, or, since transformers 5, both in rope_parameters.
void read_rope(const Json& json, const std::string& where, ModelConfig& c) {
  const Json parameters = member(json, "rope_parameters", where);
  const Json& scaling = parameters.empty() ? member(json, "rope_scaling", where) : parameters;
  c.rope_theta = json_number(json, "rope_theta", where,
                             json_number(parameters, "rope_theta", where, c.rope_theta));
  const auto type =
      json_string(scaling, "rope_type", where, json_string(scaling, "type", where, "default"));
  if (type == "default") return;
  require(type == "llama3", where, ": rope scaling '", printable(type),
          "' is not supported; expected llama3 or none");
  c.rope_factor = json_number(scaling, "factor", where);
  c.rope_low_frequency = json_number(scaling, "low_freq_factor", where);
  c.rope_high_frequency = json_number(scaling, "high_freq_factor", where);
  c.rope_original_context = json_int(scaling, "original_max_position_embeddings", where);
}

/// A window that is narrower than the context changes what each token sees.
void check_sliding_window(const Json& json, const std::string& type, const std::string& where,
                          const ModelConfig& c) {
  const bool used = json_bool(json, "use_sliding_window", where, type == "mistral");
  if (!used || !json.contains("sliding_window") || json.at("sliding_window").is_null()) return;
  const auto window = json_int(json, "sliding_window", where);
  require(window >= c.context_length, where, ": sliding_window ", window,
          " is not supported: it is shorter than the context of ", c.context_length);
}

ModelConfig llama_from_json(const Json& json, const std::string& type, const std::string& where) {
  const bool qwen2 = type == "qwen2";
  ModelConfig c;
  c.family = Family::kLlama;
  c.vocab_size = json_int(json, "vocab_size", where, 32000);
  c.context_length = json_int(json, "max_position_embeddings", where, 2048);
  c.d_model = json_int(json, "hidden_size", where, 4096);
  c.n_layer = json_int(json, "num_hidden_layers", where, 32);
  c.n_head = json_int(json, "num_attention_heads", where, 32);
  c.n_kv_head = json_int(json, "num_key_value_heads", where, type == "mistral" ? 8 : c.n_head);
  c.d_head = json_int(json, "head_dim", where, 0);
  c.d_ff = json_int(json, "intermediate_size", where, 11008);
  c.norm_epsilon = json_number(json, "rms_norm_eps", where, 1e-6);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, false);
  const bool attention_bias = json_bool(json, "attention_bias", where, false);
  require(!attention_bias || type == "llama", where,
          ": attention_bias true is not supported in model_type ", type);
  c.qkv_bias = qwen2 || attention_bias;
  c.proj_bias = attention_bias;
  c.mlp_bias = json_bool(json, "mlp_bias", where, false);
  read_rope(json, where, c);
  check_sliding_window(json, type, where, c);
  const auto activation = json_string(json, "hidden_act", where, "silu");
  require(activation == "silu" || activation == "swish", where, ": hidden_act '",
          printable(activation), "' is not supported; expected silu");
  require(json_number(json, "partial_rotary_factor", where, 1) == 1, where,
          ": partial_rotary_factor is not supported");
  // What means the same is kept as nothing, so that reading and writing gives back what was read.
  if (c.d_head * c.n_head == c.d_model) c.d_head = 0;
  if (c.n_kv_head == c.n_head) c.n_kv_head = 0;
  if (c.d_ff == 4 * c.d_model) c.d_ff = 0;
  return c;
}

Json gpt2_to_json(const ModelConfig& c) {
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
      // What only gptkit needs to know: HF's GPT-2 always has the bias, ours may be zeros.
      {"gptkit", {{"qkv_bias", c.qkv_bias}}},
  };
  if (c.d_ff > 0) json["n_inner"] = c.d_ff;
  return json;
}

Json llama_to_json(const ModelConfig& c) {
  const bool qwen2 = c.qkv_bias && !c.proj_bias;
  require(c.qkv_bias || !c.proj_bias, "a Llama with proj_bias but not qkv_bias has no place in ",
          "Hugging Face's formats; set both alike");
  require(!qwen2 || !c.mlp_bias,
          "a Llama with qkv_bias and mlp_bias but not proj_bias has no place "
          "in Hugging Face's formats");
  Json json = {
      {"model_type", qwen2 ? "qwen2" : "llama"},
      {"vocab_size", c.vocab_size},
      {"max_position_embeddings", c.context_length},
      {"hidden_size", c.d_model},
      {"num_hidden_layers", c.n_layer},
      {"num_attention_heads", c.n_head},
      {"num_key_value_heads", c.kv_heads()},
      {"head_dim", c.head_dim()},
      {"intermediate_size", c.feed_forward()},
      {"hidden_act", "silu"},
      {"attention_dropout", c.dropout},
      {"rms_norm_eps", c.norm_epsilon},
      {"rope_theta", c.rope_theta},
      {"rope_scaling", nullptr},
  };
  if (!qwen2) {
    json["attention_bias"] = c.qkv_bias;
    json["mlp_bias"] = c.mlp_bias;
  }
  if (c.rope_factor != 1) {
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", c.rope_factor},
                            {"low_freq_factor", c.rope_low_frequency},
                            {"high_freq_factor", c.rope_high_frequency},
                            {"original_max_position_embeddings", c.rope_original_context}};
  }
  return json;
}

}  // namespace

ModelConfig config_from_json(const Json& json, const std::string& where) {
  require(json.is_object(), where, ": expected a JSON object");
  const auto type = json_string(json, "model_type", where, "gpt2");
  ModelConfig config;
  if (type == "gpt2") {
    config = gpt2_from_json(json, where);
  } else if (type == "llama" || type == "mistral" || type == "qwen2") {
    config = llama_from_json(json, type, where);
  } else {
    fail(where, ": model_type '", printable(type),
         "' is not supported; expected gpt2, llama, mistral or qwen2");
  }
  validate(config);
  return config;
}

Json config_to_json(const ModelConfig& config, const std::string& dtype) {
  auto json = config.is_llama() ? llama_to_json(config) : gpt2_to_json(config);
  json["tie_word_embeddings"] = config.tie_embeddings;
  json["torch_dtype"] = dtype;
  return json;
}

std::string architecture(const ModelConfig& config, bool classifier) {
  if (!config.is_llama()) return classifier ? "GPT2ForSequenceClassification" : "GPT2LMHeadModel";
  const std::string family = config.qkv_bias && !config.proj_bias ? "Qwen2" : "Llama";
  return family + (classifier ? "ForSequenceClassification" : "ForCausalLM");
}

}  // namespace gptkit
