#include "data/corpus/corpus.h"

#include <sys/resource.h>

#include <csignal>
#include <iterator>

#include "base/json.h"
#include "base/log.h"
#include "data/data_support.h"
#include "data/windows.h"

namespace gptkit {
namespace {

using test::ByteTokenizer;
using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

constexpr int kEnd = ByteTokenizer::kEnd;

std::vector<std::int64_t> all(const TokenStream& stream) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(stream.size()));
  stream.copy(0, ids);
  return ids;
}

std::string as_text(const TokenStream& stream) {
  std::string text;
  for (const auto id : all(stream)) text += ByteTokenizer().token_bytes(static_cast<TokenId>(id));
  return text;
}

class Corpus : public testing::Test {
 protected:
  Corpus() { set_log_level(LogLevel::kQuiet); }
  ScratchFolder folder_;
  ByteTokenizer tokenizer_;
};

TEST_F(Corpus, TheValidationPartIsTheLastTenthOfTheCharacters) {
  test::write(folder_ / "a.txt", "0123456789\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20acyz");
  const auto corpus = load_corpus({.train = {folder_ / "a.txt"}}, tokenizer_);
  EXPECT_EQ(corpus.characters, 20);
  EXPECT_EQ(as_text(corpus.validation), "yz");
  EXPECT_EQ(corpus.train.size() + corpus.validation.size(), 10 + 8 * 3 + 2);
}

TEST_F(Corpus, DocumentsAreJoinedByEndOfTextWithinEachPart) {
  test::write(folder_ / "a.txt", "ab");
  test::write(folder_ / "b.txt", "cdef");
  test::write(folder_ / "c.txt", "gh");
  const auto corpus =
      load_corpus({.train = {folder_.path()}, .validation_fraction = 0.5}, tokenizer_);
  EXPECT_EQ(corpus.documents, 3);
  EXPECT_THAT(all(corpus.train), ElementsAre('a', 'b', kEnd, 'c', 'd'));
  EXPECT_THAT(all(corpus.validation), ElementsAre('e', 'f', kEnd, 'g', 'h'));
}

/// A tokenizer of a family that puts a token before every text.
class BeginsTexts : public ByteTokenizer {
 public:
  explicit BeginsTexts(TokenId begin) : begin_(begin) {}
  TextFrame frame() const override { return {.before = {begin_}, .behind = {}}; }

 private:
  TokenId begin_;
};

TEST_F(Corpus, TextsBeginWithTheFamilysTokenWhereThatIsAskedFor) {
  test::write(folder_ / "a.txt", "ab");
  test::write(folder_ / "b.txt", "c");
  CorpusOptions options{.train = {folder_.path()}, .validation_fraction = 0};
  const BeginsTexts tokenizer(7);
  EXPECT_THAT(all(load_corpus(options, tokenizer).train), ElementsAre('a', 'b', kEnd, 'c'));
  options.begin_texts = true;
  EXPECT_THAT(all(load_corpus(options, tokenizer).train), ElementsAre(7, 'a', 'b', kEnd, 7, 'c'));
  EXPECT_THAT(all(load_corpus(options, tokenizer_).train), ElementsAre('a', 'b', kEnd, 'c'));
  const BeginsTexts one_role(kEnd);
  EXPECT_THAT(all(load_corpus(options, one_role).train), ElementsAre(kEnd, 'a', 'b', kEnd, 'c'));
}

TEST_F(Corpus, CanBeCutByTokensOrTakeFilesForValidation) {
  test::write(folder_ / "a.txt", "\u20acbc");
  test::write(folder_ / "v.txt", "xy");
  const CorpusOptions by_tokens{
      .train = {folder_ / "a.txt"}, .validation_fraction = 0.4, .split_by = SplitBy::kTokens};
  EXPECT_EQ(as_text(load_corpus(by_tokens, tokenizer_).validation), "bc");
  const auto files =
      load_corpus({.train = {folder_ / "a.txt"}, .validation = {folder_ / "v.txt"}}, tokenizer_);
  EXPECT_EQ(as_text(files.train), "\u20acbc");
  EXPECT_EQ(as_text(files.validation), "xy");
  EXPECT_EQ(load_corpus({.train = {folder_ / "a.txt"}, .validation_fraction = 0}, tokenizer_)
                .validation.size(),
            0);
}

