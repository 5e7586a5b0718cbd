#include "text/hugging_face_tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_pipeline.h"
#include "text/pipeline_tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_keys.h"

namespace gptkit {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 28;
constexpr const char* kEndOfText = "<|endoftext|>";

/// The parts of a tokenizer as its files give them, before they are checked against each other.
struct RawTokenizer {
  Vocabulary vocabulary;  // in the byte alphabet; special ones plain
  TextPairs merges;
  std::vector<std::size_t> merge_lines;  // of merges.txt; empty for tokenizer.json
  AddedTokens added;
};

std::string merge_place(const RawTokenizer& raw, const std::string& where, std::size_t rank) {
  if (raw.merge_lines.empty()) return concat(where, ": merge ", rank);
  return concat(where, ":", raw.merge_lines[rank]);
}

/// Puts the added tokens, which are the special ones, into their places.
void place_added_tokens(const RawTokenizer& raw, const std::string& where, BpeModel& model) {
  for (const AddedToken& token : raw.added.list()) {
    std::string& place = model.tokens[token.id];
    require(place.empty(), where, ": id ", token.id, " is both '", printable(place), "' and '",
            printable(token.text), "'");
    require(!token.text.empty(), where, ": added token ", token.id, " is empty");
    const auto it = raw.vocabulary.find(token.text);
    require(it == raw.vocabulary.end() || it->second == token.id, where, ": added token '",
            printable(token.text), "' has id ", token.id, " and, in the vocabulary, another");
    place = token.text;
    model.special.push_back(token.id);
    if (!token.special) model.found_in_text.push_back(token.id);
  }
  std::sort(model.special.begin(), model.special.end());
  std::sort(model.found_in_text.begin(), model.found_in_text.end());
}

bool is_special(const BpeModel& model, TokenId id) {
  return std::binary_search(model.special.begin(), model.special.end(), id);
}

void place_vocabulary(const RawTokenizer& raw, const std::string& where, BpeModel& model) {
  for (const auto& [token, id] : raw.vocabulary) {
    std::string& place = model.tokens[id];
    if (place == token && is_special(model, id)) continue;
    if (!place.empty()) {
      fail(where, ": id ", id, " is given to two tokens, one of them '", printable(token), "'");
    }
    auto bytes = byte_level_bytes(token);
    if (!bytes || bytes->empty()) {
      fail(where, ": token '", printable(token), "' (id ", id,
           ") is not in GPT-2's byte alphabet; only byte-level BPE is supported");
    }
    place = std::move(*bytes);
  }
}

void look_up_merges(const RawTokenizer& raw, const std::string& where, BpeModel& model) {
  model.merges.reserve(raw.merges.size());
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t rank = 0; rank < raw.merges.size(); ++rank) {
    const auto& [left, right] = raw.merges[rank];
    const auto id_of = [&, &left = left, &right = right](const std::string& part) {
      const auto it = raw.vocabulary.find(part);
      if (it != raw.vocabulary.end() && !is_special(model, it->second)) return it->second;
      fail(merge_place(raw, where, rank), ": '", printable(part), "' of '",
           printable(left + ' ' + right), "' is not in the vocabulary");
    };
    const auto& pair = model.merges.emplace_back(id_of(left), id_of(right));
    id_of(left + right);
    if (!seen.insert(static_cast<std::uint64_t>(pair.first) << 32 | pair.second).second) {
      fail(merge_place(raw, where, rank), ": '", printable(left + ' ' + right),
           "' is listed twice");
    }
  }
}

/// Decodes the vocabulary, places everything by id and looks the merges up.
BpeModel assemble(const RawTokenizer& raw, const std::string& vocab_where,
                  const std::string& merges_where) {
  TokenId largest = -1;
  for (const auto& [token, id] : raw.vocabulary) largest = std::max(largest, id);
  for (const AddedToken& token : raw.added.list()) largest = std::max(largest, token.id);
  const std::size_t most = raw.vocabulary.size() + raw.added.list().size();
  const std::size_t count = static_cast<std::size_t>(largest) + 1;
  require(count <= most, vocab_where, ": the largest id is ", largest, " but there are only ", most,
          " tokens; ids must be 0, 1, 2 ... without gaps");

  BpeModel model;
  model.tokens.resize(count);
  place_added_tokens(raw, vocab_where, model);
  place_vocabulary(raw, vocab_where, model);
  for (std::size_t id = 0; id < count; ++id) {
    require(!model.tokens[id].empty(), vocab_where, ": id ", id,
            " has no token; ids must be 0, 1, 2 ... without gaps");
  }
  look_up_merges(raw, merges_where, model);
  return model;
}

