#include "text/character.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

std::shared_ptr<const Tokenizer> learn(std::string_view text, const WordListOptions& options) {
  TokenCounts counts;
  count_each_character(text, "text", counts);
  return train_character_tokenizer(counts, options);
}

TEST(Character, HasOneTokenPerCodePointInOrder) {
  const auto tokenizer = learn("b\u00e9a\U0001f600\n", {.special_tokens = false});
  EXPECT_EQ(tokenizer->vocab_size(), 5);
  EXPECT_EQ(tokenizer->encode("\nab\u00e9\U0001f600"), (std::vector<TokenId>{0, 1, 2, 3, 4}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("\u00e9a\nb")), "\u00e9a\nb");
  EXPECT_EQ(tokenizer->end_of_text(), std::nullopt);
}

TEST(Character, NamesWhatItDoesNotKnow) {
  const auto tokenizer = learn("abc", {.special_tokens = false});
  expect_error([&] { tokenizer->encode("ab\u00e9"); }, "the character '\u00e9' (U+00E9) at byte 2");
  expect_error([&] { tokenizer->encode("a\xff"); }, "the byte 0xFF (not UTF-8) at byte 1");
}

TEST(Character, TurnsTheUnknownIntoItsTokenWhenItHasOne) {
  const auto tokenizer = learn("ab<|>", {.special_tokens = true});
  EXPECT_EQ(tokenizer->vocab_size(), 7);
  EXPECT_EQ(tokenizer->encode("a\xff"
                              "b"),
            (std::vector<TokenId>{2, 6, 3}));
  EXPECT_EQ(tokenizer->encode("a<|endoftext|>b", SpecialTokens::kAllow),
            (std::vector<TokenId>{2, 5, 3}));
  EXPECT_EQ(tokenizer->encode("<|>"), (std::vector<TokenId>{0, 4, 1}));
  EXPECT_EQ(tokenizer->encode("<|endoftext|>").size(), 13u);
}

TEST(Character, ComesBackFromItsFile) {
  ScratchFolder folder;
  const auto tokenizer = learn(std::string("\"\\\n\t\x01\0z\u2028", 10), {.special_tokens = true});
  tokenizer->save(folder.path());
  const auto loaded = load_tokenizer(folder.path().string());
  EXPECT_EQ(loaded->algorithm(), "char");
  EXPECT_EQ(loaded->vocab_size(), tokenizer->vocab_size());
  for (TokenId id = 0; id < loaded->vocab_size(); ++id) {
    EXPECT_EQ(loaded->token_bytes(id), tokenizer->token_bytes(id));
  }
}

TEST(Character, RefusesIdsOutsideTheVocabulary) {
  const auto tokenizer = learn("abc", {.special_tokens = false});
  expect_error([&] { tokenizer->token_bytes(3); }, "token id 3 is outside the vocabulary, 0 to 2");
  expect_error([&] { tokenizer->token_bytes(-1); }, "outside");
  expect_error([] { learn("", {}); }, "no text");
}

TEST(Character, HasTheSymbolsOfTinyShakespeare) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const auto text = read_file(data / "tinyshakespeare.txt");
  const auto tokenizer = learn(text, {.special_tokens = false});
  EXPECT_EQ(tokenizer->vocab_size(), 65);  // as nanoGPT's prepare.py prints
  EXPECT_EQ(tokenizer->encode("hii there"),
            (std::vector<TokenId>{46, 47, 47, 1, 58, 46, 43, 56, 43}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
}

}  // namespace
}  // namespace gptkit::test
