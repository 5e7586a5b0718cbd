#include "text/hugging_face_tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/byte_alphabet.h"

namespace gptkit {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 28;
constexpr const char* kEndOfText = "<|endoftext|>";

/// The type of a component (`pre_tokenizer`, `decoder` ...), "none" when absent.
std::string type_of(const Json& file, const std::string& key, const std::string& where) {
  if (!file.contains(key) || file[key].is_null()) return "none";
  return printable(json_string(file[key], "type", where + ": " + key));
}

struct AddedToken {
  std::string text;
  TokenId id;
};

/// The parts of a tokenizer as its files give them, before they are checked against each other.
struct RawTokenizer {
  std::unordered_map<std::string, TokenId> vocabulary;  // in the byte alphabet; special ones plain
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<std::size_t> merge_lines;  // of merges.txt; empty for tokenizer.json
  std::vector<AddedToken> added;
};

std::string merge_place(const RawTokenizer& raw, const std::string& where, std::size_t rank) {
  if (raw.merge_lines.empty()) return concat(where, ": merge ", rank);
  return concat(where, ":", raw.merge_lines[rank]);
}

/// `what` makes the words for a message; a vocabulary has too many ids to make them for each.
template <class What>
TokenId checked_id(const Json& value, const What& what) {
  constexpr std::int64_t kEnd = std::int64_t{1} << 31;
  const std::int64_t id =
      value.is_number_integer() ? value.get<std::int64_t>() : json_to_int(value, what());
  if (id < 0 || id >= kEnd) fail(what(), ": id ", id, " is not a token id");
  return static_cast<TokenId>(id);
}

void read_vocabulary(const Json& object, const std::string& where, RawTokenizer& raw) {
  require(object.is_object(), where, ": the vocabulary is not a JSON object of token: id");
  raw.vocabulary.reserve(object.size());
  for (auto it = object.begin(); it != object.end(); ++it) {
    const std::string& token = it.key();
    const auto what = [&] { return concat(where, ": token '", printable(token), "'"); };
    raw.vocabulary.emplace(token, checked_id(it.value(), what));
  }
}

/// Refuses what Hugging Face would match in another way than a plain special token.
void check_added_flags(const Json& token, const std::string& text, const std::string& where) {
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    require(!json_bool(token, flag, where, false), where, ": added token '", printable(text),
            "' has ", flag, ", which is not supported");
  }
  require(json_bool(token, "special", where, true), where, ": added token '", printable(text),
          "' is not special (it would be found in any text), which is not supported");
}

/// Puts the added tokens, which are the special ones, into their places.
void place_added_tokens(const RawTokenizer& raw, const std::string& where, BpeModel& model) {
  for (const AddedToken& token : raw.added) {
    std::string& place = model.tokens[token.id];
    require(place.empty(), where, ": id ", token.id, " is both '", printable(place), "' and '",
            printable(token.text), "'");
    require(!token.text.empty(), where, ": added token ", token.id, " is empty");
    const auto it = raw.vocabulary.find(token.text);
    require(it == raw.vocabulary.end() || it->second == token.id, where, ": added token '",
            printable(token.text), "' has id ", token.id, " and, in the vocabulary, another");
    place = token.text;
    model.special.push_back(token.id);
  }
  std::sort(model.special.begin(), model.special.end());
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
           "' is listed a second time");
    }
  }
}

