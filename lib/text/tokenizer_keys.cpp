#include "text/tokenizer_keys.h"

#include "base/error.h"
#include "base/files.h"
#include "text/tokenizer_files.h"

namespace gptkit {

namespace fs = std::filesystem;

namespace {

using enum KeyUse;

constexpr const char* kNote = "a note that no computation reads";
constexpr const char* kClass = "of the Python class; the files say the ids";
constexpr const char* kOther = "a role that language models and classifiers do not use";
constexpr const char* kPadding = "padding is not read here, and chosen by the caller there";

constexpr KeyRule kConfig[] = {
    {"bos_token", kHonoured},
    {"eos_token", kHonoured},
    {"unk_token", kHonoured},
    {"pad_token", kHonoured},
    {"add_bos_token", kHonoured, "beside a tokenizer.json its post_processor decides"},
    {"add_eos_token", kHonoured, "beside a tokenizer.json its post_processor decides"},
    {"add_prefix_space", kHonoured},
    {"legacy", kHonoured},
    {"added_tokens_decoder", kHonoured},
    {"chat_template", kHonoured},
    {"tokenizer_class", kHonoured, "with add_prefix_space"},
    {"split_special_tokens", kRefused, "special tokens in a text would be split", "[false]"},
    {"do_lower_case", kHarmless, "of classes that these models do not have"},
    {"model_max_length", kHarmless, "a limit of the caller's; the model's context is kept to"},
    {"max_length", kHarmless, "a limit of the caller's"},
    {"stride", kHarmless, "of the caller's truncation"},
    {"padding_side", kHarmless, kPadding},
    {"pad_to_multiple_of", kHarmless, kPadding},
    {"pad_token_type_id", kHarmless, kPadding},
    {"truncation_side", kHarmless, "truncation is chosen by the caller"},
    {"truncation_strategy", kHarmless, "truncation is chosen by the caller"},
    {"extra_special_tokens", kHarmless, "the tokens themselves are in the vocabulary's files"},
    {"additional_special_tokens", kHarmless, "the tokens themselves are in the vocabulary's files"},
    {"model_specific_special_tokens", kHarmless, kOther},
    {"sep_token", kHarmless, kOther},
    {"cls_token", kHarmless, kOther},
    {"mask_token", kHarmless, kOther},
    {"image_token", kHarmless, kOther},
    {"boi_token", kHarmless, kOther},
    {"eoi_token", kHarmless, kOther},
    {"clean_up_tokenization_spaces", kHarmless, "transformers 5 does it in a pipeline alone"},
    {"spaces_between_special_tokens", kHarmless, "of decoding special tokens, which are not shown"},
    {"errors", kHarmless, "of decoding bytes that are not UTF-8"},
    {"trim_offsets", kHarmless, "of offsets alone"},
    {"use_default_system_prompt", kHarmless, "the chat template says it"},
    {"sp_model_kwargs", kRefused, "SentencePiece's sampling changes ids", "[{}]"},
    {"tokenizer_file", kHarmless, kNote},
    {"vocab_file", kHarmless, kNote},
    {"merges_file", kHarmless, kNote},
    {"special_tokens_map_file", kHarmless, kNote},
    {"name_or_path", kHarmless, kNote},
    {"processor_class", kHarmless, kNote},
    {"model_input_names", kHarmless, kNote},
    {"response_schema", kHarmless, kNote},
    {"auto_map", kHarmless, "code is never run"},
    {"use_fast", kHarmless, kClass},
    {"from_slow", kHarmless, kClass},
    {"backend", kHarmless, kClass},
    {"is_local", kHarmless, kNote},
    {"local_files_only", kHarmless, kNote},
    {"fix_mistral_regex", kRefused, {}, "[false]"},
    {"transformers_version", kHarmless, kNote},
    {"vocab_size", kHarmless, kNote},
    {"unsloth_version", kHarmless, kNote},
    {"bos_token_id", kHarmless, "the tokens' texts say it"},
    {"eos_token_id", kHarmless, "the tokens' texts say it"},
    {"pad_token_id", kHarmless, "the tokens' texts say it"},
};

constexpr KeyRule kTokenizer[] = {
    {"version", kHarmless, kNote},
    {"truncation", kHarmless, "transformers turns it off unless the caller asks for it"},
    {"padding", kHarmless, kPadding},
    {"added_tokens", kHonoured},
    {"normalizer", kHonoured},
    {"pre_tokenizer", kHonoured},
    {"model", kHonoured},
    {"post_processor", kHonoured},
    {"decoder", kHonoured},
};

/// The class that transformers takes for a folder, as far as gptkit's models go. An empty name is
/// the class that follows tokenizer.json.
std::string class_name(const Json& config, const fs::path& folder, const std::string& where) {
  const auto path = folder / "config.json";
  const Json model = read_json_object(path).value_or(Json::object());
  const auto type = json_string(model, "model_type", path.string(), "");
  if (type == "mistral") return "";
  if (type == "qwen2") return "Qwen2Tokenizer";
  const auto name = json_string(config, "tokenizer_class", where, "");
  return name.empty() && type == "gpt2" ? "GPT2Tokenizer" : name;
}

const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  return object.is_object() && object.contains(key) ? object[key] : kNone;
}

/// The part of a type, which may be in a Sequence; null when there is none.
const Json& part_of_type(const Json& part, const char* list, std::string_view type) {
  if (member(part, "type") == type) return part;
  for (const Json& inner : member(part, list)) {
    const Json& found = part_of_type(inner, list, type);
    if (!found.is_null()) return found;
  }
  return member({}, "");
}

/// Whether tokenizer.json puts a blank before a text; nothing when it is of another kind.
std::optional<bool> byte_level_prefix(const Json& tokenizer) {
  const Json& part = part_of_type(member(tokenizer, "pre_tokenizer"), "pretokenizers", "ByteLevel");
  if (part.is_null()) return std::nullopt;
  return member(part, "add_prefix_space") != false;
}

std::optional<bool> metaspace_prefix(const Json& tokenizer) {
  const Json& part = part_of_type(member(tokenizer, "pre_tokenizer"), "pretokenizers", "Metaspace");
  if (!part.is_null()) return member(part, "prepend_scheme") != "never";
  const Json& normalizer = member(tokenizer, "normalizer");
  if (normalizer.is_null() || member(tokenizer, "pre_tokenizer").is_object()) return std::nullopt;
  return !part_of_type(normalizer, "normalizers", "Prepend").is_null();
}

}  // namespace

