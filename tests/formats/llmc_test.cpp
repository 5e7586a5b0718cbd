#include "formats/llmc.h"

#include <limits>

#include "checkpoint_support.h"

namespace gptkit {
namespace {

using test::bytes_of;
using test::expect_error;
using test::ScratchFolder;
using test::tensor;
using test::text_of;
using test::u32;

/// Odd on purpose: C = 6 in 3 heads, T = 5, V = 7.
constexpr LlmcShape kTiny = {5, 7, 2, 3, 6, 8};

std::string header(const LlmcShape& shape, int version, int magic = 20240326) {
  std::string bytes;
  for (const std::int64_t number :
       {std::int64_t{magic}, std::int64_t{version}, shape.max_seq_len, shape.vocab_size,
        shape.num_layers, shape.num_heads, shape.channels, shape.padded_vocab_size}) {
    bytes += u32(static_cast<std::size_t>(number));
  }
  return bytes + std::string(1024 - bytes.size(), '\0');
}

std::size_t elements(const LlmcShape& s) {
  const std::int64_t C = s.channels;
  return static_cast<std::size_t>((s.padded_vocab_size + s.max_seq_len) * C +
                                  s.num_layers * (12 * C * C + 13 * C) + 2 * C);
}

/// Float32 that count up from 0: each element says where it lies.
std::string counting(std::size_t first, std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += test::raw(static_cast<float>(first + i));
  return bytes;
}

class LlmcTest : public testing::Test {
 protected:
  ScratchFolder folder;
  const fs::path path = folder / "model.bin";

