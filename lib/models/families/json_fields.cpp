#include "models/families/json_fields.h"

#include "base/error.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr const char* kOutputs = "outputs of transformers beside the logits";
constexpr const char* kNote = "a note that no computation reads";

constexpr KeyRule kCommon[] = {
    {"model_type", kHonoured, "which family"},
    {"vocab_size", kHonoured},
    {"hidden_size", kHonoured},
    {"num_hidden_layers", kHonoured},
    {"num_attention_heads", kHonoured},
    {"max_position_embeddings", kHonoured},
    {"tie_word_embeddings", kHonoured, "a stored head that differs wins"},
    {"is_causal", kRefused, {}, "[true]"},
    {"is_encoder_decoder", kRefused, {}, "[false]"},
    {"is_decoder", kHarmless, "these families have no encoder form"},
    {"pruned_heads", kRefused, {}, "[{}]"},
    {"per_layer_config", kRefused, "all blocks have one shape here", "[{}]"},
    {"quantization_config", kRefused, "save the model dequantised", "[{}]"},
    {"compression_config", kRefused, "save the model decompressed", "[{}]"},
    {"prefix", kRefused, "a text before every prompt", R"([""])"},
    {"pretraining_tp", kHarmless, "the same sums in slices"},
    {"chunk_size_feed_forward", kHarmless, "the same sums in slices"},
    {"problem_type", kHonoured},
    {"id2label", kHonoured},
    {"num_labels", kHarmless, "id2label and the class head say it"},
    {"label2id", kHarmless, "id2label the other way"},
    {"classifier_dropout", kHarmless, kKeyOfTraining},
    {"finetuning_task", kHarmless, kNote},
    {"bos_token_id", kHonoured},
    {"eos_token_id", kHonoured},
    {"pad_token_id", kHonoured},
    {"sep_token_id", kHarmless, kNote},
    {"decoder_start_token_id", kHarmless, "of encoder-decoder models"},
    {"tokenizer_class", kHarmless, "the tokenizer's own files say it"},
    {"gptkit", kHonoured, "lib/doc/formats.md has the table"},
    {"initializer_range", kHarmless, kKeyOfTraining},
    {"use_cache", kHarmless, "speed alone"},
    {"torch_dtype", kHarmless, "the tensors say theirs"},
    {"dtype", kHarmless, "the tensors say theirs"},
    {"use_bfloat16", kHarmless, "the tensors say theirs"},
    {"architectures", kHarmless, "the tensors say which head there is"},
    {"auto_map", kHarmless, "code is never run; model_type says the family"},
    {"attn_implementation", kHarmless, "speed alone"},
    {"_attn_implementation", kHarmless, "speed alone"},
    {"_attn_implementation_autoset", kHarmless, "speed alone"},
    {"output_attentions", kHarmless, kOutputs},
    {"output_hidden_states", kHarmless, kOutputs},
    {"tie_last_hidden_states", kHarmless, kOutputs},
    {"return_dict", kHarmless, kOutputs},
    {"use_return_dict", kHarmless, kOutputs},
    {"return_dict_in_generate", kHarmless, kOutputs},
    {"torchscript", kHarmless, kOutputs},
    {"tie_encoder_decoder", kHarmless, "of encoder-decoder models"},
    {"tf_legacy_loss", kHarmless, "of another framework"},
    {"task_specific_params", kHarmless, "of transformers' pipelines"},
    {"transformers_version", kHarmless, kNote},
    {"transformers.js_config", kHarmless, kNote},
    {"_name_or_path", kHarmless, kNote},
    {"name_or_path", kHarmless, kNote},
    {"_commit_hash", kHarmless, kNote},
    {"unsloth_version", kHarmless, kNote},
    {"unsloth_fixed", kHarmless, kNote},
};

}  // namespace

int64_t json_int_of(const Json& json, const char* key, const char* alias, const std::string& where,
                    int64_t fallback) {
  const auto value = json_int(json, key, where, json_int(json, alias, where, fallback));
  require(json_int(json, alias, where, value) == value, where, ": ", key, " ", value, " and ",
          alias, " ", json_int(json, alias, where, value),
          " differ; they are names of one setting");
  return value;
}

int64_t json_size(const Json& json, const char* key, const std::string& where, int64_t fallback) {
  const auto value = json_int(json, key, where, fallback);
  const bool there = json.contains(key) && !json.at(key).is_null();
  require(value >= 1 || !there, where, ": ", key, " ", value,
          " is out of range; expected 1 or more");
  return value;
}

void drop_defaults(ModelConfig& c) {
  if (c.d_head * c.n_head == c.d_model) c.d_head = 0;
  if (c.n_kv_head == c.n_head) c.n_kv_head = 0;
  if (c.d_ff == 4 * c.d_model) c.d_ff = 0;
}

std::vector<KeyRule> with_common_keys(std::span<const KeyRule> own) {
  std::vector<KeyRule> rules(own.begin(), own.end());
  rules.insert(rules.end(), std::begin(kCommon), std::end(kCommon));
  return rules;
}

}  // namespace gptkit
