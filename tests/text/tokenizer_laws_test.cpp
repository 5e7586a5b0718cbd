// Laws of every tokenizer: what it encodes comes back.

#include <algorithm>

#include "support/laws.h"
#include "support/support.h"
#include "text/bpe.h"
#include "text/bpe_trainer.h"
#include "text/character.h"
#include "text/sentencepiece.h"
#include "text/word.h"

namespace gptkit::test {
namespace {

std::string sample_text() {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "The quick brown fox, no. " + std::to_string(i * i) + ", doesn't jump over dogs.\n";
  }
  return text;
}

const BpeTokenizer& bpe() {
  static const BpeTokenizer tokenizer = [] {
    PretokenCounts counts;
    counts.add(sample_text());
    return BpeTokenizer(train_bpe(counts, {.vocab_size = 400}));
  }();
  return tokenizer;
}

template <SentencePieceOptions::Algorithm kAlgorithm>
const Tokenizer& sentencepiece() {
  static const auto tokenizer = [] {
    SentencePieceText lines;
    lines.add(sample_text(), "text");
    return train_sentencepiece(lines, {.algorithm = kAlgorithm, .vocab_size = 330});
  }();
  return *tokenizer;
}

RC_GTEST_PROP(TokenizerLaws, BpeGivesAnyBytesBack, ()) {
  const auto text = *any_bytes();
  RC_ASSERT(bpe().decode(bpe().encode(text)) == text);
  RC_ASSERT(bpe().decode(bpe().encode(text, SpecialTokens::kAllow)) == text);
}

RC_GTEST_PROP(TokenizerLaws, BpeOfThreadsIsBpeOfOne, ()) {
  const auto text = *any_bytes();
  const auto threads = *rc::gen::inRange(1, 5);
  RC_ASSERT(encode_parallel(bpe(), text, threads) == bpe().encode(text));
}

RC_GTEST_PROP(TokenizerLaws, TextNeverBecomesASpecialToken, ()) {
  const auto ids = bpe().encode(*any_bytes());
  const auto special = *bpe().special_id("<|endoftext|>");
  RC_ASSERT(std::find(ids.begin(), ids.end(), special) == ids.end());
}

RC_GTEST_PROP(TokenizerLaws, UnigramGivesAnyBytesBack, ()) {
  const auto& tokenizer = sentencepiece<SentencePieceOptions::Algorithm::kUnigram>();
  const auto text = *any_bytes();
  RC_ASSERT(tokenizer.decode(tokenizer.encode(text)) == text);
}

RC_GTEST_PROP(TokenizerLaws, SentencePieceBpeGivesAnyBytesBack, ()) {
  const auto& tokenizer = sentencepiece<SentencePieceOptions::Algorithm::kBpe>();
  const auto text = *any_bytes();
  RC_ASSERT(tokenizer.decode(tokenizer.encode(text)) == text);
}

RC_GTEST_PROP(TokenizerLaws, CharactersComeBackFromTheirOwnText, ()) {
  const auto text = *utf8_text();
  TokenCounts counts;
  count_each_character(text + "a", "text", counts);
  const auto tokenizer = train_character_tokenizer(counts);
  RC_ASSERT(tokenizer->decode(tokenizer->encode(text)) == text);
}

RC_GTEST_PROP(TokenizerLaws, WordsThatAreDecodedEncodeAlike, ()) {
  const auto text = *utf8_text();
  TokenCounts counts;
  count_words(text + " a", "text", counts);
  const auto tokenizer = train_word_tokenizer(counts);
  const auto ids = tokenizer->encode(text);
  RC_ASSERT(tokenizer->encode(tokenizer->decode(ids)) == ids);
}

}  // namespace
}  // namespace gptkit::test
