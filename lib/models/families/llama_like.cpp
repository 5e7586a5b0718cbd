#include "models/families/llama_like.h"

#include <utility>

#include "base/error.h"
#include "models/families/json_fields.h"
#include "models/rope_scaling.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr KeyRule kKeys[] = {
    {"num_key_value_heads", kHonoured},
    {"head_dim", kHonoured},
    {"intermediate_size", kHonoured},
    {"rms_norm_eps", kHonoured},
    {"hidden_act", kRefused, {}, R"(["silu", "swish"])"},
    {"rope_theta", kHonoured},
    {"rope_scaling", kHonoured},
    {"rope_parameters", kHonoured},
    {"original_max_position_embeddings", kHonoured, "of Llama 3's scaling"},
    {"partial_rotary_factor", kRefused, {}, "[1]"},
    {"attention_dropout", kHarmless, kKeyOfTraining},
};

constexpr const char* kNote = "a note that no computation reads";

/// The members of rope_parameters and rope_scaling.
constexpr KeyRule kRope[] = {
    {"rope_type", kHonoured, "default, linear, dynamic (within the context) and llama3"},
    {"type", kHonoured, "rope_type in old files"},
    {"rope_theta", kHonoured},
    {"factor", kHonoured},
    {"low_freq_factor", kHonoured},
    {"high_freq_factor", kHonoured},
    {"original_max_position_embeddings", kHonoured},
    {"partial_rotary_factor", kRefused, {}, "[1]"},
    {"finetuned", kHarmless, kNote},
};

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
  // Settings per kind of layer; layers with a window are refused elsewhere.
  const auto full = settings.find("full_attention");
  if (full != settings.end() && full->is_object()) {
    return {*full, "rope_parameters.full_attention"};
  }
  return {settings, "rope_parameters"};
}

void read_rope(const Json& json, const std::string& where, ModelConfig& c, ConfigNames& names) {
  const auto [settings, key] = rope_settings(json, where);
  const auto place = where + ": " + key;
  check_keys(settings, kRope, place);
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

}  // namespace

ModelConfig llama_like(const std::string& family) {
  return {.family = family,
          .norm = NormKind::kRms,
          .positions = PositionKind::kRotary,
          .mlp = MlpKind::kSwiglu,
          .qkv_bias = false,
          .proj_bias = false,
          .mlp_bias = false};
}

std::span<const FieldKey> llama_like_gguf_keys() {
  using enum FieldKey::Use;
  static constexpr FieldKey kGgufKeys[] = {{"context_length", "context_length"},
                                           {"embedding_length", "d_model"},
                                           {"block_count", "n_layer"},
                                           {"feed_forward_length", "d_ff"},
                                           {"attention.head_count", "n_head"},
                                           {"attention.head_count_kv", "n_kv_head", kOptional},
                                           {"attention.key_length", "d_head", kOptional},
                                           {"attention.value_length", "d_head", kSame},
                                           {"attention.layer_norm_rms_epsilon", "norm_epsilon"},
                                           {"rope.dimension_count", "d_head", kSame},
                                           {"rope.freq_base", "rope_theta", kOptional},
                                           {"vocab_size", "vocab_size", kWrittenOnly}};
  return kGgufKeys;
}

LlamaLikeReader::LlamaLikeReader(const Json& json, const std::string& where,
                                 const ModelConfig& choices, const LlamaLikeDefaults& defaults)
    : config(choices),
      names{where,
            {{"context_length", "max_position_embeddings"},
             {"d_model", "hidden_size"},
             {"n_layer", "num_hidden_layers"},
             {"n_head", "num_attention_heads"},
             {"n_kv_head", "num_key_value_heads"},
             {"d_head", "head_dim"},
             {"d_ff", "intermediate_size"},
             {"norm_epsilon", "rms_norm_eps"}}} {
  auto& c = config;
  c.vocab_size = json_int(json, "vocab_size", where, defaults.vocab_size);
  c.context_length = json_int(json, "max_position_embeddings", where, defaults.context_length);
  c.d_model = json_int(json, "hidden_size", where, 4096);
  c.n_layer = json_int(json, "num_hidden_layers", where, 32);
  c.n_head = json_int(json, "num_attention_heads", where, 32);
  const bool every = json.contains("num_key_value_heads");  // null: one for each head
  c.n_kv_head = json_size(json, "num_key_value_heads", where, every ? 0 : defaults.n_kv_head);
  c.d_head = json_size(json, "head_dim", where, 0);
  c.d_ff = json_size(json, "intermediate_size", where, defaults.d_ff);
  c.norm_epsilon = json_number(json, "rms_norm_eps", where, 1e-6);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, false);
  read_rope(json, where, c, names);
}

void LlamaLikeReader::refuse_sliding_window(const Json& json) const {
  if (json.contains("sliding_window") && json.at("sliding_window").is_null()) return;
  const auto window = json_int(json, "sliding_window", names.where, 4096);
  require(window >= config.context_length, names.where, ": sliding_window ", window,
          " is not supported: it is shorter than the context of ", config.context_length,
          "; with max_position_embeddings ", window, " the model is the same up to there");
}

ModelConfig LlamaLikeReader::finish() {
  validate(config, names);
  drop_defaults(config);
  return config;
}

Json llama_like_to_json(const ModelConfig& c) {
  Json json = {
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

std::vector<KeyRule> llama_like_json_keys(std::span<const KeyRule> own) {
  std::vector<KeyRule> keys(std::begin(kKeys), std::end(kKeys));
  keys.insert(keys.end(), own.begin(), own.end());
  return with_common_keys(keys);
}

}  // namespace gptkit