  void refuse(const std::string& content, const std::string& message) {
    test::write_file(path, content);
    expect_error([&] { LlmcFile file(path); }, message);
  }
};

TEST_F(LlmcTest, FindsEveryTensorWhereLlmCPutsIt) {
  test::write_file(path, header(kTiny, 3) + counting(0, elements(kTiny)));
  const LlmcFile file(path);
  EXPECT_EQ(file.shape(), kTiny);
  EXPECT_EQ(file.tensors().size(), 2u + 2u * 12u + 2u);
  const auto expect = [&](const char* name, std::vector<std::int64_t> shape, std::size_t first) {
    SCOPED_TRACE(name);
    const TensorInfo& info = tensor(file, name);
    EXPECT_EQ(info.dtype, DType::kFloat32);
    EXPECT_EQ(info.shape, shape);
    EXPECT_EQ(text_of(file.bytes(info)), counting(first, info.bytes / 4));
  };
  expect("transformer.wte.weight", {7, 6}, 0);  // without the eighth row
  expect("transformer.wpe.weight", {5, 6}, 48);
  expect("transformer.h.0.ln_1.weight", {6}, 78);
  expect("transformer.h.1.ln_1.weight", {6}, 84);
  expect("transformer.h.0.ln_1.bias", {6}, 90);
  expect("transformer.h.0.attn.c_attn.weight", {18, 6}, 102);
  expect("transformer.h.1.attn.c_attn.weight", {18, 6}, 210);
  expect("transformer.h.0.attn.c_attn.bias", {18}, 318);
  expect("transformer.h.0.attn.c_proj.weight", {6, 6}, 354);
  expect("transformer.h.0.attn.c_proj.bias", {6}, 426);
  expect("transformer.h.0.ln_2.weight", {6}, 438);
  expect("transformer.h.0.ln_2.bias", {6}, 450);
  expect("transformer.h.0.mlp.c_fc.weight", {24, 6}, 462);
  expect("transformer.h.0.mlp.c_fc.bias", {24}, 750);
  expect("transformer.h.0.mlp.c_proj.weight", {6, 24}, 798);
  expect("transformer.h.0.mlp.c_proj.bias", {6}, 1086);
  expect("transformer.ln_f.weight", {6}, 1098);
  expect("transformer.ln_f.bias", {6}, 1104);
}

TEST_F(LlmcTest, ReadsBFloat16) {
  test::write_file(path, header(kTiny, 5) + std::string(2 * elements(kTiny), '\1'));
  const LlmcFile file(path);
  EXPECT_EQ(file.tensors()[0].dtype, DType::kBFloat16);
  EXPECT_EQ(file.tensors()[0].bytes, 7u * 6u * 2u);
}

TEST_F(LlmcTest, WritesWhatItReads) {
  // The padding's row is zeros in what is written.
  const std::string whole = header(kTiny, 3) + counting(0, 42) + std::string(6 * 4, '\0') +
                            counting(48, elements(kTiny) - 48);
  test::write_file(path, whole);
  const LlmcFile file(path);
  LlmcWriter writer(folder / "copy.bin", file.shape(), DType::kFloat32);
  EXPECT_EQ(writer.tensors().size(), file.tensors().size());
  auto backwards = file.tensors();
  std::reverse(backwards.begin(), backwards.end());
  for (const auto& info : backwards) writer.write(info.name, file.bytes(info));
  EXPECT_FALSE(fs::exists(folder / "copy.bin"));
  writer.commit();
  EXPECT_EQ(read_file(folder / "copy.bin"), whole);
}

TEST_F(LlmcTest, PadsTheVocabularyTo128) {
  for (const auto& [vocabulary, padded] :
       {std::pair(1, 128), std::pair(128, 128), std::pair(129, 256), std::pair(50257, 50304)}) {
    LlmcShape shape = kTiny;
    shape.vocab_size = vocabulary;
    shape.padded_vocab_size = 0;
    LlmcWriter writer(path, shape, DType::kBFloat16);
    for (const auto& info : writer.tensors()) {
      writer.write(info.name, bytes_of(std::string(info.bytes, '\2')));
    }
    writer.commit();
    const LlmcFile file(path);
    EXPECT_EQ(file.shape().padded_vocab_size, padded);
    EXPECT_EQ(file.shape().vocab_size, vocabulary);
  }
}

TEST_F(LlmcTest, WriterRefusesWhatDoesNotFit) {
  LlmcShape shape = kTiny;
  expect_error([&] { LlmcWriter(path, shape, DType::kFloat16); }, "llm.c has no dtype float16");
  shape.padded_vocab_size = 6;
  expect_error([&] { LlmcWriter(path, shape, DType::kFloat32); },
               "the padded vocabulary size 6 is less than the vocabulary size 7");
  shape.padded_vocab_size = 0;
  shape.vocab_size = std::numeric_limits<std::int64_t>::max();
  expect_error([&] { LlmcWriter(path, shape, DType::kFloat32); }, "the vocabulary size is 9223372");

  LlmcWriter writer(path, kTiny, DType::kFloat32);
  expect_error([&] { writer.write("lm_head.weight", {}); },
               "tensor 'lm_head.weight' is not one of");
  expect_error([&] { writer.write("transformer.ln_f.bias", {}); },
               "has 0 bytes; its shape and dtype need 24");
  writer.write("transformer.ln_f.bias", bytes_of(std::string(24, '\0')));
  expect_error([&] { writer.write("transformer.ln_f.bias", bytes_of(std::string(24, '\0'))); },
               "or was already written");
  expect_error([&] { writer.commit(); }, "was never written");
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LlmcTest, RefusesEveryOtherSize) {
  const std::string whole = header(kTiny, 3) + counting(0, elements(kTiny));
  for (std::size_t n = 0; n < whole.size(); n += n < 1100 ? 1 : 97) {
    refuse(whole.substr(0, n), "model.bin: ");
  }
  refuse(whole.substr(0, whole.size() - 1), "; the file is incomplete");
  refuse(whole + "x", "the rest belongs to no tensor");
}

TEST_F(LlmcTest, RefusesOtherMagicNumbersAndVersions) {
  const std::string data = counting(0, elements(kTiny));
  refuse(header(kTiny, 3, 20240520) + data,
         "it begins with 20240520, a checkpoint of llm.c with 20240326");
  for (const int version : {0, 1, 2, 4, 6, -1}) {
    refuse(header(kTiny, version) + data, concat("it is of version ", version, "; expected 3"));
  }
}

TEST_F(LlmcTest, RefusesImpossibleSizes) {
  const auto with = [&](std::int64_t LlmcShape::*field, std::int64_t value, const char* message) {
    LlmcShape shape = kTiny;
    shape.*field = value;
    refuse(header(shape, 3) + counting(0, elements(kTiny)), message);
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  for (const auto field : {&LlmcShape::max_seq_len, &LlmcShape::vocab_size, &LlmcShape::num_layers,
                           &LlmcShape::num_heads, &LlmcShape::channels}) {
    with(field, 0, " is 0; expected 1 to ");
    with(field, -1, " is -1; expected 1 to ");
  }
  with(&LlmcShape::padded_vocab_size, 6, "is less than the vocabulary size 7");
  with(&LlmcShape::padded_vocab_size, 0, "the padded vocabulary size is 0");
  with(&LlmcShape::num_heads, 4, "6 channels cannot be divided among 4 heads");
  with(&LlmcShape::num_layers, kMost, "the number of layers is 2147483647; expected 1 to 4096");
  with(&LlmcShape::num_layers, 4096, "but its header asks for");
  with(&LlmcShape::max_seq_len, kMost, "but its header asks for");
  with(&LlmcShape::channels, kMost, "the number of channels is 2147483647");
  refuse(header({kMost, kMost, 100, 1, kMost / 4, kMost}, 3) + counting(0, elements(kTiny)),
         "overflow");
}

}  // namespace
}  // namespace gptkit
