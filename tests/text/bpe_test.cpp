#include "text/bpe.h"

#include <chrono>
#include <numeric>
#include <thread>

#include "text_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::Random;
using test::small_model;
using testing::ElementsAre;

/// The definition, word for word: merge the pair of least rank, leftmost, until none is left.
std::vector<TokenId> merge_plainly(const BpeModel& model, std::string_view piece) {
  std::vector<TokenId> ids;
  for (const char byte : piece) ids.push_back(static_cast<unsigned char>(byte));
  for (;;) {
    std::size_t best_rank = model.merges.size(), best = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto it =
          std::find(model.merges.begin(), model.merges.end(), std::pair(ids[i], ids[i + 1]));
      const auto rank = static_cast<std::size_t>(it - model.merges.begin());
      if (rank < best_rank) best_rank = rank, best = i;
    }
    if (best_rank == model.merges.size()) return ids;
    const std::string merged = model.tokens[ids[best]] + model.tokens[ids[best + 1]];
    const auto it = std::find(model.tokens.begin(), model.tokens.end(), merged);
    ids[best] = static_cast<TokenId>(it - model.tokens.begin());
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

/// `count` random merges over the letters a and b.
BpeModel random_model(Random& random, std::size_t count) {
  std::vector<std::string> tokens = {"a", "b"};
  std::vector<std::pair<std::string, std::string>> merges;
  while (merges.size() < count) {
    std::pair merge{tokens[random.below(tokens.size())], tokens[random.below(tokens.size())]};
    if (std::find(merges.begin(), merges.end(), merge) != merges.end()) continue;
    tokens.push_back(merge.first + merge.second);
    merges.push_back(std::move(merge));
  }
  return small_model(merges);
}

TEST(Bpe, MergesTheLowestRankFirst) {
  const BpeTokenizer tokenizer(small_model());
  EXPECT_THAT(tokenizer.encode("hello"), ElementsAre(259));
  EXPECT_THAT(tokenizer.encode("hello hello"), ElementsAre(259, 260));
  EXPECT_THAT(tokenizer.encode("helo"), ElementsAre(256, 'l', 'o'));
  EXPECT_THAT(tokenizer.encode(""), ElementsAre());
  EXPECT_EQ(tokenizer.vocab_size(), 262);
  EXPECT_EQ(tokenizer.algorithm(), "bpe");
}

TEST(Bpe, ShortAndLongPiecesMergeAsTheDefinitionSays) {
  Random random(3);
  for (int round = 0; round < 60; ++round) {
    const BpeModel model = random_model(random, 1 + random.below(40));
    const BpeTokenizer tokenizer(model);
    for (int i = 0; i < 20; ++i) {
      std::string piece;
      for (std::size_t n = random.below(i < 15 ? 70 : 300); n > 0; --n) {
        piece += static_cast<char>('a' + random.below(2));
      }
      ASSERT_EQ(tokenizer.encode(piece), merge_plainly(model, piece)) << piece;
    }
  }
}

TEST(Bpe, ATokenThatMergesDoNotMakeIsNotTakenWhole) {
  BpeModel model = small_model({{"a", "b"}, {"b", "c"}, {"a", "bc"}});  // "abc" becomes ab + c
  const TokenId abc = 258;
  ASSERT_EQ(model.tokens[abc], "abc");
  EXPECT_THAT(BpeTokenizer(model).encode("abc"), ElementsAre(256, 'c'));
  model.ignore_merges = true;
  EXPECT_THAT(BpeTokenizer(model).encode("abc"), ElementsAre(abc));
}

TEST(Bpe, EveryByteAndEveryPairOfBytesComesBack) {
  const BpeTokenizer tokenizer(small_model());
  for (int first = 0; first < 256; ++first) {
    std::string text(1, static_cast<char>(first));
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    for (int second = 0; second < 256; ++second) {
      const std::string pair = text + static_cast<char>(second);
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(pair)), pair);
    }
  }
}

TEST(Bpe, IllFormedUtf8ComesBack) {
  const BpeTokenizer tokenizer(small_model());
  for (const std::string text : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE4\xB8",
                                 "\x80", "hello\xFFhello", "\xF0\x9F\x98 \xF0\x9F\x98\x80"}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << testing::PrintToString(text);
  }
}

