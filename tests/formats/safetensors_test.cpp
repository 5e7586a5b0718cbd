#include "formats/safetensors.h"

#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <random>

#include "formats/shards.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

/// Eight bytes of length, the header, the data.
std::string file_of(std::string_view header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

/// A header with one tensor 'a' of the given fields.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return concat(R"({"a":{"dtype":)", dtype, R"(,"shape":)", shape, R"(,"data_offsets":)", offsets,
                "}}");
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class SafetensorsTest : public testing::Test {
 protected:
  fs::path path() const { return folder / "m.safetensors"; }
  SafetensorsFile open(std::string_view content) {
    write_file_atomic(path(), content);
    return SafetensorsFile(path());
  }
  void expect_refused(std::string_view content, const std::string& part) {
    SCOPED_TRACE(printable(content, 200));
    expect_error([&] { open(content); }, part);
    expect_error([&] { open(content); }, "m.safetensors: ");
  }

  ScratchFolder folder;
};

TEST_F(SafetensorsTest, ReadsNamesTypesShapesAndBytes) {
  const auto file = open(file_of(
      R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[6,14]},"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"BF16","shape":[1,3],"data_offsets":[0,6]}}   )",
      14));
  ASSERT_EQ(file.tensors().size(), 2u);
  const auto& [a, b] = std::tie(file.tensors()[0], file.tensors()[1]);
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, DType::kBFloat16);
  EXPECT_THAT(a.shape, ElementsAre(1, 3));
  EXPECT_EQ(text_of(file.bytes(a)), std::string("\0\1\2\3\4\5", 6));
  EXPECT_EQ(b.dtype, DType::kFloat32);
  EXPECT_EQ(b.bytes, 8u);
  EXPECT_EQ(text_of(file.bytes(b)), "\6\7\10\11\12\13\14\15");
  EXPECT_THAT(file.metadata(), ElementsAre(std::pair("format", "pt")));
}

TEST_F(SafetensorsTest, EveryDTypeHasItsNameAndSize) {
  const std::vector<std::tuple<std::string, std::string, int>> known = {
      {"F64", "float64", 8}, {"F32", "float32", 4}, {"F16", "float16", 2}, {"BF16", "bfloat16", 2},
      {"I64", "int64", 8},   {"I32", "int32", 4},   {"I16", "int16", 2},   {"I8", "int8", 1},
      {"U8", "uint8", 1},    {"BOOL", "bool", 1}};
  for (const auto& [code, shown, size] : known) {
    const auto file = open(file_of(one('"' + code + '"', "[1]", concat("[0,", size, "]")), size));
    EXPECT_EQ(name(file.tensors()[0].dtype), shown);
    EXPECT_EQ(block_of(file.tensors()[0].dtype).bytes, static_cast<std::size_t>(size));
  }
  for (const char* code : {"F8_E4M3", "F8_E5M2", "U16", "C64", "f32", "float32", "", "F32 "}) {
    expect_refused(file_of(one(concat('"', code, '"'), "[1]", "[0,4]"), 4),
                   concat("tensor 'a' has the dtype '", code, "'; supported are"));
  }
  expect_refused(file_of(one("32", "[1]", "[0,4]"), 4), "'dtype' is 32; expected a text");
}

TEST_F(SafetensorsTest, ScalarsAndEmptyTensorsAreValid) {
  const auto file = open(file_of(R"({"e1":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
                                 R"("e2":{"dtype":"F32","shape":[2,0,3],"data_offsets":[4,4]},)"
                                 R"("e0":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},)"
                                 R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                 R"("t":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
                                 5));
  std::vector<std::string> names;
  for (const auto& tensor : file.tensors()) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("e0", "s", "e1", "e2", "t"));
  EXPECT_TRUE(file.bytes(file.tensors()[2]).empty());
  EXPECT_TRUE(open(file_of("{}", 0)).tensors().empty());
}

