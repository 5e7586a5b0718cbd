#include "data/corpus/token_shard.h"

#include <numeric>

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::bytes_of;
using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

std::vector<std::int64_t> read(const TokenStream& stream, std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
  stream.copy(begin, ids);
  return ids;
}

std::string llmc_header(std::int32_t magic, std::int32_t version, std::int32_t count) {
  std::vector<std::int32_t> header(256);
  header[0] = magic, header[1] = version, header[2] = count;
  return bytes_of(header);
}

/// Ids 0 .. tokens-1 as shards of at most 4; their paths.
std::vector<fs::path> write_counting(const fs::path& folder, int tokens, std::int64_t vocab_size) {
  std::vector<TokenId> ids(static_cast<std::size_t>(tokens));
  std::iota(ids.begin(), ids.end(), 0);
  ShardWriter writer({folder, "train", vocab_size, std::string(64, 'a'), /*max_tokens=*/4});
  writer.write(ids);
  writer.finish();
  std::vector<fs::path> paths;
  for (const auto& name : writer.names()) paths.push_back(folder / name);
  return paths;
}

TEST(TokenShard, GivesBackWhatWasWrittenOverSeveralShards) {
  const ScratchFolder folder;
  for (const std::int64_t vocab_size : {65536, 65537}) {
    const auto paths = write_counting(folder.path(), 10, vocab_size);
    ASSERT_EQ(paths.size(), 3u);
    EXPECT_EQ(paths[0].filename(), "train-00000.bin");
    const auto info = inspect_shard(paths[2]);
    EXPECT_EQ(info.format, ShardFormat::kGptkit);
    EXPECT_EQ(info.bytes_per_token, vocab_size == 65536 ? 2 : 4);
    EXPECT_EQ(info.tokens, 2);
    EXPECT_EQ(info.vocab_size, vocab_size);
    EXPECT_EQ(info.tokenizer_sha256, std::string(64, 'a'));

    const auto stream = TokenStream::open(paths, vocab_size);
    EXPECT_EQ(stream.size(), 10);
    EXPECT_THAT(read(stream, 2, 7), ElementsAre(2, 3, 4, 5, 6, 7, 8));
    EXPECT_THAT(read(stream.slice(3, 9), 1, 5), ElementsAre(4, 5, 6, 7, 8));
  }
}

TEST(TokenShard, TheBytesAreTheDocumentedOnes) {
  const ScratchFolder folder;
  const auto path = write_counting(folder.path(), 2, 300).front();
  const std::string want = std::string("GPTKTOK\n") + std::string("\1\0\0\0\2\0\0\0", 8) +
                           std::string("\x2C\1\0\0\0\0\0\0", 8) + std::string(32, '\xAA') +
                           std::string(8, '\0') + std::string("\0\0\1\0", 4) +
                           std::string("\2\0\0\0\0\0\0\0GPTKEND\n", 16);
  EXPECT_EQ(read_file(path), want);
}

