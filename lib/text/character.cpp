#include "text/character.h"

#include <iomanip>
#include <map>
#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace gptkit {
namespace {

constexpr const char* kFormat = "gptkit-character";

class CharacterTokenizer final : public Tokenizer {
 public:
  explicit CharacterTokenizer(WordList characters) : characters_(std::move(characters)) {}

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special) const override {
    for (std::size_t at = 0; at < text.size();) {
      if (special == SpecialTokens::kAllow && text[at] == '<') {
        if (const auto [id, bytes] = special_at(text.substr(at)); id) {
          ids.push_back(*id);
          at += bytes;
          continue;
        }
      }
      const Utf8Char c = decode_utf8(text, at);
      auto id = characters_.find(text.substr(at, c.bytes), SpecialTokens::kAsText);
      if (!id) id = characters_.unknown();
      if (!id) fail_unknown(text.substr(at, c.bytes), c, at);
      ids.push_back(*id);
      at += c.bytes;
    }
  }

  std::string token_bytes(TokenId id) const override { return characters_.text(id); }
  std::int64_t vocab_size() const override { return characters_.size(); }
  std::optional<TokenId> special_id(std::string_view text) const override {
    return characters_.find_special(text);
  }
  std::optional<TokenId> end_of_text() const override {
    return characters_.find_special(kEndOfTextToken);
  }
  std::string algorithm() const override { return "char"; }
  void save(const std::filesystem::path& folder) const override {
    characters_.save(folder / kCharacterTokenizerFile, kFormat);
  }

 private:
  WordList characters_;

  std::pair<std::optional<TokenId>, std::size_t> special_at(std::string_view text) const {
    for (const std::string_view token : {kEndOfTextToken, kUnknownToken}) {
      if (text.starts_with(token)) return {characters_.find_special(token), token.size()};
    }
    return {};
  }

  [[noreturn]] void fail_unknown(std::string_view bytes, const Utf8Char& c, std::size_t at) const {
    std::ostringstream name;
    name << std::hex << std::uppercase << std::setfill('0');
    if (c.valid) {
      name << "the character '" << bytes << "' (U+" << std::setw(4)
           << static_cast<std::uint32_t>(c.code) << ")";
    } else {
      name << "the byte 0x" << std::setw(2) << static_cast<int>(static_cast<std::uint8_t>(bytes[0]))
           << " (not UTF-8)";
    }
    fail(name.str(), " at byte ", at, " is not in the vocabulary of ", characters_.size(),
         " characters and there is no ", kUnknownToken, " token for it");
  }
};

}  // namespace

void count_each_character(std::string_view text, const std::string& where, TokenCounts& counts) {
  require_utf8(text, where);
  std::map<std::string_view, std::int64_t> seen;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = decode_utf8(text, at).bytes;
    ++seen[text.substr(at, bytes)];
    at += bytes;
  }
  for (const auto& [character, count] : seen) counts[std::string(character)] += count;
}

std::shared_ptr<const Tokenizer> train_character_tokenizer(const TokenCounts& counts,
                                                           const WordListOptions& options) {
  return std::make_shared<CharacterTokenizer>(WordList::learn(counts, options));
}

std::shared_ptr<const Tokenizer> load_character_tokenizer(const std::filesystem::path& file) {
  return std::make_shared<CharacterTokenizer>(WordList::load(file, kFormat));
}

}  // namespace gptkit