TEST_F(Corpus, SpecialTextIsOrdinaryUnlessAllowed) {
  test::write(folder_ / "a.txt", "a<|endoftext|>b");
  CorpusOptions options{.train = {folder_ / "a.txt"}, .validation_fraction = 0};
  EXPECT_EQ(load_corpus(options, tokenizer_).train.size(), 15);
  options.allow_special = true;
  EXPECT_THAT(all(load_corpus(options, tokenizer_).train), ElementsAre('a', kEnd, 'b'));
}

TEST_F(Corpus, BytesThatAreNotUtf8AreKept) {
  test::write(folder_ / "latin1.txt", "caf\xE9");
  const auto corpus =
      load_corpus({.train = {folder_ / "latin1.txt"}, .validation_fraction = 0}, tokenizer_);
  EXPECT_EQ(as_text(corpus.train), "caf\xE9");
}

TEST_F(Corpus, ShardsHoldTheSameTokensAsMemory) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "word number " + std::to_string(i) + ",\n";
  test::write(folder_ / "in/long.txt", text);
  test::write(folder_ / "in/lines.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  const CorpusOptions options{.train = {folder_ / "in"}};
  const auto memory = load_corpus(options, tokenizer_);
  const auto summary = encode_to_shards(options, tokenizer_, folder_ / "out", 1'000'000);
  EXPECT_EQ(summary.documents, 3);
  EXPECT_EQ(summary.train_tokens, memory.train.size());
  EXPECT_EQ(summary.validation_tokens, memory.validation.size());

  const auto shards = load_corpus({.train = {folder_ / "out"}}, tokenizer_);
  EXPECT_EQ(shards.train.fingerprint(), memory.train.fingerprint());
  EXPECT_EQ(shards.validation.fingerprint(), memory.validation.fingerprint());
  EXPECT_TRUE(fs::exists(folder_ / "out/train-00001.bin")) << "more than one shard";
}

TEST_F(Corpus, MetaJsonSaysWhatTheShardsHold) {
  test::write(folder_ / "a.txt", "0123456789");
  encode_to_shards({.train = {folder_ / "a.txt"}}, tokenizer_, folder_ / "out");
  const auto meta = parse_json(read_file(folder_ / "out/meta.json"), "meta.json");
  EXPECT_EQ(meta.at("format"), "gptkit-tokens");
  EXPECT_EQ(meta.at("dtype"), "uint16");
  EXPECT_EQ(meta.at("vocab_size"), 259);
  EXPECT_EQ(meta.at("end_of_text"), 256);
  EXPECT_EQ(meta.at("tokenizer_sha256"), tokenizer_sha256(tokenizer_));
  EXPECT_EQ(meta.at("train").at("tokens"), 9);
  EXPECT_EQ(meta.at("val").at("shards").at(0), "val-00000.bin");
}

TEST_F(Corpus, WritesNoFolderThatIsThereAndLeavesNoneBehindAFailure) {
  test::write(folder_ / "a.jsonl", "{\"text\": \"fine\"}\nbroken\n");
  const CorpusOptions options{.train = {folder_ / "a.jsonl"}};
  expect_error([&] { encode_to_shards(options, tokenizer_, folder_ / "out"); }, "a.jsonl:2");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  fs::create_directory(folder_ / "out");
  expect_error([&] { encode_to_shards(options, tokenizer_, folder_ / "out"); }, "already exists");
}

TEST_F(Corpus, AFullDiskIsARuntimeErrorAndLeavesNoFolder) {
  test::write(folder_ / "in/a.txt", std::string(5'000'000, 'x'));
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit small{1'000'000, old_limit.rlim_max};  // writes beyond it fail, as on a full disk
  setrlimit(RLIMIT_FSIZE, &small);
  try {
    encode_to_shards({.train = {folder_ / "in/a.txt"}}, tokenizer_, folder_ / "out");
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kRuntime) << error.what();
  }
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(Corpus, RefusesShardsOfAnotherTokenizer) {
  class Other : public ByteTokenizer {
    std::string algorithm() const override { return "bpe"; }
  };
  test::write(folder_ / "a.txt", "0123456789");
  encode_to_shards({.train = {folder_ / "a.txt"}}, tokenizer_, folder_ / "out");
  expect_error([&] { load_corpus({.train = {folder_ / "out"}}, Other()); },
               "was written with another tokenizer");
}

