#include "weights/hugging_face_config.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/family.h"
#include "models/rope_scaling.h"
#include "weights/config_keys.h"

namespace gptkit {

namespace {

/// The value of the first key that is there; two that differ are an error.
int64_t one_of(const Json& json, const char* key, const char* alias, const std::string& where,
               int64_t fallback) {
  const auto value = json_int(json, key, where, json_int(json, alias, where, fallback));
  require(json_int(json, alias, where, value) == value, where, ": ", key, " ", value, " and ",
          alias, " ", json_int(json, alias, where, value),
          " differ; they are names of one setting");
  return value;
}

/// A size that may be left out (0), but not be 0.
int64_t optional_size(const Json& json, const char* key, const std::string& where,
                      int64_t fallback) {
  const auto value = json_int(json, key, where, fallback);
  const bool there = json.contains(key) && !json.at(key).is_null();
  require(value >= 1 || !there, where, ": ", key, " ", value,
          " is out of range; expected 1 or more");
  return value;
}

ModelConfig gpt2_from_json(const Json& json, const std::string& where) {
  ModelConfig c;
  c.vocab_size = json_int(json, "vocab_size", where, c.vocab_size);
  c.context_length = one_of(json, "n_positions", "max_position_embeddings", where,
                            json_int(json, "n_ctx", where, 1024));
  c.d_model = one_of(json, "n_embd", "hidden_size", where, c.d_model);
  c.n_layer = one_of(json, "n_layer", "num_hidden_layers", where, c.n_layer);
  c.n_head = one_of(json, "n_head", "num_attention_heads", where, c.n_head);
  c.d_ff = optional_size(json, "n_inner", where, 0);
  c.norm_epsilon = json_number(json, "layer_norm_epsilon", where, c.norm_epsilon);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, true);
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

/// The settings of rotary positions, and the key that they are under: as in transformers
/// rope_scaling, of old files, comes before rope_parameters, and a theta in them before rope_theta.
std::pair<Json, std::string> rope_settings(const Json& json, const std::string& where) {
  auto settings = member(json, "rope_scaling", where);
  if (!settings.empty()) return {settings, "rope_scaling"};
  settings = member(json, "rope_parameters", where);
  // By kind of layer; layers with a window are refused elsewhere.
  const auto full = settings.find("full_attention");
  if (full != settings.end() && full->is_object()) {
    return {*full, "rope_parameters.full_attention"};
  }
  return {settings, "rope_parameters"};
}

void read_rope(const Json& json, const std::string& where, ModelConfig& c, ConfigNames& names) {
  const auto [settings, key] = rope_settings(json, where);
  const auto place = where + ": " + key;
  check_keys(settings, rope_key_rules(), place);
  const bool inside = settings.contains("rope_theta");
  c.rope_theta = json_number(settings, "rope_theta", place,
                             json_number(json, "rope_theta", where, c.rope_theta));
  names.keys.insert(names.keys.end(),
                    {{"rope_theta", (inside ? key + "." : "") + "rope_theta"},
                     {"rope_factor", key + ".factor"},
                     {"rope_low_frequency", key + ".low_freq_factor"},
                     {"rope_high_frequency", key + ".high_freq_factor"},
                     {"rope_original_context", key + ".original_max_position_embeddings"}});
  const auto type =
      json_string(settings, "rope_type", place, json_string(settings, "type", place, "default"));
  // Dynamic scaling begins where the context ends.
  if (type == "default" || type == "dynamic") return;
  require(type == "llama3" || type == "linear", where, ": rope scaling '", printable(type), "' (",
          key, ".rope_type) is not supported; expected default, linear, dynamic or llama3");
  c.rope_factor = json_number(settings, "factor", place);
  if (type == "linear") {
    set_linear_scaling(c);
    return;
  }
  c.rope_low_frequency = json_number(settings, "low_freq_factor", place);
  c.rope_high_frequency = json_number(settings, "high_freq_factor", place);
  c.rope_original_context =
      json_int(json, "original_max_position_embeddings", where,
               json_int(settings, "original_max_position_embeddings", place, c.context_length));
}

/// Whether some block sees a window alone.
bool slides(const Json& json, const std::string& type, const std::string& where,
            const ModelConfig& c) {
  if (type == "mistral") return true;
  if (const auto types = json.find("layer_types"); types != json.end() && types->is_array()) {
    return std::any_of(types->begin(), types->end(),
                       [](const Json& each) { return each != "full_attention"; });
  }
  return json_bool(json, "use_sliding_window", where, false) &&
         json_int(json, "max_window_layers", where, 28) < c.n_layer;
}

/// A window that is narrower than the context changes what each token sees.
void check_sliding_window(const Json& json, const std::string& type, const std::string& where,
                          const ModelConfig& c) {
  if (type == "llama" || !slides(json, type, where, c)) return;
  if (json.contains("sliding_window") && json.at("sliding_window").is_null()) return;
  const auto window = json_int(json, "sliding_window", where, 4096);
  require(window >= c.context_length, where, ": sliding_window ", window,
          " is not supported: it is shorter than the context of ", c.context_length,
          "; with max_position_embeddings ", window, " the model is the same up to there");
}

/// What transformers takes for a key that is not there.
struct LlamaDefaults {
  int64_t vocab_size = 32000, context_length = 2048, d_ff = 11008, n_kv_head = 0;
};

LlamaDefaults llama_defaults(const std::string& type) {
  if (type == "mistral") return {32000, 131072, 14336, 8};
  if (type == "qwen2") return {151936, 32768, 22016, 32};
  return {};
}

ModelConfig llama_from_json(const Json& json, const std::string& type, const std::string& where,
                            ConfigNames& names) {
  const auto defaults = llama_defaults(type);
  auto c = of_family("llama");
  c.vocab_size = json_int(json, "vocab_size", where, defaults.vocab_size);
  c.context_length = json_int(json, "max_position_embeddings", where, defaults.context_length);
  c.d_model = json_int(json, "hidden_size", where, 4096);
  c.n_layer = json_int(json, "num_hidden_layers", where, 32);
  c.n_head = json_int(json, "num_attention_heads", where, 32);
  const bool every = json.contains("num_key_value_heads");  // null: one for each head
  c.n_kv_head = optional_size(json, "num_key_value_heads", where, every ? 0 : defaults.n_kv_head);
  c.d_head = optional_size(json, "head_dim", where, 0);
  c.d_ff = optional_size(json, "intermediate_size", where, defaults.d_ff);
  c.norm_epsilon = json_number(json, "rms_norm_eps", where, 1e-6);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, false);
  const bool biased = type == "llama" && json_bool(json, "attention_bias", where, false);
  c.qkv_bias = type == "qwen2" || biased;
  c.proj_bias = biased;
  c.mlp_bias = type == "llama" && json_bool(json, "mlp_bias", where, false);
  read_rope(json, where, c, names);
  check_sliding_window(json, type, where, c);
  return c;
}

/// What means the same is kept as nothing, so that reading and writing gives back what was read.
void drop_defaults(ModelConfig& c) {
  if (c.d_head * c.n_head == c.d_model) c.d_head = 0;
  if (c.n_kv_head == c.n_head) c.n_kv_head = 0;
  if (c.d_ff == 4 * c.d_model) c.d_ff = 0;
}

ConfigNames gpt2_names(const std::string& where) {
  return {where,
          {{"context_length", "n_positions"},
           {"d_model", "n_embd"},
           {"d_ff", "n_inner"},
           {"norm_epsilon", "layer_norm_epsilon"}}};
}

ConfigNames llama_names(const std::string& where) {
  return {where,
          {{"context_length", "max_position_embeddings"},
           {"d_model", "hidden_size"},
           {"n_layer", "num_hidden_layers"},
           {"n_head", "num_attention_heads"},
           {"n_kv_head", "num_key_value_heads"},
           {"d_head", "head_dim"},
           {"d_ff", "intermediate_size"},
           {"norm_epsilon", "rms_norm_eps"}}};
}

void check_config_keys(const Json& json, const std::string& type, const std::string& where) {
  auto rules = config_key_rules(type);
  // transformers 4 kept the settings of generation here, too; transformers 5 passes over them.
  for (auto rule : generation_key_rules()) {
    rule.use = KeyUse::kHarmless;
    rules.push_back(rule);
  }
  check_keys(json, rules, where);
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
  if (has_linear_scaling(c)) {
    json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", c.rope_factor}};
  } else if (c.rope_factor != 1) {
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
  const bool gpt2 = type == "gpt2";
  require(gpt2 || type == "llama" || type == "mistral" || type == "qwen2", where, ": model_type '",
          printable(type), "' is not supported; expected gpt2, llama, mistral or qwen2");
  check_config_keys(json, type, where);
  auto names = gpt2 ? gpt2_names(where) : llama_names(where);
  auto config = gpt2 ? gpt2_from_json(json, where) : llama_from_json(json, type, where, names);
  validate(config, names);
  if (!gpt2) drop_defaults(config);
  return config;
}

Json config_to_json(const ModelConfig& config, const std::string& dtype) {
  auto json =
      (config.positions == PositionKind::kRotary) ? llama_to_json(config) : gpt2_to_json(config);
  json["tie_word_embeddings"] = config.tie_embeddings;
  json["torch_dtype"] = dtype;
  return json;
}

std::string architecture(const ModelConfig& config, bool classifier) {
  if (!(config.positions == PositionKind::kRotary))
    return classifier ? "GPT2ForSequenceClassification" : "GPT2LMHeadModel";
  const std::string family = config.qkv_bias && !config.proj_bias ? "Qwen2" : "Llama";
  return family + (classifier ? "ForSequenceClassification" : "ForCausalLM");
}

}  // namespace gptkit