TEST(Bpe, AnyBytesComeBackAndEqualTextsEncodeAlike) {
  const BpeTokenizer tokenizer(small_model());
  Random random(4);
  for (int i = 0; i < 100000; ++i) {
    const std::string text = random.bytes(random.below(48));
    const auto ids = tokenizer.encode(text);
    ASSERT_EQ(tokenizer.decode(ids), text);
    ASSERT_EQ(tokenizer.encode(text), ids);
  }
}

TEST(Bpe, TwoTokenizersOnOneThreadDoNotMixUp) {
  const BpeTokenizer one(small_model()), other(small_model({{"l", "o"}}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(one.encode("hello"), ElementsAre(259));
    EXPECT_THAT(other.encode("hello"), ElementsAre('h', 'e', 'l', 256));
  }
}

TEST(Bpe, SpecialTokensAreTextUnlessAllowed) {
  const BpeTokenizer tokenizer(small_model());
  const std::string text = "hello<|endoftext|>hello<|endoftext";
  EXPECT_EQ(tokenizer.end_of_text(), 261);
  EXPECT_THAT(tokenizer.encode(text), testing::Not(testing::Contains(261)));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);

  const auto ids = tokenizer.encode(text, SpecialTokens::kAllow);
  EXPECT_THAT(std::vector(ids.begin(), ids.begin() + 4), ElementsAre(259, 261, 259, '<'));
  EXPECT_EQ(tokenizer.decode(ids), text);
  EXPECT_THAT(tokenizer.encode("<|endoftext|><|endoftext|>", SpecialTokens::kAllow),
              ElementsAre(261, 261));
}

TEST(Bpe, AddedSpecialTokensStandAtTheEndAndTheLongestMatches) {
  const BpeTokenizer tokenizer(small_model());
  const std::vector<std::string> texts = {"<|user|>", "<|endoftext|>", "<|user", "<|user|>",
                                          "two words"};
  const auto more = tokenizer.with_special_tokens(texts);
  EXPECT_EQ(more->vocab_size(), 265);
  EXPECT_EQ(more->special_id("<|user|>"), 262);
  EXPECT_EQ(more->special_id("<|endoftext|>"), 261);
  EXPECT_EQ(more->special_id("nothing"), std::nullopt);
  EXPECT_THAT(more->encode("<|user|><|user two words", SpecialTokens::kAllow),
              ElementsAre(262, 263, ' ', 264));
  EXPECT_EQ(more->encode("hello <|user|>"), tokenizer.encode("hello <|user|>"));
}

TEST(Bpe, IdsOutsideTheVocabularyAreRefused) {
  const BpeTokenizer tokenizer(small_model());
  for (const TokenId id : {-1, 262, 2147483647}) {
    EXPECT_FALSE(tokenizer.contains(id));
    expect_error([&] { tokenizer.token_bytes(id); }, "outside the vocabulary, 0 to 261");
    expect_error([&] { tokenizer.decode(std::vector{259, id}); }, std::to_string(id));
  }
}

TEST(Bpe, TokensOfAnyTextAreFoundInIt) {
  BpeModel model = BpeTokenizer(small_model())
                       .with_special_tokens(std::vector<std::string>{"<t>", "<tt>"})
                       ->model();
  model.found_in_text = {262};
  const BpeTokenizer tokenizer(model);
  EXPECT_EQ(tokenizer.encode("a<t>\xff<tt>"),
            (std::vector<TokenId>{'a', 262, 0xff, '<', 't', 't', '>'}));
  EXPECT_EQ(tokenizer.encode("a<t><tt>", SpecialTokens::kAllow),
            (std::vector<TokenId>{'a', 262, 263}));
  std::string text;
  while (text.size() < 3'000'000) text += "hello <t>\nhello";
  EXPECT_EQ(encode_parallel(tokenizer, text, 2), tokenizer.encode(text));
}

TEST(Bpe, BytesWithoutATokenAreLeftOut) {
  BpeModel model = small_model();
  model.tokens[4] = "four";
  model.tokens[0xff] = "another";
  const BpeTokenizer tokenizer(model);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("he\x04llo \xff")), "hello ");
  EXPECT_EQ(tokenizer.encode("\x04\xff"), std::vector<TokenId>{});
  EXPECT_EQ(tokenizer.encode("!\xff!"), (std::vector<TokenId>{'!', '!'}));
  const std::string rare(1000, '\xff');
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(rare + "." + rare)), ".");
}