TEST_F(SafetensorsTest, TheHeaderMustFitTheFileAndTheLimits) {
  for (const std::size_t size : {0, 1, 7}) {
    expect_refused(std::string(size, 'x'), "bytes are no safetensors file");
  }
  const auto with_length = [](std::uint64_t length) {
    std::string file = file_of("{}", 0);
    std::memcpy(file.data(), &length, sizeof length);
    return file;
  };
  expect_refused(with_length(0), "does not begin with '{'");
  expect_refused(with_length(3), "header has 3 bytes, but the file only 10");
  for (const std::uint64_t length : {std::uint64_t{100'000'001}, std::uint64_t{1} << 63,
                                     ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    expect_refused(with_length(length), concat("header would have ", length, " bytes"));
  }
}

TEST_F(SafetensorsTest, TheHeaderMustBeAJsonObject) {
  for (const char* header : {"[]", " {}", "\n{}", "\xEF\xBB\xBF{}", "null", "x"}) {
    expect_refused(file_of(header, 0), "does not begin with '{'");
  }
  for (const char* header : {"{", "{}{}", "{\"a\":}", "{\"\xff\":1}"}) {
    expect_refused(file_of(header, 0), "header: invalid JSON");
  }
  expect_refused(file_of(std::string("{}\0\0", 4), 0), "header: invalid JSON");
  expect_refused(file_of(R"({"a":1})", 0), "tensor 'a': expected an object");
  expect_refused(file_of(R"({"a":{}})", 0), "the key 'dtype' is missing");
  expect_refused(file_of(R"({"a":{"dtype":"F32"}})", 0), "tensor 'a' has no list 'shape'");
  expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[]}})", 0), "has no list 'data_offsets'");
  expect_refused(file_of(R"({"__metadata__":[]})", 0), "__metadata__ is not an object");
  expect_refused(file_of(R"({"__metadata__":{"n":1}})", 0), "'n' is 1; expected a text");
  const std::string twice = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_refused(file_of("{" + twice + "," + twice + "}", 1), "the key 'a' occurs twice");
  expect_refused(file_of("{" + std::string(1'000'000, '[') + "}", 0), "invalid JSON");
  expect_refused(file_of("{\"a\":" + std::string(1'000'000, '['), 0), "nested deeper");
}

TEST_F(SafetensorsTest, ShapesAreChecked) {
  expect_refused(file_of(one("\"F32\"", "[4194305,4194305,211106198978564]", "[0,4]"), 4),
                 "tensor 'a' has a shape whose size overflows 64 bits");
  expect_refused(file_of(one("\"F32\"", "[4611686018427387904,4611686018427387904,0]", "[0,0]"), 0),
                 "overflows 64 bits");
  expect_refused(file_of(one("\"F32\"", "[-1]", "[0,4]"), 4), "has a dimension of -1");
  expect_refused(file_of(one("\"F32\"", "[1.0]", "[0,4]"), 4), "shape holds 1.0; expected a whole");
  expect_refused(file_of(one("\"F32\"", "[\"1\"]", "[0,4]"), 4), "expected a whole number");
  expect_refused(file_of(one("\"F32\"", "[9223372036854775808]", "[0,4]"), 4), "2^63-1");
  expect_refused(file_of(one("\"F32\"", "[99999999999999999999]", "[0,4]"), 4), "whole number");
  std::string ones = "[1";
  for (int i = 1; i < 65; ++i) ones += ",1";
  expect_refused(file_of(one("\"F32\"", ones + "]", "[0,4]"), 4), "has 65 dimensions; at most 64");
  ones.resize(ones.size() - 2);
  EXPECT_EQ(open(file_of(one("\"F32\"", ones + "]", "[0,4]"), 4)).tensors()[0].shape.size(), 64u);
}

TEST_F(SafetensorsTest, OffsetsMustFitShapeAndFile) {
  const auto at = [](std::string_view offsets) {
    return file_of(one("\"U8\"", "[4]", offsets), 8);
  };
  expect_refused(at("[4,0]"), "tensor 'a' lies at bytes [4, 0) but the file holds 8 data bytes");
  expect_refused(at("[-4,0]"), "lies at bytes [-4, 0)");
  expect_refused(at("[6,10]"), "lies at bytes [6, 10) but the file holds 8");
  expect_refused(at("[9223372036854775807,9223372036854775807]"), "but the file holds 8");
  expect_refused(at("[18446744073709551612,0]"), "2^63-1");
  expect_refused(at("[0,8]"), "lies on 8 bytes, but its shape and dtype need 4");
  expect_refused(at("[0]"), "has 1 data_offsets; expected 2");
  expect_refused(at("[0,4,8]"), "has 3 data_offsets; expected 2");
  expect_refused(at("[0.0,4]"), "data_offsets holds 0.0; expected a whole number");
  expect_refused(at("[0,4]"), "the tensors end at byte 4 of 8 data bytes");
  expect_refused(at("[4,8]"),
                 "begins at byte 4 of the data, but the one before it ends at 0; there is a hole");
}