/// Decodes the vocabulary, places everything by id and looks the merges up.
BpeModel assemble(const RawTokenizer& raw, const std::string& vocab_where,
                  const std::string& merges_where) {
  TokenId largest = -1;
  for (const auto& [token, id] : raw.vocabulary) largest = std::max(largest, id);
  for (const AddedToken& token : raw.added) largest = std::max(largest, token.id);
  const std::size_t most = raw.vocabulary.size() + raw.added.size();
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

/// `left right`, exactly two words; nothing otherwise.
std::optional<std::pair<std::string, std::string>> split_merge(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos || blank + 1 == line.size()) return {};
  if (line.find(' ', blank + 1) != std::string_view::npos) return {};
  return std::pair{std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
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

/// tokenizer.json: a pair is "left right" or, since tokenizers 0.20, ["left", "right"].
void read_merges_list(const Json& list, const std::string& where, RawTokenizer& raw) {
  require(list.is_array(), where, ": model.merges is not a list");
  for (const Json& item : list) {
    if (item.is_string()) {
      auto merge = split_merge(item.get_ref<const std::string&>());
      require(merge.has_value(), where, ": merge ", raw.merges.size(),
              ": expected two tokens with one blank between them");
      raw.merges.push_back(std::move(*merge));
    } else {
      require(item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string(),
              where, ": merge ", raw.merges.size(), ": expected two tokens");
      raw.merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
    }
  }
}

void check_model(const Json& model, const std::string& where) {
  const std::string type = json_string(model, "type", where, "BPE");
  require(type == "BPE", where, ": unsupported tokenizer type ", printable(type),
          "; expected BPE (a SentencePiece model is read from its .model file)");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::string value = json_string(model, key, where, "");
    require(value.empty(), where, ": ", key, " '", printable(value), "' is not supported");
  }
  require(json_number(model, "dropout", where, 0) == 0, where, ": BPE dropout is not supported");
}

PreTokenPattern read_pre_tokenizer(const Json& file, const std::string& where) {
  const std::string type = type_of(file, "pre_tokenizer", where);
  require(type == "ByteLevel", where, ": unsupported pre_tokenizer ", type, "; expected ByteLevel");
  const Json& pre = file["pre_tokenizer"];
  require(json_bool(pre, "use_regex", where, true), where,
          ": a ByteLevel pre_tokenizer without use_regex is not supported");
  require(!json_bool(pre, "add_prefix_space", where, true), where,
          ": pre_tokenizer add_prefix_space is not supported; set it to false if the tokenizer was "
          "trained without");
  return PreTokenPattern::kGpt2;
}

/// A template that adds no token of its own ("$A") changes nothing.
bool adds_nothing(const Json& post, const std::string& where) {
  const std::string type = json_string(post, "type", where + ": post_processor");
  if (type == "ByteLevel") return true;  // offsets only
  return type == "TemplateProcessing" && post.contains("single") && post["single"].is_array() &&
         post["single"].size() == 1 && post["single"][0].contains("Sequence");
}

void check_pipeline(const Json& file, const std::string& where) {
  const std::string normalizer = type_of(file, "normalizer", where);
  const bool empty_sequence = normalizer == "Sequence" &&
                              file["normalizer"].contains("normalizers") &&
                              file["normalizer"]["normalizers"].empty();
  require(normalizer == "none" || empty_sequence, where, ": unsupported normalizer ", normalizer,
          "; expected none");
  const std::string decoder = type_of(file, "decoder", where);
  require(decoder == "ByteLevel", where, ": unsupported decoder ", decoder, "; expected ByteLevel");
  const std::string post = type_of(file, "post_processor", where);
  require(post == "none" || adds_nothing(file["post_processor"], where), where,
          ": unsupported post_processor ", post, "; it would add tokens to every text");
}

std::vector<AddedToken> read_added_tokens(const Json& file, const std::string& where) {
  std::vector<AddedToken> added;
  if (!file.contains("added_tokens") || file["added_tokens"].is_null()) return added;
  require(file["added_tokens"].is_array(), where, ": added_tokens is not a list");
  for (const Json& token : file["added_tokens"]) {
    const std::string place = concat(where, ": added_tokens[", added.size(), "]");
    require(token.is_object(), place, ": expected an object");
    const std::string text = json_string(token, "content", place);
    require(token.contains("id"), place, ": 'id' is missing");
    check_added_flags(token, text, where);
    added.push_back({text, checked_id(token["id"], [&] { return place + ": id"; })});
  }
  return added;
}

/// The special tokens that the files beside vocab.json name.
class NamedSpecialTokens {
 public:
  explicit NamedSpecialTokens(RawTokenizer& raw) : raw_(raw) {}

  void add(const std::string& text, TokenId id) {
    for (const AddedToken& token : raw_.added) {
      if (token.text == text && token.id == id) return;
    }
    raw_.added.push_back({text, id});
  }

  /// Text, or {"content": text}, of a token in the vocabulary; others are named, not there.
  void add_by_text(const Json& value) {
    const Json& text = value.is_object() && value.contains("content") ? value["content"] : value;
    if (text.is_array()) {
      for (const Json& item : text) add_by_text(item);
    }
    if (!text.is_string()) return;
    const auto it = raw_.vocabulary.find(text.get<std::string>());
    if (it != raw_.vocabulary.end()) add(it->first, it->second);
  }

  void read_folder(const fs::path& folder) {
    if (const auto file = read(folder / "added_tokens.json")) {
      for (const auto& [text, id] : file->items()) {
        add(text, checked_id(id, [&] { return "added_tokens.json: '" + printable(text) + "'"; }));
      }
    }
    if (const auto file = read(folder / "tokenizer_config.json")) {
      read_config(*file, (folder / "tokenizer_config.json").string());
    }
    if (const auto file = read(folder / "special_tokens_map.json")) {
      for (const auto& [role, value] : file->items()) add_by_text(value);
    }
  }

 private:
  static std::optional<Json> read(const fs::path& path) {
    if (!fs::exists(path)) return std::nullopt;
    Json file = parse_json(read_file(path, kLargestFile), path.string());
    require(file.is_object(), path.string(), ": expected a JSON object");
    return file;
  }

  void read_config(const Json& file, const std::string& where) {
    require(!json_bool(file, "add_prefix_space", where, false), where,
            ": add_prefix_space is not supported");
    if (!file.contains("added_tokens_decoder")) return;
    const Json& tokens = file["added_tokens_decoder"];
    require(tokens.is_object(), where, ": added_tokens_decoder is not an object");
    for (const auto& [id, token] : tokens.items()) {
      const std::string place = concat(where, ": added_tokens_decoder[", printable(id), "]");
      require(token.is_object(), place, ": expected an object");
      const std::string text = json_string(token, "content", place);
      check_added_flags(token, text, where);
      add(text, checked_id(parse_json(id, place), [&] { return place; }));
    }
  }

  RawTokenizer& raw_;
};

}  // namespace

