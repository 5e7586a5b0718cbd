#include "weights/config_keys.h"

namespace gptkit {

namespace {

using enum KeyUse;

constexpr const char* kNote = "a note that no computation reads";
constexpr const char* kOption = "the command line decides; generate names a stored value";
constexpr const char* kOutput = "an output of transformers beside the tokens";
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
    {"typical_p", kHonoured, kOption},
    {"repetition_penalty", kHonoured, kOption},
    {"no_repeat_ngram_size", kHonoured, kOption},
    {"num_beams", kHonoured, kOption},
    {"length_penalty", kHonoured, kOption},
    {"early_stopping", kHonoured, kOption},
    {"max_new_tokens", kHarmless, "the command line decides"},
    {"max_length", kHarmless, "the command line decides"},
    {"num_return_sequences", kHarmless, "the command line decides"},
    // What changes the tokens and is not done here.
    {"num_beam_groups", kRefused, {}, "[1]"},
    {"diversity_penalty", kRefused, {}, "[0]"},
    {"penalty_alpha", kRefused, {}, "[0]"},
    {"dola_layers", kRefused},
    {"top_h", kRefused},
    {"epsilon_cutoff", kRefused, {}, "[0]"},
    {"eta_cutoff", kRefused, {}, "[0]"},
    {"encoder_repetition_penalty", kRefused, {}, "[1]"},
    {"encoder_no_repeat_ngram_size", kHarmless, "of encoder-decoder models"},
    {"bad_words_ids", kRefused, {}, "[[]]"},
    {"force_words_ids", kRefused, {}, "[[]]"},
    {"constraints", kRefused, {}, "[[]]"},
    {"sequence_bias", kRefused, "give `logit_bias`", "[{}, []]"},
    {"suppress_tokens", kRefused, {}, "[[]]"},
    {"begin_suppress_tokens", kRefused, {}, "[[]]"},
    {"forced_bos_token_id", kHarmless, "of encoder-decoder models"},
    {"forced_eos_token_id", kRefused},
    {"exponential_decay_length_penalty", kRefused},
    {"guidance_scale", kRefused, {}, "[1]"},
    {"watermarking_config", kRefused},
    {"min_length", kRefused, {}, "[0]"},
    {"min_new_tokens", kRefused, {}, "[0]"},
    {"stop_strings", kRefused, "give `stop`", "[[]]"},
    {"token_healing", kRefused, {}, "[false]"},
    // Keys that change nothing.
    {"decoder_start_token_id", kHarmless, "of encoder-decoder models"},
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
    {"fan_in_fan_out", kHarmless, "the layers are known; PEFT corrects a wrong value itself"},
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
    {"velora_config", kHarmless, "affects only what training stores for the backward pass"},
    {"runtime_config", kHarmless, "speed alone"},
};

}  // namespace

std::span<const KeyRule> generation_key_rules() { return kGeneration; }
std::span<const KeyRule> adapter_key_rules() { return kAdapter; }

}  // namespace gptkit