TEST_F(SafetensorsTest, TensorsMayNeitherOverlapNorLeaveAHole) {
  const auto two = [](std::string_view second) {
    return file_of(concat(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                          R"("b":{"dtype":"U8","shape":[4],"data_offsets":)",
                          second, "}}"),
                   8);
  };
  open(two("[4,8]"));
  expect_refused(
      two("[2,6]"),
      "tensor 'b' begins at byte 2 of the data, but the one before it ends at 4; they overlap");
  expect_refused(two("[0,4]"), "they overlap");
  // An empty tensor within another one is an overlap as well.
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                         R"("b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                         4),
                 "they overlap");
}

TEST_F(SafetensorsTest, StrangeNamesAreOnlyNames) {
  const std::string name = R"(../../etc/passwd\n\u0000\u001b)";
  const auto file =
      open(file_of("{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1));
  EXPECT_EQ(file.tensors()[0].name, std::string("../../etc/passwd\n\0\x1b", 19));
  expect_refused(file_of("{\"" + name + R"(":{"dtype":"?"}})", 0),
                 "tensor '../../etc/passwd\\n\\x00\\x1b' has the dtype '?'");
  expect_refused(file_of("{\"" + std::string(1'000'000, 'n') + R"(":{}})", 0),
                 "a tensor's name has 1000000 bytes; at most 4096");
}

TEST_F(SafetensorsTest, AMillionTensorsAreRefusedAtOnce) {
  std::string header = "{";
  for (int i = 0; i < 1'000'000; ++i) {
    header += concat(i ? "," : "", '"', i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  }
  expect_error([&] { open(file_of(header + "}", 0)); }, "at most 16777216 are accepted");
}

TEST_F(SafetensorsTest, NoTruncationOrChangedByteIsReadBeyondTheFile) {
  std::vector<TensorSpec> specs = {{"w", DType::kFloat32, {3, 2}}, {"flag", DType::kBool, {}}};
  SafetensorsWriter writer(path(), specs);
  writer.write("flag", bytes_of("1"));
  writer.write("w", bytes_of("abcdefghijklmnopqrstuvwx"));
  writer.commit();
  const std::string good = read_file(path());
  const auto sum = [&](std::string_view content) {  // touches every byte a tensor claims
    const auto file = open(content);
    int total = 0;
    for (const auto& tensor : file.tensors()) {
      for (const std::byte b : file.bytes(tensor)) total += std::to_integer<int>(b);
    }
    return total;
  };
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THROW(sum(std::string_view(good).substr(0, size)), Error) << size;
  }
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bad = good;
    for (int n = 0; n < 1 + round % 3; ++n)
      bad[random() % bad.size()] = static_cast<char>(random());
    try {
      sum(bad);
    } catch (const Error&) {
    }
  }
}

TEST_F(SafetensorsTest, WritesTheBytesThatPythonWrites) {
  SafetensorsWriter writer(path(), {{"w", DType::kFloat32, {2}},
                                    {"b", DType::kFloat32, {0, 3}},
                                    {"i", DType::kInt64, {1}},
                                    {"h", DType::kBFloat16, {1}},
                                    {"f", DType::kBool, {1}}});
  writer.write("w", bytes_of("wwwwWWWW"));
  writer.write("f", bytes_of(std::string_view("\1", 1)));
  writer.write("h", bytes_of("hh"));
  writer.write("i", bytes_of("iiiiiiii"));
  writer.write("b", {});
  writer.commit();
  // safetensors 0.8: save_file with metadata {"format": "pt"} gives the same header.
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},)"
                             R"("w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
                             R"("h":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},)"
                             R"("f":{"dtype":"BOOL","shape":[1],"data_offsets":[18,19]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_file(path()), file_of(padded, 0) + "iiiiiiiiwwwwWWWWhh\1");
}

