// GPT-2 (Radford et al. 2019): layer norm, learned positions, GELU, biases everywhere.
// https://huggingface.co/docs/transformers/model_doc/gpt2, https://github.com/openai/gpt-2,
// https://github.com/karpathy/llm.c

#include <array>

#include "base/error.h"
#include "models/families/families.h"
#include "models/families/json_fields.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr std::string_view kFixed[] = {"norm",      "norm_placement", "positions", "mlp",
                                       "attention", "proj_bias",      "mlp_bias"};

void check(const ModelConfig& c, const std::string& where) {
  require(c.kv_heads() == c.n_head && c.head_dim() * c.n_head == c.d_model, where,
          " n_kv_head and d_head are for family llama; leave them 0 in family gpt2");
}

const std::array<Preset, 4> kPresets = {
    {{"gpt2", {}},
     {"gpt2-medium", {.n_layer = 24, .n_head = 16, .d_model = 1024}},
     {"gpt2-large", {.n_layer = 36, .n_head = 20, .d_model = 1280}},
     {"gpt2-xl", {.n_layer = 48, .n_head = 25, .d_model = 1600}}}};

constexpr TensorRule rule(std::string_view layer, std::string_view hugging_face,
                          std::string_view gguf, std::string_view openai) {
  return {.layer = layer, .hugging_face = hugging_face, .gguf = gguf, .openai = openai};
}

/// A matrix that transformers stores as (in,out).
constexpr TensorRule conv1d(std::string_view layer, std::string_view hugging_face,
                            std::string_view gguf, std::string_view openai) {
  auto matrix = rule(layer, hugging_face, gguf, openai);
  matrix.transposed = true;
  matrix.always_bias = true;
  return matrix;
}

// clang-format off
constexpr TensorRule kTensors[] = {
    rule("token_embedding", "transformer.wte", "token_embd", "model/wte"),
    rule("position_embedding", "transformer.wpe", "position_embd", "model/wpe"),
    rule("blocks.{}.norm1", "transformer.h.{}.ln_1", "blk.{}.attn_norm", "model/h{}/ln_1"),
    conv1d("blocks.{}.attention.qkv", "transformer.h.{}.attn.c_attn", "blk.{}.attn_qkv", "model/h{}/attn/c_attn"),
    conv1d("blocks.{}.attention.proj", "transformer.h.{}.attn.c_proj", "blk.{}.attn_output", "model/h{}/attn/c_proj"),
    rule("blocks.{}.norm2", "transformer.h.{}.ln_2", "blk.{}.ffn_norm", "model/h{}/ln_2"),
    conv1d("blocks.{}.mlp.up", "transformer.h.{}.mlp.c_fc", "blk.{}.ffn_up", "model/h{}/mlp/c_fc"),
    conv1d("blocks.{}.mlp.down", "transformer.h.{}.mlp.c_proj", "blk.{}.ffn_down", "model/h{}/mlp/c_proj"),
    rule("final_norm", "transformer.ln_f", "output_norm", "model/ln_f"),
    rule("head", "lm_head", "output", {})};
// clang-format on

/// The causal mask and its fill value in old checkpoints.
constexpr std::string_view kBuffers[] = {".attn.bias", ".attn.masked_bias"};

constexpr FieldKey kGgufKeys[] = {
    {"context_length", "context_length"}, {"embedding_length", "d_model"},
    {"block_count", "n_layer"},           {"feed_forward_length", "d_ff"},
    {"attention.head_count", "n_head"},   {"attention.layer_norm_epsilon", "norm_epsilon"}};

constexpr FieldKey kOpenAiKeys[] = {{"n_vocab", "vocab_size"},
                                    {"n_ctx", "context_length"},
                                    {"n_embd", "d_model"},
                                    {"n_head", "n_head"},
                                    {"n_layer", "n_layer"}};