void read_merges_text(std::string_view text, const std::string& where, RawTokenizer& raw) {
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    auto merge = split_merge(line);
    if (!merge) {
      fail(where, ":", line_number, ": expected two tokens with one blank between them, found '",
           printable(line, 60), "'");
    }
    raw.merges.push_back(std::move(*merge));
    raw.merge_lines.push_back(line_number);
  }
}

/// Text, or {"content": text}, of a token in the vocabulary; others are named, not there.
void add_by_text(const Json& value, RawTokenizer& raw) {
  const Json& text = value.is_object() && value.contains("content") ? value["content"] : value;
  if (text.is_array()) {
    for (const Json& item : text) add_by_text(item, raw);
  }
  if (!text.is_string()) return;
  const auto it = raw.vocabulary.find(text.get<std::string>());
  if (it != raw.vocabulary.end()) raw.added.add({.text = it->first, .id = it->second});
}

/// The special tokens that the files beside vocab.json name.
void read_special_tokens(const fs::path& folder, RawTokenizer& raw) {
  raw.added = added_tokens_beside(folder);
  const fs::path config = folder / "tokenizer_config.json";
  if (const auto file = read_json_object(config)) {
    const std::string where = config.string();
    require(!json_bool(*file, "add_prefix_space", where, false), where,
            ": add_prefix_space is not supported");
    const std::string kind = json_string(*file, "tokenizer_class", where, "GPT2Tokenizer");
    require(!kind.starts_with("Qwen2"), where, ": a ", printable(kind),
            " is read from tokenizer.json only, which is not there");
  }
  if (const auto file = read_json_object(folder / "special_tokens_map.json")) {
    for (const auto& [role, value] : file->items()) add_by_text(value, raw);
  }
}

/// The first eos_token_id of generation_config.json.
std::optional<TokenId> generations_end(const BpeModel& model, const fs::path& file) {
  const auto generation = read_json_object(file);
  if (!generation || !generation->contains("eos_token_id")) return std::nullopt;
  const Json& ids = (*generation)["eos_token_id"];
  const Json first = ids.is_array() && !ids.empty() ? ids[0] : ids;
  if (first.is_null()) return std::nullopt;
  const std::string where = file.string() + ": eos_token_id";
  const TokenId id = token_id_of(first, where);
  require(static_cast<std::size_t>(id) < model.tokens.size(), where, " ", id,
          " is outside the vocabulary of ", model.tokens.size());
  return id;
}

/// The token that ends a text, as the files beside the tokenizer name it. Not set when they name
/// none or the one that is taken anyway.
std::optional<TokenId> named_end_of_text(const BpeModel& model, const RawTokenizer& raw,
                                         const fs::path& folder) {
  std::optional<TokenId> end;
  if (const auto role = token_role(folder, "eos_token")) {
    for (const TokenId id : model.special) {
      if (model.tokens[id] == role->text) end = id;
    }
    const auto it = raw.vocabulary.find(role->text);
    require(end || it != raw.vocabulary.end(), role->where, ": eos_token '", printable(role->text),
            "' is not in the vocabulary");
    if (!end) end = it->second;
  } else {
    end = generations_end(model, folder / "generation_config.json");
  }
  return end && model.tokens[*end] == kEndOfText && is_special(model, *end) ? std::nullopt : end;
}

