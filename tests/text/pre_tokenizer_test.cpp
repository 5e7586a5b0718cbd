#include "text/pre_tokenizer.h"

#include "text_support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

std::vector<std::string> pretokens(std::string_view text,
                                   PreTokenPattern pattern = PreTokenPattern::kGpt2) {
  std::vector<std::string> pieces;
  with_pretoken_end(pattern, [&](const auto& pretoken_end) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = pretoken_end(text, begin);
      ASSERT_GT(end, begin);
      pieces.emplace_back(text.substr(begin, end - begin));
      begin = end;
    }
  });
  return pieces;
}

std::vector<std::string> llama3(std::string_view text) {
  return pretokens(text, PreTokenPattern::kLlama3);
}
std::vector<std::string> qwen2(std::string_view text) {
  return pretokens(text, PreTokenPattern::kQwen2);
}
std::vector<std::string> smollm(std::string_view text) {
  return pretokens(text, PreTokenPattern::kSmolLm);
}

TEST(PreTokenizer, WordsNumbersAndSymbolsTakeOneBlank) {
  EXPECT_THAT(pretokens("Hello world, it is 1984!!"),
              ElementsAre("Hello", " world", ",", " it", " is", " 1984", "!!"));
  EXPECT_THAT(pretokens("a1b2 _x"), ElementsAre("a", "1", "b", "2", " _", "x"));
}

TEST(PreTokenizer, ContractionsAreLowerCaseAsciiOnly) {
  EXPECT_THAT(pretokens("I'm we'll 'tis"), ElementsAre("I", "'m", " we", "'ll", " '", "tis"));
  EXPECT_THAT(pretokens("'tis"), ElementsAre("'t", "is"));
  EXPECT_THAT(pretokens("I'M we'LL"), ElementsAre("I", "'", "M", " we", "'", "LL"));
  EXPECT_THAT(pretokens("it’s"), ElementsAre("it", "’", "s"));
  EXPECT_THAT(pretokens("''s 'r"), ElementsAre("''", "s", " '", "r"));
}

