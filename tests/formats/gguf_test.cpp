#include "formats/gguf.h"

#include <algorithm>

#include "formats/gguf_files.h"

namespace gptkit {
namespace {

using namespace test;
using testing::ElementsAre;

HandMade two_tensors() {
  return HandMade()
      .tensor("a", {3, 2}, /*F32*/ 0, 0)
      .tensor("b", {32, 2}, /*Q8_0*/ 8, 32)
      .bytes(32 + 68);
}

TEST_F(GgufTest, ReadsTensorsWithRowMajorShapes) {
  const auto file = open(two_tensors());
  ASSERT_EQ(file.tensors().size(), 2u);
  const auto &a = file.tensors()[0], &b = file.tensors()[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::kFloat32);
  EXPECT_THAT(a.shape, ElementsAre(2, 3));
  EXPECT_EQ(a.offset % 32, 0u);
  EXPECT_EQ(text_of(file.bytes(a)), HandMade().bytes(24).data);
  EXPECT_EQ(b.dtype, DType::kQ8_0);
  EXPECT_THAT(b.shape, ElementsAre(2, 32));
  EXPECT_EQ(text_of(file.bytes(b)), HandMade().bytes(100).data.substr(32));
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.path(), path());
}

TEST_F(GgufTest, ReadsVersion2) {
  auto made = two_tensors();
  made.version = 2;
  EXPECT_EQ(open(made).version(), 2u);
  EXPECT_EQ(open(made).tensors().size(), 2u);
}

TEST_F(GgufTest, AnEmptyFileOfTensorsIsOne) {
  EXPECT_TRUE(open(HandMade()).tensors().empty());
  EXPECT_TRUE(open(HandMade()).entries().empty());
  auto made = HandMade();
  made.alignment = 1;  // not even padded
  EXPECT_TRUE(open(made).tensors().empty());
}

TEST_F(GgufTest, ScalarsAndTensorsWithoutElementsAreRead) {
  const auto file = open(HandMade().tensor("none", {32, 0}, 2, 0).tensor("one", {}, 0, 0).bytes(4));
  EXPECT_THAT(file.tensors()[0].shape, ElementsAre(0, 32));
  EXPECT_EQ(file.tensors()[0].bytes, 0u);
  EXPECT_THAT(file.tensors()[1].shape, ElementsAre());
  EXPECT_EQ(file.tensors()[1].bytes, 4u);
}

TEST_F(GgufTest, EverySupportedTypeHasItsNumber) {
  const std::vector<std::pair<std::uint32_t, DType>> known = {
      {0, DType::kFloat32}, {1, DType::kFloat16}, {30, DType::kBFloat16}, {28, DType::kFloat64},
      {24, DType::kInt8},   {25, DType::kInt16},  {26, DType::kInt32},    {27, DType::kInt64},
      {2, DType::kQ4_0},    {3, DType::kQ4_1},    {6, DType::kQ5_0},      {7, DType::kQ5_1},
      {8, DType::kQ8_0},    {12, DType::kQ4_K},   {14, DType::kQ6_K}};
  for (const auto& [id, dtype] : known) {
    const std::uint64_t bytes = 256 / block_of(dtype).elements * block_of(dtype).bytes;
    const auto file = open(HandMade().tensor("t", {256}, id, 0).bytes(bytes));
    EXPECT_EQ(file.tensors()[0].dtype, dtype) << id;
    EXPECT_EQ(file.tensors()[0].bytes, bytes) << id;
  }
  for (std::uint32_t id = 0; id < 60; ++id) {
    const bool supported = std::any_of(known.begin(), known.end(),
                                       [&](const auto& entry) { return entry.first == id; });
    if (!supported) {
      expect_refused(HandMade().tensor("t", {256}, id, 0).bytes(4096), "which is not supported");
    }
  }
  expect_refused(HandMade().tensor("t", {256}, 17, 0),
                 "tensor 't' has the type IQ2_XS, which is not supported; supported are F32, F16, "
                 "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q6_K, I8, I16, I32, I64, F64, BF16");
  expect_refused(HandMade().tensor("t", {256}, 99, 0), "has the type 99, which");
}

TEST_F(GgufTest, MetadataOfEveryTypeIsReadByKey) {
  const auto file = open(with_metadata());
  EXPECT_EQ(file.integer("u8"), 200);
  EXPECT_EQ(file.integer("i8"), -5);
  EXPECT_EQ(file.integer("u16"), 60000);
  EXPECT_EQ(file.integer("i16"), -300);
  EXPECT_EQ(file.integer("u32"), 4000000000);
  EXPECT_EQ(file.integer("i32"), -70000);
  EXPECT_EQ(file.integer("u64"), std::int64_t{1} << 40);
  EXPECT_EQ(file.integer("i64"), -(std::int64_t{1} << 40));
  EXPECT_EQ(file.number("f32"), 0.5);
  EXPECT_EQ(file.number("f64"), 0.1);
  EXPECT_EQ(file.number("i16"), -300.0);
  EXPECT_TRUE(file.boolean("yes"));
  EXPECT_FALSE(file.boolean("no", true));
  EXPECT_EQ(file.text("text"), "h\xC3\xA9llo");
  EXPECT_THAT(file.texts("texts"), ElementsAre("a", "", "bc"));
  EXPECT_THAT(file.integers("ints"), ElementsAre(-1, 7));
  EXPECT_THAT(file.integers("bytes"), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(file.numbers("floats"), ElementsAre(1.5, -2));
  EXPECT_THAT(file.numbers("ints"), ElementsAre(-1, 7));
  EXPECT_THAT(file.numbers("nothing"), ElementsAre());
  EXPECT_TRUE(file.has("nothing"));
  EXPECT_FALSE(file.has("Text"));
}

TEST_F(GgufTest, AFallbackIsForAnAbsentKeyOnly) {
  const auto file = open(with_metadata());
  EXPECT_EQ(file.integer("absent", 3), 3);
  EXPECT_EQ(file.number("absent", 0.25), 0.25);
  EXPECT_EQ(file.text("absent", "x"), "x");
  EXPECT_TRUE(file.boolean("absent", true));
  expect_error([&] { file.integer("text", 3); }, "'text' is string; expected a whole number");
  expect_error([&] { file.text("u8", "x"); }, "'u8' is uint8; expected a string");
  expect_error([&] { file.boolean("u8", true); }, "'u8' is uint8; expected a bool");
  expect_error([&] { file.number("yes", 1); }, "'yes' is bool; expected a number");
}

TEST_F(GgufTest, MetadataOfAnotherTypeIsRefusedNamingFileAndKey) {
  const auto file = open(with_metadata());
  expect_error([&] { file.integer("absent"); }, "m.gguf: has no metadata 'absent'");
  expect_error([&] { file.integer("f32"); }, "m.gguf: metadata 'f32' is float32; expected a whole");
  expect_error([&] { file.integer("ints"); }, "'ints' is an array of int32; expected a whole");
  expect_error([&] { file.integer("yes"); }, "'yes' is bool");
  expect_error([&] { file.integer("too large"); }, "'too large' holds 18446744073709551615");
  expect_error([&] { file.integers("i32"); }, "'i32' is int32; expected an array of whole numbers");
  expect_error([&] { file.integers("floats"); }, "'floats' is an array of float32");
  expect_error([&] { file.numbers("texts"); }, "'texts' is an array of string");
  expect_error([&] { file.texts("text"); }, "'text' is string; expected an array of strings");
  expect_error([&] { file.text("texts"); }, "'texts' is an array of string; expected a string");
}

TEST_F(GgufTest, AllMetadataCanBeWalkedAndShown) {
  const auto file = open(with_metadata());
  std::vector<std::string> shown;
  for (const auto& entry : file.entries()) {
    shown.push_back(concat(entry.key, "=", file.shown(entry)));
  }
  EXPECT_THAT(shown, ElementsAre("u8=200", "i8=-5", "u16=60000", "i16=-300", "u32=4000000000",
                                 "i32=-70000", "f32=0.5", "yes=true", "no=false",
                                 "text=h\xC3\xA9llo", "u64=1099511627776", "i64=-1099511627776",
                                 "f64=0.1", "too large=18446744073709551615", "texts=[a, , bc]",
                                 "ints=[-1, 7]", "bytes=[1, 2, 3, 4, ... 6 of type uint8]",
                                 "floats=[1.5, -2]", "flags=[true, false]", "nothing=[]"));
}

TEST_F(GgufTest, ValuesKeepTheirTypes) {
  const auto file = open(with_metadata());
  const auto value = [&](std::string_view key) {
    for (const auto& entry : file.entries()) {
      if (entry.key == key) return file.value(entry);
    }
    return GgufValue();
  };
  EXPECT_EQ(value("u8"), GgufValue(std::uint8_t{200}));
  EXPECT_EQ(value("yes"), GgufValue(true));
  EXPECT_EQ(value("text"), GgufValue(std::string("h\xC3\xA9llo")));
  EXPECT_EQ(value("flags"), GgufValue(std::vector<bool>{true, false}));
  EXPECT_EQ(value("nothing"), GgufValue(std::vector<float>{}));
  EXPECT_NE(value("i32"), GgufValue(std::int64_t{-70000}));
}

TEST_F(GgufTest, MovingAFileKeepsItsViews) {
  auto file = open(with_metadata().tensor("t", {4}, 24, 0).bytes(4));
  const GgufFile moved = std::move(file);
  EXPECT_EQ(moved.text("text"), "h\xC3\xA9llo");
  EXPECT_EQ(text_of(moved.bytes(moved.tensors()[0])), std::string("\0\1\2\3", 4));
}

}  // namespace
}  // namespace gptkit
