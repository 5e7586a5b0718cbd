#include "text/word.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

std::shared_ptr<const Tokenizer> learn(std::string_view text, const WordListOptions& options = {}) {
  TokenCounts counts;
  count_words(text, "text", counts);
  return train_word_tokenizer(counts, options);
}

std::vector<std::string> words_of(std::string_view text) {
  const auto tokenizer = learn(text);
  std::vector<std::string> words;
  for (const TokenId id : tokenizer->encode(text)) words.push_back(tokenizer->token_bytes(id));
  return words;
}

TEST(Word, CutsAtPunctuationAndWhiteSpace) {
  EXPECT_EQ(
      words_of("Hello, world. Is this-- a test?"),
      (std::vector<std::string>{"Hello", ",", "world", ".", "Is", "this", "--", "a", "test", "?"}));
  EXPECT_EQ(words_of("a---b don't _x_ (y)!"),
            (std::vector<std::string>{"a", "--", "-b", "don", "'", "t", "_", "x", "_", "(", "y",
                                      ")", "!"}));
}

TEST(Word, DropsEveryWhiteSpaceThatPythonKnows) {
  EXPECT_EQ(words_of("a\u00a0b\u2003c\u3000d\x1c"
                     "e\r\n\tf\u0085g\u180eh"),
            (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g\u180eh"}));
}

TEST(Word, SortsByCodePointAndEndsWithTheSpecialTokens) {
  const auto tokenizer = learn("b a B \u00e9 z \U0001f600 \uffee");
  std::vector<std::string> all;
  for (TokenId id = 0; id < tokenizer->vocab_size(); ++id)
    all.push_back(tokenizer->token_bytes(id));
  EXPECT_EQ(all, (std::vector<std::string>{"B", "a", "b", "z", "\u00e9", "\uffee", "\U0001f600",
                                           "<|endoftext|>", "<|unk|>"}));
  EXPECT_EQ(tokenizer->end_of_text(), 7);
  EXPECT_EQ(tokenizer->special_id("<|unk|>"), 8);
  EXPECT_EQ(tokenizer->special_id("a"), std::nullopt);
}

TEST(Word, NamesAnUnknownWordWithoutAnUnknownToken) {
  const auto tokenizer = learn("to be or not", {.special_tokens = false});
  EXPECT_EQ(tokenizer->vocab_size(), 4);
  expect_error([&] { tokenizer->encode("to see"); }, "the word 'see' is not in the vocabulary");
}

TEST(Word, TakesSpecialTokensAsUnknownWordsUnlessAllowed) {
  const auto tokenizer = learn("tea");
  EXPECT_EQ(tokenizer->encode("tea <|endoftext|> coffee"), (std::vector<TokenId>{0, 2, 2}));
  EXPECT_EQ(tokenizer->encode("tea <|endoftext|> coffee", SpecialTokens::kAllow),
            (std::vector<TokenId>{0, 1, 2}));
}

TEST(Word, TakesTheBlankBeforePunctuationAwayAgain) {
  const auto tokenizer = learn("It 's the last he painted , you know : \" ( a ) \" -- b ; c");
  const auto round_trip = [&](std::string_view text) {
    return tokenizer->decode(tokenizer->encode(text));
  };
  EXPECT_EQ(round_trip("It's the last he painted, you know"),
            "It' s the last he painted, you know");
  EXPECT_EQ(round_trip("b; c"), "b ; c");  // the book's pattern leaves ; and : alone
  EXPECT_EQ(round_trip("a--b"), "a -- b");
}

TEST(Word, KeepsTheMostFrequentWordsUpToALimit) {
  const auto tokenizer = learn("a a a b b c c d", {.vocab_size = 4});
  EXPECT_EQ(tokenizer->vocab_size(), 4);
  EXPECT_EQ(tokenizer->encode("a b c d"), (std::vector<TokenId>{0, 1, 3, 3}));
  expect_error([] { learn("a b", {.vocab_size = 2}); }, "too small");
  expect_error([] { learn("a b", {.vocab_size = 9, .special_tokens = false}); }, "unknown token");
}

TEST(Word, ComesBackFromItsFile) {
  ScratchFolder folder;
  const auto tokenizer = learn("say \"hi\" \\ to \u00e9t\u00e9");
  tokenizer->save(folder.path());
  const auto loaded = load_word_tokenizer(folder / kWordTokenizerFile);
  EXPECT_EQ(loaded->vocab_size(), tokenizer->vocab_size());
  for (TokenId id = 0; id < loaded->vocab_size(); ++id) {
    EXPECT_EQ(loaded->token_bytes(id), tokenizer->token_bytes(id));
  }
  EXPECT_EQ(loaded->end_of_text(), tokenizer->end_of_text());
  EXPECT_EQ(load_tokenizer(folder.path().string())->algorithm(), "word");
}

TEST(Word, RefusesBrokenFiles) {
  ScratchFolder folder;
  const auto load = [&](const std::string& content) {
    write_file_atomic(folder / "w.json", content);
    return [&] { load_word_tokenizer(folder / "w.json"); };
  };
  expect_error(load("[]"), "expected one JSON object");
  expect_error(load(R"({"format": "gptkit-character", "version": 1})"), "expected 'gptkit-word'");
  expect_error(load(R"({"format": "gptkit-word", "version": 2})"), "version 2");
  expect_error(load(R"({"format": "gptkit-word", "version": 1, "tokens": {}})"), "'tokens'");
  expect_error(load(R"({"format": "gptkit-word", "version": 1, "tokens": ["a", 1]})"), "entry 1");
  expect_error(load(R"({"format": "gptkit-word", "version": 1, "tokens": [""]})"), "entry 0");
  expect_error(
      load(R"({"format": "gptkit-word", "version": 1, "tokens": ["a"], "special_tokens": ["a"]})"),
      "tokens 0 and 1 are both 'a'");
  expect_error([&] { load_word_tokenizer(folder / "none.json"); }, "none.json");
}

TEST(Word, RefusesIdsOutsideTheVocabularyAndTextThatIsNotUtf8) {
  const auto tokenizer = learn("a b");
  for (const TokenId id : {-1, 4}) {
    expect_error([&] { tokenizer->token_bytes(id); }, "is outside the vocabulary, 0 to 3");
    expect_error([&] { tokenizer->decode(std::vector{id}); }, "is outside the vocabulary");
  }
  expect_error([] { learn("ab\xff"); }, "text: byte 2 is not UTF-8");
}

TEST(Word, GivesTheBooksNumbers) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const auto text = read_file(data / "the-verdict.txt");
  EXPECT_EQ(learn(text, {.special_tokens = false})->vocab_size(), 1130);
  const auto tokenizer = learn(text);
  EXPECT_EQ(tokenizer->vocab_size(), 1132);
  EXPECT_EQ(tokenizer->encode(text).size(), 4690u);
  const std::string sample =
      "Hello, do you like tea? <|endoftext|> In the sunlit terraces of the palace.";
  const auto ids = tokenizer->encode(sample, SpecialTokens::kAllow);
  EXPECT_EQ(ids, (std::vector<TokenId>{1131, 5, 355, 1126, 628, 975, 10, 1130, 55, 988, 956, 984,
                                       722, 988, 1131, 7}));
  EXPECT_EQ(tokenizer->decode(ids),
            "<|unk|>, do you like tea? <|endoftext|> In the sunlit terraces of the <|unk|>.");
}

}  // namespace
}  // namespace gptkit::test
