#include "text/sentencepiece.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

constexpr TokenId kVocab = 420;

std::string sample_text() {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "The quick brown fox no. " + std::to_string(i * i) + " jumps over the lazy dog.\n";
  }
  return text;
}

std::shared_ptr<const Tokenizer> learn(
    std::string_view text, std::int64_t vocab_size = kVocab,
    SentencePieceOptions::Algorithm algorithm = SentencePieceOptions::Algorithm::kUnigram) {
  SentencePieceText lines;
  lines.add(text, "text");
  return train_sentencepiece(lines, {.algorithm = algorithm, .vocab_size = vocab_size});
}

/// One model for the tests that only use it.
const Tokenizer& model() {
  static const auto tokenizer = learn(sample_text());
  return *tokenizer;
}

TEST(SentencePiece, LosesNothingOfAnyText) {
  for (const std::string& text :
       {std::string("  two  blanks "), std::string("\ttab\r\n\n\nlines\n"),
        std::string("\u2581 \u2581\u2581"), std::string("\ufb01 \u00c5 \uff21 \u200b e\u0301"),
        std::string("\xff\xc3(\xed\xa0\x80\xf0\x9f"), std::string("\0nul\0", 5),
        std::string("<0x41> <unk> <s> </s> <|endoftext|>"), std::string(),
        std::string("\U0001f600\u2047\u2585")}) {
    EXPECT_EQ(model().decode(model().encode(text)), text);
  }
  std::uint64_t state = 5;
  std::string bytes;
  for (int i = 0; i < 50'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes += static_cast<char>(state >> 33);
  }
  EXPECT_EQ(model().decode(model().encode(bytes)), bytes);
}

TEST(SentencePiece, LearnsBothAlgorithms) {
  const auto bpe = learn(sample_text(), kVocab, SentencePieceOptions::Algorithm::kBpe);
  EXPECT_EQ(bpe->algorithm(), "bpe");
  EXPECT_EQ(model().algorithm(), "unigram");
  EXPECT_EQ(bpe->encode("The quick brown fox\n").size(), 5u);
  for (const Tokenizer* tokenizer : {bpe.get(), &model()}) {
    EXPECT_EQ(tokenizer->vocab_size(), kVocab);
    const auto ids = tokenizer->encode("The quick brown fox\n");
    EXPECT_EQ(tokenizer->decode(ids), "The quick brown fox\n");
  }
}

TEST(SentencePiece, TakesSpecialTokensAsTextUnlessAllowed) {
  const auto end = model().end_of_text();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end, model().special_id("<|endoftext|>"));
  EXPECT_EQ(model().encode("<|endoftext|>", SpecialTokens::kAllow), std::vector<TokenId>{*end});
  const auto text = model().encode("<|endoftext|>");
  EXPECT_EQ(std::count(text.begin(), text.end(), *end), 0);
  const std::string around = "a<|endoftext|><|endoftext|>\n";
  EXPECT_EQ(model().decode(model().encode(around, SpecialTokens::kAllow)), around);
}

TEST(SentencePiece, ComesBackFromItsFile) {
  ScratchFolder folder;
  model().save(folder.path());
  const auto loaded = load_tokenizer((folder / kSentencePieceFile).string());
  EXPECT_EQ(loaded->encode(sample_text()), model().encode(sample_text()));
  EXPECT_EQ(load_tokenizer(folder.path().string())->vocab_size(), kVocab);
}

TEST(SentencePiece, PassesTheTrainersComplaintsOnInOneLine) {
  expect_error([] { learn(sample_text(), 100'000); }, "Vocabulary size too high");
  expect_error([] { learn(sample_text(), 100); }, "too small");
  expect_error([] { learn("", 300); }, "no text");
  expect_error([] { learn("a\xff", 300); }, "text: byte 1 is not UTF-8");
}

TEST(SentencePiece, CutsLongLinesForTraining) {
  SentencePieceText text;
  text.add(std::string(50'000, 'x') + "\n" +
               std::string("a\0b\tc\u2581"
                           "d\n\n",
                           11),
           "text");
  std::size_t letters = 0;
  for (const auto& line : text.lines()) {
    EXPECT_LE(line.size(), SentencePieceText::kMaxLine);
    EXPECT_FALSE(line.empty());
    letters += line.size();
  }
  EXPECT_EQ(letters, 50'004u);
  SentencePieceText blanks;
  for (int i = 0; i < 1; ++i)
    blanks.add(std::string(3000, 'a') + " " + std::string(3000, 'b'), "text");
  EXPECT_EQ(blanks.lines(),
            (std::vector<std::string>{std::string(3000, 'a'), " " + std::string(3000, 'b')}));
}

TEST(SentencePiece, RefusesIdsOutsideTheVocabulary) {
  for (const TokenId id : {-1, kVocab, 2147483647}) {
    expect_error([&] { model().token_bytes(id); }, "is outside the vocabulary, 0 to 419");
  }
}

TEST(SentencePiece, SurvivesDamagedFiles) {
  ScratchFolder folder;
  model().save(folder.path());
  const auto whole = read_file(folder / kSentencePieceFile);
  const auto file = folder / "damaged.model";
  const auto try_load = [&](const std::string& bytes) {  // a result or an Error, nothing else
    write_file_atomic(file, bytes);
    try {
      const auto loaded = load_sentencepiece(file);
      loaded->encode("The quick brown \u00e9 fox");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
  };
  std::uint64_t state = 9;
  for (int i = 0; i < 300; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::string bytes = whole;
    bytes[(state >> 33) % bytes.size()] ^= static_cast<char>(1 << (state >> 20) % 8);
    try_load(bytes);
    try_load(whole.substr(0, (state >> 30) % whole.size()));
  }
  for (const std::string bad : {"", "not a model", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}) {
    write_file_atomic(file, bad);
    expect_error([&] { load_sentencepiece(file); }, "damaged.model");
  }
}

}  // namespace
}  // namespace gptkit::test