TEST_F(Corpus, RefusesShardsThatDifferFromTheirMetaJson) {
  test::write(folder_ / "a.txt", "0123456789");
  encode_to_shards({.train = {folder_ / "a.txt"}}, tokenizer_, folder_ / "out");
  const auto meta = folder_ / "out/meta.json";
  const auto good = read_file(meta);
  const auto change = [&](const std::string& from, const std::string& to) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    test::write(meta, text);
  };
  change("uint16", "uint32");
  expect_error([&] { load_corpus({.train = {folder_ / "out"}}, tokenizer_); },
               "says dtype 'uint32'");
  change("\"tokens\": 9", "\"tokens\": 8");
  expect_error([&] { load_corpus({.train = {folder_ / "out"}}, tokenizer_); },
               "says 8 tokens under 'train' but the shards hold 9");
  change("train-00000", "train-00007");
  expect_error([&] { load_corpus({.train = {folder_ / "out"}}, tokenizer_); }, "train-00007.bin");
}

TEST_F(Corpus, BareShardsAreCutByTokens) {
  test::write(folder_ / "x.bin", test::bytes_of<std::uint16_t>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  const auto corpus =
      load_corpus({.train = {folder_ / "*.bin"}, .validation_fraction = 0.2}, tokenizer_);
  EXPECT_EQ(corpus.train.size(), 8);
  EXPECT_THAT(all(corpus.validation), ElementsAre(9, 10));
  test::write(folder_ / "t.txt", "text");
  expect_error(
      [&] {
        load_corpus({.train = {folder_ / "x.bin", folder_ / "t.txt"}}, tokenizer_);
      },
      "cannot be mixed");
}

TEST_F(Corpus, RefusesAFractionThatLeavesNothing) {
  expect_error([&] { load_corpus({.train = {"x"}, .validation_fraction = 1.0}, tokenizer_); },
               "validation fraction 1 must be in [0, 1)");
  expect_error([&] { load_corpus({}, tokenizer_); }, "no training text is given");
}

// Chapter 5 of the book: 9 training windows and 1 validation window in batches of 2 x 256.
TEST_F(Corpus, TheStoryGivesTheBooksTokensAndWindows) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const auto tokenizer = test::gpt2_tokenizer(data);
  const auto corpus = load_corpus({.train = {data / "the-verdict.txt"}}, *tokenizer);
  EXPECT_EQ(corpus.characters, 20479);
  const WindowOptions window{.length = 256, .stride = 256};
  const WindowDataset train(corpus.train, window, "train"), val(corpus.validation, window, "val");
  EXPECT_EQ(train.size(), 18);
  EXPECT_EQ(val.size(), 2);
  // Digests of the ids that the book's code and Hugging Face's tokenizer give.
  EXPECT_EQ(test::digest(all(corpus.train)),
            "95def0065ac0916acf602c6960d821c4da695e59b70d0e1eea5af58492e59fb3");
  EXPECT_EQ(test::digest(all(corpus.validation)),
            "75d5d48f7750af25f6119ace7aed2fb8de69176cbf1de1b81e32f21c37d2d004");
}

TEST_F(Corpus, ALongTextCutIntoPiecesEncodesAsOne) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const auto tokenizer = test::gpt2_tokenizer(data);
  for (const auto* name : {"tinyshakespeare.txt", "wikitext2-test.txt"}) {
    const auto corpus = load_corpus({.train = {data / name}, .validation_fraction = 0}, *tokenizer);
    const auto whole = TokenStream(tokenizer->encode(read_file(data / name)));
    EXPECT_EQ(corpus.train.fingerprint(), whole.fingerprint()) << name;
  }
}

}  // namespace
}  // namespace gptkit
