// GPT-2's ids against tiktoken's, by the digests of tests/golden/make_tokenizer_golden.py, and the
// figures of the book's chapter 2.

#include "base/json.h"
#include "text_support.h"

namespace gptkit {
namespace {

using test::gpt2_tokenizer;
using test::random_text;
using testing::ElementsAre;

Json golden() {
  const fs::path path = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "tokenizer.json";
  return parse_json(read_file(path), path.string());
}

/// The ids of texts one after another, as the golden digests see them.
class Digest {
 public:
  explicit Digest(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(std::string_view text) {
    const std::size_t before = ids_.size();
    tokenizer_.encode_append(text, ids_);
    tokens_ += ids_.size() - before;
    if (tokenizer_.decode(std::span(ids_).subspan(before)) != text) ++not_back_;
    ids_.push_back(-1);  // ff ff ff ff
  }

  void expect(const Json& want) const {
    EXPECT_EQ(not_back_, 0);
    EXPECT_EQ(tokens_, want["tokens"].get<std::size_t>());
    const auto* bytes = reinterpret_cast<const char*>(ids_.data());
    EXPECT_EQ(sha256_hex({bytes, ids_.size() * sizeof(TokenId)}),
              want["sha256"].get<std::string>());
  }

 private:
  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_;
  std::size_t tokens_ = 0;
  int not_back_ = 0;
};

TEST(Gpt2Tokenizer, EveryScalarValueInFiveContextsEncodesAsInTiktoken) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  const Json all = golden();
  for (const auto& [before, want] : all["every scalar value after"].items()) {
    SCOPED_TRACE("after '" + before + "'");
    Digest digest(tokenizer);
    for (char32_t code = 0; code < 0x110000; ++code) {
      if (code >= 0xD800 && code < 0xE000) continue;
      std::string text = before;
      append_utf8(text, code);
      digest.add(text);
    }
    digest.expect(want);
  }
}

TEST(Gpt2Tokenizer, CorporaEncodeAsInTiktoken) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  const Json all = golden();
  for (const auto& [name, want] : all["corpora"].items()) {
    SCOPED_TRACE(name);
    Digest digest(tokenizer);
    digest.add(read_file(data / name));
    digest.expect(want);
  }
}

TEST(Gpt2Tokenizer, RandomTextsEncodeAsInTiktoken) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  const Json all = golden();
  const auto fragments = all["fragments"].get<std::vector<std::string>>();
  test::Random random(123);
  Digest digest(tokenizer);
  for (int i = 0; i < 10000; ++i) digest.add(random_text(random, fragments));
  digest.expect(all["10000 random texts, seed 123"]);
}

TEST(Gpt2Tokenizer, RandomBytesComeBack) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  test::Random random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random.bytes(random.below(100));
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(Gpt2Tokenizer, ParallelEncodingGivesTheSameIds) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  const std::string text =
      read_file(data / "wikitext2-valid.txt") + read_file(data / "wikitext2-test.txt");
  EXPECT_EQ(encode_parallel(tokenizer, text, 3), tokenizer.encode(text));
}

TEST(Gpt2Tokenizer, LongRunsEncodeAsInTiktoken) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  const auto count = [&](char c) { return tokenizer.encode(std::string(1000000, c)).size(); };
  EXPECT_EQ(count('a'), 250000u);
  EXPECT_EQ(count('^'), 250000u);
  EXPECT_EQ(count(' '), 1000000u);
  EXPECT_EQ(count('\n'), 500000u);
}

TEST(Gpt2Tokenizer, TheBooksChapter2) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = gpt2_tokenizer(data);
  EXPECT_EQ(tokenizer.vocab_size(), 50257);
  EXPECT_EQ(tokenizer.end_of_text(), 50256);
  EXPECT_EQ(tokenizer.encode(read_file(data / "the-verdict.txt")).size(), 5145u);
  EXPECT_THAT(tokenizer.encode("Hello, do you like tea? <|endoftext|> In the sunlit terraces"
                               "of someunknownPlace.",
                               SpecialTokens::kAllow),
              ElementsAre(15496, 11, 466, 345, 588, 8887, 30, 220, 50256, 554, 262, 4252, 18250,
                          8812, 2114, 1659, 617, 34680, 27271, 13));
  EXPECT_THAT(tokenizer.encode("asdf asdfasdf a!!, @aba 9asdf90asdfk"),
              ElementsAre(292, 7568, 355, 7568, 292, 7568, 257, 3228, 11, 2488, 15498, 860, 292,
                          7568, 3829, 292, 7568, 74));
}

}  // namespace
}  // namespace gptkit