/// Tokens of the post_processor, which have to be the special tokens that it says.
std::vector<TokenId> checked_tokens(const BpeModel& model,
                                    const std::vector<TextTemplate::Token>& tokens,
                                    const std::string& where) {
  std::vector<TokenId> ids;
  for (const auto& [text, id] : tokens) {
    const bool known = std::any_of(model.special.begin(), model.special.end(),
                                   [&model, &text = text, &id = id](TokenId special) {
                                     return special == id &&
                                            model.tokens[static_cast<std::size_t>(special)] == text;
                                   });
    require(known, where, ": post_processor: '", printable(text), "' with id ", id,
            " is not one of the added tokens");
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

/// add_bos_token and add_eos_token of tokenizer_config.json. Beside a tokenizer.json they say
/// nothing: its post_processor does.
TextFrame frame_of_config(const BpeModel& model, const fs::path& folder) {
  const auto config = read_json_object(folder / "tokenizer_config.json");
  if (!config) return {};
  const std::string where = (folder / "tokenizer_config.json").string();
  const auto tokens = [&](const char* flag, const char* role) -> std::vector<TokenId> {
    if (!json_bool(*config, flag, where, false)) return {};
    const auto named = token_role(folder, role);
    const std::string text = named ? named->text : kEndOfText;
    for (const TokenId id : model.special) {
      if (model.tokens[static_cast<std::size_t>(id)] == text) return {id};
    }
    fail(where, ": ", flag, " is set but the ", role, " '", printable(text),
         "' is not in the vocabulary");
  };
  return {tokens("add_bos_token", "bos_token"), tokens("add_eos_token", "eos_token")};
}

}  // namespace

namespace {

Json parse_tokenizer_json(const fs::path& path) {
  const std::string where = path.string();
  Json file = parse_json(read_file(path, kLargestFile), where);
  require(file.is_object() && file.contains("model") && file["model"].is_object(), where,
          ": not a tokenizer.json: no object 'model'");
  check_bpe_model(file["model"], where);
  check_keys(file, tokenizer_json_key_rules(), where);
  return file;
}

BpeModel byte_level_model(const Json& file, const fs::path& path) {
  const std::string where = path.string();
  const Json& bpe = file["model"];
  const HuggingFacePipeline pipeline = read_pipeline(file, where);
  RawTokenizer raw;
  raw.vocabulary = read_vocabulary(bpe["vocab"], where);
  raw.merges = read_merges_list(bpe["merges"], where);
  raw.added = read_added_tokens(file, where);
  BpeModel model = assemble(raw, where, where);
  model.pattern = pipeline.pattern;
  model.nfc = pipeline.nfc;
  model.ignore_merges = json_bool(bpe, "ignore_merges", where, false);
  model.frame = {checked_tokens(model, pipeline.around.before, where),
                 checked_tokens(model, pipeline.around.behind, where)};
  model.end_of_text = named_end_of_text(model, raw, path.parent_path());
  return model;
}

}  // namespace

BpeModel read_tokenizer_json(const fs::path& path) {
  const Json file = parse_tokenizer_json(path);
  BpeModel model = byte_level_model(file, path);
  require(!needs_pipeline(file, path.string()), path.string(),
          ": this is more than byte-level BPE (a normalizer, flags of added tokens); open it with ",
          "load_tokenizer");
  return model;
}

BpeModel read_vocab_and_merges(const fs::path& vocab, const fs::path& merges) {
  RawTokenizer raw;
  const std::string where = vocab.string();
  raw.vocabulary = read_vocabulary(parse_json(read_file(vocab, kLargestFile), where), where);
  read_merges_text(read_file(merges, kLargestFile), merges.string(), raw);
  read_special_tokens(vocab.parent_path(), raw);
  if (const auto it = raw.vocabulary.find(kEndOfText); it != raw.vocabulary.end()) {
    const bool made = std::any_of(raw.merges.begin(), raw.merges.end(), [](const auto& merge) {
      return merge.first + merge.second == kEndOfText;
    });
    if (!made) raw.added.add({.text = it->first, .id = it->second});
  }
  BpeModel model = assemble(raw, vocab.string(), merges.string());
  model.end_of_text = named_end_of_text(model, raw, vocab.parent_path());
  model.frame = frame_of_config(model, vocab.parent_path());
  return model;
}

namespace {

std::shared_ptr<const Tokenizer> with_files_of(const fs::path& folder, BpeModel model,
                                               const std::string& where) {
  auto tokenizer = std::make_shared<BpeTokenizer>(std::move(model), where);
  tokenizer->keep_files(read_tokenizer_files(folder));
  return tokenizer;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_hugging_face_tokenizer(const fs::path& folder) {
  const fs::path json = folder / "tokenizer.json", vocab = folder / "vocab.json";
  if (is_there(json)) {
    const Json file = parse_tokenizer_json(json);
    check_prefix_space(file, folder);
    if (needs_pipeline(file, json.string())) {
      return pipeline_tokenizer(file, json, read_tokenizer_files(folder));
    }
    return with_files_of(folder, byte_level_model(file, json), json.string());
  }
  // The second pair is what OpenAI called the same files.
  for (const auto& [tokens, merges] : {std::pair{vocab, folder / "merges.txt"},
                                       std::pair{folder / "encoder.json", folder / "vocab.bpe"}}) {
    if (!is_there(tokens) || !is_there(merges)) continue;
    return with_files_of(folder, read_vocab_and_merges(tokens, merges), tokens.string());
  }
  return nullptr;
}

}  // namespace gptkit