TEST_F(SafetensorsTest, WritingWhatWasReadGivesTheSameBytes) {
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    std::vector<TensorSpec> specs;
    for (unsigned i = 0; i < random() % 12; ++i) {
      TensorSpec spec{concat("t", i), static_cast<DType>(random() % 10), {}};
      for (unsigned d = random() % 4; d > 0; --d) spec.shape.push_back(random() % 5);
      specs.push_back(spec);
    }
    const auto write = [&](const fs::path& to, auto&& content) {
      SafetensorsWriter writer(to, specs, {{"round", std::to_string(round)}});
      std::shuffle(specs.begin(), specs.end(), random);
      for (const auto& spec : specs) writer.write(spec.name, bytes_of(content(spec)));
      writer.commit();
    };
    write(path(), [&](const TensorSpec& spec) {
      return std::string(tensor_bytes(spec.dtype, spec.shape, ""), static_cast<char>(random()));
    });

    const SafetensorsFile first(path());
    std::map<std::string, std::string> content;
    for (const auto& tensor : first.tensors()) {
      content[tensor.name] = text_of(first.bytes(tensor));
      EXPECT_EQ(tensor.offset % block_of(tensor.dtype).bytes, 0u) << "aligned";
    }
    write(folder / "again", [&](const TensorSpec& spec) { return content[spec.name]; });
    EXPECT_EQ(read_file(folder / "again"), read_file(path()));
  }
}

TEST_F(SafetensorsTest, TheWriterRefusesWhatWouldMakeABadFile) {
  const TensorSpec a{"a", DType::kFloat32, {2}};
  expect_error([&] { SafetensorsWriter(path(), {a, a}); }, "tensor 'a' is listed twice");
  expect_error(
      [&] {
        SafetensorsWriter(path(), {{"__metadata__", DType::kBool, {}}});
      },
      "reserved");
  expect_error([&] { SafetensorsWriter(path(), {{"n", DType::kBool, {-1}}}); }, "dimension of -1");
  {
    SafetensorsWriter writer(path(), {a});
    expect_error([&] { writer.write("b", {}); }, "tensor 'b' is not in the header");
    expect_error([&] { writer.write("a", bytes_of("1234")); },
                 "has 4 bytes; its shape and dtype need 8");
    expect_error([&] { writer.commit(); }, "tensor 'a' was never written");
    writer.write("a", bytes_of("12345678"));
    expect_error([&] { writer.write("a", bytes_of("12345678")); }, "already written");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(SafetensorsTest, AFullDiskLeavesTheOldFile) {
  write_file_atomic(path(), "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  expect_error(
      [&] {
        SafetensorsWriter writer(path(), {{"a", DType::kUInt8, {1'000'000}}});
        writer.write("a", bytes_of(std::string(1'000'000, 'x')));
        writer.commit();
      },
      "File too large");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(read_file(path()), "old");
}

class ShardsTest : public testing::Test {
 protected:
  void index(std::string_view json) {
    write_file_atomic(folder / "model.safetensors.index.json", json);
  }
  void expect_refused(const std::string& part) {
    expect_error([&] { shards(folder.path(), "model.safetensors"); }, part);
  }
  ScratchFolder folder;
};

TEST_F(ShardsTest, OneFileOrEachShardOfTheIndexOnce) {
  expect_refused("neither model.safetensors nor model.safetensors.index.json is there");
  index(
      R"({"metadata":{},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-1.safetensors"}})");
  write_file_atomic(folder / "m-1.safetensors", "");
  expect_refused("the shard 'm-2.safetensors' is missing");
  write_file_atomic(folder / "m-2.safetensors", "");
  EXPECT_THAT(shards(folder.path(), "model.safetensors"),
              ElementsAre(folder / "m-1.safetensors", folder / "m-2.safetensors"));
  write_file_atomic(folder / "model.safetensors", "");
  EXPECT_THAT(shards(folder.path(), "model.safetensors"),
              ElementsAre(folder / "model.safetensors"));
}

TEST_F(ShardsTest, NoNameLeavesTheFolder) {
  for (const char* name :
       {"../x.safetensors", "/etc/passwd", "sub/x", "..", ".", "", "a\\\\b", "a\\u0000b"}) {
    index(concat(R"({"weight_map":{"a":")", name, "\"}}"));
    expect_refused("would lie outside the folder");
  }
}

TEST_F(ShardsTest, TheIndexMustSayWhereTensorsAre) {
  for (const char* json : {"[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})"}) {
    index(json);
    expect_refused("expected {\"weight_map\"");
  }
  index(R"({"weight_map":{"a":1}})");
  expect_refused("tensor 'a' names no file");
  index(R"({"weight_map":{"a":"x","a":"y"}})");
  expect_refused("the key 'a' occurs twice");
  index("{");
  expect_refused("invalid JSON");
}

}  // namespace
}  // namespace gptkit
