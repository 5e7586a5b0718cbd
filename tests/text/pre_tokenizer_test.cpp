#include "text/pre_tokenizer.h"

#include "text_support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

std::vector<std::string> pretokens(std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = gpt2_pretoken_end(text, begin);
    EXPECT_GT(end, begin);
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
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

TEST(PreTokenizer, PiecesPutTogetherAreTheText) {
  test::Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random.bytes(random.below(40));
    std::string whole;
    for (const std::string& piece : pretokens(text)) whole += piece;
    ASSERT_EQ(whole, text);
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
    for (std::size_t cut = gpt2_safe_cut(text, 0); cut < text.size();
         cut = gpt2_safe_cut(text, cut + 1), ++cuts) {
      auto both = pretokens(text.substr(0, cut));
      const auto rest = pretokens(text.substr(cut));
      both.insert(both.end(), rest.begin(), rest.end());
      ASSERT_EQ(both, pretokens(text)) << testing::PrintToString(text) << " cut at " << cut;
    }
  }
  EXPECT_GT(cuts, 10000);
  EXPECT_EQ(gpt2_safe_cut("word", 0), 4u);
  EXPECT_EQ(gpt2_safe_cut("two words", 0), 3u);
}

}  // namespace
}  // namespace gptkit
