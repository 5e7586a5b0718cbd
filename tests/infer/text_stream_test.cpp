#include "infer/text_stream.h"

#include <string>
#include <vector>

#include "infer_support.h"
#include "text/word.h"

namespace gptkit {
namespace {

/// The pieces that a stream hands out, and whether it goes on after each append.
struct Heard {
  std::vector<std::string> pieces;
  TextStream stream;

  explicit Heard(std::vector<std::string> stops)
      : stream(std::move(stops), [this](std::string_view piece) {
          pieces.emplace_back(piece);
          return true;
        }) {}
};

TEST(TextStream, HandsTextOutAsItComes) {
  Heard heard({});
  EXPECT_TRUE(heard.stream.append("a"));
  EXPECT_TRUE(heard.stream.append(""));
  EXPECT_TRUE(heard.stream.append("bc"));
  heard.stream.finish();
  EXPECT_THAT(heard.pieces, testing::ElementsAre("a", "bc"));
  EXPECT_EQ(heard.stream.take(), "abc");
}

TEST(TextStream, HoldsBackWhatMayBecomeAStopText) {
  Heard heard({"stop", "pp"});
  EXPECT_TRUE(heard.stream.append("a st"));
  EXPECT_THAT(heard.pieces, testing::ElementsAre("a "));
  EXPECT_TRUE(heard.stream.append("ay"));
  EXPECT_THAT(heard.pieces, testing::ElementsAre("a ", "stay"));
  EXPECT_TRUE(heard.stream.append("p"));
  EXPECT_FALSE(heard.stream.append("pie"));
  heard.stream.finish();
  EXPECT_THAT(heard.pieces, testing::ElementsAre("a ", "stay"));
  EXPECT_EQ(heard.stream.take(), "a stay");
}

TEST(TextStream, TheStopTextThatBeginsFirstCounts) {
  Heard heard({"world", "lo w"});
  EXPECT_FALSE(heard.stream.append("hello world"));
  EXPECT_EQ(heard.stream.take(), "hel");
}

TEST(TextStream, TextHandedOutIsNoPartOfAStopText) {
  Heard heard({"bb"});
  EXPECT_TRUE(heard.stream.append("b"));
  EXPECT_TRUE(heard.pieces.empty());
  EXPECT_TRUE(heard.stream.append("ab"));
  EXPECT_FALSE(heard.stream.append("b"));
  EXPECT_EQ(heard.stream.take(), "ba");
}

TEST(TextStream, FinishingHandsOutWhatWasHeldBack) {
  Heard heard({"stop"});
  EXPECT_TRUE(heard.stream.append("a sto"));
  heard.stream.finish();
  EXPECT_THAT(heard.pieces, testing::ElementsAre("a ", "sto"));
}

TEST(TextStream, CharactersAreHandedOutWhole) {
  Heard heard({});
  for (const char* byte : {"\xF0", "\x9F", "\x98", "\x80", "!"}) heard.stream.append(byte);
  EXPECT_THAT(heard.pieces, testing::ElementsAre("\xF0\x9F\x98\x80", "!"));
}

TEST(TextStream, AReceiverThatDeclinesEndsIt) {
  int calls = 0;
  TextStream stream({}, [&](std::string_view) { return ++calls < 2; });
  EXPECT_TRUE(stream.append("a"));
  EXPECT_FALSE(stream.append("b"));
  EXPECT_FALSE(stream.append("c"));
  stream.finish();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(stream.take(), "abc") << "the text itself is whole";
}

TEST(TextStream, WithoutAReceiverItCollects) {
  TextStream stream({"x"}, {});
  EXPECT_TRUE(stream.append("ab"));
  EXPECT_FALSE(stream.append("cxd"));
  EXPECT_EQ(stream.take(), "abc");
}

TEST(PieceDecoder, PiecesJoinToTheTextOfTheIds) {
  const auto bytes = test::byte_tokenizer({"th"});
  TokenCounts counts;
  count_words("the cat, the dog. ", "test", counts);
  const std::shared_ptr<const Tokenizer> words = train_word_tokenizer(counts, {});
  for (const auto& [tokenizer, text] :
       {std::pair{bytes, "the t\xC3\xBCr"}, std::pair{words, "the dog, the cat."}}) {
    const auto ids = tokenizer->encode(text);
    PieceDecoder pieces(*tokenizer);
    std::string joined;
    for (const auto id : ids) joined += pieces.next(id);
    const std::string blank = tokenizer == words ? " " : "";
    EXPECT_EQ(joined, blank + tokenizer->decode(ids));
  }
}

}  // namespace
}  // namespace gptkit
