#include "text/word_list.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/unicode.h"

namespace gptkit {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;

std::vector<std::string> string_list(const Json& object, const char* key,
                                     const std::string& where) {
  const auto found = object.find(key);
  require(found != object.end() && found->is_array(), where, ": '", key,
          "' is missing or not a list of strings");
  std::vector<std::string> texts;
  for (const Json& item : *found) {
    require(item.is_string() && !item.get_ref<const std::string&>().empty(), where, ": '", key,
            "' entry ", texts.size(), " is not a text with at least one character");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace

WordList::WordList(std::vector<std::string> tokens, std::vector<std::string> special,
                   const std::string& where)
    : texts_(std::move(tokens)), n_ordinary_(texts_.size()) {
  std::move(special.begin(), special.end(), std::back_inserter(texts_));
  ids_.reserve(texts_.size());
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto [at, is_new] = ids_.try_emplace(texts_[i], static_cast<TokenId>(i));
    require(is_new, where, ": tokens ", at->second, " and ", i, " are both '", texts_[i], "'");
  }
  unknown_ = find_special(kUnknownToken);
}

WordList WordList::learn(const TokenCounts& counts, const WordListOptions& options) {
  std::vector<std::pair<std::string, std::int64_t>> ranked(counts.begin(), counts.end());
  std::erase_if(ranked, [&](const auto& entry) {  // they are added below
    return options.special_tokens &&
           (entry.first == kEndOfTextToken || entry.first == kUnknownToken);
  });
  require(!ranked.empty(), "there is no text to learn a vocabulary from");
  if (options.vocab_size) {
    require(options.special_tokens, "a vocabulary size needs an unknown token for what it leaves ",
            "out; leave out one of the two options");
    require(*options.vocab_size > 2, "vocabulary size ", *options.vocab_size,
            " is too small: two are special tokens");
    const auto wanted = static_cast<std::size_t>(*options.vocab_size - 2);
    std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    if (ranked.size() > wanted) ranked.resize(wanted);
  }
  std::vector<std::string> tokens;
  for (auto& entry : ranked) tokens.push_back(std::move(entry.first));
  std::sort(tokens.begin(), tokens.end());  // by byte, for UTF-8 the same as by code point
  std::vector<std::string> special;
  if (options.special_tokens) special = {kEndOfTextToken, kUnknownToken};
  return WordList(std::move(tokens), std::move(special), "vocabulary");
}

WordList WordList::load(const std::filesystem::path& file, std::string_view format) {
  const std::string where = file.string();
  const Json json = parse_json(read_file(file, kMaxFileBytes), where);
  require(json.is_object(), where, ": expected one JSON object");
  const std::string found = json_string(json, "format", where);
  require(found == format, where, ": format '", found, "', expected '", format, "'");
  const std::int64_t version = json_int(json, "version", where);
  require(version == 1, where, ": version ", version,
          ", this program reads 1; it was written by a newer one");
  auto tokens = string_list(json, "tokens", where);
  return WordList(std::move(tokens), string_list(json, "special_tokens", where), where);
}

void WordList::save(const std::filesystem::path& file, std::string_view format) const {
  OrderedJson json;
  json["format"] = format;
  json["version"] = 1;
  const auto middle = texts_.begin() + static_cast<std::ptrdiff_t>(n_ordinary_);
  json["tokens"] = std::vector<std::string>(texts_.begin(), middle);
  json["special_tokens"] = std::vector<std::string>(middle, texts_.end());
  write_file_atomic(file, dump_json(json, 1) + "\n");
}

const std::string& WordList::text(TokenId id) const {
  require(id >= 0 && id < size(), "token id ", id, " is outside the vocabulary, 0 to ", size() - 1);
  return texts_[static_cast<std::size_t>(id)];
}

std::optional<TokenId> WordList::find(std::string_view text, SpecialTokens special) const {
  const auto found = ids_.find(text);
  if (found == ids_.end()) return std::nullopt;
  const bool ordinary = static_cast<std::size_t>(found->second) < n_ordinary_;
  if (!ordinary && special == SpecialTokens::kAsText) return std::nullopt;
  return found->second;
}

std::optional<TokenId> WordList::find_special(std::string_view text) const {
  const auto found = ids_.find(text);
  if (found == ids_.end() || static_cast<std::size_t>(found->second) < n_ordinary_) return {};
  return found->second;
}

void require_utf8(std::string_view text, const std::string& where) {
  if (is_valid_utf8(text)) return;
  std::size_t at = 0;
  for (Utf8Char c; (c = decode_utf8(text, at)).valid;) at += c.bytes;
  fail(where, ": byte ", at,
       " is not UTF-8 text; convert the file, or learn a bpe tokenizer, which takes any bytes");
}

}  // namespace gptkit