TEST(TokenShard, NothingStandsUnderItsNameBeforeItIsWhole) {
  const ScratchFolder folder;
  {
    ShardWriter writer({folder.path(), "train", 300, "", 4});
    writer.write(std::vector<TokenId>{1, 2});
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(TokenShard, TokensInMemoryReadTheSame) {
  const TokenStream stream(std::vector<TokenId>{5, 6, 7, 8});
  EXPECT_THAT(read(stream, 1, 2), ElementsAre(6, 7));
  EXPECT_THAT(read(stream.slice(2, 4), 0, 2), ElementsAre(7, 8));
  EXPECT_EQ(TokenStream().size(), 0);
}

TEST(TokenShard, TheFingerprintIsOfTheTokensAndNotOfTheirPlace) {
  const ScratchFolder folder;
  const auto shards = TokenStream::open(write_counting(folder.path(), 6, 300), 300);
  EXPECT_EQ(shards.fingerprint(),
            TokenStream(std::vector<TokenId>{0, 1, 2, 3, 4, 5}).fingerprint());
  EXPECT_NE(shards.fingerprint(),
            TokenStream(std::vector<TokenId>{0, 1, 2, 3, 5, 4}).fingerprint());
  EXPECT_NE(shards.fingerprint(), shards.slice(0, 5).fingerprint());
}

TEST(TokenShard, ReadsNanoGptsBareFiles) {
  const ScratchFolder folder;
  test::write(folder / "train.bin", bytes_of<std::uint16_t>({15496, 11, 50256}));
  const auto stream = TokenStream::open({folder / "train.bin"}, 50257);
  EXPECT_THAT(read(stream, 0, 3), ElementsAre(15496, 11, 50256));
}

TEST(TokenShard, ReadsLlmcsHeadedFilesOfBothWidths) {
  const ScratchFolder folder;
  test::write(folder / "gpt2.bin",
              llmc_header(20240520, 1, 3) + bytes_of<std::uint16_t>({50256, 1, 2}));
  test::write(folder / "llama.bin",
              llmc_header(20240801, 7, 2) + bytes_of<std::uint32_t>({128000, 3}));
  const auto stream = TokenStream::open({folder / "gpt2.bin", folder / "llama.bin"}, 128256);
  EXPECT_THAT(read(stream, 0, 5), ElementsAre(50256, 1, 2, 128000, 3));
}

TEST(TokenShard, RefusesAnIdOutsideTheVocabulary) {
  const ScratchFolder folder;
  test::write(folder / "a.bin", bytes_of<std::uint16_t>({1, 2, 999, 3}));
  expect_error([&] { TokenStream::open({folder / "a.bin"}, 999); },
               "a.bin: token 2 (byte 4) is id 999, but the vocabulary has 999 tokens");
  test::write(folder / "b.bin", llmc_header(20240801, 7, 1) + bytes_of<std::uint32_t>({1u << 31}));
  expect_error([&] { TokenStream::open({folder / "b.bin"}, 50257); },
               "(byte 1024) is id 2147483648");
}

TEST(TokenShard, RefusesBareFilesThatAreNoUint16) {
  const ScratchFolder folder;
  test::write(folder / "odd.bin", "abc");
  expect_error([&] { inspect_shard(folder / "odd.bin"); },
               "3 bytes are not a whole number of uint16");
  test::write(folder / "wide.bin", bytes_of<std::uint32_t>({15496, 11, 314, 716, 50256}));
  expect_error([&] { inspect_shard(folder / "wide.bin"); }, "these are uint32 tokens");
  test::write(folder / "said.bin", bytes_of<std::uint16_t>({1, 2, 3, 4}));
  test::write(folder / "meta.json", R"({"dtype": "uint32"})");
  expect_error([&] { inspect_shard(folder / "said.bin"); }, "says dtype 'uint32'");
}

TEST(TokenShard, RefusesDamagedLlmcFiles) {
  const ScratchFolder folder;
  const auto refuse = [&](const std::string& content, const std::string& part) {
    test::write(folder / "x.bin", content);
    expect_error([&] { inspect_shard(folder / "x.bin"); }, part);
  };
  const auto tokens = bytes_of<std::uint16_t>({1, 2, 3});
  refuse(llmc_header(20240521, 1, 3) + tokens, "its magic is 20240521");
  refuse(llmc_header(20240520, 2, 3) + tokens, "version 2, expected 1");
  refuse(llmc_header(20240520, 1, 4) + tokens, "says 4 tokens of 2 bytes but 6 bytes follow");
  refuse(llmc_header(20240520, 1, -1) + tokens, "says -1 tokens");
  refuse(llmc_header(20240520, 1, 2) + tokens, "says 2 tokens");
  refuse(llmc_header(__builtin_bswap32(20240520), __builtin_bswap32(1), 0) + tokens, "big-endian");
  refuse("", "is empty");
}

TEST(TokenShard, RefusesAGptkitShardCutAnywhere) {
  const ScratchFolder folder;
  const auto path = write_counting(folder.path(), 4, 300).front();
  const auto whole = read_file(path);
  for (std::size_t size = 8; size < whole.size(); ++size) {
    test::write(path, whole.substr(0, size));
    expect_error([&] { inspect_shard(path); }, "truncated");
  }
}

TEST(TokenShard, RefusesAGptkitShardWithAChangedHead) {
  const ScratchFolder folder;
  const auto path = write_counting(folder.path(), 4, 300).front();
  const auto whole = read_file(path);
  const auto refuse = [&](std::size_t at, char byte, const std::string& part) {
    auto changed = whole;
    changed[at] = byte;
    test::write(path, changed);
    expect_error([&] { inspect_shard(path); }, part);
  };
  refuse(8, 2, "token shard version 2, expected 1");
  refuse(12, 3, "3 bytes per token");
  refuse(12, 4, "says 4 tokens of 4 bytes but holds 8 bytes");
  refuse(23, '\xFF', "a vocabulary of -");
  refuse(whole.size() - 16, 5, "says 5 tokens");
}

TEST(TokenShard, AFileThatShrinksWhileInUseIsAnError) {
  const ScratchFolder folder;
  test::write(folder / "a.bin", bytes_of(std::vector<std::uint16_t>(4096, 7)));
  const auto stream = TokenStream::open({folder / "a.bin"}, 50257);
  fs::resize_file(folder / "a.bin", 1000);
  EXPECT_EQ(read(stream, 0, 500).back(), 7);
  expect_error([&] { read(stream, 400, 200); }, "the file ends at byte 1000");
}

TEST(TokenShard, AnIdThatIsNoneAnyMoreIsNamedWhenItIsRead) {
  const ScratchFolder folder;
  test::write(folder / "a.bin", bytes_of<std::uint16_t>({1, 2, 3, 4}));
  const auto stream = TokenStream::open({folder / "a.bin"}, 100);
  test::write(folder / "a.bin", bytes_of<std::uint16_t>({1, 2, 65535, 4}));
  EXPECT_THAT(read(stream, 0, 2), ElementsAre(1, 2));
  expect_error(
      [&] { read(stream, 1, 3); },
      "a.bin: token 2 (byte 4) is id 65535, but the vocabulary has 100 tokens; the file was "
      "changed while in use");
}

TEST(TokenShard, TheTokenizersDigestTellsVocabulariesApart) {
  class Other : public test::ByteTokenizer {
    std::string token_bytes(TokenId id) const override {
      return ByteTokenizer::token_bytes(id == 65 ? 66 : id == 66 ? 65 : id);
    }
  };
  EXPECT_EQ(tokenizer_sha256(test::ByteTokenizer()), tokenizer_sha256(test::ByteTokenizer()));
  EXPECT_NE(tokenizer_sha256(test::ByteTokenizer()), tokenizer_sha256(Other()));
}

}  // namespace
}  // namespace gptkit
