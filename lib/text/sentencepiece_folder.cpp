#include "text/sentencepiece_folder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "text/hugging_face_pipeline.h"
#include "text/tokenizer_files.h"

namespace gptkit {

namespace {

std::optional<TokenId> find_piece(const std::vector<SentencePiece>& pieces, std::string_view text) {
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].text == text) return static_cast<TokenId>(id);
  }
  return std::nullopt;
}

/// The tokens around a text by the tokenizer.json beside the model.
std::optional<TextFrame> frame_of_json(const fs::path& file, const SentencePieceModel& model) {
  const auto json = read_json_object(file);
  if (!json) return std::nullopt;
  const std::string where = file.string();
  const TextTemplate around = read_post_processor(*json, where);
  const auto ids = [&](const std::vector<TextTemplate::Token>& tokens) {
    std::vector<TokenId> result;
    for (const auto& [text, id] : tokens) {
      require(id >= 0 && std::cmp_less(id, model.pieces.size()) &&
                  model.pieces[static_cast<std::size_t>(id)].text == text,
              where, ": post_processor: '", printable(text), "' with id ", id,
              " is not a token of the vocabulary");
      result.push_back(static_cast<TokenId>(id));
    }
    return result;
  };
  return TextFrame{ids(around.before), ids(around.behind)};
}

/// transformers takes a Mistral's files as they are; for Llama it makes a tokenizer anew.
bool is_mistral(const fs::path& folder) {
  const auto path = folder / "config.json";
  const Json config = read_json_object(path).value_or(Json::object());
  return json_string(config, "model_type", path.string(), "") == "mistral";
}

}  // namespace

std::vector<SentencePiece> pieces_beside(const fs::path& folder, const SentencePieceModel& model,
                                         const std::string& where) {
  std::vector<AddedToken> tokens = added_tokens_beside(folder).list();
  std::sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<SentencePiece> added;
  for (const AddedToken& token : tokens) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id < model.pieces.size()) {
      require(model.pieces[id].text == token.text, where, ": id ", id, " is '",
              printable(model.pieces[id].text), "', and in the files beside it '",
              printable(token.text), "'");
      continue;
    }
    require(id == model.pieces.size() + added.size(), where, ": added token '",
            printable(token.text), "' has id ", id, ", the next free one is ",
            model.pieces.size() + added.size());
    added.push_back({token.text, 0, token.special ? PieceType::kControl : PieceType::kUserDefined});
  }
  return added;
}

SentencePieceRoles roles_beside(const fs::path& folder, const SentencePieceModel& model) {
  const auto piece_of = [&](const char* name) -> std::optional<TokenId> {
    const auto role = token_role(folder, name);
    if (!role) return std::nullopt;
    const auto id = find_piece(model.pieces, role->text);
    require(id.has_value(), role->where, ": ", name, " '", printable(role->text),
            "' is not in the vocabulary");
    return id;
  };
  SentencePieceRoles roles;
  const fs::path path = folder / "tokenizer_config.json";
  const Json config = read_json_object(path).value_or(Json::object());
  const std::string where = path.string();
  const std::string kind = json_string(config, "tokenizer_class", where, "LlamaTokenizer");
  const bool llama = model.algorithm == 2 && kind.find("Llama") != std::string::npos;
  const auto control_piece = [&](const char* text) {
    const auto piece = find_piece(model.pieces, text);
    const bool control =
        piece && model.pieces[static_cast<std::size_t>(*piece)].type == PieceType::kControl;
    return control ? piece : std::nullopt;
  };
  const auto add = [&](const char* flag, bool by_default, const char* role, const char* usual,
                       std::vector<TokenId>& side) {
    if (!json_bool(config, flag, where, by_default)) return;
    auto id = piece_of(role);
    if (!id) id = control_piece(usual);
    require(id || !json_bool(config, flag, where, false), where, ": ", flag,
            " is set but there is ", "no ", role);
    if (id) side.push_back(*id);
  };
  roles.legacy = json_bool(config, "legacy", where, true) ||
                 (is_mistral(folder) && is_there(folder / "tokenizer.json"));
  const bool prefix = json_bool(config, "add_prefix_space", where, model.dummy_prefix);
  require(!llama || prefix == model.dummy_prefix || is_mistral(folder), where,
          ": add_prefix_space is ", prefix ? "true" : "false", ", but the model beside it puts ",
          prefix ? "no" : "a", " blank before a text; make them agree");
  roles.end_of_text = piece_of("eos_token");
  if (auto frame = frame_of_json(folder / "tokenizer.json", model)) {
    roles.frame = std::move(*frame);
    return roles;
  }
  add("add_bos_token", llama, "bos_token", "<s>", roles.frame.before);
  add("add_eos_token", false, "eos_token", "</s>", roles.frame.behind);
  return roles;
}

}  // namespace gptkit
