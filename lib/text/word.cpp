#include "text/word.h"

#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace gptkit {
namespace {

constexpr const char* kFormat = "gptkit-word";
constexpr std::string_view kPunctuation = ",.:;?_!\"()'";
constexpr std::string_view kClosing = ",.?!\"()'";  // no blank before these

/// Python's \s: White_Space and the four separators U+001C to U+001F.
bool is_python_space(char32_t code) {
  return char_class(code) == CharClass::kSpace || (code >= 0x1c && code <= 0x1f);
}

template <class Visit>
void for_each_word(std::string_view text, Visit&& visit) {
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) visit(text.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const bool space = c.valid && is_python_space(c.code);
    std::size_t separator = 0;
    if (space) {
      separator = c.bytes;
    } else if (kPunctuation.find(text[at]) != kPunctuation.npos) {
      separator = 1;
    } else if (text.substr(at, 2) == "--") {
      separator = 2;
    }
    if (separator > 0) {
      end_word(at);
      if (!space) visit(text.substr(at, separator));
      begin = at + separator;
    }
    at += separator > 0 ? separator : c.bytes;
  }
  end_word(text.size());
}

class WordTokenizer final : public Tokenizer {
 public:
  explicit WordTokenizer(WordList words) : words_(std::move(words)) {}

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special) const override {
    for_each_word(text, [&](std::string_view word) {
      auto id = words_.find(word, special);
      if (!id) id = words_.unknown();
      require(id.has_value(), "the word '", word, "' is not in the vocabulary of ", words_.size(),
              " words and there is no ", kUnknownToken, " token for it");
      ids.push_back(*id);
    });
  }

  std::string token_bytes(TokenId id) const override { return words_.text(id); }

  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string& word = words_.text(ids[i]);
      if (i > 0 && kClosing.find(word[0]) == kClosing.npos) text += ' ';
      text += word;
    }
    return text;
  }

  std::int64_t vocab_size() const override { return words_.size(); }
  std::optional<TokenId> special_id(std::string_view text) const override {
    return words_.find_special(text);
  }
  std::optional<TokenId> end_of_text() const override {
    return words_.find_special(kEndOfTextToken);
  }
  std::string algorithm() const override { return "word"; }
  void save(const std::filesystem::path& folder) const override {
    words_.save(folder / kWordTokenizerFile, kFormat);
  }

 private:
  WordList words_;
};

}  // namespace

void count_words(std::string_view text, const std::string& where, TokenCounts& counts) {
  require_utf8(text, where);
  for_each_word(text, [&](std::string_view word) { ++counts[std::string(word)]; });
}

std::shared_ptr<const Tokenizer> train_word_tokenizer(const TokenCounts& counts,
                                                      const WordListOptions& options) {
  return std::make_shared<WordTokenizer>(WordList::learn(counts, options));
}

std::shared_ptr<const Tokenizer> load_word_tokenizer(const std::filesystem::path& file) {
  return std::make_shared<WordTokenizer>(WordList::load(file, kFormat));
}

}  // namespace gptkit