BpeModel read_tokenizer_json(const fs::path& path) {
  const std::string where = path.string();
  const Json file = parse_json(read_file(path, kLargestFile), where);
  require(file.is_object() && file.contains("model") && file["model"].is_object(), where,
          ": not a tokenizer.json: no object 'model'");
  const Json& bpe = file["model"];
  check_model(bpe, where);
  const PreTokenPattern pattern = read_pre_tokenizer(file, where);
  check_pipeline(file, where);
  require(bpe.contains("vocab") && bpe.contains("merges"), where,
          ": model.vocab or model.merges is missing");

  RawTokenizer raw;
  read_vocabulary(bpe["vocab"], where, raw);
  read_merges_list(bpe["merges"], where, raw);
  raw.added = read_added_tokens(file, where);
  BpeModel model = assemble(raw, where, where);
  model.pattern = pattern;
  model.ignore_merges = json_bool(bpe, "ignore_merges", where, false);
  return model;
}

BpeModel read_vocab_and_merges(const fs::path& vocab, const fs::path& merges) {
  RawTokenizer raw;
  read_vocabulary(parse_json(read_file(vocab, kLargestFile), vocab.string()), vocab.string(), raw);
  read_merges_text(read_file(merges, kLargestFile), merges.string(), raw);
  NamedSpecialTokens special(raw);
  special.read_folder(vocab.parent_path());
  if (const auto it = raw.vocabulary.find(kEndOfText); it != raw.vocabulary.end()) {
    const bool made = std::any_of(raw.merges.begin(), raw.merges.end(), [](const auto& merge) {
      return merge.first + merge.second == kEndOfText;
    });
    if (!made) special.add(it->first, it->second);
  }
  return assemble(raw, vocab.string(), merges.string());
}

std::shared_ptr<const BpeTokenizer> load_hugging_face_tokenizer(const fs::path& folder) {
  const fs::path json = folder / "tokenizer.json", vocab = folder / "vocab.json";
  if (fs::exists(json)) {
    return std::make_shared<BpeTokenizer>(read_tokenizer_json(json), json.string());
  }
  const fs::path merges = folder / "merges.txt";
  if (!fs::exists(vocab) || !fs::exists(merges)) return nullptr;
  return std::make_shared<BpeTokenizer>(read_vocab_and_merges(vocab, merges), vocab.string());
}

}  // namespace gptkit
