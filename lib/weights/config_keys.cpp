#include "weights/config_keys.h"

#include <string>

namespace gptkit {

namespace {

using enum KeyUse;

/// A rule and the families that it is for: g gpt2, l llama, m mistral, q qwen2.
struct ConfigRule {
  const char* families;
  KeyRule rule;
};

constexpr const char* kTraining = "of training; ours is model.dropout and train.*";
constexpr const char* kOutputs = "what transformers returns beside the logits";
constexpr const char* kPassedOver = "transformers passes over it in this family";
constexpr const char* kNote = "a note that no computation reads";
constexpr const char* kDoubleHeads = "of GPT2DoubleHeadsModel alone";
constexpr const char* kGelu =
    R"(["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh"])";

constexpr ConfigRule kConfig[] = {
    // Shape.
    {"glmq", {"model_type", kHonoured, "which family"}},
    {"glmq", {"vocab_size", kHonoured}},
    {"glmq", {"hidden_size", kHonoured}},
    {"glmq", {"num_hidden_layers", kHonoured}},
    {"glmq", {"num_attention_heads", kHonoured}},
    {"glmq", {"max_position_embeddings", kHonoured}},
    {"lmq", {"num_key_value_heads", kHonoured}},
    {"lmq", {"head_dim", kHonoured}},
    {"lmq", {"intermediate_size", kHonoured}},
    {"g", {"n_embd", kHonoured}},
    {"g", {"n_layer", kHonoured}},
    {"g", {"n_head", kHonoured}},
    {"g", {"n_positions", kHonoured}},
    {"g", {"n_ctx", kHonoured, "of old files; n_positions comes first"}},
    {"g", {"n_inner", kHonoured}},
    {"glmq", {"tie_word_embeddings", kHonoured, "a stored head that differs wins"}},
    // Mathematics.
    {"g", {"layer_norm_epsilon", kHonoured}},
    {"lmq", {"rms_norm_eps", kHonoured}},
    {"g", {"activation_function", kRefused, {}, kGelu}},
    {"lmq", {"hidden_act", kRefused, {}, R"(["silu", "swish"])"}},
    {"g", {"scale_attn_weights", kRefused, {}, "[true]"}},
    {"g", {"scale_attn_by_inverse_layer_idx", kRefused, {}, "[false]"}},
    {"g", {"reorder_and_upcast_attn", kHarmless, "another rounding of the same attention"}},
    {"g", {"add_cross_attention", kRefused, {}, "[false]"}},
    {"g", {"cross_attention_hidden_size", kRefused}},
    {"lmq", {"rope_theta", kHonoured}},
    {"lmq", {"rope_scaling", kHonoured}},
    {"lmq", {"rope_parameters", kHonoured}},
    {"lmq", {"original_max_position_embeddings", kHonoured, "of Llama 3's scaling"}},
    {"lmq", {"partial_rotary_factor", kRefused, {}, "[1]"}},
    {"l", {"attention_bias", kHonoured}},
    {"l", {"mlp_bias", kHonoured}},
    {"mq", {"attention_bias", kHarmless, kPassedOver}},
    {"mq", {"mlp_bias", kHarmless, kPassedOver}},
    {"mq", {"sliding_window", kHonoured, "refused when narrower than the context"}},
    {"q", {"use_sliding_window", kHonoured}},
    {"q", {"max_window_layers", kHonoured}},
    {"q", {"layer_types", kHonoured}},
    {"gl", {"sliding_window", kHarmless, kPassedOver}},
    {"glm", {"use_sliding_window", kHarmless, kPassedOver}},
    {"glm", {"max_window_layers", kHarmless, kPassedOver}},
    {"glm", {"layer_types", kHarmless, kPassedOver}},
    {"glmq", {"is_causal", kRefused, {}, "[true]"}},
    {"glmq", {"is_encoder_decoder", kRefused, {}, "[false]"}},
    {"glmq", {"is_decoder", kHarmless, "these families have no encoder form"}},
    {"glmq", {"pruned_heads", kRefused, {}, "[{}]"}},
    {"glmq", {"per_layer_config", kRefused, "all blocks have one shape here", "[{}]"}},
    {"glmq", {"quantization_config", kRefused, "save the model dequantised", "[{}]"}},
    {"glmq", {"compression_config", kRefused, "save the model decompressed", "[{}]"}},
    {"glmq", {"prefix", kRefused, "a text before every prompt", R"([""])"}},
    {"glmq", {"pretraining_tp", kHarmless, "the same sums in slices"}},
    {"glmq", {"chunk_size_feed_forward", kHarmless, "the same sums in slices"}},
    // Classifiers.
    {"glmq", {"problem_type", kHonoured}},
    {"glmq", {"id2label", kHonoured}},
    {"glmq", {"num_labels", kHarmless, "id2label and the class head say it"}},
    {"glmq", {"label2id", kHarmless, "id2label the other way"}},
    {"glmq", {"classifier_dropout", kHarmless, kTraining}},
    {"glmq", {"finetuning_task", kHarmless, kNote}},
    // Tokens.
    {"glmq", {"bos_token_id", kHonoured}},
    {"glmq", {"eos_token_id", kHonoured}},
    {"glmq", {"pad_token_id", kHonoured}},
    {"glmq", {"sep_token_id", kHarmless, kNote}},
    {"glmq", {"decoder_start_token_id", kHarmless, "of encoder-decoder models"}},
    {"glmq", {"tokenizer_class", kHarmless, "the tokenizer's own files say it"}},
    // Ours.
    {"glmq", {"gptkit", kHonoured, "lib/doc/formats.md has the table"}},
    // What changes no result.
    {"g", {"resid_pdrop", kHarmless, kTraining}},
    {"g", {"embd_pdrop", kHarmless, kTraining}},
    {"g", {"attn_pdrop", kHarmless, kTraining}},
    {"lmq", {"attention_dropout", kHarmless, kTraining}},
    {"glmq", {"initializer_range", kHarmless, kTraining}},
    {"glmq", {"use_cache", kHarmless, "speed alone"}},
    {"glmq", {"torch_dtype", kHarmless, "the tensors say theirs"}},
    {"glmq", {"dtype", kHarmless, "the tensors say theirs"}},
    {"glmq", {"use_bfloat16", kHarmless, "the tensors say theirs"}},
    {"glmq", {"architectures", kHarmless, "the tensors say which head there is"}},
    {"glmq", {"auto_map", kHarmless, "code is never run; model_type says the family"}},
    {"glmq", {"attn_implementation", kHarmless, "speed alone"}},
    {"glmq", {"_attn_implementation", kHarmless, "speed alone"}},
    {"glmq", {"_attn_implementation_autoset", kHarmless, "speed alone"}},
    {"glmq", {"output_attentions", kHarmless, kOutputs}},
    {"glmq", {"output_hidden_states", kHarmless, kOutputs}},
    {"glmq", {"tie_last_hidden_states", kHarmless, kOutputs}},
    {"glmq", {"return_dict", kHarmless, kOutputs}},
    {"glmq", {"use_return_dict", kHarmless, kOutputs}},
    {"glmq", {"return_dict_in_generate", kHarmless, kOutputs}},
    {"glmq", {"torchscript", kHarmless, kOutputs}},
    {"glmq", {"tie_encoder_decoder", kHarmless, "of encoder-decoder models"}},
    {"glmq", {"tf_legacy_loss", kHarmless, "of another framework"}},
    {"glmq", {"task_specific_params", kHarmless, "of transformers' pipelines"}},
    {"glmq", {"transformers_version", kHarmless, kNote}},
    {"glmq", {"transformers.js_config", kHarmless, kNote}},
    {"glmq", {"_name_or_path", kHarmless, kNote}},
    {"glmq", {"name_or_path", kHarmless, kNote}},
    {"glmq", {"_commit_hash", kHarmless, kNote}},
    {"glmq", {"unsloth_version", kHarmless, kNote}},
    {"glmq", {"unsloth_fixed", kHarmless, kNote}},
    {"l", {"is_llama_config", kHarmless, kPassedOver}},
    {"l", {"rope_interleaved", kHarmless, kPassedOver}},
    {"g", {"summary_type", kHarmless, kDoubleHeads}},
    {"g", {"summary_use_proj", kHarmless, kDoubleHeads}},
    {"g", {"summary_activation", kHarmless, kDoubleHeads}},
    {"g", {"summary_proj_to_labels", kHarmless, kDoubleHeads}},
    {"g", {"summary_first_dropout", kHarmless, kDoubleHeads}},
};

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

constexpr const char* kOption = "the command line decides; generate names a stored value";
constexpr const char* kOutput = "what transformers returns beside the tokens";
constexpr const char* kSpeed = "speed alone";
constexpr const char* kAssistant = "of speculative decoding: speed alone";

constexpr KeyRule kGeneration[] = {
    {"bos_token_id", kHonoured},
    {"eos_token_id", kHonoured},
    {"pad_token_id", kHonoured},
    {"do_sample", kHonoured, kOption},
    {"temperature", kHonoured, kOption},
    {"top_k", kHonoured, kOption},
    {"top_p", kHonoured, kOption},
    {"min_p", kHonoured, kOption},
    {"repetition_penalty", kHonoured, kOption},
    {"max_new_tokens", kHarmless, "the command line decides"},
    {"max_length", kHarmless, "the command line decides"},
    {"num_return_sequences", kHarmless, "the command line decides"},
    // What changes the tokens and is not done here.
    {"num_beams", kRefused, {}, "[1]"},
    {"num_beam_groups", kRefused, {}, "[1]"},
    {"diversity_penalty", kRefused, {}, "[0]"},
    {"penalty_alpha", kRefused, {}, "[0]"},
    {"dola_layers", kRefused},
    {"typical_p", kRefused, {}, "[1]"},
    {"top_h", kRefused},
    {"epsilon_cutoff", kRefused, {}, "[0]"},
    {"eta_cutoff", kRefused, {}, "[0]"},
    {"no_repeat_ngram_size", kRefused, {}, "[0]"},
    {"encoder_repetition_penalty", kRefused, {}, "[1]"},
    {"encoder_no_repeat_ngram_size", kHarmless, "of encoder-decoder models"},
    {"bad_words_ids", kRefused, {}, "[[]]"},
    {"force_words_ids", kRefused, {}, "[[]]"},
    {"constraints", kRefused, {}, "[[]]"},
    {"sequence_bias", kRefused, {}, "[{}, []]"},
    {"suppress_tokens", kRefused, {}, "[[]]"},
    {"begin_suppress_tokens", kRefused, {}, "[[]]"},
    {"forced_bos_token_id", kHarmless, "of encoder-decoder models"},
    {"forced_eos_token_id", kRefused},
    {"exponential_decay_length_penalty", kRefused},
    {"guidance_scale", kRefused, {}, "[1]"},
    {"watermarking_config", kRefused},
    {"min_length", kRefused, {}, "[0]"},
    {"min_new_tokens", kRefused, {}, "[0]"},
    {"stop_strings", kRefused, "give --stop", "[[]]"},
    {"token_healing", kRefused, {}, "[false]"},
    // What changes nothing.
    {"decoder_start_token_id", kHarmless, "of encoder-decoder models"},
    {"early_stopping", kHarmless, "of beam search"},
    {"length_penalty", kHarmless, "of beam search"},
    {"low_memory", kHarmless, kSpeed},
    {"max_time", kHarmless, "a limit of the caller's"},
    {"remove_invalid_values", kHarmless, "values that are not finite are an error here"},
    {"renormalize_logits", kHarmless, "sampling normalises them"},
    {"use_cache", kHarmless, kSpeed},
    {"cache_implementation", kHarmless, kSpeed},
    {"cache_config", kHarmless, kSpeed},
    {"max_cache_len", kHarmless, kSpeed},
    {"prefill_chunk_size", kHarmless, kSpeed},
    {"compile_config", kHarmless, kSpeed},
    {"disable_compile", kHarmless, kSpeed},
    {"continuous_batching_config", kHarmless, kSpeed},
    {"is_assistant", kHarmless, kAssistant},
    {"assistant_confidence_threshold", kHarmless, kAssistant},
    {"assistant_early_exit", kHarmless, kAssistant},
    {"assistant_ensemble_weight", kRefused, {}, "[0]"},
    {"assistant_lookbehind", kHarmless, kAssistant},
    {"target_lookbehind", kHarmless, kAssistant},
    {"num_assistant_tokens", kHarmless, kAssistant},
    {"num_assistant_tokens_schedule", kHarmless, kAssistant},
    {"prompt_lookup_num_tokens", kHarmless, kAssistant},
    {"max_matching_ngram_size", kHarmless, kAssistant},
    {"speculation_type", kHarmless, kAssistant},
    {"use_mtp", kHarmless, kAssistant},
    {"output_attentions", kHarmless, kOutput},
    {"output_hidden_states", kHarmless, kOutput},
    {"output_logits", kHarmless, kOutput},
    {"output_scores", kHarmless, kOutput},
    {"return_dict_in_generate", kHarmless, kOutput},
    {"_from_model_config", kHarmless, kNote},
    {"transformers_version", kHarmless, kNote},
    {"chat_format", kHarmless, kNote},
};

constexpr KeyRule kAdapter[] = {
    {"peft_type", kHonoured},
    {"task_type", kHonoured},
    {"base_model_name_or_path", kHonoured},
    {"r", kHonoured},
    {"lora_alpha", kHonoured},
    {"rank_pattern", kHonoured},
    {"alpha_pattern", kHonoured},
    {"use_rslora", kHonoured},
    {"use_dora", kHonoured},
    {"bias", kHonoured, "the biases of the file replace the model's"},
    {"lora_bias", kHonoured, "the biases of lora_B are in the file"},
    {"modules_to_save", kHonoured, "their tensors replace the model's"},
    {"lora_dropout", kHonoured},
    {"target_modules", kHarmless, "the tensors say which layers have an adapter"},
    {"exclude_modules", kHarmless, "the tensors say which layers have an adapter"},
    {"layers_to_transform", kHarmless, "the tensors say which layers have an adapter"},
    {"layers_pattern", kHarmless, "the tensors say which layers have an adapter"},
    {"fan_in_fan_out", kHarmless, "the layers are known; PEFT mends a wrong value itself"},
    {"init_lora_weights", kRefused,
     "it changes the base's weights; save the adapter with "
     "path_initial_model_for_weight_conversion",
     R"([true, false, "gaussian", "eva", "orthogonal"])"},
    {"loftq_config", kHarmless, "of init_lora_weights"},
    {"eva_config", kHarmless, "of init_lora_weights"},
    {"corda_config", kHarmless, "of init_lora_weights"},
    {"lora_ga_config", kHarmless, "of init_lora_weights"},
    {"inference_mode", kHarmless, kNote},
    {"auto_mapping", kHarmless, kNote},
    {"revision", kHarmless, "the base is a local folder"},
    {"peft_version", kHarmless, kNote},
    {"megatron_config", kRefused},
    {"megatron_core", kHarmless, "the name of a module for megatron_config"},
    {"layer_replication", kRefused, "the base has fewer blocks than the adapter", "[[]]"},
    {"target_parameters", kRefused, {}, "[[]]"},
    {"trainable_token_indices", kRefused, {}, "[[], {}]"},
    {"ensure_weight_tying", kHonoured, "refused with an adapter of the embedding or the head"},
    {"alora_invocation_tokens", kRefused, {}, "[[]]"},
    {"arrow_config", kRefused},
    {"use_qalora", kRefused, {}, "[false]"},
    {"qalora_group_size", kHarmless, "of use_qalora"},
    {"use_bdlora", kRefused, {}, "[false]"},
    {"kasa_config", kRefused},
    {"monteclora_config", kRefused},
    {"velora_config", kHarmless, "what training keeps for the backward pass"},
    {"runtime_config", kHarmless, "speed alone"},
};

}  // namespace

std::vector<KeyRule> config_key_rules(std::string_view model_type) {
  std::vector<KeyRule> rules;
  for (const auto& [families, rule] : kConfig) {
    const bool fits = std::string_view(families).find(model_type.front()) != std::string_view::npos;
    if (fits) rules.push_back(rule);
  }
  return rules;
}

std::span<const KeyRule> rope_key_rules() { return kRope; }
std::span<const KeyRule> generation_key_rules() { return kGeneration; }
std::span<const KeyRule> adapter_key_rules() { return kAdapter; }

}  // namespace gptkit