std::span<const KeyRule> tokenizer_config_key_rules() { return kConfig; }
std::span<const KeyRule> tokenizer_json_key_rules() { return kTokenizer; }

void check_tokenizer_config(const std::filesystem::path& folder) {
  const auto file = folder / "tokenizer_config.json";
  if (!is_there(file)) return;
  constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20;
  const auto where = file.string();
  const auto config = parse_json(read_file(file, kMaxBytes), where);
  require(config.is_object(), where, ": expected a JSON object");
  check_keys(config, kConfig, where);
}

void check_prefix_space(const Json& tokenizer, const fs::path& folder) {
  const auto file = folder / "tokenizer_config.json";
  const auto where = file.string();
  const Json config = read_json_object(file).value_or(Json::object());
  const auto name = class_name(config, folder, where);
  const bool byte_level =
      name.starts_with("GPT2") || name.starts_with("Qwen2") || name.starts_with("GPTNeoX");
  if (!byte_level && !name.starts_with("Llama")) return;
  const auto own = byte_level ? byte_level_prefix(tokenizer) : metaspace_prefix(tokenizer);
  const bool given = config.contains("add_prefix_space") && !config["add_prefix_space"].is_null();
  if (!own || (!given && !byte_level)) return;
  const bool prefix = json_bool(config, "add_prefix_space", where, false);
  require(prefix == *own, where, ": add_prefix_space is ", prefix ? "true" : "false",
          given ? "" : " when absent", " in transformers' ", printable(name),
          ", but tokenizer.json puts ", *own ? "a" : "no", " blank before a text; make them agree");
}

}  // namespace gptkit
