#include "infer/constraint/token_trie.h"

#include <map>

#include "infer/constraint/constraint_support.h"
#include "support/support.h"
#include "text/bpe.h"
#include "text/character.h"
#include "text/word.h"

namespace gptkit {
namespace {

using test::expect_error;

/// The tokens by their text, as a walk over the nodes finds them.
std::map<std::string, std::vector<TokenId>> walked(const TokenTrie& trie) {
  std::map<std::string, std::vector<TokenId>> found;
  std::string text;
  for (std::uint32_t i = 0; i < trie.size(); ++i) {
    text.resize(trie.node(i).depth - 1);
    text += static_cast<char>(trie.node(i).byte);
    for (const auto id : trie.tokens(i)) found[text].push_back(id);
  }
  return found;
}

TEST(TokenTrie, AWalkVisitsEveryTokenOnce) {
  const TokenTrie trie({"b", "", "abc", "a", "abd", "b", "\xff", "ab\xC3"});
  const std::map<std::string, std::vector<TokenId>> want = {
      {"a", {3}}, {"abc", {2}}, {"abd", {4}}, {"b", {0, 5}}, {"\xff", {6}}, {"ab\xC3", {7}}};
  EXPECT_EQ(walked(trie), want);
  EXPECT_EQ(trie.longest(), 3u);
  EXPECT_EQ(TokenTrie({}).size(), 0u);
}

TEST(TokenTrie, ANodeKnowsItsChildrenAndWhereTheyEnd) {
  const TokenTrie trie({"abc", "abd", "ac", "b"});
  const auto a = trie.first('a');
  ASSERT_TRUE(a);
  EXPECT_EQ(trie.node(*a).behind, trie.first('b'));
  const auto ab = trie.child(*a, 'b');
  ASSERT_TRUE(ab);
  EXPECT_TRUE(trie.child(*ab, 'd'));
  EXPECT_FALSE(trie.child(*ab, 'e'));
  EXPECT_FALSE(trie.first('c'));
  EXPECT_FALSE(trie.has_byte('a'));
  EXPECT_TRUE(trie.has_byte('b'));
}

TEST(TokenTrie, SpecialTokensAndThoseThatEndTextsAreNeverPartOfOne) {
  BpeModel model;
  for (int byte = 0; byte < 256; ++byte) model.tokens.emplace_back(1, static_cast<char>(byte));
  model.special.push_back(256);
  model.tokens.emplace_back("<|endoftext|>");
  const auto trie = token_trie(BpeTokenizer(model), std::vector<TokenId>{'x'});
  EXPECT_EQ(trie.vocab_size(), 257);
  EXPECT_EQ(walked(trie).size(), 255u);
  EXPECT_FALSE(trie.has_byte('x'));

  TokenCounts counts;
  count_each_character("aé", "letters", counts);
  const auto letters =
      walked(token_trie(*train_character_tokenizer(counts, {.special_tokens = true})));
  EXPECT_EQ(letters.size(), 2u);
  EXPECT_TRUE(letters.contains("é"));
}

TEST(TokenTrie, WordsAreRefused) {
  TokenCounts counts;
  count_words("yes no", "words", counts);
  const auto words = train_word_tokenizer(counts, {});
  expect_error([&] { token_trie(*words); }, "constrained output needs a tokenizer");
}

/// All 50,257 tokens in states of different kinds, one by one and by the walk.
TEST(TokenTrie, TheTokensOfGpt2AreAllowedAsTheirBytesAre) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const test::ScratchFolder folder;
  test::fs::copy_file(data / "gpt2-vocab.json", folder / "vocab.json");
  test::fs::copy_file(data / "gpt2-merges.txt", folder / "merges.txt");
  const auto tokenizer = load_tokenizer(folder.path().string());
  const std::vector<TokenId> ends = {50256};
  const auto trie = std::make_shared<const TokenTrie>(token_trie(*tokenizer, ends));
  const auto schema =
      R"({"properties": {"name": {"type": "string"}, "n": {"type": "integer"}}, "required": ["name"]})";
  const auto bound = std::make_shared<const TokenConstraint>(
      Constraint::json_schema_text(schema, "s"), trie, ends);
  ConstraintState state(bound, 100);
  for (const auto id : tokenizer->encode(R"({"name": "Zoë 中", "n": -12})")) {
    std::vector<float> logits(50257);
    state.mask(logits, 100);
    for (TokenId token = 0; token < 50257; ++token) {
      ASSERT_EQ(logits[static_cast<std::size_t>(token)] == 0, state.allows(token)) << token;
    }
    state.accept(id);
  }
  EXPECT_TRUE(state.must_end());
}

}  // namespace
}  // namespace gptkit
