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

/// A model of the kind of Llama's: <unk> <s> </s>, the bytes, the letters of a few words, words.
std::string llama_bytes() {
  SentencePieceBpe model;
  const auto add = [&](const std::string& text, PieceType type, float score = 0) {
    model.pieces.push_back({text, score, type});
  };
  add("<unk>", PieceType::kUnknown);
  add("<s>", PieceType::kControl);
  add("</s>", PieceType::kControl);
  for (int b = 0; b < 256; ++b) {
    constexpr char kHex[] = "0123456789ABCDEF";
    add(std::string("<0x") + kHex[b / 16] + kHex[b % 16] + ">", PieceType::kByte);
  }
  float score = 0;
  for (const char* text : {"he", "ll", "hell", "hello", "\u2581hello"}) {
    add(text, PieceType::kNormal, --score);
  }
  for (const char* text : {"\u2581", "h", "e", "l", "o"}) add(text, PieceType::kNormal, --score);
  model.unknown = 0;
  model.begin = 1;
  model.end = 2;
  return bpe_model_bytes(model);
}

TEST(SentencePiece, LlamasModelsBeginEveryTextUnlessToldOtherwise) {
  ScratchFolder folder;
  const auto file = folder / kSentencePieceFile, config = folder / "tokenizer_config.json";
  write_file_atomic(file, llama_bytes());
  const auto begin = [&] { return load_sentencepiece(file)->begin_of_text(); };
  EXPECT_EQ(begin(), 1);
  EXPECT_EQ(load_sentencepiece(file)->end_of_text(), 2);
  EXPECT_EQ(load_sentencepiece(file)->encode("hello"), std::vector<TokenId>{263});
  EXPECT_EQ(load_sentencepiece(file)->encode("<s>hello", SpecialTokens::kAllow),
            (std::vector<TokenId>{1, 263}));
  write_file_atomic(config, R"({"add_bos_token": false, "tokenizer_class": "LlamaTokenizer"})");
  EXPECT_EQ(begin(), std::nullopt);
  write_file_atomic(config, R"({"tokenizer_class": "T5Tokenizer"})");
  EXPECT_EQ(begin(), std::nullopt);
  write_file_atomic(config, R"({"add_bos_token": true, "bos_token": "</s>", "eos_token": "<s>"})");
  EXPECT_EQ(begin(), 2);
  EXPECT_EQ(load_sentencepiece(file)->end_of_text(), 1);
  write_file_atomic(config, R"({"add_eos_token": true})");
  EXPECT_EQ(load_sentencepiece(file)->frame(), (TextFrame{{1}, {2}}));
  write_file_atomic(config, R"({"eos_token": "<none>"})");
  expect_error(begin, "eos_token '<none>' is not in the vocabulary");
  EXPECT_EQ(model().begin_of_text(), std::nullopt);
}

TEST(SentencePiece, WithoutLegacyTheBlankStandsBeforeATextOnly) {
  using Ids = std::vector<TokenId>;
  ScratchFolder folder;
  const auto file = folder / kSentencePieceFile;
  write_file_atomic(file, llama_bytes());
  const auto ids = [&](const char* legacy) {
    write_file_atomic(folder / "tokenizer_config.json", concat("{\"legacy\": ", legacy, "}"));
    return load_sentencepiece(file)->encode("hello<s>hello</s> hello", SpecialTokens::kAllow);
  };
  EXPECT_EQ(ids("true"), (Ids{263, 1, 263, 2, 264, 263}));
  EXPECT_EQ(ids("null"), ids("true"));
  EXPECT_EQ(ids("false"), (Ids{263, 1, 262, 2, 263}));
  write_file_atomic(folder / "config.json", R"({"model_type": "mistral"})");
  EXPECT_EQ(ids("false"), (Ids{263, 1, 262, 2, 263}));
  write_file_atomic(folder / "tokenizer.json", "{}");
  EXPECT_EQ(ids("false"), ids("true")) << "as tokenizer.json says";
  EXPECT_NO_THROW(ids("true, \"add_prefix_space\": false"));
  write_file_atomic(folder / "config.json", R"({"model_type": "llama"})");
  expect_error([&] { ids("true, \"add_prefix_space\": false"); },
               "tokenizer_config.json: add_prefix_space is false, but the model beside it puts a");
}

TEST(SentencePiece, TokensAddedBesideAModelAreItsLast) {
  ScratchFolder folder, saved;
  write_file_atomic(folder / kSentencePieceFile, llama_bytes());
  write_file_atomic(folder / "added_tokens.json", R"({"<pad>": 269, "<tool>": 270})");
  write_file_atomic(folder / "tokenizer_config.json",
                    R"({"eos_token": "<pad>", "added_tokens_decoder": {
                        "1": {"content": "<s>"}, "270": {"content": "<tool>", "special": false}}})");
  const auto check = [](const Tokenizer& tokenizer) {
    EXPECT_EQ(tokenizer.vocab_size(), 271);
    EXPECT_EQ(tokenizer.special_id("<pad>"), 269);
    EXPECT_EQ(tokenizer.end_of_text(), 269);
    EXPECT_EQ(tokenizer.begin_of_text(), 1);
    const auto ids = tokenizer.encode("hello<tool>hello<pad>");
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 270), 1);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 269), 0);
    EXPECT_EQ(tokenizer.decode(ids), "hello<tool>hello<pad>");
  };
  const auto tokenizer = load_tokenizer(folder.path().string());
  check(*tokenizer);
  tokenizer->save(saved.path());
  check(*load_tokenizer(saved.path().string()));

  const auto refused = [&](const char* added, const char* part) {
    write_file_atomic(folder / "added_tokens.json", added);
    expect_error([&] { load_tokenizer(folder.path().string()); }, part);
  };
  refused(R"({"<pad>": 271})", "added token '<tool>' has id 270, the next free one is 269");
  refused(R"({"<pad>": 5})", "id 5 is '<0x02>', and in the files beside it '<pad>'");
  refused(R"({"<pad>": -1})", "id -1 is not a token id");
  refused(R"({"<pad>": 1e99})", "'<pad>'");
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