ModelConfig from_json(const Json& json, const std::string& where) {
  ModelConfig c;
  c.vocab_size = json_int(json, "vocab_size", where, c.vocab_size);
  c.context_length = json_int_of(json, "n_positions", "max_position_embeddings", where,
                                 json_int(json, "n_ctx", where, 1024));
  c.d_model = json_int_of(json, "n_embd", "hidden_size", where, c.d_model);
  c.n_layer = json_int_of(json, "n_layer", "num_hidden_layers", where, c.n_layer);
  c.n_head = json_int_of(json, "n_head", "num_attention_heads", where, c.n_head);
  c.d_ff = json_size(json, "n_inner", where, 0);
  c.norm_epsilon = json_number(json, "layer_norm_epsilon", where, c.norm_epsilon);
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, true);
  if (const auto ours = json.find("gptkit"); ours != json.end() && ours->is_object()) {
    c.qkv_bias = json_bool(*ours, "qkv_bias", where, true);
  }
  validate(c, {where,
               {{"context_length", "n_positions"},
                {"d_model", "n_embd"},
                {"d_ff", "n_inner"},
                {"norm_epsilon", "layer_norm_epsilon"}}});
  return c;
}

Json to_json(const ModelConfig& c) {
  Json json = {
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
      // What only gptkit needs to know: transformers' GPT-2 always has the bias, ours may be zeros.
      {"gptkit", {{"qkv_bias", c.qkv_bias}}},
  };
  if (c.d_ff > 0) json["n_inner"] = c.d_ff;
  return json;
}

constexpr const char* kDoubleHeads = "of GPT2DoubleHeadsModel alone";
constexpr const char* kGelu =
    R"(["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh"])";

constexpr KeyRule kKeys[] = {
    {"n_embd", kHonoured},
    {"n_layer", kHonoured},
    {"n_head", kHonoured},
    {"n_positions", kHonoured},
    {"n_ctx", kHonoured, "of old files; n_positions comes first"},
    {"n_inner", kHonoured},
    {"layer_norm_epsilon", kHonoured},
    {"activation_function", kRefused, {}, kGelu},
    {"scale_attn_weights", kRefused, {}, "[true]"},
    {"scale_attn_by_inverse_layer_idx", kRefused, {}, "[false]"},
    {"reorder_and_upcast_attn", kHarmless, "another rounding of the same attention"},
    {"add_cross_attention", kRefused, {}, "[false]"},
    {"cross_attention_hidden_size", kRefused},
    {"resid_pdrop", kHarmless, kKeyOfTraining},
    {"embd_pdrop", kHarmless, kKeyOfTraining},
    {"attn_pdrop", kHarmless, kKeyOfTraining},
    {"summary_type", kHarmless, kDoubleHeads},
    {"summary_use_proj", kHarmless, kDoubleHeads},
    {"summary_activation", kHarmless, kDoubleHeads},
    {"summary_proj_to_labels", kHarmless, kDoubleHeads},
    {"summary_first_dropout", kHarmless, kDoubleHeads},
    {"sliding_window", kHarmless, kKeyPassedOver},
    {"use_sliding_window", kHarmless, kKeyPassedOver},
    {"max_window_layers", kHarmless, kKeyPassedOver},
    {"layer_types", kHarmless, kKeyPassedOver},
};

}  // namespace

const Family& gpt2_family() {
  static const auto kJsonKeys = with_common_keys(kKeys);
  static const Family kFamily = {.name = "gpt2",
                                 .choices = {},
                                 .fixed = kFixed,
                                 .check = check,
                                 .presets = kPresets,
                                 .from_json = from_json,
                                 .to_json = to_json,
                                 .json_keys = kJsonKeys,
                                 .language_model_class = "GPT2LMHeadModel",
                                 .classifier_class = "GPT2ForSequenceClassification",
                                 .tensors = kTensors,
                                 .buffers = kBuffers,
                                 .gguf_architecture = "gpt2",
                                 .gguf_keys = kGgufKeys,
                                 .openai_keys = kOpenAiKeys,
                                 .llmc = true};
  return kFamily;
}

}  // namespace gptkit