TEST(PreTokenizer, ARunOfWhiteSpaceLeavesItsLastCharacterBehind) {
  EXPECT_THAT(pretokens("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(pretokens("a \n\n b"), ElementsAre("a", " \n\n", " b"));
  EXPECT_THAT(pretokens("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(pretokens("a\r\nb"), ElementsAre("a", "\r", "\n", "b"));
  EXPECT_THAT(pretokens("a\tb"), ElementsAre("a", "\t", "b"));
  EXPECT_THAT(pretokens("a  "), ElementsAre("a", "  "));
  EXPECT_THAT(pretokens("a \u3000\u00a0b"), ElementsAre("a", " \u3000", "\u00a0", "b"));
}

TEST(PreTokenizer, UnicodeClassesDecide) {
  EXPECT_THAT(pretokens("Привет мир"), ElementsAre("Привет", " мир"));
  EXPECT_THAT(pretokens("x²Ⅷ٣y"), ElementsAre("x", "²Ⅷ٣", "y"));
  EXPECT_THAT(pretokens("e\u0301a"), ElementsAre("e", "\u0301", "a"));
  EXPECT_THAT(pretokens("a\u180eb"), ElementsAre("a", "\u180e", "b"));
}

TEST(PreTokenizer, IllFormedBytesAreSymbols) {
  EXPECT_THAT(pretokens("a\xFF\x80!b"), ElementsAre("a", "\xFF\x80!", "b"));
  EXPECT_THAT(pretokens("a \xE4\xB8"), ElementsAre("a", " \xE4\xB8"));
  EXPECT_THAT(pretokens(" \xC2"), ElementsAre(" \xC2"));
}

TEST(PreTokenizer, Llama3TakesNumbersByThreesAndSymbolsBeforeLetters) {
  EXPECT_THAT(llama3("1234567 8"), ElementsAre("123", "456", "7", " ", "8"));
  EXPECT_THAT(llama3("a(b) \tc"), ElementsAre("a", "(b", ")", " ", "\tc"));
  EXPECT_THAT(llama3("!!abc .."), ElementsAre("!!", "abc", " .."));
  EXPECT_THAT(llama3("I'M we'LL 'tis"), ElementsAre("I", "'M", " we", "'LL", " '", "tis"));
  EXPECT_THAT(llama3("'\u017fa 'la"), ElementsAre("'\u017f", "a", " '", "la"));
}

TEST(PreTokenizer, Llama3TakesLineEndsWithSymbolsAndSpacesBeforeThem) {
  EXPECT_THAT(llama3("a.\r\n\nb"), ElementsAre("a", ".\r\n\n", "b"));
  EXPECT_THAT(llama3("a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(llama3("a\nb"), ElementsAre("a", "\n", "b"));
  EXPECT_THAT(llama3(" \t\u3000"), ElementsAre(" \t\u3000"));
  EXPECT_THAT(llama3("\n"), ElementsAre("\n"));
}

TEST(PreTokenizer, Llama3TakesIllFormedBytesForSymbols) {
  EXPECT_THAT(llama3("\xFF"
                     "a\xC2\x80\xFF\n\xE4\xB8"),
              ElementsAre("\xFF"
                          "a",
                          "\xC2\x80\xFF\n", "\xE4\xB8"));
}

TEST(PreTokenizer, Qwen2AndSmolLmTakeNumbersOneByOne) {
  EXPECT_THAT(qwen2("a 12\u0663b"), ElementsAre("a", " ", "1", "2", "\u0663", "b"));
  EXPECT_THAT(smollm("a 12\u0663b"), ElementsAre("a", " ", "1", "2", "\u0663", "b"));
}

TEST(PreTokenizer, SmolLmsStretchesEndAtNumbers) {
  EXPECT_THAT(smollm("a   1"), ElementsAre("a", "   ", "1"));
  EXPECT_THAT(smollm("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(smollm("it's .5"), ElementsAre("it", "'s", " .", "5"));
}

TEST(PreTokenizer, PiecesPutTogetherAreTheText) {
  test::Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random.bytes(random.below(40));
    for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
      std::string whole;
      for (const std::string& piece : pretokens(text, pattern)) whole += piece;
      ASSERT_EQ(whole, text) << name;
    }
  }
}

TEST(PreTokenizer, ASafeCutChangesNoPreToken) {
  const std::vector<std::string> parts = {"a",    " ",  "\n",     "\u3000", "\xC2", "\x85", "'",
                                          "s",    "1",  "!",      "\t",     "中",   "\xE2", "\x80",
                                          "\xA8", "ll", "\u00a0", "\u2028", "\r\n"};
  test::Random random(2);
  int cuts = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (std::size_t n = random.below(12); n > 0; --n) text += parts[random.below(parts.size())];
    for (std::size_t cut = pretoken_safe_cut(text, 0); cut < text.size();
         cut = pretoken_safe_cut(text, cut + 1), ++cuts) {
      for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
        auto both = pretokens(text.substr(0, cut), pattern);
        const auto rest = pretokens(text.substr(cut), pattern);
        both.insert(both.end(), rest.begin(), rest.end());
        ASSERT_EQ(both, pretokens(text, pattern))
            << name << ": " << testing::PrintToString(text) << " cut at " << cut;
      }
    }
  }
  EXPECT_GT(cuts, 10000);
  EXPECT_EQ(pretoken_safe_cut("word", 0), 4u);
  EXPECT_EQ(pretoken_safe_cut("two words", 0), 3u);
  EXPECT_EQ(pretoken_safe_cut("one.\ntwo\nthree", 0), 8u);
}

TEST(PreTokenizer, LongRunsTakeLinearTime) {
  for (const std::string part :
       {"a", "1", "!", " ", "\n", "' ", " \n", "!\n", " 1", "'l", "\xFF"}) {
    std::string text;
    while (text.size() < 200'000) text += part;
    for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
      EXPECT_GT(pretokens(text, pattern).size(), 0u) << name;
    }
  }
}

}  // namespace
}  // namespace gptkit
