#include "text/bpe_trainer.h"

#include <map>

#include "base/files.h"
#include "support/support.h"
#include "text/hugging_face_tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/text_support.h"

namespace gptkit::test {
namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

PretokenCounts count(std::string_view text, int threads = 1) {
  PretokenCounts counts;
  counts.add(text, threads);
  return counts;
}

BpeModel learn(std::string_view text, std::int64_t vocab_size, std::int64_t min_count = 2) {
  return train_bpe(count(text), {.vocab_size = vocab_size, .min_count = min_count});
}

Merges texts_of_merges(const BpeModel& model) {
  Merges texts;
  for (const auto& [left, right] : model.merges) {
    texts.emplace_back(model.tokens[left], model.tokens[right]);
  }
  return texts;
}

/// The definition itself: count every pair anew for every merge.
Merges learn_slowly(std::string_view text, std::size_t n_merges, std::int64_t min_count) {
  const BpeModel bytes = learn("x", 257);
  std::map<std::string, TokenId> ids;
  std::vector<std::string> tokens(bytes.tokens.begin(), bytes.tokens.begin() + 256);
  for (std::size_t i = 0; i < 256; ++i) ids[tokens[i]] = static_cast<TokenId>(i);
  std::vector<std::vector<TokenId>> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = gpt2_pretoken_end(text, begin);
    words.emplace_back();
    for (; begin < end; ++begin) words.back().push_back(ids.at(std::string(1, text[begin])));
  }
  Merges merges;
  while (merges.size() < n_merges) {
    std::map<std::pair<TokenId, TokenId>, std::int64_t> counts;
    for (const auto& word : words) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    }
    auto best = counts.end();
    for (auto at = counts.begin(); at != counts.end(); ++at) {
      if (best == counts.end() || at->second > best->second) best = at;  // ties: smallest ids
    }
    if (best == counts.end() || best->second < min_count) break;
    const auto [left, right] = best->first;
    merges.emplace_back(tokens[left], tokens[right]);
    const std::string merged = tokens[left] + tokens[right];
    const auto [id, is_new] = ids.try_emplace(merged, static_cast<TokenId>(tokens.size()));
    if (is_new) tokens.push_back(merged);
    for (auto& word : words) {
      std::vector<TokenId> next;
      for (std::size_t i = 0; i < word.size(); ++i) {
        const bool pair = i + 1 < word.size() && word[i] == left && word[i + 1] == right;
        next.push_back(pair ? id->second : word[i]);
        i += pair;
      }
      word = next;
    }
  }
  return merges;
}

TEST(BpeTrainer, NumbersBytesThenMergesThenSpecialTokens) {
  const auto model = learn("low low low lower lower newest newest", 260);
  EXPECT_EQ(model.tokens[0], "!");       // GPT-2's order: printable Latin-1 first
  EXPECT_EQ(model.tokens[187], "\xff");  // its last
  EXPECT_EQ(model.tokens[188], std::string(1, '\0'));
  EXPECT_EQ(model.tokens[220], " ");
  EXPECT_EQ(model.tokens[256], "lo");
  EXPECT_EQ(model.tokens[257], "low");
  EXPECT_EQ(model.tokens[259], "<|endoftext|>");
  EXPECT_EQ(model.special, std::vector<TokenId>{259});
}

TEST(BpeTrainer, BreaksTiesByTheSmallestIds) {
  // "ab", "cd" and "xy" occur twice each.
  const auto model = learn("xy cd ab ab cd xy", 258, /*min_count=*/2);
  EXPECT_EQ(texts_of_merges(model), (Merges{{"a", "b"}}));
}

TEST(BpeTrainer, MergesAsTheDefinitionDoes) {
  std::uint64_t state = 3;
  for (int round = 0; round < 60; ++round) {
    std::string text;
    for (int i = 0; i < 400; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += "aaab c"[(state >> 33) % 6];  // runs of one letter are where merges overlap
    }
    EXPECT_EQ(texts_of_merges(learn(text, 257 + 40)), learn_slowly(text, 40, 2)) << text;
  }
}

TEST(BpeTrainer, StopsWhenNoPairOccursOftenEnough) {
  EXPECT_TRUE(learn("abcdef", 300).merges.empty());
  EXPECT_EQ(learn("abcdef", 300, /*min_count=*/1).merges.size(), 5u);
}

TEST(BpeTrainer, LearnsTheSameWithAnyNumberOfThreadsAndInAnyOrder) {
  std::string text;
  for (int i = 0; text.size() < 10'000'000; ++i) {
    text += "word" + std::to_string(i % 977) + (i % 7 == 0 ? "\n" : " and ");
  }
  const auto whole = train_bpe(count(text, 4), {.vocab_size = 600});
  PretokenCounts halves;
  const auto cut = pretoken_safe_cut(text, text.size() / 2);
  halves.add(std::string_view(text).substr(cut), 1);
  halves.add(std::string_view(text).substr(0, cut), 1);
  EXPECT_EQ(whole, train_bpe(halves, {.vocab_size = 600}));
  EXPECT_EQ(halves.bytes(), std::ssize(text));
}

TEST(BpeTrainer, LearnsNothingFromSpecialTokens) {
  const auto with = count("one two<|endoftext|>one two<|endoftext|><|endoftext|>");
  const auto without = count("one twoone two");
  EXPECT_FALSE(with.counts().contains("endoftext"));
  EXPECT_EQ(with.counts().at("one"), 2);
  EXPECT_EQ(without.counts().count("twoone"), 0u);  // " twoone" carries its blank
}

TEST(BpeTrainer, LearnsFromAnyBytes) {
  std::string text;
  std::uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += static_cast<char>(state >> 40 & 0xf3);
  }
  const BpeTokenizer tokenizer(learn(text, 400));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(BpeTrainer, TakesOneLongWordInStride) {
  // A million letters without a blank: every merge touches its places only, not the whole word.
  std::string text;
  std::uint64_t state = 1;
  for (int i = 0; i < 1'000'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += static_cast<char>('a' + (state >> 33) % 26);
  }
  EXPECT_EQ(learn(text, 5000).tokens.size(), 5000u);
  EXPECT_GT(learn(std::string(1'000'000, 'a'), 5000).merges.size(), 15u);
}

TEST(BpeTrainer, RefusesAVocabularyWithoutRoomForTheBytes) {
  expect_error([] { learn("text", 256); }, "at least 257");
  expect_error([] { train_bpe(PretokenCounts(), {.vocab_size = 300}); }, "no text");
}

TEST(BpeTrainer, WritesFilesThatGiveTheModelBack) {
  ScratchFolder folder;
  const BpeTokenizer tokenizer(learn("the cat and the hat and the mat", 280));
  tokenizer.save(folder.path());
  EXPECT_EQ(test::load_bpe(folder.path())->model(), tokenizer.model());
}

TEST(BpeTrainer, MakesFiveTimesFewerTokensOfAStoryThanBytes) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const auto text = read_file(data / "the-verdict.txt");
  const BpeTokenizer tokenizer(learn(text, 1000));
  // Counted by Hugging Face's tokenizers 0.23: 743 merges, the last of them, and the ids.
  EXPECT_EQ(tokenizer.model().merges.size(), 743u);
  EXPECT_EQ(tokenizer.vocab_size(), 1000);
  EXPECT_LT(tokenizer.encode(text).size(), text.size() / 2);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

}  // namespace
}  // namespace gptkit::test
