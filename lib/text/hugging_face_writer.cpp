#include <algorithm>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_pipeline.h"
#include "text/hugging_face_tokenizer.h"

namespace gptkit {

namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

/// By id, what a token is besides its text.
struct Marks {
  std::vector<bool> special, found_in_text;

  explicit Marks(const BpeModel& model)
      : special(model.tokens.size()), found_in_text(model.tokens.size()) {
    for (const TokenId id : model.special) special[id] = true;
    for (const TokenId id : model.found_in_text) found_in_text[id] = true;
  }
};

std::string quoted(const std::string& text) { return dump_json(Json(text)); }

/// The token as vocabularies write it: special ones plain, others in the byte alphabet.
std::string vocabulary_text(const BpeModel& model, const Marks& marks, std::size_t id) {
  return marks.special[id] ? model.tokens[id] : byte_level_text(model.tokens[id]);
}

std::string vocabulary_json(const BpeModel& model, const Marks& marks, const char* separator) {
  std::string text = "{";
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (id > 0) text += ',';
    text += separator;
    text += quoted(vocabulary_text(model, marks, id)) + ": " + std::to_string(id);
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

OrderedJson added_token(const BpeModel& model, const Marks& marks, std::size_t id) {
  return {{"content", model.tokens[id]},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", !marks.found_in_text[id]}};
}

/// tokenizer.json, written piece by piece: a JSON tree of 50,000 members would be slow to build.
std::string tokenizer_json(const BpeModel& model, const Marks& marks) {
  OrderedJson added = OrderedJson::array();
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!marks.special[id]) continue;
    OrderedJson token = {{"id", id}};
    token.update(added_token(model, marks, id));
    added.push_back(token);
  }
  TextTemplate around;
  for (const TokenId id : model.frame.before) around.before.push_back({model.tokens[id], id});
  for (const TokenId id : model.frame.behind) around.behind.push_back({model.tokens[id], id});
  std::string text = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n";
  text += "  \"added_tokens\": " + dump_json(added) + ",\n  \"normalizer\": ";
  text += model.nfc ? "{\"type\":\"NFC\"},\n" : "null,\n";
  text += "  \"pre_tokenizer\": " + pre_tokenizer_json(model.pattern) + ",\n";
  text += "  \"post_processor\": " + post_processor_json(around) + ",\n";
  text += "  \"decoder\": " + decoder_json() + ",\n";
  text +=
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n";
  text += "    \"continuing_subword_prefix\": \"\",\n    \"end_of_word_suffix\": \"\",\n";
  text += "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": ";
  text += model.ignore_merges ? "true" : "false";
  text += ",\n    \"vocab\": " + vocabulary_json(model, marks, "\n      ");
  text += ",\n    \"merges\": [";
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto& [left, right] = model.merges[rank];
    text += rank > 0 ? ",\n      " : "\n      ";
    text +=
        quoted(byte_level_text(model.tokens[left]) + ' ' + byte_level_text(model.tokens[right]));
  }
  return text + "]\n  }\n}\n";
}

/// Which tokens have a part to play: "<|endoftext|>" has all that no other one has.
OrderedJson roles_of(const BpeModel& model, const Marks& marks) {
  OrderedJson roles = OrderedJson::object(), extra = OrderedJson::array();
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!marks.special[id] || model.tokens[id] != kEndOfText) continue;
    for (const char* role : {"bos_token", "eos_token", "unk_token"}) roles[role] = kEndOfText;
  }
  if (const auto& before = model.frame.before; !before.empty()) {
    roles["bos_token"] = model.tokens[before.front()];
  }
  if (model.end_of_text) roles["eos_token"] = model.tokens[*model.end_of_text];
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!marks.special[id] || marks.found_in_text[id]) continue;
    const bool has_role = std::any_of(roles.begin(), roles.end(), [&](const OrderedJson& text) {
      return text == model.tokens[id];
    });
    if (!has_role) extra.push_back(model.tokens[id]);
  }
  if (!extra.empty()) roles["additional_special_tokens"] = extra;
  return roles;
}

}  // namespace

void write_hugging_face_tokenizer(const BpeModel& model, const fs::path& folder) {
  const Marks marks(model);
  OrderedJson decoder = OrderedJson::object();
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (marks.special[id]) decoder[std::to_string(id)] = added_token(model, marks, id);
  }
  const OrderedJson roles = roles_of(model, marks);
  // Two files say nothing of a pattern: what reads them takes GPT-2's. So does GPT2Tokenizer.
  const bool gpt2_pattern = model.pattern == PreTokenPattern::kGpt2;
  const bool gpt2 = gpt2_pattern && roles.contains("unk_token") && model.frame == TextFrame();
  OrderedJson config = {{"add_prefix_space", false},
                        {"added_tokens_decoder", decoder},
                        {"clean_up_tokenization_spaces", false},
                        {"tokenizer_class", gpt2 ? "GPT2Tokenizer" : "PreTrainedTokenizerFast"}};
  config.update(roles);

  if (gpt2_pattern) {
    write_file_atomic(folder / "vocab.json", vocabulary_json(model, marks, "\n") + "\n");
    write_file_atomic(folder / "merges.txt", merges_text(model));
  }
  write_file_atomic(folder / "tokenizer.json", tokenizer_json(model, marks));
  write_file_atomic(folder / "special_tokens_map.json", dump_json(roles, 2) + "\n");
  write_file_atomic(folder / "tokenizer_config.json", dump_json(config, 2) + "\n");
}

}  // namespace gptkit
