#include "formats/gguf_writer.h"

#include <sys/resource.h>

#include <csignal>

#include "formats/gguf_files.h"

namespace gptkit {
namespace {

using namespace test;
using GgufWriterTest = GgufTest;

std::vector<GgufField> some_metadata() {
  return {{"general.architecture", std::string("gpt2")},
          {"gpt2.block_count", std::uint32_t{2}},
          {"gpt2.epsilon", 1e-5f},
          {"flag", true},
          {"small", std::int8_t{-3}},
          {"large", std::uint64_t{1} << 63},
          {"precise", 0.1},
          {"tokens", std::vector<std::string>{"a", "", "\xC4\xA0the"}},
          {"types", std::vector<std::int32_t>{1, -1, 3}},
          {"scores", std::vector<float>{0.5f, -1}},
          {"flags", std::vector<bool>{true, false, true}},
          {"none", std::vector<std::uint16_t>{}}};
}

const std::vector<TensorSpec> kSpecs = {{"token_embd.weight", DType::kFloat32, {2, 3}},
                                        {"blk.0.weight", DType::kQ8_0, {2, 32}},
                                        {"one", DType::kFloat16, {}},
                                        {"empty", DType::kQ4_K, {0, 256}},
                                        {"last", DType::kInt8, {5}}};

std::string content_of(const TensorSpec& spec) {
  std::string content;
  const auto bytes = tensor_bytes(spec.dtype, spec.shape, "");
  for (std::uint64_t i = 0; i < bytes; ++i) content += static_cast<char>(spec.name[0] + i);
  return content;
}

void write_all(GgufWriter& writer, std::vector<TensorSpec> specs) {
  for (const auto& spec : specs) writer.write(spec.name, bytes_of(content_of(spec)));
  writer.commit();
}

TEST_F(GgufWriterTest, WhatIsWrittenIsRead) {
  GgufWriter writer(path(), some_metadata(), kSpecs);
  write_all(writer, kSpecs);
  const GgufFile file(path());
  std::vector<GgufField> metadata;
  for (const auto& entry : file.entries()) {
    metadata.push_back({std::string(entry.key), file.value(entry)});
  }
  EXPECT_EQ(metadata, some_metadata());
  ASSERT_EQ(file.tensors().size(), kSpecs.size());
  for (std::size_t i = 0; i < kSpecs.size(); ++i) {
    const auto& tensor = file.tensors()[i];
    EXPECT_EQ((TensorSpec{tensor.name, tensor.dtype, tensor.shape}), kSpecs[i]);
    EXPECT_EQ(text_of(file.bytes(tensor)), content_of(kSpecs[i]));
    EXPECT_EQ(tensor.offset % 32, 0u);
  }
  EXPECT_EQ(fs::file_size(path()) % 32, 0u);
}

/// Reads a file and writes it again as it was.
void rewrite(const fs::path& from, const fs::path& to) {
  const GgufFile file(from);
  std::vector<GgufField> metadata;
  std::vector<TensorSpec> specs;
  for (const auto& entry : file.entries()) {
    metadata.push_back({std::string(entry.key), file.value(entry)});
  }
  for (const auto& tensor : file.tensors()) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  GgufWriter writer(to, metadata, specs);
  for (const auto& tensor : file.tensors()) writer.write(tensor.name, file.bytes(tensor));
  writer.commit();
}

TEST_F(GgufWriterTest, WritingWhatWasReadGivesTheSameBytes) {
  for (const std::uint32_t alignment : {1u, 32u, 128u}) {
    auto metadata = some_metadata();
    metadata.push_back({kGgufAlignmentKey, alignment});
    GgufWriter writer(path(), metadata, kSpecs);
    write_all(writer, kSpecs);
    rewrite(path(), folder / "copy.gguf");
    EXPECT_EQ(read_file(folder / "copy.gguf"), read_file(path())) << alignment;
  }
}

TEST_F(GgufWriterTest, TheBytesAreThoseOfTheFormat) {
  const auto hand_made = HandMade()
                             .entry("general.architecture", kString, text("gpt2"))
                             .entry("n", kUInt32, raw(std::uint32_t{7}))
                             .entry("x", kArray, raw(kFloat32) + raw(std::uint64_t{1}) + raw(0.5f))
                             .tensor("t", {3, 2}, 0, 0)
                             .bytes(24);
  GgufWriter writer(path(),
                    {{"general.architecture", std::string("gpt2")},
                     {"n", std::uint32_t{7}},
                     {"x", std::vector<float>{0.5f}}},
                    {{"t", DType::kFloat32, {2, 3}}});
  writer.write("t", bytes_of(hand_made.data));
  writer.commit();
  EXPECT_EQ(read_file(path()), hand_made.file() + std::string(8, '\0'));
}

TEST_F(GgufWriterTest, TheOrderOfWritingDoesNotMatter) {
  GgufWriter forward(folder / "1.gguf", some_metadata(), kSpecs);
  write_all(forward, kSpecs);
  GgufWriter backward(folder / "2.gguf", some_metadata(), kSpecs);
  write_all(backward, {kSpecs.rbegin(), kSpecs.rend()});
  EXPECT_EQ(read_file(folder / "1.gguf"), read_file(folder / "2.gguf"));
}

TEST_F(GgufWriterTest, MetadataAloneIsAFile) {
  GgufWriter writer(path(), some_metadata(), {});
  writer.commit();
  EXPECT_EQ(GgufFile(path()).texts("tokens").size(), 3u);
}

TEST_F(GgufWriterTest, TheWriterRefusesWhatWouldNotBeRead) {
  const auto refuses = [&](const std::vector<GgufField>& metadata,
                           const std::vector<TensorSpec>& specs, const std::string& part) {
    expect_error([&] { GgufWriter(path(), metadata, specs); }, part);
  };
  refuses({{"", true}}, {}, "a metadata key has 0 bytes; expected 1 to 65535");
  refuses({{"k", true}, {"k", false}}, {}, "m.gguf: metadata 'k' is listed twice");
  refuses({{kGgufAlignmentKey, std::uint32_t{3}}}, {}, "must be a uint32 and a power of two");
  refuses({{kGgufAlignmentKey, std::uint64_t{32}}}, {}, "must be a uint32 and a power of two");
  refuses({}, {{std::string(64, 'n'), DType::kFloat32, {1}}}, "has a name of 64 bytes");
  refuses({}, {{"", DType::kFloat32, {1}}}, "has a name of 0 bytes");
  refuses({}, {{"t", DType::kFloat32, {1}}, {"t", DType::kFloat32, {1}}}, "'t' is listed twice");
  refuses({}, {{"t", DType::kFloat32, {1, 1, 1, 1, 1}}}, "has 5 dimensions");
  refuses({}, {{"t", DType::kBool, {1}}}, "has the dtype bool, which GGUF does not have");
  refuses({}, {{"t", DType::kQ4_0, {2, 16}}}, "has rows of 16 elements");
  const std::int64_t huge = std::int64_t{1} << 61;
  refuses({}, {{"a", DType::kInt8, {huge}}, {"b", DType::kInt8, {2 * huge}}}, "larger than any");
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(GgufWriterTest, AFileWithoutOneOfItsTensorsDoesNotAppear) {
  {
    GgufWriter writer(path(), {}, kSpecs);
    expect_error([&] { writer.write("other", {}); }, "'other' is not in the list of the file");
    expect_error([&] { writer.write("last", bytes_of("1234")); },
                 "'last' has 4 bytes; its shape and dtype need 5");
    writer.write("last", bytes_of("12345"));
    expect_error([&] { writer.write("last", bytes_of("12345")); }, "already written");
    expect_error([&] { writer.commit(); }, "was never written");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(GgufWriterTest, AFullDiskIsAnErrorAndLeavesNothing) {
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  rlimit small = limit;
  small.rlim_cur = 300;
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error(
      [&] {
        GgufWriter writer(path(), some_metadata(), {{"t", DType::kFloat32, {4096}}});
        writer.write("t", bytes_of(std::string(16384, 'x')));
        writer.commit();
      },
      "cannot write");
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace gptkit