TEST(Bpe, BrokenModelsAreRefused) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    BpeModel model = small_model();
    spoil(model);
    expect_error([&] { BpeTokenizer tokenizer(model, "some file"); }, part);
  };
  refused([](BpeModel& m) { m.tokens[65] = "hello again"; },
          "some file: byte 65 ('A') has no token");
  refused([](BpeModel& m) { m.tokens[256] = "hello"; }, "tokens 256 and 259 are the same: hello");
  refused([](BpeModel& m) { m.tokens[257].clear(); }, "token 257 is empty");
  refused([](BpeModel& m) { m.merges[0] = {'x', 'y'}; }, "merge 0 makes 'xy'");
  refused([](BpeModel& m) { m.merges[1] = m.merges[0]; }, "merge 1 ('h' 'e') is listed twice");
  refused([](BpeModel& m) { m.merges[0].first = 300; }, "merge 0 names token 300");
  refused([](BpeModel& m) { m.merges[0].first = -1; }, "merge 0 names token -1");
  refused([](BpeModel& m) { m.special.push_back(262); }, "special token 262 is outside");
  refused([](BpeModel& m) { m.special.push_back(261); }, "special token 261 is listed twice");
  refused([](BpeModel& m) { m.found_in_text = {5}; }, "token 5 is matched in any text but");
  refused([](BpeModel& m) { m.found_in_text = {-1}; }, "token -1 is matched in any text but");
  refused(
      [](BpeModel& m) {
        m.tokens[261] = "<a b>";
        m.found_in_text = {261};
      },
      "contains white space");
  refused([](BpeModel& m) { m.frame.before = {262}; }, "begins or ends a text is 262, outside");
  refused([](BpeModel& m) { m.end_of_text = -1; }, "begins or ends a text is -1, outside");
  refused([](BpeModel& m) { m.special.push_back(256); }, "merge 0 makes 'he', which is not");
}

TEST(Bpe, ParallelEncodingGivesTheSameIds) {
  const BpeTokenizer plain(small_model());
  const auto tokenizer = plain.with_special_tokens(std::vector<std::string>{"a b", " hello"});
  const std::vector<std::string> parts = {"hello",         " hello", "a b", "\n",
                                          "<|endoftext|>", "\u3000", " ",   "\xFF"};
  Random random(5);
  std::string text;
  while (text.size() < (9u << 20)) text += parts[random.below(parts.size())];
  for (const auto special : {SpecialTokens::kAsText, SpecialTokens::kAllow}) {
    const auto ids = tokenizer->encode(text, special);
    EXPECT_EQ(encode_parallel(*tokenizer, text, 4, special), ids);
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
  const std::string unbroken(3u << 20, 'h');
  EXPECT_EQ(encode_parallel(*tokenizer, unbroken, 2), tokenizer->encode(unbroken));
}

TEST(Bpe, EightThreadsMayEncodeAtOnce) {
  const BpeTokenizer tokenizer(small_model());
  Random random(6);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i)
    texts.push_back("hello " + random.bytes(random.below(100)) + " hell");
  std::vector<std::vector<TokenId>> want;
  for (const std::string& text : texts) want.push_back(tokenizer.encode(text));

  std::vector<int> wrong(8);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < texts.size(); ++i)
        wrong[t] += tokenizer.encode(texts[i]) != want[i];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::accumulate(wrong.begin(), wrong.end(), 0), 0);
}

/// Seconds of the fastest of three encodings.
double seconds_to_encode(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    tokenizer.encode(text);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  return best;
}

TEST(Bpe, TimeGrowsLinearlyWhateverTheText) {
  const BpeTokenizer tokenizer(
      small_model({{"a", "a"}, {"aa", "aa"}, {"^", "^"}, {" ", " "}, {"\n", "\n"}}));
  for (const std::string part : {"a", "^", " ", "\n", "😀", "\xFF", "'", " a", "\u3000", "ab"}) {
    std::string small, large;
    for (int i = 0; i < 20000; ++i) small += part;
    for (int i = 0; i < 20; ++i) large += small;
    // 20 times the text: a quadratic way would take 400 times as long.
    EXPECT_LT(seconds_to_encode(tokenizer, large), 100 * seconds_to_encode(tokenizer, small) + 0.05)
        << testing::PrintToString(part);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(large)), large);
  }
}

}  // namespace
}  // namespace gptkit
