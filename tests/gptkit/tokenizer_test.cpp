#include "gptkit/tokenizer.h"

#include "tiny.h"

namespace gptkit::api {
namespace {

class PublicTokenizer : public testing::Test {
 protected:
  PublicTokenizer() {
    set_log_level(LogLevel::kWarnings);
    write_text(folder / "text.txt");
  }
  Tokenizer learn(const std::string& algorithm,
                  std::optional<std::int64_t> vocab_size = std::nullopt) const {
    return train_tokenizer({folder / "text.txt"}, folder / algorithm,
                           {.algorithm = algorithm, .vocab_size = vocab_size});
  }
  ScratchFolder folder;
};

TEST_F(PublicTokenizer, LearnsSavesAndComesBack) {
  const auto learned = learn("bpe", 280);
  const auto loaded = Tokenizer::load((folder / "bpe").string());
  const std::string text = "The lamp \xF0\x9F\x98\x80 <|endoftext|>";
  const auto ids = loaded.encode(text);
  EXPECT_EQ(ids, learned.encode(text));
  EXPECT_EQ(loaded.decode(ids), text);
  EXPECT_EQ(loaded.vocab_size(), learned.vocab_size());

  fs::create_directory(folder / "copy");
  loaded.save(folder / "copy");
  EXPECT_EQ(Tokenizer::load((folder / "copy").string()).encode(text), ids);
}

TEST_F(PublicTokenizer, SpecialTokensAreTextUnlessAllowed) {
  const auto tokenizer = learn("bpe", 280);
  const auto end = tokenizer.end_of_text();
  ASSERT_TRUE(end);
  EXPECT_EQ(tokenizer.special_id("<|endoftext|>"), end);
  EXPECT_EQ(tokenizer.encode("<|endoftext|>", SpecialTokens::kAllow), TokenIds{*end});
  EXPECT_GT(tokenizer.encode("<|endoftext|>").size(), 1u);
}

TEST_F(PublicTokenizer, ErrorsAreThePublicOnes) {
  expect_error([] { Tokenizer::load("/nowhere"); }, "/nowhere");
  expect_error([&] { learn("magic"); }, "magic");
  const auto tokenizer = learn("char");
  expect_error([&] { tokenizer.encode("\xE4\xBD\xA0"); }, "\xE4\xBD\xA0");
  expect_error([&] { tokenizer.decode({{12345}}); }, "12345");
}

}  // namespace
}  // namespace gptkit::api
