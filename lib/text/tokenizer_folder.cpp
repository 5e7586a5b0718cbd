#include "text/tokenizer_folder.h"

#include "text/character.h"
#include "text/sentencepiece.h"
#include "text/word.h"

namespace gptkit {

const OwnedFolder& tokenizer_folder() {
  static const OwnedFolder list = {
      .what = "a tokenizer",
      .names = {{"tokenizer.json"},
                {"vocab.json"},
                {"merges.txt"},
                {kSentencePieceFile},
                {kWordTokenizerFile},
                {kCharacterTokenizerFile},
                {"special_tokens_map.json"},
                {"tokenizer_config.json"}},
      .marks = {"tokenizer.json", "vocab.json", "merges.txt", kSentencePieceFile,
                kWordTokenizerFile, kCharacterTokenizerFile}};
  return list;
}

}  // namespace gptkit
