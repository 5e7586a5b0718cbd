#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_tokenizer.h"

namespace gptkit {

namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

std::string quoted(const std::string& text) { return dump_json(Json(text)); }

/// The token as vocabularies write it: special ones plain, others in the byte alphabet.
std::string vocabulary_text(const BpeModel& model, const std::vector<bool>& special,
                            std::size_t id) {
  return special[id] ? model.tokens[id] : byte_level_text(model.tokens[id]);
}

std::string vocabulary_json(const BpeModel& model, const std::vector<bool>& special,
                            const char* separator) {
  std::string text = "{";
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (id > 0) text += ',';
    text += separator;
    text += quoted(vocabulary_text(model, special, id)) + ": " + std::to_string(id);
  }
  return text + "}";
}

std::string merges_text(const BpeModel& model) {
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : model.merges) {
    text += byte_level_text(model.tokens[left]) + ' ' + byte_level_text(model.tokens[right]) + '\n';
  }
  return text;
}

OrderedJson added_token(const std::string& text) {
  return {{"content", text}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false},  {"special", true}};
}

/// tokenizer.json, written piece by piece: a JSON tree of 50,000 members would be slow to build.
std::string tokenizer_json(const BpeModel& model, const std::vector<bool>& special) {
  OrderedJson added = OrderedJson::array();
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!special[id]) continue;
    OrderedJson token = {{"id", id}};
    token.update(added_token(model.tokens[id]));
    added.push_back(token);
  }
  const auto byte_level = [](bool add_prefix_space, bool trim_offsets) {
    return dump_json(OrderedJson{{"type", "ByteLevel"},
                                 {"add_prefix_space", add_prefix_space},
                                 {"trim_offsets", trim_offsets},
                                 {"use_regex", true}});
  };
  std::string text = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n";
  text += "  \"added_tokens\": " + dump_json(added) + ",\n  \"normalizer\": null,\n";
  text += "  \"pre_tokenizer\": " + byte_level(false, true) + ",\n";
  text += "  \"post_processor\": " + byte_level(true, false) + ",\n";
  text += "  \"decoder\": " + byte_level(true, true) + ",\n";
  text +=
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n";
  text += "    \"continuing_subword_prefix\": \"\",\n    \"end_of_word_suffix\": \"\",\n";
  text += "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": ";
  text += model.ignore_merges ? "true" : "false";
  text += ",\n    \"vocab\": " + vocabulary_json(model, special, "\n      ");
  text += ",\n    \"merges\": [";
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto& [left, right] = model.merges[rank];
    text += rank > 0 ? ",\n      " : "\n      ";
    text +=
        quoted(byte_level_text(model.tokens[left]) + ' ' + byte_level_text(model.tokens[right]));
  }
  return text + "]\n  }\n}\n";
}

}  // namespace

void write_hugging_face_tokenizer(const BpeModel& model, const fs::path& folder) {
  std::vector<bool> special(model.tokens.size());
  OrderedJson decoder = OrderedJson::object(), extra = OrderedJson::array();
  bool has_end_of_text = false;
  for (const TokenId id : model.special) special[id] = true;
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!special[id]) continue;
    decoder[std::to_string(id)] = added_token(model.tokens[id]);
    const bool end_of_text = model.tokens[id] == kEndOfText;
    has_end_of_text |= end_of_text;
    if (!end_of_text) extra.push_back(model.tokens[id]);
  }
  OrderedJson roles = OrderedJson::object();
  if (has_end_of_text) {
    for (const char* role : {"bos_token", "eos_token", "unk_token"}) roles[role] = kEndOfText;
  }
  if (!extra.empty()) roles["additional_special_tokens"] = extra;
  OrderedJson config = {
      {"add_prefix_space", false},
      {"added_tokens_decoder", decoder},
      {"clean_up_tokenization_spaces", false},
      {"tokenizer_class", has_end_of_text ? "GPT2Tokenizer" : "PreTrainedTokenizerFast"}};
  config.update(roles);

  write_file_atomic(folder / "vocab.json", vocabulary_json(model, special, "\n") + "\n");
  write_file_atomic(folder / "merges.txt", merges_text(model));
  write_file_atomic(folder / "tokenizer.json", tokenizer_json(model, special));
  write_file_atomic(folder / "special_tokens_map.json", dump_json(roles, 2) + "\n");
  write_file_atomic(folder / "tokenizer_config.json", dump_json(config, 2) + "\n");
}

}  // namespace gptkit
