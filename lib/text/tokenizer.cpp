#include "text/tokenizer.h"

#include "base/error.h"
#include "base/files.h"
#include "text/character.h"
#include "text/hugging_face_tokenizer.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_keys.h"
#include "text/word.h"

namespace gptkit {

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  for (const TokenId id : ids) text += token_bytes(id);
  return text;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<TokenId> ids;
  encode_append(text, ids, special);
  return ids;
}

std::optional<TokenId> Tokenizer::begin_of_text() const {
  const auto before = frame().before;
  return before.empty() ? std::nullopt : std::optional(before.front());
}

std::vector<TokenId> encode_beginning(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.frame().before;
  tokenizer.encode_append(text, ids);
  return ids;
}

std::vector<TokenId> encode_text(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = encode_beginning(tokenizer, text);
  const auto behind = tokenizer.frame().behind;
  ids.insert(ids.end(), behind.begin(), behind.end());
  return ids;
}

namespace {

std::shared_ptr<const Tokenizer> load_folder(const fs::path& folder) {
  // First: beside a SentencePiece model, tokenizer.json is that model in another form.
  if (const fs::path file = folder / kSentencePieceFile; is_there(file)) {
    return load_sentencepiece(file);
  }
  if (auto tokenizer = load_hugging_face_tokenizer(folder)) return tokenizer;
  const auto has = [&](const char* name) { return is_there(folder / name); };
  if (has(kWordTokenizerFile)) return load_word_tokenizer(folder / kWordTokenizerFile);
  if (has(kCharacterTokenizerFile)) {
    return load_character_tokenizer(folder / kCharacterTokenizerFile);
  }
  fail(printable(folder.string()),
       ": no tokenizer in this folder; expected tokenizer.json, or vocab.json and ",
       "merges.txt, or tokenizer.model, word_tokenizer.json or character_tokenizer.json");
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& name_or_path) {
  const fs::path path = name_or_path;
  if (name_or_path == "gpt2" && !is_there(path)) {
    const fs::path folder = gptkit_home() / "gpt2";
    auto bpe = is_folder(folder) ? load_hugging_face_tokenizer(folder) : nullptr;
    require(bpe != nullptr, "tokenizer gpt2: no vocab.json and merges.txt in ", folder.string(),
            "; run 'bash third_party/setup.sh --tokenizer gpt2', or set GPTKIT_HOME");
    return bpe;
  }
  require(is_there(path), "tokenizer '", printable(name_or_path),
          "' not found: expected gpt2, a folder with tokenizer files, or a .model file");
  if (is_folder(path)) {
    check_tokenizer_config(path);
    return load_folder(path);
  }
  if (path.extension() == ".model") return load_sentencepiece(path);
  fail(name_or_path,
       ": not a tokenizer: expected gpt2, a folder with tokenizer files, or a .model ", "file");
}

}  // namespace gptkit
